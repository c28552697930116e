//! What the tests share that kill a gateway under load: the gateway as a process, the cluster that it watches, what is set from outside.

pub mod gateway;

use std::io::Write as _;
use std::time::Duration;

use callcast::sim::{CallMix, Config, FeatureMix};

/// How long anything may take before the test gives up.
pub const LIMIT: Duration = Duration::from_secs(120);
/// Events that a generated call makes, on the average.
const PER_CALL: f64 = 17.0;
/// How long a call rings and talks, on the average.
const RING: Duration = Duration::from_millis(500);
const TALK: Duration = Duration::from_millis(2500);

/// A number from the environment.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// Prints although the test passes.
pub fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// A cluster that makes so many events a second.
pub fn cluster(events_per_second: u64) -> Config {
    let per_second = events_per_second as f64 / PER_CALL;
    // Each call takes two phones, and some three; one in three is free.
    let devices = (per_second * (RING + TALK).as_secs_f64() * 3.5) as u32;
    // A party that waits at a park number, out of sight, is waited for longer than this takes.
    let features = FeatureMix { parked: 0.0, ..FeatureMix::default() };
    let calls = CallMix { per_second, ring: RING, talk: TALK, no_answer: 0.0, features, ..CallMix::default() };
    Config { devices: devices.max(20), hunt_pilots: 5, calls, ..Config::default() }
}
