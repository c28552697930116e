//! `callcast load pipeline`: from the bytes of CTI messages through call model, log and hub to a WebSocket client that has read the events.
//!
//! The messages are recorded first. They are told as fast as the client takes what comes of them: never more than a number of events may
//! be on their way, so that what is measured is the whole way and not the depth of a queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::LoadError;
use super::calls::{BEGAN, Calls, Message, Read};
use super::reader::{Counts, read_all};
use super::{basic, memory};
use crate::app::App;
use crate::config::Config;
use crate::cti::{Notice, Observer as _, SessionId};
use crate::ctiqbe::{FRAME_LIMIT, Frame};
use crate::gateway::Gateway;
use crate::time::Timestamp;

const MIXED_DEVICES: u32 = 500;
const MIXED_CALLS_PER_SECOND: f64 = 20.0;
const MADE: Duration = Duration::from_secs(600);
const AFTERWARDS: Duration = Duration::from_secs(900);
/// Lines of basic calls: they go from each odd one to the even one after it.
const BASIC_LINES: i32 = 1000;
/// How long the client may need for what is on its way.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Of all kinds: transferred, conferred, parked, picked up, forwarded, hunted.
    Mixed,
    /// From one line to another, answered and ended.
    Basic,
}

/// What to measure.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// The calls.
    #[arg(long, value_enum, default_value = "mixed")]
    calls: Load,
    /// The gateway's configuration; its sessions and its address are not used.
    #[arg(long)]
    config: Option<std::path::PathBuf>,
    /// How long, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Messages of one read of the socket.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Events that may be on their way.
    #[arg(long, default_value_t = 2048)]
    window: u64,
}

pub(super) async fn run(args: &PipelineArgs) -> Result<(), LoadError> {
    let config = match &args.config {
        Some(path) => Config::load(path).map_err(|error| LoadError::Gateway(error.to_string()))?,
        None => temporary(),
    };
    let measured = measure(config, args.calls, Duration::from_secs(args.seconds), args.batch, args.window).await?;
    let Measured { messages, events, bytes, seconds, on_cores } = measured;
    println!(
        "pipeline calls={:?} messages={messages} events={events} bytes_per_event={:.0} seconds={seconds:.2} messages_per_second={:.0} \
         microseconds_on_cores_per_message={:.2} resident_kib={}",
        args.calls,
        bytes as f64 / events.max(1) as f64,
        messages as f64 / seconds,
        on_cores * 1e6 / messages.max(1) as f64,
        memory::resident(std::process::id())?
    );
    Ok(())
}

/// A gateway by itself, with a log on disk that goes with it.
pub fn temporary() -> Config {
    let mut config = Config::default();
    config.journal.temporary = true;
    config
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// CTI messages told.
    pub messages: u64,
    /// Events that the client read.
    pub events: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// From the first message to the last event's reading.
    pub seconds: f64,
    /// The time that the process, the reading client in it, had on cores: on a machine that does other things too, this says more.
    pub on_cores: f64,
}

/// Makes calls for a time, in reads of at least `batch` messages, with at most `window` events on their way.
///
/// # Errors
/// When the gateway cannot be built, or loses events.
pub async fn measure(mut config: Config, load: Load, time: Duration, batch: usize, window: u64) -> Result<Measured, LoadError> {
    config.sessions.clear();
    config.api.listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    config.admin.listen = None;
    let app = App::build(config).await.map_err(|error| LoadError::Gateway(error.to_string()))?;
    let (gateway, address) = (Arc::clone(app.gateway()), app.local_addr());
    let stop = CancellationToken::new();
    let served = tokio::spawn(app.run(stop.clone()));
    let reads = match load {
        Load::Mixed => mixed(&gateway)?,
        Load::Basic => basic_calls(&gateway),
    };
    let batches = coalesced(reads, batch);
    let counts = Arc::new(Counts::default());
    let reading = Arc::clone(&counts);
    tokio::task::spawn_blocking(move || read_all(address, &reading)).await.map_err(|error| LoadError::Gateway(error.to_string()))??;
    while gateway.subscriptions() == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    // As a session's task does it.
    let measured = tokio::spawn(feed(Arc::clone(&gateway), batches, Arc::clone(&counts), time, window));
    let measured = measured.await.map_err(|error| LoadError::Gateway(error.to_string()))?;
    stop.cancel();
    served.await.ok().transpose().map_err(|error| LoadError::Gateway(error.to_string()))?;
    measured
}

