//! What no client sends by mistake: it costs the server one socket, and others nothing.

use tokio_util::sync::CancellationToken;

use crate::case::{End, PROTOCOL_ERROR, Reply, case, echoing, run, run_at};
use crate::client::{BINARY, CLOSE, CONTINUATION, PING, PONG, Raw, Received, TEXT, frame, head, request};
use crate::harness::{caller, edge};

#[tokio::test]
async fn a_frame_that_is_not_masked_ends_the_connection() {
    run([TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE]
        .map(|opcode| case(format!("opcode {opcode}"), [frame(opcode, b"\x03\xe8").unmasked(), frame(PING, "")], [], PROTOCOL_ERROR)))
    .await;
}

#[tokio::test]
async fn a_giant_frame_is_refused_by_its_head() {
    const EITHER: End = End::Closed(&[1002, 1009]);
    let lengths = [1 << 20, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX];
    run(lengths.into_iter().flat_map(|length| {
        [TEXT, BINARY, PING, CLOSE].map(|opcode| {
            let bytes = head(true, 0, opcode, true, length);
            case(format!("{length} bytes of opcode {opcode}"), [], [], EITHER).then_bytes(bytes)
        })
    }))
    .await;
}

#[tokio::test]
async fn a_giant_fragment_is_refused_by_its_head() {
    run([case("2^63", [frame(TEXT, "a").unfinished()], [], End::Closed(&[1002, 1009])).then_bytes(head(
        true,
        0,
        CONTINUATION,
        true,
        1 << 63,
    ))])
    .await;
}

#[tokio::test]
async fn a_length_that_has_a_shorter_form_harms_nobody() {
    // The RFC forbids it, and no server that the suite was run against minds.
    let long_form = |opcode| [vec![0x80 | opcode, 0x80 | 126, 0, 0], vec![0; 4]].concat();
    run([
        case("text", [], [Reply::Error("not_json")], End::Open).then_bytes(long_form(TEXT)),
        case("ping", [], [Reply::Pong(vec![])], End::Open).then_bytes(long_form(PING)),
    ])
    .await;
}

#[tokio::test]
async fn garbage_ends_in_an_answer_or_a_close_and_others_go_on() {
    let edge = edge(|_| {}).await;
    edge.phone(1);
    let mut other = edge.client().await;
    other.ask(r#"{"op":"subscribe","id":"1","all":true}"#).await;
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bytes: Vec<u8> = (0..random.usize(1..4096)).map(|_| random.u8(..)).collect();
        let mut client = Raw::open(edge.address).await;
        client.send(&bytes).await;
        // It may be waiting for the rest of a frame: nothing has to come before we leave.
        client.finish().await;
        loop {
            match client.receive().await {
                Received::End | Received::Reset => break,
                Received::Close(code, reason) => assert!([1000, 1002, 1005, 1007, 1009].contains(&code), "seed {seed}: {code} {reason}"),
                Received::Text(_) | Received::Ping(_) | Received::Pong(_) => {}
            }
        }
    }
    edge.metric("callcast_websocket_clients", 1).await;
    edge.ring(1, 1, caller("2000", ""));
    other.event("leg.alerting").await;
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_read() {
    let edge = edge(|_| {}).await;
    let mut client = Raw::connect(edge.address).await;
    let mut bytes = request(edge.address).into_bytes();
    bytes.extend(frame(TEXT, echoing("early")).bytes());
    let last = bytes.len() - 3;
    client.send(&bytes[..last]).await;
    assert!(client.head().await.unwrap().starts_with("HTTP/1.1 101 "));
    client.send(&bytes[last..]).await;
    let Received::Text(text) = client.receive().await else { panic!("no answer") };
    assert!(text.contains(r#""id":"early""#), "{text}");
}

#[tokio::test]
async fn a_client_that_leaves_without_a_word_is_forgotten() {
    let edge = edge(|_| {}).await;
    for half in [vec![], frame(TEXT, "half a frame").bytes()[..5].to_vec(), frame(TEXT, "half a message").unfinished().bytes()] {
        let mut client = Raw::open(edge.address).await;
        client.send(&half).await;
    }
    edge.metric("callcast_websocket_clients", 0).await;
}

#[tokio::test]
async fn a_client_that_never_answers_the_close_is_let_go() {
    let edge = edge(|_| {}).await;
    let mut client = Raw::open(edge.address).await;
    client.send(&frame(TEXT, "").rsv(1).bytes()).await;
    assert!(matches!(client.receive().await, Received::Close(1002, _)));
    edge.metric("callcast_websocket_clients", 0).await;
}

#[tokio::test]
async fn a_stop_closes_a_client_in_the_middle_of_a_message() {
    let edge = edge(|_| {}).await;
    let stop: CancellationToken = edge.stop.clone();
    let mut client = Raw::open(edge.address).await;
    client.send(&frame(TEXT, "half").unfinished().bytes()).await;
    client.send(&frame(PING, "there").bytes()).await;
    assert_eq!(client.receive().await, Received::Pong(b"there".to_vec()));
    stop.cancel();
    assert!(matches!(client.receive().await, Received::Close(1001, _)));
    client.send(&frame(CLOSE, 1001_u16.to_be_bytes()).bytes()).await;
    assert_eq!(client.receive().await, Received::End);
}

#[tokio::test]
async fn many_bad_clients_at_once_leave_room_for_a_good_one() {
    let edge = edge(|_| {}).await;
    let bad = (0..100).map(|i| case(format!("bad {i}"), [frame(3 + i % 5, vec![i; 100])], [], PROTOCOL_ERROR));
    run_at(&edge, bad.chain([case("good", [frame(TEXT, echoing("good"))], [Reply::Echo("good".into())], End::Open)])).await;
}
