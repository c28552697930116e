//! A flow over real sockets: simulator, session and gateway as they run, and time as it passes. Gaps between messages are shortened.

use std::sync::Arc;
use std::time::Duration;

use callcast::auditor;
use callcast::cti::{self, SessionId, Status};
use callcast::sim::{Flow, Recording, Simulator};
use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Listener, PASSWORD, USER, cluster, inventory, of_play};

/// What is between two moments of a flow.
const GAP: Duration = Duration::from_millis(20);
/// How long to wait for what has to come.
const LIMIT: Duration = Duration::from_secs(25);
/// How long to listen for what must not come.
const AFTERWARDS: Duration = Duration::from_millis(300);
/// How often it is looked at what came.
const TICK: Duration = Duration::from_millis(50);

/// Plays a flow until as much of it was told as is expected, and a little longer.
pub async fn play(flow: &Flow, expected: &[Json]) -> Vec<Json> {
    let hurried = hurried(flow);
    let mut config = cluster(&hurried);
    config.recording = Some(Recording::from(&hurried));
    let simulator = Simulator::bind(config).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    std::fs::write(folder.path().join("inventory.csv"), inventory(flow)).unwrap();
    let mut session = cti::Config::new(vec![simulator.local_addrs()[0].plain.to_string()], USER.into());
    session.password_file = Some(folder.path().join("password"));
    session.inventory.file = Some(folder.path().join("inventory.csv"));
    session.pace.devices_per_second = 0;

    let listener = Listener::new();
    let shutdown = CancellationToken::new();
    let cluster = tokio::spawn(simulator.run(shutdown.clone()));
    let (commands, receiver) = mpsc::channel(2);
    let auditor = tokio::spawn(auditor::run(listener.gateway.clone(), vec![commands], shutdown.clone()));
    let status = Arc::new(Status::default());
    let running = tokio::spawn(cti::run(SessionId(0), session, listener.gateway.clone(), receiver, status, shutdown.clone()));

    let (mut events, limit) = (Vec::new(), Instant::now() + LIMIT);
    while Instant::now() < limit && !is_whole(of_play(&events), expected) {
        tokio::time::sleep(TICK).await;
        events.extend(listener.events());
    }
    tokio::time::sleep(AFTERWARDS).await;
    events.extend(listener.events());
    shutdown.cancel();
    running.await.unwrap().unwrap();
    cluster.await.unwrap();
    auditor.await.unwrap();
    of_play(&events).to_vec()
}

/// Whether nothing more is to come: all events, but for pops that moved, and the ends of all calls, which may be late.
fn is_whole(told: &[Json], expected: &[Json]) -> bool {
    let count = |events: &[Json], kinds: &[&str]| {
        events.iter().filter(|event| event["type"].as_str().is_some_and(|kind| kinds.contains(&kind))).count()
    };
    let over = ["callcast.call.ended", "callcast.call.merged"];
    let moved = count(expected, &["callcast.pop.moved"]);
    told.len() >= expected.len() || told.len() + moved >= expected.len() && count(told, &over) == count(expected, &over)
}

/// The flow with its messages in the same moments, these one after the other.
fn hurried(flow: &Flow) -> Flow {
    let mut hurried = flow.clone();
    let (mut before, mut at) = (Duration::ZERO, Duration::ZERO);
    for message in &mut hurried.messages {
        at += if message.at == before { Duration::ZERO } else { GAP };
        before = message.at;
        message.at = at;
    }
    hurried
}

/// A story without its times: what is left when nothing but their order is known. The legs of a summary have their order from their
/// times; messages that are read at once have the same. A pop that moves twice in messages that are read at once moves once.
pub fn without_times(story: &str) -> String {
    let is_time = |word: &str| word.contains('.') && word.parse::<f64>().is_ok();
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        words.retain(|word| !is_time(word) && !matches!(*word, "ring" | "talk" | "hold"));
        let line = words.join(" ");
        let items: Vec<&str> = line.split(" | ").collect();
        let moves_on = |at: usize| items[at].starts_with("moved ") && items.get(at + 1).is_some_and(|next| next.starts_with("moved "));
        (0..items.len()).filter(|at| !moves_on(*at)).map(|at| items[at]).collect::<Vec<_>>().join(" | ")
    };
    let mut lines: Vec<String> = story.lines().map(line).collect();
    lines.chunk_by_mut(|one, next| one.starts_with("  leg ") && next.starts_with("  leg ")).for_each(<[String]>::sort);
    lines.join("\n")
}
