//! A message of any fields behind an honest header, so that the fuzzer need not find one: two bytes of id, one of the length of the
//! fixed part in words, then the fields.

#![no_main]

use callcast::ctiqbe::{HEADER, MAGIC, VERSION_12_5};

#[path = "../../tests/hostile_bytes/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [low, high, words, fields @ ..] = bytes else { return };
    let fixed = (usize::from(*words) * 4).min(fields.len());
    let id = u16::from_le_bytes([*low, *high]).into();
    let lengths = [fixed, fields.len() - fixed].map(|length| length as u32);
    let all = (HEADER - 8 + fields.len()) as u32;
    let header = [all, 0, MAGIC, VERSION_12_5, id, HEADER as u32, lengths[0], lengths[1]];
    let mut message: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    message.extend_from_slice(fields);
    frames::stream(&message, |frame| {
        frames::table(frame);
        frames::messages(frame);
    });
});
