//! `callcast load idle`

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use tokio::time::sleep;

use super::LoadError;
use super::client::Client;
use super::memory::resident;

/// What to measure idle clients with.
#[derive(Debug, Args)]
pub struct IdleArgs {
    /// The gateway's HTTP address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// The gateway's process id.
    #[arg(long)]
    pid: u32,
    /// How many clients.
    #[arg(long, default_value_t = 10_000)]
    clients: u32,
    /// How long they are held before the memory is read, in seconds.
    #[arg(long, default_value_t = 5)]
    hold: u64,
}

pub(super) async fn run(args: &IdleArgs) -> Result<(), LoadError> {
    let before = resident(args.pid)?;
    let mut clients = Vec::with_capacity(args.clients as usize);
    for number in 1..=args.clients {
        let mut client = Client::connect(args.gateway, number).await?;
        client.subscribe().await?;
        clients.push(client);
    }
    sleep(Duration::from_secs(args.hold)).await;
    let after = resident(args.pid)?;
    let each = after.saturating_sub(before) as f64 / f64::from(args.clients.max(1));
    println!("idle clients={} resident_before_kib={before} resident_after_kib={after} kib_per_client={each:.2}", clients.len());
    Ok(())
}
