//! Recorded flows, played by the simulated cluster over a socket: session, call model and log make of them what they mean.
//!
//! What they mean is what Cisco's own client reported of the same messages (`*.jtapi.jsonl`): the same calls, between the same parties.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callcast::access::Scope;
use callcast::calls::{CallModel, Ids};
use callcast::cti::{self, SessionId, Status};
use callcast::event::Filter;
use callcast::gateway::{Gateway, Outgoing};
use callcast::hub::{Drained, Mailbox};
use callcast::journal::Journal;
use callcast::sim::{self, AccountConfig, Recording, Simulator};
use callcast::telemetry::Metrics;
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ctiqbe/transcripts").join(name)
}

/// Plays a flow to a gateway, and gives the data of its call and leg events, until `ended` calls have ended.
async fn play(flow: &str, ended: usize) -> Vec<(String, Json)> {
    let account = AccountConfig { user: "ctiuser".into(), password: "secret".into(), ..AccountConfig::default() };
    let config = sim::Config {
        devices: 0,
        accounts: vec![account],
        recording: Some(Recording::read(&fixture(&format!("{flow}.jsonl"))).unwrap()),
        calls: sim::CallMix { per_second: 0.0, ..sim::CallMix::default() },
        ..sim::Config::default()
    };
    let simulator = Simulator::bind(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "secret").unwrap();
    std::fs::write(folder.path().join("inventory.csv"), "device,user\nSEP000000000001,u1\nSEP000000000002,u2\nSEP000000000003,u3\n")
        .unwrap();
    let mut session = cti::Config::new(vec![simulator.local_addrs()[0].plain.to_string()], "ctiuser".into());
    session.password_file = Some(folder.path().join("password"));
    session.inventory.file = Some(folder.path().join("inventory.csv"));
    session.pace.devices_per_second = 0;

    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap(), Metrics::new().unwrap()));
    let mailbox = Arc::new(Mailbox::new(10_000));
    gateway.subscribe(&mailbox, &Filter::everything(), &Scope::everything(), None).unwrap();
    let shutdown = CancellationToken::new();
    let cluster = tokio::spawn(simulator.run(shutdown.clone()));
    let (_commands, receiver) = mpsc::channel(1);
    let running = tokio::spawn(cti::run(SessionId(0), session, gateway.clone(), receiver, Arc::new(Status::default()), shutdown.clone()));

    let told = tokio::time::timeout(LIMIT, collect(&mailbox, ended)).await.unwrap_or_else(|_| panic!("{flow}: {ended} calls did not end"));
    shutdown.cancel();
    running.await.unwrap().unwrap();
    cluster.await.unwrap();
    assert_eq!(gateway.calls(), 0, "{flow}: no call is left over");
    told
}

async fn collect(mailbox: &Mailbox<Outgoing>, ended: usize) -> Vec<(String, Json)> {
    let mut told = Vec::new();
    loop {
        let mut frames = Vec::new();
        assert_eq!(mailbox.drain(&mut frames, usize::MAX), Drained::Empty);
        for frame in frames {
            let event: Json = serde_json::from_slice(frame.event()).unwrap();
            let kind = event["type"].as_str().unwrap().trim_start_matches("callcast.").to_owned();
            if kind.starts_with("leg.") || kind.starts_with("call.") {
                told.push((kind, event["data"].clone()));
            }
        }
        if told.iter().filter(|(kind, _)| kind == "call.ended").count() >= ended {
            return told;
        }
        mailbox.filled().await;
    }
}

/// The legs' events in short, as `alerting 2000`, in order.
fn legs(told: &[(String, Json)]) -> Vec<String> {
    let short = |(kind, data): &(String, Json)| Some(format!("{} {}", kind.strip_prefix("leg.")?, data["line"]["dn"].as_str()?));
    told.iter().filter_map(short).collect()
}

/// The calls' events, in order.
fn calls(told: &[(String, Json)]) -> Vec<&str> {
    told.iter().filter_map(|(kind, _)| kind.strip_prefix("call.")).collect()
}

/// Global call ids with their parties, as Cisco's client reported them at the end: `1/500 1000 2000`.
fn reported(flow: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(fixture(&format!("{flow}.jtapi.jsonl"))).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let mut calls = std::collections::BTreeMap::new();
    for line in lines.filter(|l| l["kind"] == "call") {
        let (Some(id), Some(calling), Some(called)) = (line["id"].as_str(), line["calling"].as_str(), line["called"].as_str()) else {
            continue;
        };
        let (call, manager) = id.split_once('/').unwrap();
        calls.insert(format!("{manager}/{call}"), format!("{calling} {called}"));
    }
    calls.into_iter().map(|(id, parties)| format!("{id} {parties}")).collect()
}

