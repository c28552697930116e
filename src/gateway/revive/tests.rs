//! Which calls a log says are up.

use super::*;
use crate::calls::Ids;
use crate::journal::{Journal, Keys, Record};

const A: Uuid = Uuid::from_u128(10);
const B: Uuid = Uuid::from_u128(11);
const C: Uuid = Uuid::from_u128(12);

/// A log with these events of calls.
fn log(events: &[(Uuid, String)]) -> Journal {
    let journal = Journal::temporary().unwrap();
    for ((call, event), sequence) in events.iter().zip(1..) {
        let mut keys = Keys::default();
        keys.push(keys::CALL, call.as_bytes());
        if event.contains("call.ended") {
            keys.push(keys::ENDED, "");
        }
        let event = if event.contains("erased") { "" } else { event };
        journal.append([Record { sequence, time: Timestamp(sequence * 1_000_000), keys: &keys, event: event.as_bytes() }]).unwrap();
    }
    journal
}

fn event(call: Uuid, kind: &str, more: &str) -> (Uuid, String) {
    let text = format!(
        r#"{{"source":"/cucm/test","type":"callcast.{kind}","time":"2026-11-25T08:00:00Z","data":{{"call_id":"{call}","global_call_id":"1/{}"{more}}}}}"#,
        call.as_u128()
    );
    (call, text)
}

fn leg(call: Uuid, device: u8) -> (Uuid, String) {
    let more = format!(
        r#","leg_id":"1/{device}","device":{{"name":"SEP{device}","model":"","kind":"phone"}},"user":null,"line":{{"dn":"{device}","partition":""}},"direction":"inbound","state":"connected","previous_state":null,"reason":"direct""#
    );
    event(call, "leg.connected", &more)
}

/// What is up, and how many legs it has.
fn up(journal: &Journal, checkpoint: Option<(Sequence, Vec<u8>)>) -> Vec<Uuid> {
    let mut up: Vec<Uuid> = read(journal.reader(), checkpoint).unwrap().calls.iter().map(Revived::id).collect();
    up.sort();
    up
}

#[test]
fn a_call_is_up_that_began_and_did_not_end() {
    let log = log(&[event(A, "call.started", ""), leg(A, 1), event(B, "call.started", ""), leg(B, 2), event(A, "call.ended", "")]);
    assert_eq!(up(&log, None), [B]);
}

#[test]
fn a_checkpoint_says_what_was_up_before() {
    let events = [leg(A, 1), leg(B, 2), leg(C, 3), event(B, "call.ended", "")];
    let log = log(&events);
    let mut known = vec![VERSION];
    for id in [A, B] {
        known.push(1);
        known.extend_from_slice(id.as_bytes());
    }
    assert_eq!(up(&log, Some((2, known))), [A, C]);
}

#[test]
fn a_checkpoint_that_is_none_of_ours_is_as_good_as_none() {
    let log = log(&[leg(A, 1)]);
    for bytes in [&b""[..], b"\x02", b"\x01\x01short", b"\x01\x00"] {
        assert_eq!(up(&log, Some((1, bytes.into()))), [A], "{bytes:?}");
    }
}

#[test]
fn a_call_whose_end_was_erased_is_over() {
    let log = log(&[leg(A, 1), event(A, "call.ended", r#","erased":1"#)]);
    assert!(up(&log, None).is_empty());
}

#[test]
fn legs_that_moved_with_a_merge_are_found_in_the_story_of_the_call_that_is_no_more() {
    let merged = event(B, "call.merged", &format!(r#","merged_into":"{A}""#));
    let log = log(&[leg(A, 1), leg(B, 2), merged]);
    let past = read(log.reader(), None).unwrap();
    assert_eq!(past.calls(), 1);
    let mut model = CallModel::new(Ids::seeded(1), false);
    past.revive(&mut model, 1, Timestamp(9_000_000));
    assert_eq!((model.calls(), model.legs()), (1, 2));
    // And the same by the checkpoint of the next run.
    let again = read(log.reader(), Some((3, checkpoint(&model)))).unwrap();
    let mut model = CallModel::new(Ids::seeded(1), false);
    again.revive(&mut model, 1, Timestamp(9_000_000));
    assert_eq!((model.calls(), model.legs()), (1, 2));
}

#[test]
fn nonsense_in_the_log_is_passed_over() {
    let nonsense = (C, "{\"type\":7".to_owned());
    let log = log(&[nonsense.clone(), leg(A, 1), nonsense]);
    assert_eq!(up(&log, None), [A]);
}
