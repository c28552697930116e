//! A stream of any bytes: cut into frames, each decoded by the table and by its struct, and written and read again.

#![no_main]

#[path = "../../tests/hostile_bytes/frames.rs"]
mod frames;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    frames::stream(bytes, |frame| {
        frames::table(frame);
        frames::messages(frame);
    });
});
