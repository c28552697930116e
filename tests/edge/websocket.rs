//! What a WebSocket client is told, and what happens to one that misbehaves.

use callcast::ctiqbe::names::CallState;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::harness::{LIMIT, caller, edge};

const ALL: &str = r#"{"op":"subscribe","id":"1","all":true}"#;

#[tokio::test]
async fn a_subscription_begins_with_how_things_stand() {
    let edge = edge(|_| {}).await;
    edge.phone(7);
    edge.ring(7, 1, caller("+33123", "Zoë"));
    edge.refuse(8, "give the application user the role");
    let mut client = edge.client().await;
    let answer = client.ask(r#"{"op":"subscribe","id":"a","devices":["SEP000000000008"],"users":["user7"]}"#).await;
    assert_eq!((&answer["op"], &answer["id"], &answer["more"]), (&json!("subscribed"), &json!("a"), &json!(false)));
    let snapshot = answer["snapshot"].as_array().unwrap();
    assert_eq!(snapshot.len(), 2, "{answer}");
    let [ringing, refused] = [&snapshot[0], &snapshot[1]];
    assert_eq!(ringing["device"], json!({"name": "SEP000000000007", "model": "Cisco 8861", "kind": "phone"}));
    assert_eq!(ringing["lines"], json!([{"dn": "100007", "partition": "Internal-PT"}]));
    assert_eq!((&ringing["state"], &ringing["calls"], &ringing["user"]["id"]), (&json!("alerting"), &json!(1), &json!("user7")));
    assert_eq!(ringing["legs"][0]["data"]["remote"]["name"], "Zoë");
    assert_eq!((&refused["restricted"], &refused["in_service"]), (&json!(true), &json!(false)));
    assert_eq!(refused["restriction"]["cure"], "give the application user the role");
}

#[tokio::test]
async fn an_event_is_the_same_bytes_for_every_client_and_comes_only_to_who_wants_it() {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    let (mut first, mut second) = (edge.client().await, edge.client().await);
    first.ask(r#"{"op":"subscribe","id":"1","lines":["100001"]}"#).await;
    second.ask(ALL).await;
    edge.ring(2, 1, caller("2000", ""));
    edge.ring(1, 2, caller("3000", ""));
    assert!(second.event("leg.alerting").await.contains("100002"));
    let text = first.event("leg.alerting").await;
    assert!(text.starts_with(r#"{"op":"event","cursor":""#) && text.contains("100001"), "{text}");
    assert_eq!(second.event("leg.alerting").await, text);
}

#[tokio::test]
async fn a_large_snapshot_comes_in_pieces_and_events_follow_it() {
    let edge = edge(|_| {}).await;
    (1..=1201).for_each(|i| edge.phone(i));
    let mut client = edge.client().await;
    client.send(ALL).await;
    let mut devices = 0;
    for (op, more) in [("subscribed", true), ("snapshot", true), ("snapshot", false)] {
        let frame = client.json().await;
        if op == "subscribed" {
            edge.ring(1, 1, caller("2000", ""));
        }
        assert_eq!((&frame["op"], &frame["more"]), (&json!(op), &json!(more)));
        devices += frame["snapshot"].as_array().unwrap().len();
    }
    assert_eq!(devices, 1201);
    client.event("leg.alerting").await;
}

#[tokio::test]
async fn after_unsubscribing_nothing_comes() {
    let edge = edge(|_| {}).await;
    (1..=2).for_each(|i| edge.phone(i));
    let mut client = edge.client().await;
    for (id, device) in [(1, "SEP000000000001"), (2, "SEP000000000002")] {
        client.ask(&json!({ "op": "subscribe", "id": id.to_string(), "devices": [device] }).to_string()).await;
        client.json().await;
    }
    assert_eq!(client.ask(r#"{"op":"unsubscribe","id":"1"}"#).await, json!({"op": "unsubscribed", "id": "1"}));
    edge.ring(1, 1, caller("2000", ""));
    edge.ring(2, 2, caller("2000", ""));
    assert!(client.text().await.contains("SEP000000000002"));
}

#[tokio::test]
async fn a_mistake_is_answered_and_the_socket_stays_open() {
    let edge = edge(|config| {
        config.websocket.max_message_bytes = 200;
        config.websocket.max_subscriptions = 1;
        config.websocket.max_texts = 3;
    })
    .await;
    let mut client = edge.client().await;
    let long = format!(r#"{{"op":"subscribe","id":"1","users":["{}"]}}"#, "x".repeat(300));
    for (request, code, id) in [
        ("not json", "not_json", json!(null)),
        (r#"{"op":"subscribe","id":"9","all":true,"types":["leg.alertin"]}"#, "unknown_type", json!("9")),
        (r#"{"op":"subscribe","id":"9","all":true,"after":"yesterday"}"#, "cursor", json!("9")),
        (r#"{"op":"subscribed","id":"9"}"#, "unknown_op", json!("9")),
        (r#"{"op":"subscribe","all":true}"#, "missing_id", json!(null)),
        (r#"{"op":"subscribe","id":"9"}"#, "empty_filter", json!("9")),
        (r#"{"op":"unsubscribe","id":"9"}"#, "unknown_id", json!("9")),
        (r#"{"op":"subscribe","id":"9","lines":["1","2","3","4"]}"#, "too_many_texts", json!("9")),
        (long.as_str(), "too_long", json!(null)),
    ] {
        let answer = client.ask(request).await;
        assert_eq!((&answer["op"], &answer["code"], &answer["id"]), (&json!("error"), &json!(code), &id), "{request}: {answer}");
    }
    client.ask(ALL).await;
    client.json().await;
    assert_eq!(client.ask(ALL).await["code"], "duplicate_id");
    assert_eq!(client.ask(&ALL.replace('1', "2")).await["code"], "too_many_subscriptions");
}

#[tokio::test]
async fn a_message_far_past_the_limit_closes_the_socket() {
    let edge = edge(|config| config.websocket.max_message_bytes = 100).await;
    let mut client = edge.client().await;
    client.send(&"x".repeat(1000)).await;
    assert_eq!(client.close().await.code, CloseCode::Size);
}

#[tokio::test]
async fn a_handshake_without_the_subprotocol_or_from_a_foreign_page_is_refused() {
    let edge = edge(|_| {}).await;
    for subprotocol in [None, Some("callcast.v2")] {
        let (status, body) = edge.refused_handshake(subprotocol, None).await;
        assert!(status == 400 && body.contains("callcast.v1"), "{status} {body}");
    }
    let (status, body) = edge.refused_handshake(Some("callcast.v1"), Some("https://evil.example")).await;
    assert!(status == 403 && body.contains("evil.example") && body.contains("allowed_origins"), "{status} {body}");
}

#[tokio::test]
async fn one_client_too_many_is_refused() {
    let edge = edge(|config| config.websocket.max_clients = 1).await;
    let _first = edge.client().await;
    let (status, body) = edge.refused_handshake(Some("callcast.v1"), None).await;
    assert!(status == 503 && body.contains("max_clients"), "{status} {body}");
}

#[tokio::test]
async fn a_client_that_never_reads_is_closed_alone() {
    let edge = edge(|config| {
        config.websocket.mailbox_frames = 256;
        config.websocket.write_timeout_seconds = 1;
    })
    .await;
    edge.phone(1);
    let (mut slow, mut quick) = (edge.client().await, edge.client().await);
    slow.send(ALL).await;
    quick.ask(ALL).await;
    edge.metric("callcast_websocket_clients", 2).await;
    // Until the kernel takes no more for the slow one, and longer than its mailbox.
    let name = "n".repeat(200);
    let mut call = 0;
    while !edge.gateway.metrics().text().unwrap().contains("callcast_websocket_closed_total{reason=\"fell_behind\"} 1") {
        call += 1;
        edge.ring(1, call, caller("2000", &name));
        edge.hang_up(1, call);
        quick.event("call.ended").await;
    }
    edge.metric("callcast_websocket_clients", 1).await;
    edge.ring(1, call + 1, caller("2000", ""));
    quick.event("leg.alerting").await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_let_go_and_harms_nobody() {
    let edge = edge(|config| {
        config.websocket.mailbox_frames = 64;
        config.websocket.write_timeout_seconds = 1;
    })
    .await;
    edge.phone(1);
    let (mut deaf, mut other) = (edge.client().await, edge.client().await);
    deaf.ask(ALL).await;
    other.ask(ALL).await;
    let reading = tokio::spawn(async move { while !other.text().await.contains("\"1/99999\"") {} });
    // More than the buffers of a socket hold.
    for call in 1..=3000 {
        edge.ring(1, call, caller("2000", ""));
        edge.hang_up(1, call);
        tokio::task::yield_now().await;
    }
    edge.ring(1, 99_999, caller("2000", ""));
    reading.await.unwrap();
    edge.metric("callcast_websocket_closed_total{reason=\"fell_behind\"}", 1).await;
}

#[tokio::test]
async fn a_stop_sends_what_waits_and_says_goodbye() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let mut client = edge.client().await;
    client.ask(ALL).await;
    edge.ring(1, 1, caller("2000", ""));
    edge.state(1, 1, CallState::CONNECTED);
    edge.stop.cancel();
    client.event("leg.connected").await;
    assert_eq!(client.close().await.code, CloseCode::Away);
    drop(client);
    tokio::time::timeout(LIMIT, edge.running).await.expect("the server did not stop").unwrap();
}
