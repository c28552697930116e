//! What the API asks of whatever delivers, and what it is told: behind a trait, so that neither knows how the other works.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Config, Fault};
use crate::journal::{Entry, Sequence};
use crate::time::Timestamp;

/// An endpoint as it is to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// What it is told. It was checked.
    pub config: Config,
    /// Somebody wants nothing sent for now. Its events wait in the log.
    pub paused: Option<Paused>,
    /// We gave it up: nothing is sent until somebody resumes it. Its events wait in the log.
    pub disabled: Option<Disabled>,
}

impl Endpoint {
    /// Whether it gets anything.
    pub fn runs(&self) -> bool {
        self.paused.is_none() && self.disabled.is_none()
    }
}

/// Who paused an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// The account of the administrator.
    pub by: String,
    /// Since when.
    #[serde(with = "time")]
    pub since: Timestamp,
}

/// Why an endpoint was given up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Disabled {
    /// For people: no URL, no credential.
    pub reason: String,
    /// Since when.
    #[serde(with = "time")]
    pub since: Timestamp,
}

/// Whether an endpoint gets anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does.
    #[default]
    Running,
    /// Somebody paused it.
    Paused,
    /// We gave it up.
    Disabled,
}

/// Whether its failures have us leave an endpoint alone for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaker {
    /// No.
    #[default]
    Closed,
    /// Yes.
    Open,
    /// One request is on its way to find out.
    HalfOpen,
}

/// How an endpoint stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether it gets anything.
    pub state: State,
    /// Whether it is left alone for a while.
    pub breaker: Breaker,
    /// Since when the breaker is open.
    pub opened_at: Option<Timestamp>,
    /// When it is tried again.
    pub next_probe: Option<Timestamp>,
    /// Events of the log that were not looked at yet, or wait here: wanted or not.
    pub lag_events: u64,
    /// How old the oldest event is that is not done, in seconds; 0 when there is none.
    pub lag_seconds: f64,
    /// Requests that are on their way.
    pub in_flight: usize,
    /// Events that were read and wait for their turn.
    pub waiting: usize,
    /// Events that wait for one of their own call, or for their next attempt.
    pub parked: usize,
    /// Events that were taken, since the start.
    pub delivered: u64,
    /// Attempts that failed, since the start.
    pub failed: u64,
    /// Events that became dead letters, since the start.
    pub dead: u64,
    /// The last attempt that was taken, since the start.
    pub last_success: Option<Attempted>,
    /// The last that failed, since the start.
    pub last_failure: Option<Attempted>,
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// When it was over.
    pub at: Timestamp,
    /// The status; none when nothing came back.
    pub status: Option<u16>,
    /// Why nothing came back.
    pub fault: Option<Fault>,
    /// That in words: no URL, no credential. Empty when something came back.
    pub text: String,
}

/// How a test went: one event that is marked as a test, sent at once and once, past the queue, the breaker and the pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The status; none when nothing came back.
    pub status: Option<u16>,
    /// Why nothing came back.
    pub fault: Option<Fault>,
    /// That in words: no URL, no credential. Empty when something came back.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

/// How one event stands with an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The endpoint does not want it, by this part of its filter: `type`, `user`, `device`, `line`, `direction` or `expression`; or nothing is left of it: `erased`.
    Unwanted(&'static str),
    /// The endpoint has not come to it yet.
    NotReadYet,
    /// It waits for its turn: for a free request, the breaker or the rate.
    Waiting,
    /// It waits for an earlier event of its call.
    Parked {
        /// The place of that event.
        behind: Sequence,
    },
    /// It is on its way.
    InFlight,
    /// It failed, and is tried again.
    Retrying {
        /// Attempts that were made.
        attempts: u16,
        /// When it is tried again.
        next: Timestamp,
    },
    /// Nothing more is done about it: it was taken, skipped, became a dead letter, or is of a time before the endpoint.
    Done,
}

/// Why nothing is sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAgain {
    /// One replay at a time.
    #[error("a replay of events {from} to {until} is under way: wait until it is done, or pause and resume the endpoint to give it up")]
    Busy {
        /// The first event of it that is not sent yet.
        from: Sequence,
        /// The last.
        until: Sequence,
    },
    /// It gets nothing now.
    #[error("the endpoint is paused or disabled, and gets nothing: resume it first")]
    NotRunning,
}

/// What delivers to the endpoints. No function waits for anything but a lock; all may be called from any thread.
pub trait Control: Send + Sync + fmt::Debug {
    /// Runs an endpoint, or starts it anew with its changes. One that is new begins with the next event; any other goes on where it stopped,
    /// with its breaker closed, and what waits for its next attempt is tried at once: somebody says that it is well again.
    fn set(&self, endpoint: Arc<Endpoint>);
    /// Stops an endpoint, and forgets where it stood.
    fn remove(&self, name: &str);
    /// How an endpoint stands; none when there is no such endpoint.
    fn status(&self, name: &str) -> Option<Status>;
    /// Sends the events of `from..=until` once more, as far as the endpoint wants them, beside what is new.
    ///
    /// # Errors
    /// While another replay is under way, or the endpoint is paused or disabled.
    fn replay(&self, name: &str, from: Sequence, until: Sequence) -> Result<(), NotAgain>;
    /// Sends these events once more.
    ///
    /// # Errors
    /// While the endpoint is paused or disabled.
    fn redeliver(&self, name: &str, events: Vec<Sequence>) -> Result<(), NotAgain>;
    /// Sends a test.
    fn test(&self, name: &str) -> BoxFuture<'static, Tested>;
    /// How an event of the log stands with an endpoint; none when there is no such endpoint. The event is read by whoever asks.
    fn why(&self, name: &str, event: &Entry) -> Option<Standing>;
}

/// Times as they are written everywhere: RFC 3339.
pub(super) mod time {
    use std::time::UNIX_EPOCH;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::time::Timestamp;

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        let time = humantime::parse_rfc3339(&text).map_err(de::Error::custom)?;
        Ok(Timestamp(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64))
    }
}
