//! Sections 9 and 10: large messages, many messages, many fragments. The suite sends up to 16 MiB; here once to a server that allows
//! that much, and once to one with the limits that it has by itself.

use crate::case::{Case, Chop, End, Reply, TOO_BIG, case, echoing_of, run, run_at};
use crate::client::{BINARY, CLOSE, CONTINUATION, Raw, Received, TEXT, fragments, frame};
use crate::harness::{Edge, edge};

const MIB: usize = 1 << 20;

async fn roomy() -> Edge {
    edge(|config| {
        config.websocket.max_message_bytes = 16 * MIB;
        // A thousand messages are sent as fast as they are answered.
        config.websocket.messages_per_second = 1_000_000;
    })
    .await
}

fn echo() -> Vec<Reply> {
    vec![Reply::Echo("large".into())]
}

fn not_text() -> Vec<Reply> {
    vec![Reply::Error("not_text")]
}

#[tokio::test]
async fn sections_9_1_and_9_2_a_large_message_in_one_frame() {
    let sizes = [64 << 10, 256 << 10, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
    for (number, size) in (1..).zip(sizes) {
        let text = case(format!("9.1.{number}"), [frame(TEXT, echoing_of(size, "large"))], echo(), End::Open);
        run_at(&roomy().await, [text, case(format!("9.2.{number}"), [frame(BINARY, vec![0; size])], not_text(), End::Open)]).await;
    }
}

#[tokio::test]
async fn sections_9_3_and_9_4_a_large_message_in_many_fragments() {
    let edge = roomy().await;
    let (text, binary) = (echoing_of(4 * MIB, "large"), vec![0xFE; 4 * MIB]);
    for (number, size) in (1..).zip([64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MIB, 4 * MIB]) {
        let texts = case(format!("9.3.{number}"), fragments(TEXT, &text, size), echo(), End::Open);
        run_at(&edge, [texts, case(format!("9.4.{number}"), fragments(BINARY, &binary, size), not_text(), End::Open)]).await;
    }
}

#[tokio::test]
async fn sections_9_5_and_9_6_a_large_message_in_many_writes() {
    let edge = roomy().await;
    run_at(
        &edge,
        (1..).zip([64, 128, 256, 512, 1024, 2048]).flat_map(|(number, size)| {
            let text = case(format!("9.5.{number}"), [frame(TEXT, echoing_of(MIB, "large"))], echo(), End::Open);
            let binary = case(format!("9.6.{number}"), [frame(BINARY, vec![0xFE; MIB])], not_text(), End::Open);
            [text, binary].map(|case| case.chopped(Chop::Bytes(size)))
        }),
    )
    .await;
}

#[tokio::test]
async fn sections_9_7_and_9_8_a_thousand_messages_one_after_the_other() {
    let edge = roomy().await;
    run_at(
        &edge,
        (1..).zip([0, 16, 64, 256, 1024, 4096]).flat_map(|(number, size)| {
            let one_by_one = |opcode, reply: &'static str| {
                let replies = vec![Reply::Error(reply); 1000];
                let none = case(format!("9.7.{number} opcode {opcode}"), [], replies, End::Open);
                (1..=1000).fold(none, |case, count| case.then([frame(opcode, vec![b'*'; size])]).heard(count))
            };
            [one_by_one(TEXT, "not_json"), one_by_one(BINARY, "not_text")]
        }),
    )
    .await;
}

#[tokio::test]
async fn section_10_a_message_in_fragments_of_1300_bytes() {
    run([case("10.1.1", fragments(TEXT, &echoing_of(65536, "large"), 1300), echo(), End::Open)]).await;
}

#[tokio::test]
async fn a_message_past_the_limit_is_answered_and_one_far_past_it_ends_the_connection() {
    let too_long = || vec![Reply::Error("too_long")];
    let text = |size| frame(TEXT, echoing_of(size, "large"));
    let in_fragments = |opcode, size: usize| fragments(opcode, &vec![b' '; size], 4096);
    let cases: Vec<Case> = vec![
        case("the limit", [text(64 << 10)], echo(), End::Open),
        case("a byte more", [text((64 << 10) + 1)], too_long(), End::Open),
        case("four times", [text(256 << 10)], too_long(), End::Open),
        case("four times and a byte", [text((256 << 10) + 1)], vec![], TOO_BIG),
        case("16 MiB", [text(16 * MIB)], vec![], TOO_BIG),
        case("four times in fragments", in_fragments(TEXT, 256 << 10), too_long(), End::Open),
        case("four times and more in fragments", in_fragments(TEXT, 260 << 10), vec![], TOO_BIG),
        case("four times and more of binary", in_fragments(BINARY, 260 << 10), vec![], TOO_BIG),
    ];
    run(cases).await;
}

#[tokio::test]
async fn section_9_9_a_message_without_end_is_ended() {
    let edge = edge(|_| {}).await;
    let mut client = Raw::open(edge.address).await;
    let mut opcode = TEXT;
    // Until the server takes no more: it is not to keep what has no end.
    while client.send(&frame(opcode, [b'*'; 4096]).unfinished().bytes()).await {
        opcode = CONTINUATION;
        if let Some(received) = client.received().await {
            assert!(matches!(received, Received::Close(1009, _)), "{received:?}");
            break;
        }
    }
    client.send(&frame(CLOSE, 1009_u16.to_be_bytes()).bytes()).await;
    assert_eq!(client.receive().await, Received::End);
}
