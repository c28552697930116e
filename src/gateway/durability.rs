//! Whether what is told is in the log, and what is missing from it when it is not.
//!
//! The log is sound until it refuses a batch. From then on events are told as not durable, and now and again a `journal.gap` is tried,
//! which names all that is missing: when the log takes it, the log is sound again.

use std::time::Duration;

use crate::journal::Sequence;
use crate::time::Timestamp;

/// How long it is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The state of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It takes what it is given.
    #[default]
    Sound,
    /// It does not.
    Failing(Failing),
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
        let retry = Timestamp(at.0 + RETRY.as_micros() as u64);
        match self {
            Self::Sound => {
                *self = Self::Failing(Failing { first, since: at, reason: reason.into(), retry });
                true
            }
            Self::Failing(failing) => {
                failing.retry = retry;
                if failing.reason != reason {
                    failing.reason = reason.into();
                }
                false
            }
        }
    }

    /// The first event that is missing, when it is time to try again. It is not said twice for the same time.
    pub fn retry(&mut self, at: Timestamp) -> Option<Sequence> {
        let Self::Failing(failing) = self else { return None };
        if failing.retry > at {
            return None;
        }
        failing.retry = Timestamp(at.0 + RETRY.as_micros() as u64);
        Some(failing.first)
    }

    /// What is known of a log that takes nothing.
    pub fn failing(&self) -> Option<&Failing> {
        match self {
            Self::Sound => None,
            Self::Failing(failing) => Some(failing),
        }
    }
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
}
