//! Section 7: how a connection ends when the client closes it.

use crate::case::{Case, End, NOT_UTF8, PROTOCOL_ERROR, Reply, case, echoing, run};
use crate::client::{CLOSE, CONTINUATION, Frame, PING, TEXT, frame};

const NORMAL: End = End::Closed(&[1000]);

fn close(code: u16, reason: impl AsRef<[u8]>) -> Frame {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_ref()].concat())
}

#[tokio::test]
async fn section_7_1_a_close_is_answered_once_and_what_follows_it_by_nothing() {
    let (normal, echo) = (close(1000, ""), || Reply::Echo("Hello World!".into()));
    let hello = || frame(TEXT, echoing("Hello World!"));
    let mut long = echoing("long").into_bytes();
    long.resize(256 * 1024, b' ');
    let cases = [
        case("7.1.1", [hello(), normal.clone()], [echo()], NORMAL),
        case("7.1.2", [normal.clone(), frame(CLOSE, "")], [], NORMAL),
        case("7.1.3", [normal.clone(), frame(PING, "")], [], NORMAL),
        case("7.1.4", [normal.clone(), hello()], [], NORMAL),
        case("7.1.5", [frame(TEXT, "fragment1").unfinished(), normal.clone(), frame(CONTINUATION, "fragment2")], [], NORMAL),
        case("7.1.6", [frame(TEXT, long), hello(), normal.clone(), frame(PING, "")], [Reply::Error("too_long"), echo()], NORMAL),
        case("garbage after a close", [normal.clone()], [], NORMAL).then_bytes([0xFF; 4096]),
        case("a megabyte after a close", [normal, frame(TEXT, vec![b' '; 1 << 20])], [], NORMAL),
    ];
    run(cases.into_iter().flat_map(|case| if case.is_short() { case.every_way().collect() } else { vec![case] })).await;
}

#[tokio::test]
async fn sections_7_3_and_7_5_what_stands_in_a_close_frame() {
    let cases = [
        case("7.3.1", [frame(CLOSE, "")], [], End::Closed(&[1000, 1005])),
        case("7.3.2", [frame(CLOSE, "a")], [], PROTOCOL_ERROR),
        case("7.3.3", [close(1000, "")], [], NORMAL),
        case("7.3.4", [close(1000, "Hello World!")], [], NORMAL),
        case("7.3.5", [close(1000, [b'*'; 123])], [], NORMAL),
        case("7.3.6", [close(1000, [b'*'; 124])], [], PROTOCOL_ERROR),
        case("7.5.1", [close(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64")], [], NOT_UTF8),
        case("a reason cut in a code point", [close(1000, b"ok \xe2\x82")], [], NOT_UTF8),
    ];
    run(cases.into_iter().flat_map(Case::every_way)).await;
}

#[tokio::test]
async fn section_7_7_valid_codes_are_echoed() {
    const CODES: [u16; 15] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999];
    run(CODES.iter().map(|code| case(format!("7.7 {code}"), [close(*code, "")], [], End::Closed(std::slice::from_ref(code))))).await;
}

#[tokio::test]
async fn sections_7_9_and_7_13_invalid_codes_are_a_protocol_error() {
    const CODES: [u16; 16] = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 32768, 65535];
    run(CODES.map(|code| case(format!("7.9 {code}"), [close(code, "")], [], PROTOCOL_ERROR))).await;
}
