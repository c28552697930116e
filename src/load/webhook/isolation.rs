//! `callcast load webhook-isolation`: eight endpoints that are well, by turns alone and beside one that is dead and one that takes 10 s a request.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tokio::time::{sleep, sleep_until};

use super::receiver::{Door, Receiver};
use super::stage::{self, Stage};
use super::{ANY, median};
use crate::journal::Sequence;
use crate::load::LoadError;
use crate::load::seen::{Delays, Sorted};
use crate::sinks::webhook::control::Control as _;

const PHONES: u32 = 200;
const CALLS_PER_SECOND: f64 = 8.0;
/// How long the slow one takes for each request.
const SLOW: Duration = Duration::from_secs(10);
/// How long a round goes on before it is measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long those that are removed may take to be gone.
const GOING: Duration = Duration::from_secs(6);

/// What to measure.
#[derive(Debug, Args)]
pub struct IsolationArgs {
    /// Endpoints that are well.
    #[arg(long, default_value_t = 8)]
    healthy: u32,
    /// Events a second, each for all endpoints.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Seconds of a round.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// How one round went: each one's deliveries a second, and microseconds.
struct Round {
    per_second: f64,
    p50: f64,
    p99: f64,
}

fn medians(rounds: &[Round]) -> String {
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let (per_second, p50, p99) = (of(|round| round.per_second), of(|round| round.p50), of(|round| round.p99));
    format!("per_second_each={per_second:.1} p50_us={p50:.0} p99_us={p99:.0}")
}

/// When events were told: as many of the newest as are looked for.
struct Stamps {
    began: Instant,
    at: Vec<AtomicU64>,
}

impl Stamps {
    /// More than one message ever tells.
    const AT_ONCE: u64 = 64;

    fn new() -> Self {
        Self { began: Instant::now(), at: std::iter::repeat_with(AtomicU64::default).take(1 << 16).collect() }
    }

    /// The event at this place, and those that may come with it, are told now.
    fn note(&self, next: Sequence) {
        let now = self.began.elapsed().as_nanos() as u64;
        for sequence in next..next + Self::AT_ONCE {
            if let Some(slot) = self.slot(sequence) {
                slot.store(now, Ordering::Relaxed);
            }
        }
    }

    fn age(&self, sequence: Sequence, seen: Instant) -> Duration {
        let told = self.slot(sequence).map_or(0, |slot| slot.load(Ordering::Relaxed));
        seen.duration_since(self.began).saturating_sub(Duration::from_nanos(told))
    }

    fn slot(&self, sequence: Sequence) -> Option<&AtomicU64> {
        self.at.get(sequence as usize % self.at.len())
    }
}

/// Measures, and prints a line for each round and one with medians.
///
/// # Errors
/// When it cannot be measured.
pub async fn run(args: &IsolationArgs) -> Result<(), LoadError> {
    let mut stage = Stage::new(PHONES, CALLS_PER_SECOND, true)?;
    let (stamps, delays) = (Arc::new(Stamps::new()), Arc::new(Delays::default()));
    let mut doors = Vec::new();
    for number in 1..=args.healthy {
        let (stamps, delays) = (Arc::clone(&stamps), Arc::clone(&delays));
        let door = Door::new(ANY, Duration::ZERO, move |came| delays.note(stamps.age(came.sequence, came.first_byte)))?;
        stage.run(stage::endpoint(format!("healthy-{number}"), door.address()?));
        doors.push(door);
    }
    let _healthy = Receiver::start(doors)?;
    let slow = Door::new(ANY, SLOW, |_| {})?;
    let (slow_address, dead_address) = (slow.address()?, free()?);
    let _slow = Receiver::start(vec![slow])?;
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..args.rounds.saturating_mul(2) {
        let beside = round % 2 == 1;
        if beside {
            stage.run(stage::endpoint("dead", dead_address));
            stage.run(stage::endpoint("slow", slow_address));
        }
        play(&mut stage, &stamps, args.rate, WARM_UP).await?;
        drop(delays.take());
        let began = Instant::now();
        play(&mut stage, &stamps, args.rate, Duration::from_secs(args.seconds)).await?;
        let seconds = began.elapsed().as_secs_f64();
        let seen: Sorted = delays.take();
        let lag = ["dead", "slow"].map(|name| stage.engine.status(name).map_or(0, |status| status.lag_events));
        let per_second = seen.count() as f64 / seconds / f64::from(args.healthy);
        println!(
            "webhook-isolation round={round} beside_dead_and_slow={beside} healthy={} per_second_each={per_second:.1} p50_us={} p99_us={} \
             max_us={} waiting_for_dead_and_slow={lag:?}",
            args.healthy,
            seen.at(0.5),
            seen.at(0.99),
            seen.at(1.0),
        );
        if let Some(kind) = rounds.get_mut(usize::from(beside)) {
            kind.push(Round { per_second, p50: seen.at(0.5) as f64, p99: seen.at(0.99) as f64 });
        }
        if beside {
            ["dead", "slow"].iter().for_each(|name| stage.engine.remove(name));
            sleep(GOING).await;
        }
    }
    let [alone, beside] = &rounds;
    let ratio = |of: fn(&Round) -> f64| median(alone.iter().zip(beside).map(|(alone, beside)| of(beside) / of(alone)).collect());
    println!(
        "webhook-isolation medians of {}: alone {}, beside {}, of pairs rate={:.3} p50={:.3}",
        args.rounds,
        medians(alone),
        medians(beside),
        ratio(|round| round.per_second),
        ratio(|round| round.p50),
    );
    stage.end().await;
    Ok(())
}

/// Tells events at a rate for a time.
async fn play(stage: &mut Stage, stamps: &Stamps, per_second: f64, time: Duration) -> Result<(), LoadError> {
    let began = tokio::time::Instant::now();
    let (first, mut due) = (stage.next(), began);
    while began.elapsed() < time {
        // What a message told beyond one event is taken off what comes next.
        while ((stage.next() - first) as f64) < per_second * (due - began).as_secs_f64() {
            stamps.note(stage.next());
            stage.tell_one()?;
        }
        due += Duration::from_secs_f64(1.0 / per_second.max(0.001));
        sleep_until(due).await;
    }
    Ok(())
}

/// An address at which nobody is.
///
/// # Errors
/// When the system has none.
pub fn free() -> Result<SocketAddr, LoadError> {
    let listener = TcpListener::bind(ANY).map_err(|source| LoadError::Listen { address: ANY, source })?;
    listener.local_addr().map_err(|source| LoadError::Listen { address: ANY, source })
}
