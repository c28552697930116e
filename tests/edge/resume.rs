//! Whoever was away, or slow, misses nothing: from the log, by WebSocket, as bare events and as server-sent events.

use std::sync::Arc;

use callcast::journal::{Journal, Options};
use callcast::time::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::disk::SmallDisk;
use crate::harness::{Client, Edge, LIMIT, caller, edge, edge_on, until};

/// Rings and is given up on: the events of phone `i`.
fn call(edge: &Edge, i: i32, call: i32) {
    edge.ring(i, call, caller("+33123", "Zoë"));
    edge.hang_up(i, call);
}

/// The sequence numbers of events, to a frame that says that it is live.
async fn to_live(client: &mut Client) -> Vec<u64> {
    let mut seen = Vec::new();
    loop {
        let frame = client.json().await;
        match frame["op"].as_str() {
            Some("event") => seen.push(sequence(&frame["event"])),
            Some("live") => return seen,
            other => panic!("{other:?}: {frame}"),
        }
    }
}

fn sequence(event: &Value) -> u64 {
    event["sequence"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_that_comes_back_gets_exactly_what_it_missed_and_then_what_comes() {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    let mut before = edge.client().await;
    let cursor = before.ask(r#"{"op":"subscribe","id":"1","users":["user1"]}"#).await["cursor"].as_str().unwrap().to_owned();
    drop(before);
    (1..=50).for_each(|n| call(&edge, 1 + n % 2, n));

    let mut witness = edge.client().await;
    witness.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await;
    let mut client = edge.client().await;
    let answer = client.ask(&json!({ "op": "subscribe", "id": "1", "users": ["user1"], "after": cursor }).to_string()).await;
    assert_eq!(answer, json!({ "op": "subscribed", "id": "1", "cursor": cursor, "recovered": true }));
    let missed = to_live(&mut client).await;
    assert!(missed.is_sorted() && missed.windows(2).all(|two| two[0] != two[1]), "{missed:?}");
    let log = edge.gateway.reader();
    let wanted = callcast::journal::Selection::Any(vec![callcast::journal::Key::new(callcast::gateway::keys::USER, "user1")]);
    let limit = callcast::journal::Limit { entries: 10_000, bytes: usize::MAX };
    let after = log.after(cursor.parse().unwrap()).unwrap();
    let kept: Vec<u64> = log.read(&wanted, after, log.range().next, limit).unwrap().entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(missed, kept);

    edge.ring(2, 1000, caller("2000", ""));
    edge.ring(1, 1001, caller("3000", ""));
    let live: Value = serde_json::from_str(&client.text().await).unwrap();
    assert!(live["event"]["data"]["device"]["name"] == "SEP000000000001" || live["event"]["type"] == "callcast.call.started", "{live}");
    assert!(sequence(&live["event"]) > *missed.last().unwrap());
}

#[tokio::test]
async fn a_cursor_that_cannot_be_honoured_gets_a_snapshot_and_the_reason() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let now = edge.gateway.cursor();
    let mut client = edge.client().await;
    for (id, after, reason) in [
        ("a", format!("{:08x}.{:x}.1", now.journal ^ 1, now.epoch), "unknown"),
        ("b", format!("{:08x}.{:x}.ffff", now.journal, now.epoch), "future"),
        ("c", format!("{}-{}", now.epoch + 9, 1), "unknown"),
    ] {
        let answer = client.ask(&json!({ "op": "subscribe", "id": id, "users": ["user1"], "after": after }).to_string()).await;
        assert_eq!((&answer["recovered"], &answer["reason"]), (&json!(false), &json!(reason)), "{answer}");
        assert_eq!(answer["snapshot"].as_array().unwrap().len(), 1);
        assert_eq!(client.json().await["op"], "live");
    }
}

#[tokio::test]
async fn the_id_of_the_last_event_is_as_good_as_its_cursor() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let now = edge.gateway.cursor();
    call(&edge, 1, 1);
    let mut client = edge.client().await;
    let after = format!("{}-{}", now.epoch, now.sequence);
    let answer = client.ask(&json!({ "op": "subscribe", "id": "1", "all": true, "after": after }).to_string()).await;
    assert_eq!(answer["recovered"], true);
    let missed = to_live(&mut client).await;
    assert_eq!(missed, (now.sequence + 1..=edge.gateway.newest()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_does_not_keep_up_reads_the_rest_from_the_log() {
    let edge = edge(|config| config.websocket.mailbox_frames = 8).await;
    edge.phone(1);
    let mut client = edge.client().await;
    client.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await;
    client.json().await;
    let first = edge.gateway.newest() + 1;
    // All at once: the client's task has no time in between.
    (1..=200).for_each(|n| call(&edge, 1, n));
    for expected in first..=edge.gateway.newest() {
        assert_eq!(sequence(&client.json().await["event"]), expected);
    }
    call(&edge, 1, 1000);
    assert!(sequence(&client.json().await["event"]) > first);
}

#[tokio::test]
async fn what_another_subscription_brought_is_not_brought_again() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let mut client = edge.client().await;
    let cursor = client.ask(r#"{"op":"subscribe","id":"1","users":["user1"]}"#).await["cursor"].as_str().unwrap().to_owned();
    client.json().await;
    call(&edge, 1, 1);
    let (from, to) = (cursor_sequence(&cursor) + 1, edge.gateway.newest());
    for expected in from..=to {
        assert_eq!(sequence(&client.json().await["event"]), expected);
    }
    let answer = client.ask(&json!({ "op": "subscribe", "id": "2", "lines": ["100001"], "after": cursor }).to_string()).await;
    assert_eq!(answer["recovered"], true);
    assert_eq!(to_live(&mut client).await, [0; 0]);
}

fn cursor_sequence(cursor: &str) -> u64 {
    u64::from_str_radix(cursor.rsplit('.').next().unwrap(), 16).unwrap()
}

#[tokio::test]
async fn only_the_types_that_are_asked_for_come_live_and_from_the_log() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let cursor = edge.gateway.cursor();
    call(&edge, 1, 1);
    let mut client = edge.client().await;
    let request = json!({ "op": "subscribe", "id": "1", "all": true, "types": ["call.ended"], "after": cursor.to_string() });
    client.ask(&request.to_string()).await;
    call(&edge, 1, 2);
    for expected in ["event", "live", "event"] {
        let frame = client.json().await;
        assert_eq!(frame["op"], expected);
        assert!(expected == "live" || frame["event"]["type"] == "callcast.call.ended", "{frame}");
    }
}

#[tokio::test]
async fn while_the_disk_is_full_clients_go_on_and_afterwards_the_gap_is_told() {
    let (disk, folder) = (SmallDisk::default(), tempfile::tempdir().unwrap());
    let journal = Journal::open_on(Options::new(folder.path()), Arc::new(disk.clone())).unwrap();
    let edge = edge_on(journal).await;
    edge.phone(1);
    let mut client = edge.client().await;
    let cursor = client.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await["cursor"].as_str().unwrap().to_owned();
    client.json().await;

    disk.set_full(true);
    call(&edge, 1, 1);
    let first = cursor_sequence(&cursor) + 1;
    let last = edge.gateway.newest();
    for expected in first..=last {
        let frame = client.json().await;
        assert_eq!((&frame["durable"], frame.get("cursor")), (&json!(false), None), "{frame}");
        assert_eq!(sequence(&frame["event"]), expected);
    }
    let ready = edge.request_whole("GET", "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("\"failing\":true"), "{ready}");

    disk.set_full(false);
    let gap = until("the log to be tried again", || async {
        edge.gateway.advance(Timestamp::now());
        edge.gateway.failing().is_none().then_some(())
    });
    gap.await;
    let gap = client.json().await;
    assert_eq!(gap["event"]["type"], "callcast.journal.gap", "{gap}");
    assert_eq!(gap["event"]["data"], json!({ "first": first, "last": last, "count": last + 1 - first, "reason": "not_written" }));
    assert!(gap["cursor"].is_string());

    // Whoever was away is told the same, in its place.
    let mut other = edge.client().await;
    let answer = other.ask(&json!({ "op": "subscribe", "id": "1", "users": ["user1"], "after": cursor }).to_string()).await;
    assert_eq!(answer["recovered"], true);
    assert_eq!(other.json().await["event"], gap["event"]);
    assert_eq!(other.json().await["op"], "live");
}

#[tokio::test]
async fn a_client_of_the_cloudevents_binding_gets_bare_events_of_what_its_url_asks_for() {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    let after = edge.gateway.cursor();
    call(&edge, 2, 1);
    call(&edge, 1, 2);
    let mut client = edge.client_of("cloudevents.json", &format!("?user=user1&type=leg.*&after={after}")).await;
    let missed = client.json().await;
    assert_eq!((&missed["specversion"], &missed["data"]["user"]["id"]), (&json!("1.0"), &json!("user1")), "{missed}");
    client.send("hello").await;
    loop {
        if let tokio_tungstenite::tungstenite::Message::Close(frame) = client.next().await {
            assert_eq!(u16::from(frame.unwrap().code), 1008);
            return;
        }
    }
}

async fn stream(edge: &Edge, query: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let request = format!("GET /v1/events?{query} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", edge.address);
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until all of these have come, in this order.
async fn read_until(stream: &mut TcpStream, wanted: &[&str]) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    let read = async {
        loop {
            let mut rest = text.as_str();
            let found = wanted.iter().all(|wanted| rest.find(wanted).map(|at| rest = &rest[at + wanted.len()..]).is_some());
            if found {
                return;
            }
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "it ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    let done = tokio::time::timeout(LIMIT, read).await;
    assert!(done.is_ok(), "{wanted:?} did not come: {text}");
    text
}

#[tokio::test]
async fn server_sent_events_begin_with_how_things_stand_and_go_on_where_they_were() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let mut first = stream(&edge, "user=user1", "").await;
    read_until(&mut first, &["200 OK", "text/event-stream", "event: subscribed\ndata: {", "\"snapshot\":[{", "event: live\n"]).await;
    call(&edge, 1, 1);
    let text = read_until(&mut first, &["id: ", "event: callcast.leg.alerting\ndata: {", "event: callcast.call.ended"]).await;
    let id = text.split("id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    drop(first);

    let mut again = stream(&edge, "user=user1", &format!("last-event-id: {id}\r\n")).await;
    let text = read_until(&mut again, &["\"recovered\":true", "event: callcast.call.ended", "event: live\n"]).await;
    assert!(!text.contains(&format!("id: {id}\n")), "what was seen came again: {text}");
}

#[tokio::test]
async fn a_stream_that_asks_for_nothing_that_there_is_is_told_what_to_change() {
    let edge = edge(|_| {}).await;
    for (query, headers, what) in [
        ("", "", "give device, line or user"),
        ("devices=SEP1", "", "did you mean \\\"device\\\"?"),
        ("all=true&after=yesterday", "", "not a cursor"),
        ("all=true", "last-event-id: yesterday\r\n", "Last-Event-ID"),
    ] {
        let mut stream = stream(&edge, query, headers).await;
        let text = read_until(&mut stream, &["\r\n\r\n", "}}"]).await;
        assert!(text.starts_with("HTTP/1.1 400") && text.contains(what), "{query}: {text}");
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_read_answers_and_no_other() {
    let edge = edge(|config| config.allowed_origins = vec!["https://crm.example".into()]).await;
    let preflight = "access-control-request-method: GET\r\naccess-control-request-headers: authorization\r\n";
    let ask =
        async |method: &str, origin: &str, more: &str| edge.request_whole(method, "/v1/me", &format!("origin: {origin}\r\n{more}")).await;
    let allowed = ask("OPTIONS", "https://crm.example", preflight).await;
    assert!(allowed.starts_with("HTTP/1.1 204") && allowed.contains("access-control-allow-origin: https://crm.example"), "{allowed}");
    assert!(ask("GET", "https://crm.example", "").await.contains("access-control-allow-origin: https://crm.example"));
    for method in ["OPTIONS", "GET"] {
        assert!(!ask(method, "https://evil.example", preflight).await.contains("access-control-allow-origin"));
    }
}
