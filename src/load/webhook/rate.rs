//! `callcast load webhook-rate`: deliveries a second to a receiver that takes all, of events that are in the log, against hyper alone.
//!
//! `--down` has the receiver away first, until the endpoint is left alone and has set aside all that it may: what follows is how it catches up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;

use super::cpu::Threads;
use super::receiver::{Door, Receiver, Seen, THREAD};
use super::stage::{self, Stage, WEBHOOKS, until};
use super::{ANY, bare, median};
use crate::journal::{Entry, Sequence};
use crate::load::LoadError;
use crate::sinks::webhook::control::{Control as _, Status};
use crate::sinks::webhook::schedule::Lane;

const PHONES: u32 = 1000;
/// On the simulated clock: about 500 calls are up at any time.
const CALLS_PER_SECOND: f64 = 20.0;

/// What to measure.
#[derive(Debug, Args)]
pub struct RateArgs {
    /// Events that are delivered in each round.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Rounds of each kind.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Requests at a time, and connections of hyper alone.
    #[arg(long, default_value_t = 16)]
    in_flight: usize,
    /// The receiver is away first.
    #[arg(long)]
    down: bool,
}

/// How one round went.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// By the receiver's clock, from the first to the last.
    per_second: f64,
    /// The time on a core of the thread that sends, in microseconds a request.
    on_core: f64,
    /// That of all others but the receiver.
    others: f64,
}

impl Round {
    fn new(came: &[(Sequence, Instant)], on_core: Duration, others: Duration) -> Self {
        let count = came.len() as f64;
        let span = came.first().zip(came.last()).map_or(Duration::ZERO, |(first, last)| last.1.duration_since(first.1));
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count.max(1.0);
        Self { per_second: (count - 1.0) / span.as_secs_f64(), on_core: each(on_core), others: each(others) }
    }
}

/// Measures, and prints a line for each round and one with medians.
///
/// # Errors
/// When it cannot be measured.
pub async fn run(args: &RateArgs) -> Result<(), LoadError> {
    let mut stage = Stage::new(PHONES, CALLS_PER_SECOND, false)?;
    stage.tell(args.events)?;
    let events = stage.events()?;
    let bodies = stage::bodies(&events);
    let bytes = bodies.iter().map(|body| body.len()).sum::<usize>() as f64 / bodies.len() as f64;
    println!("webhook-rate events={} bytes={bytes:.0} in_flight={} down={}", events.len(), args.in_flight, args.down);
    let (mut ours, mut theirs, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let healthy = webhooks(&stage, &events, &format!("healthy-{round}"), args.in_flight, false).await?;
        say("webhooks", round, healthy);
        ours.push(healthy);
        if args.down {
            let catching_up = webhooks(&stage, &events, &format!("down-{round}"), args.in_flight, true).await?;
            say("webhooks-after-down", round, catching_up);
            after.push(catching_up);
        } else {
            let alone = hyper(&bodies, args.in_flight).await?;
            say("hyper", round, alone);
            theirs.push(alone);
        }
    }
    let of = |rounds: &[Round], figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let ratio = |others: &[Round], figure: fn(&Round) -> f64| median(ours.iter().zip(others).map(|(a, b)| figure(a) / figure(b)).collect());
    let (rate, core) = (of(&ours, |round| round.per_second), of(&ours, |round| round.on_core));
    let (what, others) = if args.down { ("webhooks-after-down", &after) } else { ("hyper", &theirs) };
    println!(
        "webhook-rate medians of {}: webhooks per_second={rate:.0} per_second_of_core={:.0} {what} per_second={:.0} per_second_of_core={:.0} \
         webhooks/{what} by_clock={:.2} by_core={:.2}",
        args.rounds,
        1e6 / core,
        of(others, |round| round.per_second),
        1e6 / of(others, |round| round.on_core),
        ratio(others, |round| round.per_second),
        1.0 / ratio(others, |round| round.on_core),
    );
    stage.end().await;
    Ok(())
}

fn say(what: &str, round: u32, Round { per_second, on_core, others }: Round) {
    println!("webhook-rate {what} round={round} per_second={per_second:.0} us_on_core={on_core:.2} us_of_other_threads={others:.2}");
}

/// A new endpoint that begins with the first event.
async fn webhooks(stage: &Stage, events: &[Entry], name: &str, in_flight: usize, down: bool) -> Result<Round, LoadError> {
    let seen = Arc::new(Seen::default());
    let open = |address| {
        let seen = Arc::clone(&seen);
        Door::new(address, Duration::ZERO, move |came| seen.note(&came))
    };
    let mut door = open(ANY)?;
    let address = door.address()?;
    let mut config = stage::endpoint(name, address);
    config.delivery.in_flight = in_flight;
    config.breaker.pause_seconds = 1;
    config.breaker.pause_max_seconds = 1;
    if down {
        drop(door);
        stage.run_from_the_first(config.clone())?;
        let (mut most, mut still) = (0, Instant::now());
        let set_aside_all = |status: &Status| {
            if std::mem::replace(&mut most, status.waiting) != status.waiting {
                still = Instant::now();
            }
            most > 0 && still.elapsed() > Duration::from_secs(1)
        };
        stage.until(name, "all set aside that may be", set_aside_all).await?;
        door = open(address)?;
    }
    let before = Threads::now()?;
    let receiver = Receiver::start(vec![door])?;
    if !down {
        stage.run_from_the_first(config)?;
    }
    until("all delivered", || seen.count() >= events.len()).await?;
    let after = Threads::now()?;
    stage.engine.remove(name);
    drop(receiver);
    let came = seen.take();
    in_order(events, &came)?;
    let others = after.others_since(&before, &[WEBHOOKS, THREAD]);
    Ok(Round::new(&came, after.since(&before, WEBHOOKS), others))
}

/// hyper alone, with the same bodies.
async fn hyper(bodies: &Arc<[Bytes]>, connections: usize) -> Result<Round, LoadError> {
    let seen = Arc::new(Seen::default());
    let noting = Arc::clone(&seen);
    let door = Door::new(ANY, Duration::ZERO, move |came| noting.note(&came))?;
    let address = door.address()?;
    let _receiver = Receiver::start(vec![door])?;
    let bodies = Arc::clone(bodies);
    let sent = tokio::task::spawn_blocking(move || bare::post_all(address, bodies, connections)).await;
    let on_core = sent.map_err(|error| LoadError::Gateway(error.to_string()))??;
    Ok(Round::new(&seen.take(), on_core, Duration::ZERO))
}

/// That every event came once, and in order of its call.
fn in_order(events: &[Entry], came: &[(Sequence, Instant)]) -> Result<(), LoadError> {
    let lanes: HashMap<Sequence, Lane> = events.iter().map(|entry| (entry.sequence, Lane::of(entry))).collect();
    let mut last: HashMap<&Lane, Sequence> = HashMap::new();
    for (sequence, _) in came {
        let Some(lane) = lanes.get(sequence) else { continue };
        if last.insert(lane, *sequence).is_some_and(|before| before >= *sequence) {
            return Err(LoadError::Gateway(format!("event {sequence} came after a later one of its call, or twice")));
        }
    }
    if came.len() == lanes.len() { Ok(()) } else { Err(LoadError::Gateway(format!("{} came of {} events", came.len(), lanes.len()))) }
}
