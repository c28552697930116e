//! A gateway that is killed at random moments under load, by `kill -9`, and started again on the same log: nothing that a client saw is
//! missing, no id stands twice, and calls that are still up are the same calls.
//!
//! `tests/soak crash` does it a hundred times. `CRASH_ROUNDS`, `CRASH_EVENTS_PER_SECOND` and `CRASH_SEED` change what is done.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod audit;
mod gateway;
mod witness;

use std::io::Write as _;
use std::time::{Duration, Instant};

use audit::Audit;
use callcast::journal::Reader;
use callcast::sim::{CallMix, Config, FeatureMix, Simulator};
use gateway::Gateway;
use tokio_util::sync::CancellationToken;
use witness::{Seen, Witness};

/// How long anything may take before the test gives up.
const LIMIT: Duration = Duration::from_secs(120);
/// Events a second: what one core makes and another takes. Unoptimized code is slower by a factor.
const RATE: u64 = if cfg!(debug_assertions) { 1000 } else { 5000 };
/// Events that a generated call makes, on the average.
const PER_CALL: f64 = 17.0;
/// How long a call rings and talks, on the average.
const RING: Duration = Duration::from_millis(500);
const TALK: Duration = Duration::from_millis(2500);
/// How long the gateway runs until it is killed, at most: half of the time counted from its start, half from when all devices are open.
const UP: u64 = 2500;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// Prints although the test passes.
fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// A cluster that makes so many events a second.
fn cluster(events_per_second: u64) -> Config {
    let per_second = events_per_second as f64 / PER_CALL;
    // Each call takes two phones, and some three; one in three is free.
    let devices = (per_second * (RING + TALK).as_secs_f64() * 3.5) as u32;
    // A party that waits at a park number, out of sight, is waited for longer than this takes.
    let features = FeatureMix { parked: 0.0, ..FeatureMix::default() };
    let calls = CallMix { per_second, ring: RING, talk: TALK, no_answer: 0.0, features, ..CallMix::default() };
    Config { devices: devices.max(20), hunt_pilots: 5, calls, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_loses_nothing_that_anybody_saw() {
    let (rounds, rate) = (setting("CRASH_ROUNDS", 5), setting("CRASH_EVENTS_PER_SECOND", RATE));
    let mut random = fastrand::Rng::new();
    let seed = setting("CRASH_SEED", random.u64(..));
    random.seed(seed);
    say(&format!("CRASH_SEED={seed}: {rounds} rounds, {rate} events a second"));

    let simulator = Simulator::bind(cluster(rate)).await.unwrap();
    let (handle, manager) = (simulator.handle(), simulator.local_addrs()[0].plain);
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let cluster = tokio::spawn(simulator.run(stop.clone()));
    let setup = gateway::Setup::new(manager, &handle.devices());
    let (mut audit, mut after) = (Audit::default(), None);
    let (mut rates, mut recovery): (Vec<f64>, Vec<Duration>) = (Vec::new(), Vec::new());

    for round in 1..=rounds {
        let began = Instant::now();
        let mut gateway = Gateway::start(&setup).await;
        let witness = Witness::attend(gateway.address, after.clone()).await;
        let when_open = random.bool() || round == 1;
        if when_open {
            witness.until_resynced(LIMIT).await;
            recovery.push(began.elapsed());
        }
        let (count, since) = (witness.count(), Instant::now());
        tokio::time::sleep(Duration::from_millis(random.u64(100..UP))).await;
        rates.extend(when_open.then(|| (witness.count() - count) as f64 / since.elapsed().as_secs_f64()));
        gateway.kill();
        let seen = witness.leave(LIMIT).await;
        after = seen.last_cursor().or(after);
        let reader = Reader::open(setup.journal()).unwrap();
        audit.saw(&reader, &seen, round);
    }

    // Once more, until all calls that are up have ended.
    let mut gateway = Gateway::start(&setup).await;
    let witness = Witness::attend(gateway.address, after).await;
    witness.until_resynced(LIMIT).await;
    handle.command("generate off").unwrap();
    let quiet = Instant::now();
    // It is read beside the gateway that writes it.
    while audit.is_call_up(&Reader::open(setup.journal()).unwrap()) && quiet.elapsed() < LIMIT {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    gateway.stop();
    let seen: Seen = witness.leave(LIMIT).await;
    let reader = Reader::open(setup.journal()).unwrap();
    audit.saw(&reader, &seen, rounds + 1);
    let found = audit.finish(&reader);
    stop.cancel();
    cluster.await.unwrap();

    rates.sort_by(f64::total_cmp);
    recovery.sort();
    say(&format!(
        "{found}\nevents a second while up: median {:.0}, at most {:.0}\nfrom start to all devices open: median {:.1} s, at most {:.1} s",
        rates[rates.len() / 2],
        rates.last().unwrap(),
        recovery[recovery.len() / 2].as_secs_f64(),
        recovery.last().unwrap().as_secs_f64(),
    ));
    assert!(
        found.faults.is_empty(),
        "{} faults, the first:\n{}",
        found.faults.len(),
        found.faults[..found.faults.len().min(20)].join("\n")
    );
}
