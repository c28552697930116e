//! Bytes from a peer that is broken or hostile: a value or an error, never a panic, never memory without bound.
//!
//! More cases: `PROPTEST_CASES`, and `tests/soak`. The targets under `fuzz/` check the same with a fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

mod calls;
mod frames;
mod mutation;
mod recorded;

use std::collections::BTreeSet;

use callcast::cti::LineHandle;
use callcast::ctiqbe::messages::{ExistingCallEvent, NewCallEvent};
use callcast::ctiqbe::{FRAME_LIMIT, Frame};
use mutation::{Mutation, mutation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// 1024 cases, and more when `PROPTEST_CASES` asks for more than its 256. A failure prints its input: no file keeps it.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.saturating_mul(4), failure_persistence: None, ..default }
}

/// A recorded message with some of its bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let frames = recorded::messages();
    (any::<Index>(), vec(mutation(), 0..5), any::<bool>()).prop_map(move |(which, mutations, honest)| {
        let mut bytes = which.get(&frames).clone();
        mutations.iter().for_each(|m: &Mutation| m.apply(&mut bytes));
        if honest {
            mutation::set_header(&mut bytes);
        }
        bytes
    })
}

/// What happens to a message of a session.
#[derive(Clone, Debug)]
enum Change {
    Drop,
    Repeat,
    Mutate(Mutation),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![1 => Just(Change::Drop), 1 => Just(Change::Repeat), 4 => mutation().prop_map(Change::Mutate)]
}

/// The lines on which the messages of a session bring calls.
fn lines(messages: &[Vec<u8>]) -> BTreeSet<(i32, i32)> {
    let line = |bytes: &Vec<u8>| {
        let frame = Frame::split(bytes, FRAME_LIMIT).unwrap()?;
        let new = frame.decode::<NewCallEvent<'_>>().map(|call| (call.line_call_manager_id, call.line_id));
        new.or_else(|_| frame.decode::<ExistingCallEvent<'_>>().map(|call| (call.line_call_manager_id, call.line_id))).ok()
    };
    messages.iter().filter_map(line).collect()
}

fn check(frame: &Frame<'_>) {
    frames::table(frame);
    frames::messages(frame);
}

#[test]
fn every_recorded_message_passes_what_hostile_bytes_have_to() {
    let mut checked = 0;
    for bytes in recorded::messages() {
        frames::stream(&bytes, |frame| {
            check(frame);
            checked += 1;
        });
    }
    assert_eq!(checked, 642);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_at_all_are_frames_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        frames::stream(&bytes, check);
    }

    #[test]
    fn any_fields_behind_an_honest_header_are_a_value_or_an_error(id in 0_u32..400, fields in vec(mutation::word(), 0..64)) {
        let mut bytes = mutation::header(id);
        bytes.extend(fields.into_iter().flat_map(u32::to_le_bytes));
        mutation::set_header(&mut bytes);
        frames::stream(&bytes, check);
    }

    #[test]
    fn a_mutated_message_is_a_value_or_an_error(bytes in mutated()) {
        frames::stream(&bytes, check);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_frames(messages in vec(mutated(), 1..6), cuts in vec(any::<Index>(), 0..12)) {
        let stream = messages.concat();
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).chain([0, stream.len()]).collect();
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        let (frames, error) = frames::arriving(pieces);
        let (frames_at_once, error_at_once) = frames::arriving(std::iter::once(&stream[..]));
        prop_assert_eq!(frames, frames_at_once);
        prop_assert_eq!(error.is_some(), error_at_once.is_some());
    }

    #[test]
    fn a_frame_is_refused_as_too_long_before_it_is_awaited(claimed in FRAME_LIMIT as u32 - 7.., rest in vec(any::<u8>(), 0..8)) {
        let mut bytes = mutation::header(0);
        bytes[..4].copy_from_slice(&claimed.to_le_bytes());
        bytes.truncate(12 + rest.len());
        prop_assert!(frames::arriving(std::iter::once(&bytes[..])).1.is_some());
    }

    #[test]
    fn calls_of_a_mutated_session_all_end(which: Index, changes in vec((any::<Index>(), change()), 0..12)) {
        let mut messages = which.get(&recorded::SESSIONS).clone();
        let lines = lines(&messages);
        for (at, change) in changes {
            let at = at.index(messages.len());
            match change {
                Change::Drop => messages[at].clear(),
                Change::Repeat => messages.insert(at, messages[at].clone()),
                Change::Mutate(mutation) => {
                    mutation.apply(&mut messages[at]);
                    mutation::set_header(&mut messages[at]);
                }
            }
        }
        let lines = lines.into_iter().map(|(call_manager, line)| LineHandle { call_manager, line });
        calls::messages(lines, messages.iter().map(Vec::as_slice));
    }

    #[test]
    fn calls_of_any_script_all_end(script in vec(any::<u8>(), 0..400)) {
        calls::run(&script);
    }
}
