//! Sections 1 to 5: lengths, pings and pongs, reserved bits, opcodes, fragments.

use crate::case::{Case, Chop, End, PROTOCOL_ERROR, Reply, case, echoing, echoing_of, run};
use crate::client::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, fragments, frame};

const HELLO: &str = "Hello, world!";

fn echo(id: &str) -> Reply {
    Reply::Echo(id.to_owned())
}

fn pong(payload: impl AsRef<[u8]>) -> Reply {
    Reply::Pong(payload.as_ref().to_vec())
}

fn hello() -> Frame {
    frame(TEXT, echoing(HELLO))
}

#[tokio::test]
async fn section_1_frames_of_all_lengths_are_read() {
    let mut cases = vec![
        case("1.1.1", [frame(TEXT, "")], [Reply::Error("not_json")], End::Open),
        case("1.2.1", [frame(BINARY, "")], [Reply::Error("not_text")], End::Open),
    ];
    for (number, length) in (2..).zip([125, 126, 127, 128, 65535, 65536]) {
        cases.push(case(format!("1.1.{number}"), [frame(TEXT, echoing_of(length, HELLO))], [echo(HELLO)], End::Open));
        cases.push(case(format!("1.2.{number}"), [frame(BINARY, vec![0xFE; length])], [Reply::Error("not_text")], End::Open));
    }
    cases.push(case("1.1.8", [frame(TEXT, echoing_of(65536, HELLO))], [echo(HELLO)], End::Open).chopped(Chop::Bytes(997)));
    cases.push(case("1.2.8", [frame(BINARY, vec![0xFE; 65536])], [Reply::Error("not_text")], End::Open).chopped(Chop::Bytes(997)));
    run(cases).await;
}

