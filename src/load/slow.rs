//! `callcast load slow`: one client that stops reading, and what the others see of it.
//!
//! Rounds in which it reads as all do and rounds in which it does not take turns, so that what the machine does besides meets both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::LoadError;
use super::client::Client;
use super::memory::resident;
use super::play::Play;
use super::seen::{Delays, age};

const EVERYTHING: &str = r#"{"op":"subscribe","id":"1","all":true}"#;

/// What to measure.
#[derive(Debug, Args)]
pub struct SlowArgs {
    /// The gateway's HTTP address: that of `callcast load serve`.
    #[arg(long, default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// Where `callcast load serve` takes lines.
    #[arg(long, default_value = "127.0.0.1:8090")]
    play: SocketAddr,
    /// The gateway's process id.
    #[arg(long)]
    pid: u32,
    /// Clients that see everything, the slow one among them.
    #[arg(long, default_value_t = 100)]
    clients: u32,
    /// Events a second.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Seconds of a round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

pub(super) async fn run(args: &SlowArgs) -> Result<(), LoadError> {
    let delays = Arc::new(Delays::default());
    for number in 2..=args.clients {
        let mut client = Client::connect_with(args.gateway, number, None).await?;
        client.ask(EVERYTHING).await?;
        let delays = Arc::clone(&delays);
        tokio::spawn(async move {
            while let Ok(text) = client.text().await {
                if let Some(age) = age(&text) {
                    delays.note(age);
                }
            }
        });
    }
    let paced = Play::connect(args.play).await?.paced(args.rate);
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..args.rounds.saturating_mul(2) {
        let stops = round % 2 == 1;
        let mut client = Client::connect_with(args.gateway, 1, None).await?;
        client.ask(EVERYTHING).await?;
        let reading = tokio::spawn(async move {
            if stops {
                std::future::pending::<()>().await;
            }
            while client.text().await.is_ok() {}
        });
        sleep(Duration::from_secs(1)).await;
        drop(delays.take());
        sleep(Duration::from_secs(args.seconds)).await;
        let measured = delays.take();
        let (p50, p99, kib) = (measured.at(0.5), measured.at(0.99), resident(args.pid)?);
        println!(
            "slow round={round} stops_reading={stops} samples={} p50_us={p50} p99_us={p99} max_us={} resident_kib={kib}",
            measured.count(),
            measured.at(1.0)
        );
        if let Some(kind) = rounds.get_mut(usize::from(stops)) {
            kind.push((p50, p99, kib));
        }
        reading.abort();
    }
    drop(paced.stop().await?);
    for (kind, what) in rounds.iter_mut().zip(["reads", "stops"]) {
        let median = |of: fn(&(u128, u128, u64)) -> u128, kind: &mut Vec<(u128, u128, u64)>| {
            kind.sort_unstable_by_key(of);
            kind.get(kind.len() / 2).map_or(0, of)
        };
        let (p50, p99, kib) = (median(|r| r.0, kind), median(|r| r.1, kind), median(|r| u128::from(r.2), kind));
        println!("slow {what}: medians p50_us={p50} p99_us={p99} resident_kib={kib}");
    }
    Ok(())
}
