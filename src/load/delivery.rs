//! `callcast load delivery`

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::LoadError;
use super::client::Client;
use super::relay::{Event, Written, relay};

/// How long the gateway may take to open the devices.
const IN_SERVICE: Duration = Duration::from_secs(60);
/// How long clients connect, and calls go on, before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// What to measure delivery with.
#[derive(Debug, Args)]
pub struct DeliveryArgs {
    /// The simulated CTIManager.
    #[arg(long)]
    manager: SocketAddr,
    /// Where the gateway finds it: the gateway's session names this address.
    #[arg(long, default_value = "127.0.0.1:12748")]
    listen: SocketAddr,
    /// The gateway's HTTP address.
    #[arg(long, default_value = "127.0.0.1:8080")]
    gateway: SocketAddr,
    /// How many clients; client i watches the simulated phone i.
    #[arg(long, default_value_t = 1000)]
    clients: u32,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What all clients found.
#[derive(Debug, Default)]
struct Found {
    measuring: AtomicBool,
    frames: AtomicU64,
    delays: Mutex<Vec<Duration>>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    event: Option<Event<'a>>,
}

pub(super) async fn run(args: &DeliveryArgs) -> Result<(), LoadError> {
    let listener = TcpListener::bind(args.listen).await.map_err(|source| LoadError::Listen { address: args.listen, source })?;
    let written = Arc::new(Written::default());
    let found = Arc::new(Found::default());
    tokio::spawn(relay(listener, args.manager, Arc::clone(&written)));
    for number in 1..=args.clients {
        let client = subscribed(args.gateway, number).await?;
        tokio::spawn(read(client, Arc::clone(&written), Arc::clone(&found)));
    }
    sleep(WARM_UP).await;
    written.clear();
    found.measuring.store(true, Ordering::Relaxed);
    let began = Instant::now();
    sleep(Duration::from_secs(args.seconds)).await;
    found.measuring.store(false, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let mut delays = std::mem::take(&mut *found.delays.lock().unwrap_or_else(PoisonError::into_inner));
    delays.sort_unstable();
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).or(delays.last()).map_or(0, Duration::as_micros);
    println!(
        "delivery clients={} samples={} frames_per_second={:.0} p50_us={} p90_us={} p99_us={} max_us={}",
        args.clients,
        delays.len(),
        found.frames.load(Ordering::Relaxed) as f64 / seconds,
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
    );
    Ok(())
}

/// A client whose phone is in service.
async fn subscribed(gateway: SocketAddr, number: u32) -> Result<Client, LoadError> {
    let mut client = Client::connect(gateway, number).await?;
    let limit = Instant::now() + IN_SERVICE;
    while !client.subscribe().await? {
        if Instant::now() > limit {
            return Err(LoadError::NotInService { client: number, seconds: IN_SERVICE.as_secs() });
        }
        client.unsubscribe().await?;
        sleep(Duration::from_millis(200)).await;
    }
    Ok(client)
}

/// Reads to the end, and notes how long each event took.
async fn read(mut client: Client, written: Arc<Written>, found: Arc<Found>) {
    while let Ok(text) = client.text().await {
        let now = Instant::now();
        if !found.measuring.load(Ordering::Relaxed) {
            continue;
        }
        found.frames.fetch_add(1, Ordering::Relaxed);
        let Ok(Frame { event: Some(event) }) = serde_json::from_str(&text) else { continue };
        if let Some(at) = written.take(event) {
            found.delays.lock().unwrap_or_else(PoisonError::into_inner).push(now.duration_since(at));
        }
    }
}
