//! Where new call ids come from: outside, so that the same input gives the same events.

use uuid::{Builder, Uuid};

use crate::time::Timestamp;

/// A source of call ids: UUIDs of version 7, which sort by the time at which the call began.
#[derive(Clone, Debug)]
pub struct Ids {
    random: fastrand::Rng,
}

impl Ids {
    /// A source that gives the same ids for the same seed and times.
    pub fn seeded(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    /// A source that no other will repeat.
    pub fn random() -> Self {
        Self { random: fastrand::Rng::new() }
    }

    /// An id for a call that began at `at`.
    pub fn next(&mut self, at: Timestamp) -> Uuid {
        let (high, low) = (self.random.u64(..).to_le_bytes(), self.random.u16(..).to_le_bytes());
        let mut noise = [0; 10];
        noise.iter_mut().zip(high.into_iter().chain(low)).for_each(|(to, from)| *to = from);
        Builder::from_unix_timestamp_millis(at.0 / 1000, &noise).into_uuid()
    }
}
