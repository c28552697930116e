//! `callcast load webhook-delivery`: from CTI bytes written to a running gateway to the first byte of the request, by turns with hyper alone.
//!
//! It stands between a simulated CTIManager and the gateway, puts calls on hold and resumes them, evenly paced, and is the receiver. In the other
//! rounds it writes as many frames to `callcast load webhook-bare`, which posts a body of the same size as soon as it has read one. Both
//! ways begin in the same relay, on the same thread: a frame that it was sent is passed on.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::bare::{FRAME, frame, number};
use super::median;
use super::receiver::{Came, Door, Receiver};
use crate::load::LoadError;
use crate::load::relay::{Written, relay};
use crate::load::seen::Delays;

/// How long a round goes on before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the gateway may take to open the devices.
const IN_SERVICE: Duration = Duration::from_secs(60);

/// What to measure.
#[derive(Debug, Args)]
pub struct DeliveryArgs {
    /// The simulated CTIManager.
    #[arg(long, default_value = "127.0.0.1:12748")]
    manager: SocketAddr,
    /// Where it takes commands. Each of its phones has a call already.
    #[arg(long, default_value = "127.0.0.1:12700")]
    control: SocketAddr,
    /// Where the gateway finds it: the gateway's session names this address.
    #[arg(long, default_value = "127.0.0.1:12749")]
    listen: SocketAddr,
    /// Where the gateway's webhook leads.
    #[arg(long, default_value = "127.0.0.1:18096")]
    webhook: SocketAddr,
    /// Where hyper alone reads.
    #[arg(long, default_value = "127.0.0.1:18097")]
    bare: SocketAddr,
    /// Where hyper alone posts.
    #[arg(long, default_value = "127.0.0.1:18098")]
    posts: SocketAddr,
    /// Phones with a call.
    #[arg(long, default_value_t = 500)]
    phones: u32,
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

/// What is known of one way.
#[derive(Debug, Default)]
struct Way {
    delays: Delays,
    came: AtomicU64,
    /// Of the last body.
    bytes: AtomicUsize,
}

impl Way {
    fn note(&self, came: &Came<'_>, written: Option<Instant>) {
        self.came.fetch_add(1, Ordering::Relaxed);
        self.bytes.store(came.body.len(), Ordering::Relaxed);
        if let Some(written) = written {
            self.delays.note(came.first_byte.saturating_duration_since(written));
        }
    }
}

/// Measures, and prints a line for each round and one with medians.
///
/// # Errors
/// When it cannot be measured.
pub async fn run(args: &DeliveryArgs) -> Result<(), LoadError> {
    let (webhooks, alone) = (Arc::new(Way::default()), Arc::new(Way::default()));
    let (written, frames) = (Arc::new(Written::default()), Arc::new(Mutex::new(Vec::new())));
    let (way, changes) = (Arc::clone(&webhooks), Arc::clone(&written));
    let ours = Door::new(args.webhook, Duration::ZERO, move |came| way.note(&came, change(&came, &changes)))?;
    let (way, known) = (Arc::clone(&alone), Arc::clone(&frames));
    let theirs = Door::new(args.posts, Duration::ZERO, move |came| {
        let of = |number: u64| lock(&known).get(number as usize).copied();
        way.note(&came, number(came.body).and_then(of));
    })?;
    let _receiver = Receiver::start(vec![ours, theirs])?;
    let address = relays(args, &written, &frames)?;
    // Connections are there, and what has to be opened is open.
    let limit = Instant::now() + IN_SERVICE;
    let paced = pace_calls(args, Duration::from_secs(1));
    paced.await?;
    while webhooks.came.load(Ordering::Relaxed) == 0 {
        if Instant::now() > limit {
            return Err(LoadError::NotInService { client: 1, seconds: IN_SERVICE.as_secs() });
        }
        pace_calls(args, Duration::from_secs(1)).await?;
    }
    let mut rounds = [Vec::new(), Vec::new()];
    let mut sent = 0;
    for round in 0..args.rounds.saturating_mul(2) {
        let is_alone = round % 2 == 1;
        let (what, way) = if is_alone { ("hyper", &alone) } else { ("webhooks", &webhooks) };
        for (time, measures) in [(WARM_UP, false), (Duration::from_secs(args.seconds), true)] {
            drop(way.delays.take());
            way.came.store(0, Ordering::Relaxed);
            written.clear();
            if is_alone {
                sent = pace_frames(args, address, time, sent, webhooks.bytes.load(Ordering::Relaxed)).await?;
            } else {
                pace_calls(args, time).await?;
            }
            if !measures {
                continue;
            }
            // What is on its way.
            sleep(Duration::from_millis(200)).await;
            let seen = way.delays.take();
            let (p50, p99) = (seen.at(0.5) as f64, seen.at(0.99) as f64);
            println!(
                "webhook-delivery {what} round={round} requests_per_second={:.0} samples={} bytes={} p50_us={p50} p99_us={p99} max_us={}",
                way.came.load(Ordering::Relaxed) as f64 / time.as_secs_f64(),
                seen.count(),
                way.bytes.load(Ordering::Relaxed),
                seen.at(1.0),
            );
            rounds.get_mut(usize::from(is_alone)).into_iter().for_each(|kind| kind.push((p50, p99)));
        }
    }
    let [ours, theirs] = rounds;
    let p99 = ours.iter().zip(&theirs).map(|(ours, theirs)| ours.1 / theirs.1).collect();
    let of = |rounds: &[(f64, f64)], figure: fn(&(f64, f64)) -> f64| median(rounds.iter().map(figure).collect());
    println!(
        "webhook-delivery medians of {}: webhooks p50_us={:.0} p99_us={:.0}, hyper p50_us={:.0} p99_us={:.0}, p99 of pairs {:.2}",
        args.rounds,
        of(&ours, |round| round.0),
        of(&ours, |round| round.1),
        of(&theirs, |round| round.0),
        of(&theirs, |round| round.1),
        median(p99),
    );
    Ok(())
}

/// When the change that became this event was written.
fn change(came: &Came<'_>, written: &Written) -> Option<Instant> {
    written.take(serde_json::from_slice(came.body).ok()?)
}

/// Runs both relays on a thread; where that of frames is.
fn relays(args: &DeliveryArgs, written: &Arc<Written>, frames: &Arc<Mutex<Vec<Instant>>>) -> Result<SocketAddr, LoadError> {
    let bind = |address| {
        let failed = |source| LoadError::Listen { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok::<_, LoadError>(listener)
    };
    let (cti, plain) = (bind(args.listen)?, bind(super::ANY)?);
    let address = plain.local_addr().map_err(|source| LoadError::Listen { address: super::ANY, source })?;
    let (manager, bare, written, frames) = (args.manager, args.bare, Arc::clone(written), Arc::clone(frames));
    // It goes with the process.
    drop(super::on_thread("relay", move || async move {
        let (Ok(cti), Ok(plain)) = (TcpListener::from_std(cti), TcpListener::from_std(plain)) else { return };
        tokio::spawn(relay(cti, manager, written));
        while let Ok((from, _)) = plain.accept().await {
            // A round that is over closes its connection; the client's stays.
            let Ok(to) = TcpStream::connect(bare).await else { return };
            drop(pass_on(from, to, &frames).await);
        }
    })?);
    Ok(address)
}

async fn pass_on(mut from: TcpStream, mut to: TcpStream, frames: &Mutex<Vec<Instant>>) -> std::io::Result<()> {
    to.set_nodelay(true)?;
    let mut frame = [0; FRAME];
    while from.read_exact(&mut frame).await.is_ok() {
        lock(frames).push(Instant::now());
        to.write_all(&frame).await?;
    }
    Ok(())
}

/// Puts calls on hold and resumes them, over all phones in turn.
async fn pace_calls(args: &DeliveryArgs, time: Duration) -> Result<(), LoadError> {
    /// How often every phone was, in all rounds: it is resumed every second time.
    static COMMANDS: AtomicU64 = AtomicU64::new(0);
    let phones = u64::from(args.phones.max(1));
    paced(args.control, args.rate, time, move || {
        let count = COMMANDS.fetch_add(1, Ordering::Relaxed);
        let command = if (count / phones).is_multiple_of(2) { "hold" } else { "resume" };
        format!("{command} {}\n", count % phones + 1).into_bytes()
    })
    .await
}

/// Sends frames; how many in all.
async fn pace_frames(args: &DeliveryArgs, address: SocketAddr, time: Duration, first: u64, body: usize) -> Result<u64, LoadError> {
    let sent = Arc::new(AtomicU64::new(first));
    let counting = Arc::clone(&sent);
    paced(address, args.rate, time, move || frame(counting.fetch_add(1, Ordering::Relaxed), body as u32).to_vec()).await?;
    Ok(sent.load(Ordering::Relaxed))
}

/// Writes pieces at a rate, on a thread that does nothing else; what comes back is read and thrown away.
async fn paced(
    address: SocketAddr,
    per_second: f64,
    time: Duration,
    mut next: impl FnMut() -> Vec<u8> + Send + 'static,
) -> Result<(), LoadError> {
    let failed = move |source| LoadError::Play { address, source };
    let pacing = tokio::task::spawn_blocking(move || {
        let mut stream = StdStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut answers = stream.try_clone()?;
        let draining = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while answers.read(&mut chunk).is_ok_and(|count| count > 0) {}
        });
        let (began, step) = (Instant::now(), Duration::from_secs_f64(1.0 / per_second.max(0.001)));
        let mut due = began;
        while began.elapsed() < time {
            due += step;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            stream.write_all(&next())?;
        }
        stream.shutdown(std::net::Shutdown::Both)?;
        // A thread of ours does not panic.
        let _ = draining.join();
        Ok(())
    });
    pacing.await.map_err(|error| LoadError::Gateway(error.to_string()))?.map_err(failed)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
