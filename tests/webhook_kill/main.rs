//! A gateway that delivers to webhooks and is killed at random moments, by `kill -9`, and started again: nothing is lost, the order in each call
//! holds, and nothing is sent again but what was in flight or taken right before.
//!
//! What it took is written down within 100 ms on a machine that lets it run. The suite shares its machine with who knows what: there it is asked
//! of the middle of the kills, and a little more is allowed. `WEBHOOK_KILL_STRICT=1` asks it of every event.
//!
//! `tests/soak webhooks` does it fifty times, strictly. `WEBHOOK_KILL_ROUNDS`, `WEBHOOK_KILL_EVENTS_PER_SECOND` and `WEBHOOK_KILL_SEED` change what is done.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod audit;
#[path = "../kill_support/mod.rs"]
mod kill_support;
mod receiver;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audit::{Log, WRITTEN_DOWN, audit};
use callcast::journal::Reader;
use callcast::sim::Simulator;
use kill_support::gateway::{Gateway, Setup};
use kill_support::{LIMIT, cluster, say, setting};
use receiver::Receiver;
use tokio_util::sync::CancellationToken;

/// Events a second, which each endpoint gets. Unoptimized code is slower by a factor.
const RATE: u64 = if cfg!(debug_assertions) { 300 } else { 1500 };
/// How long the gateway runs until it is killed, at most: half of the time counted from its start, half from its first delivery.
const UP: u64 = 1500;
/// Within what time half of the kills find written down what was taken, on a machine that does other things too. It would be a second without notes.
const SHARED: Duration = Duration::from_millis(250);
/// What is not delivered after so long never will be: no pause is longer.
const STILL: Duration = Duration::from_secs(15);
/// One that gets each event in a request of its own, and one that gets several in one.
const ENDPOINTS: [(&str, &str); 2] = [("single", "structured"), ("batch", "batch")];

/// The endpoints, as one life of the gateway is told of them.
fn endpoints(receiver: SocketAddr, life: usize) -> String {
    let endpoint = |(name, mode): &(&str, &str)| {
        format!(
            "[[webhook]]\nname = '{name}'\nurl = 'http://{receiver}/{name}/{life}'\nfilter.types = ['call.*', 'leg.*', 'pop.*']\n\
             body.mode = '{mode}'\nsigning.secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']\nnetwork.allow = ['127.0.0.0/8']\n\
             delivery.in_flight = 64\ndelivery.batch_events = 10\ndelivery.deadlines_seconds = {{ '*' = 3600 }}\nretry.pauses_seconds = [1]\n"
        )
    };
    ENDPOINTS.iter().map(endpoint).collect()
}

/// Waits for a condition, with a limit.
async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LIMIT, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_while_it_delivers_loses_nothing_and_repeats_only_the_last() {
    let (rounds, rate) = (setting("WEBHOOK_KILL_ROUNDS", 5), setting("WEBHOOK_KILL_EVENTS_PER_SECOND", RATE));
    let seed = setting("WEBHOOK_KILL_SEED", fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    say(&format!("WEBHOOK_KILL_SEED={seed}: {rounds} rounds, {rate} events a second"));

    let simulator = Simulator::bind(cluster(rate)).await.unwrap();
    let (handle, manager) = (simulator.handle(), simulator.local_addrs()[0].plain);
    let stop = CancellationToken::new();
    let _stops = stop.clone().drop_guard();
    let cluster = tokio::spawn(simulator.run(stop.clone()));
    handle.command("generate off").unwrap();
    let (setup, receiver) = (Setup::new(manager, &handle.devices()), Receiver::start().await);
    let (mut kills, began) = (Vec::new(), Instant::now());

    for life in 0..rounds as usize {
        let (gateway, _) = Gateway::start(&setup, &endpoints(receiver.address, life)).await;
        let (taken, since) = (receiver.taken(), Instant::now());
        if life == 0 {
            // An endpoint begins with what is told from now on.
            let begins = |(name, _): &(&str, &str)| setup.journal().join(format!("cursors/webhook-{name}")).exists();
            until("the endpoints begin", || ENDPOINTS.iter().all(begins)).await;
            handle.command("generate on").unwrap();
        }
        if random.bool() || life == 0 {
            until("something is delivered", || receiver.taken() > taken).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(50..UP))).await;
        kills.push(Instant::now());
        gateway.kill().await;
        say(&format!("life {life}: {} events taken in {:.1} s", receiver.taken() - taken, since.elapsed().as_secs_f64()));
    }

    // Once more, until all calls that are up have ended, and all is delivered.
    let (gateway, _) = Gateway::start(&setup, &endpoints(receiver.address, kills.len())).await;
    let (mut log, since) = (Log::default(), Instant::now());
    handle.command("generate off").unwrap();
    until("all calls end", || {
        // It is read beside the gateway that writes it.
        let reader = Reader::open(setup.journal()).unwrap();
        log.read(&reader);
        log.is_quiet(reader.epoch())
    })
    .await;
    let quiet = since.elapsed();
    until_taken(&receiver, log.wanted.len()).await;
    let ended = since.elapsed();
    gateway.stop().await;
    log.read(&Reader::open(setup.journal()).unwrap());
    stop.cancel();
    cluster.await.unwrap();

    let book = receiver.book();
    let found = ENDPOINTS.map(|(name, _)| (name, audit(name, &log, &book, &kills)));
    found.iter().for_each(|(name, found)| say(&format!("{name}: {found}")));
    let seconds = [began.elapsed(), quiet, ended - quiet].map(|time| time.as_secs_f64());
    let [all, quiet, rest] = seconds;
    say(&format!(
        "{} kills, in {all:.1} s; all calls ended {quiet:.1} s after the last start, all was delivered {rest:.1} s later",
        kills.len()
    ));
    let mut faults: Vec<String> = found.iter().flat_map(|(_, found)| &found.faults).chain(&book.faults).cloned().collect();
    let mut oldest: Vec<Duration> = found.iter().flat_map(|(_, found)| found.oldest()).collect();
    oldest.sort_unstable();
    let (held_to, limit) =
        if setting("WEBHOOK_KILL_STRICT", 0) == 1 { (oldest.last(), WRITTEN_DOWN) } else { (oldest.get(oldest.len() / 2), SHARED) };
    if let Some(age) = held_to.filter(|age| **age > limit) {
        faults.push(format!("what was sent again had been taken {age:?} before the kill: {limit:?} are allowed; of all kills: {oldest:?}"));
    }
    assert!(faults.is_empty(), "{} faults, the first:\n{:#?}", faults.len(), &faults[..faults.len().min(20)]);
}

/// Waits until all endpoints have taken so many events, or take nothing more: the audit says what is missing.
async fn until_taken(receiver: &Receiver, wanted: usize) {
    let (mut taken, mut since) = (receiver.taken(), Instant::now());
    while since.elapsed() < STILL && ENDPOINTS.iter().any(|(name, _)| receiver.book().taken(name) < wanted) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = receiver.taken();
        if now > taken {
            (taken, since) = (now, Instant::now());
        }
    }
}