/// The same of our summaries.
fn summarized(told: &[(String, Json)]) -> BTreeSet<String> {
    let number = |party: &Json| party["number"].as_str().unwrap_or_default().to_owned();
    let ended = told.iter().filter(|(kind, _)| kind == "call.ended" || kind == "call.merged");
    ended.map(|(_, d)| format!("{} {} {}", d["global_call_id"].as_str().unwrap(), number(&d["calling"]), number(&d["called"]))).collect()
}

const ANSWERED: [&str; 10] = [
    "initiated 1000",
    "dialing 1000",
    "party_changed 1000",
    "offered 2000",
    "alerting 2000",
    "ringback 1000",
    "connected 1000",
    "connected 2000",
    "disconnected 1000",
    "disconnected 2000",
];

#[tokio::test]
async fn a_basic_call_of_client_15() {
    let told = play("basic.15", 1).await;
    assert_eq!(legs(&told), ANSWERED);
    assert_eq!(calls(&told), ["started", "answered", "ended"]);
    assert_eq!(summarized(&told), reported("basic.15"));
}

#[tokio::test]
async fn a_basic_call_of_client_11_5() {
    let told = play("basic.11_5", 1).await;
    assert_eq!(legs(&told), ANSWERED);
    assert_eq!(summarized(&told), reported("basic.11_5"));
}

#[tokio::test]
async fn a_call_that_is_held_and_resumed() {
    let told = play("hold.15", 1).await;
    let held = legs(&told).iter().filter(|l| l.starts_with("held") || l.starts_with("resumed")).cloned().collect::<Vec<_>>();
    assert_eq!(held, ["held 2000", "resumed 2000"]);
    assert_eq!(summarized(&told), reported("hold.15"));
}

#[tokio::test]
async fn a_caller_who_gives_up_is_missed() {
    let told = play("abandoned.15", 1).await;
    assert_eq!(calls(&told), ["started", "missed", "ended"]);
    assert!(!legs(&told).iter().any(|l| l.starts_with("connected")));
    assert_eq!(summarized(&told), reported("abandoned.15"));
}

#[tokio::test]
async fn a_shared_line_is_answered_on_one_device_and_missed_on_none() {
    let told = play("shared_line.15", 1).await;
    assert_eq!(calls(&told), ["started", "answered", "ended"]);
    let answered = told.iter().find(|(kind, _)| kind == "call.answered").unwrap();
    assert_eq!(answered.1["answered_by"]["device"]["name"], "SEP000000000003");
    let elsewhere = told.iter().find(|(kind, _)| kind == "leg.remote_in_use").unwrap();
    assert_eq!(elsewhere.1["device"]["name"], "SEP000000000002");
    assert_eq!(summarized(&told), reported("shared_line.15"));
}

#[tokio::test]
async fn calls_found_standing_are_recovered() {
    let told = play("restart_with_calls.15", 1).await;
    assert_eq!(legs(&told), ["connected 1000", "connected 2000", "disconnected 1000", "disconnected 2000"]);
    assert_eq!(calls(&told), ["started", "ended"]);
    assert!(told.iter().all(|(_, data)| data["recovered"] == true));
    assert_eq!(summarized(&told), reported("restart_with_calls.15"));
}

#[tokio::test]
async fn a_consult_transfer_merges_the_consult_call_into_the_first() {
    let told = play("consult_transfer.15", 1).await;
    assert_eq!(calls(&told), ["started", "answered", "started", "answered", "merged", "transferred", "ended"]);
    assert_eq!(summarized(&told), reported("consult_transfer.15"));
}

#[tokio::test]
async fn a_blind_transfer_goes_on_as_the_same_call() {
    let told = play("blind_transfer.15", 1).await;
    assert_eq!(calls(&told), ["started", "answered", "transferred", "ended"]);
    assert_eq!(summarized(&told), reported("blind_transfer.15"));
}

#[tokio::test]
async fn a_conference_merges_the_consult_call_and_tells_who_is_left() {
    let told = play("conference.15", 1).await;
    assert_eq!(calls(&told), ["started", "answered", "started", "answered", "merged", "conferenced", "conferenced", "ended"]);
    assert_eq!(summarized(&told), reported("conference.15"));
}
