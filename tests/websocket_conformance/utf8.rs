//! Section 6: text is UTF-8, wherever it is cut.

use crate::case::{Case, Chop, End, NOT_UTF8, Reply, case, echoing, run};
use crate::client::{CONTINUATION, PING, TEXT, fragments, frame};

/// κόσμε, with an accent of three bytes.
const GREEK: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// Sequences of Markus Kuhn's UTF-8 test, in the order of the suite, which begins at 6.5: valid ones, and ones that are not.
fn table() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let own = |sequences: &[&[u8]]| sequences.iter().map(|s| s.to_vec()).collect::<Vec<_>>();
    let lonely = |first: u8, last: u8| (first..last).flat_map(|byte| [byte, b' ']).collect::<Vec<u8>>();
    let cut: [&[u8]; 10] = [
        b"\xc0",
        b"\xe0\x80",
        b"\xf0\x80\x80",
        b"\xf8\x80\x80\x80",
        b"\xfc\x80\x80\x80\x80",
        b"\xdf",
        b"\xef\xbf",
        b"\xf7\xbf\xbf",
        b"\xfb\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf",
    ];
    let mut unexpected: Vec<Vec<u8>> = own(&[b"\x80", b"\xbf"]);
    unexpected.extend((2..=6).map(|count| [0x80, 0xbf].into_iter().cycle().take(count).collect()));
    unexpected.push((0x80..0xbf).collect());
    let mut no_characters = own(&[b"\xef\xbf\xbe", b"\xef\xbf\xbf"]);
    // The last two code points of every plane.
    no_characters.extend(
        (1..=16)
            .flat_map(|plane: u32| [plane << 16 | 0xFFFE, plane << 16 | 0xFFFF])
            .map(|code| char::from_u32(code).unwrap().to_string().into_bytes()),
    );
    let specials = (0xFFF9..=0xFFFF_u32).map(|code| char::from_u32(code).unwrap().to_string().into_bytes()).collect();
    vec![
        ("valid", own(&[b"hello$world", "hello\u{A2}world".as_bytes(), "hello€world".as_bytes(), "hello\u{24B62}world".as_bytes(), GREEK])),
        ("prefixes", (1..=GREEK.len()).map(|length| GREEK[..length].to_vec()).collect()),
        ("first of a length", own(&[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"])),
        ("first of 5 and 6", own(&[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"])),
        ("last of a length", own(&[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"])),
        ("last of 4, 5 and 6", own(&[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"])),
        ("boundaries", own(&[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"])),
        ("unexpected continuations", unexpected),
        ("lonely starts", [(0xc0, 0xdf), (0xe0, 0xef), (0xf0, 0xf7), (0xf8, 0xfb), (0xfc, 0xfd)].map(|(a, b)| lonely(a, b)).to_vec()),
        ("the last byte missing", own(&cut)),
        ("cut ones together", vec![cut.concat()]),
        ("impossible bytes", own(&[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"])),
        ("overlong slash", own(&[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"])),
        (
            "longest overlong",
            own(&[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"]),
        ),
        ("overlong NUL", own(&[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"])),
        ("surrogates", [0xA080, 0xADBF, 0xAE80, 0xAFBF, 0xB080, 0xBE80, 0xBFBF].map(surrogate).to_vec()),
        ("pairs of surrogates", {
            let pairs = [0xA080, 0xADBF, 0xAE80, 0xAFBF].into_iter().flat_map(|high| [(high, 0xB080), (high, 0xBFBF)]);
            pairs.map(|(high, low)| [surrogate(high), surrogate(low)].concat()).collect()
        }),
        ("no characters", no_characters),
        ("specials", specials),
    ]
}

fn surrogate(tail: u16) -> Vec<u8> {
    [&[0xED], tail.to_be_bytes().as_slice()].concat()
}

/// A sequence as it is, and inside a request, which has to come back with it.
fn sequence(name: &str, bytes: &[u8]) -> Vec<Case> {
    let (bare, end) = match std::str::from_utf8(bytes) {
        Ok(_) => (vec![Reply::Error("not_json")], End::Open),
        Err(_) => (vec![], NOT_UTF8),
    };
    let cut = |payload: &[u8]| [vec![frame(TEXT, payload)], fragments(TEXT, payload, 1)];
    let mut cases: Vec<Case> = cut(bytes).into_iter().map(|frames| case(name, frames, bare.clone(), end)).collect();
    let request = [br#"{"op":"unsubscribe","id":""#.as_slice(), bytes, b"\"}"].concat();
    let replies = match std::str::from_utf8(bytes) {
        Ok("\0") => vec![Reply::Error("not_json")],
        Ok(text) => vec![Reply::Echo(text.to_owned())],
        Err(_) => vec![],
    };
    cases.extend(cut(&request).into_iter().map(|frames| case(format!("{name} in a request"), frames, replies.clone(), end)));
    cases
}

#[tokio::test]
async fn sections_6_1_and_6_2_valid_text_is_taken_wherever_it_is_cut() {
    const TEXT_1: &str = "Hello-µ@ßöä";
    const TEXT_2: &str = "üàá-UTF-8!!";
    let empty = frame(TEXT, "");
    let whole = [TEXT_1, TEXT_2].concat();
    let echoed = || [Reply::Echo(whole.clone())];
    let (request, middle) = (echoing(&whole), echoing("middle"));
    let boundary = request.find(TEXT_2).unwrap();
    run([
        case("6.1.1", [empty.clone()], [Reply::Error("not_json")], End::Open),
        case(
            "6.1.2",
            [empty.clone().unfinished(), frame(CONTINUATION, "").unfinished(), frame(CONTINUATION, "")],
            [Reply::Error("not_json")],
            End::Open,
        ),
        case(
            "6.1.3",
            [empty.unfinished(), frame(CONTINUATION, middle).unfinished(), frame(CONTINUATION, "")],
            [Reply::Echo("middle".into())],
            End::Open,
        ),
        case("6.2.1", [frame(TEXT, &request)], echoed(), End::Open),
        case("6.2.2", [frame(TEXT, &request[..boundary]).unfinished(), frame(CONTINUATION, &request[boundary..])], echoed(), End::Open),
        case("6.2.3", fragments(TEXT, request.as_bytes(), 1), echoed(), End::Open),
        case("6.2.4", fragments(TEXT, echoing("κόσμε").as_bytes(), 1), [Reply::Echo("κόσμε".into())], End::Open),
    ])
    .await;
}

#[tokio::test]
async fn sections_6_3_and_6_4_invalid_text_ends_the_connection_as_soon_as_it_is_seen() {
    let edited = |bad: &[u8]| [GREEK, bad, b"edited"].concat();
    let (surrogate, beyond) = (edited(b"\xed\xa0\x80"), edited(b"\xf4\x90\x80\x80"));
    // Whether the part before is taken is seen by a ping, which is answered; the part that is wrong is not waited behind.
    let alive = || (frame(PING, "still there"), Reply::Pong(b"still there".to_vec()));
    let in_frames = |name: &str, first: usize, second: usize| {
        let (ping, pong) = alive();
        case(name, [frame(TEXT, &beyond[..first]).unfinished(), ping], [pong], NOT_UTF8).heard(1).then([frame(
            CONTINUATION,
            &beyond[first..second],
        )
        .unfinished()])
    };
    // A frame is judged when all of it is there (the suite calls that "non-strict", and passes it).
    let chops = |name: &str, size: usize| case(name, [frame(TEXT, &beyond)], [], NOT_UTF8).chopped(Chop::Bytes(size));
    run([
        case("6.3.1", [frame(TEXT, &surrogate)], [], NOT_UTF8),
        case("6.3.2", fragments(TEXT, &surrogate, 1), [], NOT_UTF8),
        in_frames("6.4.1", 11, 15),
        in_frames("6.4.2", 12, 13),
        chops("6.4.3", 6 + 11),
        chops("6.4.4", 6 + 12),
    ])
    .await;
}

#[tokio::test]
async fn sections_6_5_to_6_23_every_sequence_is_told_valid_or_not() {
    let table = table();
    assert_eq!(table.iter().map(|(_, sequences)| sequences.len()).sum::<usize>(), 132);
    let named = (5..).zip(&table).flat_map(|(section, (about, sequences))| {
        (1..).zip(sequences).map(move |(number, bytes)| (format!("6.{section}.{number} {about}"), bytes))
    });
    run(named.flat_map(|(name, bytes)| sequence(&name, bytes)).collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn a_code_point_may_be_cut_anywhere_between_fragments() {
    let text = echoing("a\u{A2}€\u{24B62}z");
    let cuts = 1..text.len();
    run(cuts.flat_map(|at| {
        let frames = [frame(TEXT, &text.as_bytes()[..at]).unfinished(), frame(CONTINUATION, &text.as_bytes()[at..])];
        case(format!("cut at {at}"), frames, [Reply::Echo("a\u{A2}€\u{24B62}z".into())], End::Open).every_way()
    }))
    .await;
}

#[tokio::test]
async fn text_that_ends_inside_a_code_point_ends_the_connection() {
    let cases = [&b"\xce"[..], b"\xe1\xbd", b"\xf0\xa4\xad"].into_iter().flat_map(|cut| {
        let last = [frame(TEXT, "valid ").unfinished(), frame(CONTINUATION, cut)];
        let empty_last = [frame(TEXT, cut).unfinished(), frame(CONTINUATION, "")];
        [case("in the last fragment", last, [], NOT_UTF8), case("before an empty one", empty_last, [], NOT_UTF8)]
    });
    run(cases).await;
}