async fn feed(gateway: Arc<Gateway>, batches: Vec<Read>, counts: Arc<Counts>, time: Duration, window: u64) -> Result<Measured, LoadError> {
    let first = gateway.told_since_start().0;
    let (mut messages, mut round) = (0, 0);
    let (began, before) = (Instant::now(), memory::on_cores(std::process::id())?);
    while began.elapsed() < time {
        round += 1;
        // Time goes on from one round to the next, past everything that waits for time.
        let later = round * (MADE + AFTERWARDS).as_micros() as u64;
        for read in &batches {
            let notices: Vec<Notice<'_>> = read.messages.iter().filter_map(Message::notice).collect();
            messages += notices.len() as u64;
            gateway.observe(SessionId(0), Timestamp(read.at.0 + later), &notices);
            while gateway.told_since_start().0 - first > counts.events.load(Ordering::Acquire) + window {
                sleep(Duration::from_micros(200)).await;
            }
        }
        gateway.advance(Timestamp(BEGAN.0 + later + (MADE + AFTERWARDS).as_micros() as u64 - 1));
    }
    let events = gateway.told_since_start().0 - first;
    let limit = Instant::now() + PATIENCE;
    while counts.events.load(Ordering::Acquire) < events {
        if Instant::now() > limit {
            let read = counts.events.load(Ordering::Acquire);
            return Err(LoadError::Gateway(format!("{events} events were told, and the client has read {read} of them")));
        }
        sleep(Duration::from_micros(200)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let on_cores = memory::on_cores(std::process::id())? - before;
    Ok(Measured { messages, events, bytes: counts.bytes.load(Ordering::Relaxed), seconds, on_cores })
}

fn mixed(gateway: &Gateway) -> Result<Vec<Read>, LoadError> {
    let mut calls = Calls::new(MIXED_DEVICES, MIXED_CALLS_PER_SECOND)?;
    calls.open(|at, notices| gateway.observe(SessionId(0), at, notices))?;
    calls.record(MADE, AFTERWARDS)
}

/// Calls between all pairs of lines, message by message of all.
fn basic_calls(gateway: &Gateway) -> Vec<Read> {
    basic::lines(BASIC_LINES, |notice| gateway.observe(SessionId(0), BEGAN, &[notice]));
    let mut reads: Vec<Read> = (0..basic::MESSAGES).map(|_| Read { at: BEGAN, messages: Vec::new() }).collect();
    for a in (1..BASIC_LINES).step_by(2) {
        let mut bytes = Vec::new();
        basic::call(a, a + 1, 1000 + a, &mut bytes);
        let mut rest = bytes.as_slice();
        for read in &mut reads {
            let Ok(Some(frame)) = Frame::split(rest, FRAME_LIMIT) else { break };
            read.messages.push(Message::Call(frame.bytes().to_vec()));
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
    }
    reads
}

/// Reads of about `size` messages: a busy session's socket has more waiting than a quiet one's.
fn coalesced(reads: Vec<Read>, size: usize) -> Vec<Read> {
    let mut coalesced: Vec<Read> = Vec::new();
    for read in reads {
        for message in read.messages {
            match coalesced.last_mut() {
                Some(last) if last.messages.len() < size => {
                    last.at = read.at;
                    last.messages.push(message);
                }
                _ => coalesced.push(Read { at: read.at, messages: vec![message] }),
            }
        }
    }
    coalesced
}
