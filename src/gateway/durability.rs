//! Whether what is told is in the log, and what is missing from it when it is not.
//!
//! The log is sound until it refuses a batch. From then on events are told as not durable, and now and again a `journal.gap` is tried,
//! which names all that is missing: when the log takes it, the log is sound again.

use std::time::Duration;

use crate::journal::Sequence;
use crate::time::Timestamp;

/// How long it is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The longest that it is left alone: a disk that is nearly full takes the event of the gap, and not what comes after it. Each time that
/// it fails again soon after it was well, it is left alone for twice as long, lest the log be full of gaps.
const LONGEST: Duration = Duration::from_secs(32);
/// How soon is soon.
const SOON: Duration = Duration::from_secs(60);

/// The state of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durability {
    failing: Option<Failing>,
    /// How long it is left alone; zero before it failed for the first time.
    pause: Duration,
    /// When it was well again.
    recovered: Timestamp,
}

/// What is known of a log that takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The first event that is missing.
    pub first: Sequence,
    /// Since when.
    pub since: Timestamp,
    /// Why, in words.
    pub reason: String,
    retry: Timestamp,
}

impl Durability {
    /// The log did not take an event and those after it. Says whether that is news.
    pub fn failed(&mut self, first: Sequence, at: Timestamp, reason: &str) -> bool {
        if let Some(failing) = &mut self.failing {
            failing.retry = later(at, self.pause);
            if failing.reason != reason {
                failing.reason = reason.into();
            }
            return false;
        }
        let again = !self.pause.is_zero() && at.since(self.recovered) < SOON;
        self.pause = if again { (self.pause * 2).min(LONGEST) } else { RETRY };
        self.failing = Some(Failing { first, since: at, reason: reason.into(), retry: later(at, self.pause) });
        true
    }

    /// It took the event of the gap.
    pub fn recovered(&mut self, at: Timestamp) {
        self.failing = None;
        self.recovered = at;
    }

    /// The first event that is missing, when it is time to try again. It is not said twice for the same time.
    pub fn retry(&mut self, at: Timestamp) -> Option<Sequence> {
        let failing = self.failing.as_mut().filter(|failing| failing.retry <= at)?;
        failing.retry = later(at, self.pause);
        Some(failing.first)
    }

    /// What is known of a log that takes nothing.
    pub fn failing(&self) -> Option<&Failing> {
        self.failing.as_ref()
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp(at.0 + by.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn only_the_first_failure_is_news_and_names_the_first_missing_event() {
        let mut log = Durability::default();
        assert!(log.failed(7, Timestamp(0), "full"));
        assert!(!log.failed(9, Timestamp(1), "full"));
        assert_eq!(log.failing().map(|failing| (failing.first, failing.since)), Some((7, Timestamp(0))));
    }

    #[test]
    fn it_is_tried_again_after_a_second_and_then_once_a_second() {
        let mut log = Durability::default();
        assert_eq!(log.retry(Timestamp(0)), None);
        log.failed(7, Timestamp(0), "full");
        let tries: Vec<u64> = (0..12).filter(|i| log.retry(Timestamp(i * SECOND / 4)).is_some()).collect();
        assert_eq!(tries, [4, 8]);
    }

    #[test]
    fn one_that_fails_again_and_again_is_left_alone_for_longer_and_longer_until_it_is_well_for_a_minute() {
        let mut log = Durability::default();
        let mut at = 0;
        let mut pause = || {
            log.failed(7, Timestamp(at), "nearly full");
            let tried = (0..).map(|i| at + i * SECOND / 2).find(|at| log.retry(Timestamp(*at)).is_some()).unwrap();
            log.recovered(Timestamp(tried));
            let pause = (tried - at) / SECOND;
            at = tried + SECOND;
            pause
        };
        assert_eq!(std::array::from_fn(|_| pause()), [1, 2, 4, 8, 16, 32, 32]);
        log.failed(7, Timestamp(1_000 * SECOND), "full");
        assert_eq!(log.retry(Timestamp(1_001 * SECOND)), Some(7));
    }
}
