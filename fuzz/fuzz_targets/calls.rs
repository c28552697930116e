//! The call model under a script of anything: messages in any order, lines and devices that come and go.

#![no_main]

#[path = "../../tests/hostile_bytes/calls.rs"]
#[allow(dead_code)] // the tests show it recorded sessions too
mod calls;

libfuzzer_sys::fuzz_target!(|script: &[u8]| calls::run(script));
