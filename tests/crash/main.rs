//! A gateway that is killed at random moments under load, by `kill -9`, and started again on the same log: nothing that a client saw is
//! missing, no id stands twice, and calls that are still up are the same calls.
//!
//! `tests/soak crash` does it a hundred times. `CRASH_ROUNDS`, `CRASH_EVENTS_PER_SECOND` and `CRASH_SEED` change what is done.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod audit;
#[path = "../kill_support/mod.rs"]
mod kill_support;
mod witness;

use std::time::{Duration, Instant};

use audit::Audit;
use callcast::journal::Reader;
use callcast::sim::Simulator;
use kill_support::gateway::{Gateway, Setup};
use kill_support::{LIMIT, cluster, say, setting};
use tokio_util::sync::CancellationToken;
use witness::{Seen, Witness};

/// Events a second: what one core makes and another takes. Unoptimized code is slower by a factor.
const RATE: u64 = if cfg!(debug_assertions) { 1000 } else { 5000 };
/// How long the gateway runs until it is killed, at most: half of the time counted from its start, half from when all devices are open.
const UP: u64 = 2500;

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
    let setup = Setup::new(manager, &handle.devices());
    let (mut audit, mut after) = (Audit::default(), None);
    let (mut rates, mut recovery): (Vec<f64>, Vec<Duration>) = (Vec::new(), Vec::new());

    for round in 1..=rounds {
        let began = Instant::now();
        let (gateway, address) = Gateway::start(&setup, "").await;
        let witness = Witness::attend(address, after.clone()).await;
        let when_open = random.bool() || round == 1;
        if when_open {
            witness.until_resynced(LIMIT).await;
            recovery.push(began.elapsed());
        }
        let (count, since) = (witness.count(), Instant::now());
        tokio::time::sleep(Duration::from_millis(random.u64(100..UP))).await;
        rates.extend(when_open.then(|| (witness.count() - count) as f64 / since.elapsed().as_secs_f64()));
        gateway.kill().await;
        let seen = witness.leave(LIMIT).await;
        after = seen.last_cursor().or(after);
        let reader = Reader::open(setup.journal()).unwrap();
        audit.saw(&reader, &seen, round);
    }

    // Once more, until all calls that are up have ended.
    let (gateway, address) = Gateway::start(&setup, "").await;
    let witness = Witness::attend(address, after).await;
    witness.until_resynced(LIMIT).await;
    handle.command("generate off").unwrap();
    let quiet = Instant::now();
    // It is read beside the gateway that writes it.
    while audit.is_call_up(&Reader::open(setup.journal()).unwrap()) && quiet.elapsed() < LIMIT {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    gateway.stop().await;
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