#[tokio::test]
async fn section_2_a_ping_is_answered_by_its_payload_and_a_pong_by_nothing() {
    let many = || (0..10).map(|i| format!("payload-{i}"));
    let pings = || case("2.10", many().map(|payload| frame(PING, payload)), many().map(pong).collect::<Vec<_>>(), End::Open);
    let full = [0xFE; 125];
    run([
        case("2.1", [frame(PING, "")], [pong("")], End::Open),
        case("2.2", [frame(PING, HELLO)], [pong(HELLO)], End::Open),
        case("2.3", [frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], [pong(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], End::Open),
        case("2.4", [frame(PING, full)], [pong(full)], End::Open),
        case("2.5", [frame(PING, [0xFE; 126])], [], PROTOCOL_ERROR),
        case("2.6", [frame(PING, full)], [pong(full)], End::Open).chopped(Chop::Bytes(1)),
        case("2.7", [frame(PONG, "")], [], End::Open),
        case("2.8", [frame(PONG, "unsolicited")], [], End::Open),
        case("2.9", [frame(PONG, "unsolicited"), frame(PING, "ping")], [pong("ping")], End::Open),
        pings(),
        pings().chopped(Chop::Frames),
        pings().chopped(Chop::Bytes(1)),
        case("a pong of 126 bytes", [frame(PONG, [0xFE; 126])], [], PROTOCOL_ERROR),
    ])
    .await;
}

#[tokio::test]
async fn section_3_reserved_bits_end_the_connection() {
    let second = |rsv| [hello(), hello().rsv(rsv), frame(PING, "")];
    run([
        case("3.1", [hello().rsv(1)], [], PROTOCOL_ERROR),
        case("3.2", second(2), [echo(HELLO)], PROTOCOL_ERROR),
        case("3.3", second(3), [echo(HELLO)], PROTOCOL_ERROR).chopped(Chop::Frames),
        case("3.4", second(4), [echo(HELLO)], PROTOCOL_ERROR).chopped(Chop::Bytes(1)),
        case("3.5", [frame(BINARY, b"\x00\xff").rsv(5)], [], PROTOCOL_ERROR),
        case("3.6", [frame(PING, HELLO).rsv(6)], [], PROTOCOL_ERROR),
        case("3.7", [frame(CLOSE, "").rsv(7)], [], PROTOCOL_ERROR),
        case("on a continuation", [frame(TEXT, "a").unfinished(), frame(CONTINUATION, "b").rsv(4)], [], PROTOCOL_ERROR),
    ])
    .await;
}

#[tokio::test]
async fn section_4_reserved_opcodes_end_the_connection() {
    let after = |opcode, payload: &str| [hello(), frame(opcode, payload), frame(PING, "")];
    run([
        case("4.1.1", [frame(3, "")], [], PROTOCOL_ERROR),
        case("4.1.2", [frame(4, "reserved opcode payload")], [], PROTOCOL_ERROR),
        case("4.1.3", after(5, ""), [echo(HELLO)], PROTOCOL_ERROR),
        case("4.1.4", after(6, HELLO), [echo(HELLO)], PROTOCOL_ERROR),
        case("4.1.5", after(7, HELLO), [echo(HELLO)], PROTOCOL_ERROR).chopped(Chop::Bytes(1)),
        case("4.2.1", [frame(11, "")], [], PROTOCOL_ERROR),
        case("4.2.2", [frame(12, "reserved opcode payload")], [], PROTOCOL_ERROR),
        case("4.2.3", after(13, ""), [echo(HELLO)], PROTOCOL_ERROR),
        case("4.2.4", after(14, HELLO), [echo(HELLO)], PROTOCOL_ERROR),
        case("4.2.5", after(15, HELLO), [echo(HELLO)], PROTOCOL_ERROR).chopped(Chop::Bytes(1)),
    ])
    .await;
}

/// Two fragments of [`hello`], and what is sent between them.
fn halves(between: impl IntoIterator<Item = Frame>) -> Vec<Frame> {
    let text = echoing(HELLO);
    let (first, second) = text.split_at(15);
    let mut frames = vec![frame(TEXT, first).unfinished()];
    frames.extend(between);
    frames.push(frame(CONTINUATION, second));
    frames
}

#[tokio::test]
async fn section_5_fragments_are_put_together_and_wrong_ones_end_the_connection() {
    let nothing_to_continue = |fin: bool| [Frame { fin, ..frame(CONTINUATION, "non-continuation payload") }, hello()];
    let twice = |fin: bool| {
        let once =
            [Frame { fin, ..frame(CONTINUATION, "fragment1") }, frame(TEXT, "fragment2").unfinished(), frame(CONTINUATION, "fragment3")];
        [once.clone(), once].concat()
    };
    let mut after_a_whole_one = halves([]);
    after_a_whole_one.extend([frame(CONTINUATION, "fragment3").unfinished(), frame(TEXT, "fragment4")]);
    let mut cases = vec![
        case("5.1", [frame(PING, "fragment1").unfinished(), frame(CONTINUATION, "fragment2")], [], PROTOCOL_ERROR),
        case("5.2", [frame(PONG, "fragment1").unfinished(), frame(CONTINUATION, "fragment2")], [], PROTOCOL_ERROR),
        case("a close in two fragments", [frame(CLOSE, b"\x03\xe8").unfinished(), frame(CONTINUATION, "")], [], PROTOCOL_ERROR),
        case("5.15", after_a_whole_one, [echo(HELLO)], PROTOCOL_ERROR),
        case("5.16", twice(false), [], PROTOCOL_ERROR),
        case("5.17", twice(true), [], PROTOCOL_ERROR),
        case("5.18", [frame(TEXT, "fragment1").unfinished(), frame(TEXT, "fragment2")], [], PROTOCOL_ERROR),
        case("binary in text", [frame(TEXT, "fragment1").unfinished(), frame(BINARY, "fragment2")], [], PROTOCOL_ERROR),
    ];
    // 5.3 to 5.5, 5.6 to 5.8, 5.9 to 5.11, 5.12 to 5.14
    cases.extend(case("5.3", halves([]), [echo(HELLO)], End::Open).every_way());
    cases.extend(case("5.6", halves([frame(PING, "ping")]), [pong("ping"), echo(HELLO)], End::Open).every_way());
    cases.extend(case("5.9", nothing_to_continue(true), [], PROTOCOL_ERROR).every_way());
    cases.extend(case("5.12", nothing_to_continue(false), [], PROTOCOL_ERROR).every_way());
    cases.extend(pings_between_five_fragments().every_way());
    run(cases).await;
}

/// 5.19 and 5.20: the first ping is answered before the message is finished.
fn pings_between_five_fragments() -> Case {
    let text = echoing(HELLO);
    let pieces = fragments(TEXT, text.as_bytes(), text.len().div_ceil(5));
    let [a, b, c, d, e] = pieces.try_into().map_err(|_| "five").unwrap();
    case("5.19", [a, b, frame(PING, "pongme 1!")], [pong("pongme 1!"), pong("pongme 2!"), echo(HELLO)], End::Open).heard(1).then([
        c,
        d,
        frame(PING, "pongme 2!"),
        e,
    ])
}

#[tokio::test]
async fn a_request_in_fragments_of_any_size_with_pings_between_is_one_request() {
    let text = echoing(HELLO);
    let sizes = 1..=text.len();
    run(sizes.flat_map(|size| {
        let mut frames = Vec::new();
        let mut pongs = Vec::new();
        for (i, piece) in fragments(TEXT, text.as_bytes(), size).into_iter().enumerate() {
            frames.extend([frame(PING, [i as u8]), piece]);
            pongs.push(pong([i as u8]));
        }
        pongs.push(echo(HELLO));
        case(format!("fragments of {size}"), frames, pongs, End::Open).every_way()
    }))
    .await;
}
