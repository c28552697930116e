//! The log of events: what was told, in order, for as long as it is kept.
//!
//! Everything left of it finds out what happened; everything right of it reads. An event is appended before the state table, the API
//! or any sink shows it. The log knows nothing of what an event means: an entry is the event's bytes and its position.
//!
//! [`Memory`] is its home today: bounded, and gone with the process. A durable one has the same interface.

mod memory;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use thiserror::Error;

pub use memory::Memory;

/// The place of an event in the log of one epoch. The first is 1.
pub type Sequence = u64;

/// Where a consumer stands: after this event. Opaque to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log's epoch: a new one at every start, so that no event id is ever used twice.
    pub epoch: u64,
    /// The last event that the consumer has seen; 0 for none.
    pub sequence: Sequence,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}", self.epoch, self.sequence)
    }
}

impl FromStr for Cursor {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let parse = || {
            let (epoch, sequence) = text.split_once('.')?;
            Some(Self { epoch: u64::from_str_radix(epoch, 16).ok()?, sequence: u64::from_str_radix(sequence, 16).ok()? })
        };
        parse().ok_or(JournalError::Cursor)
    }
}

/// What can go wrong with the log.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JournalError {
    /// A text that is no cursor of ours.
    #[error("this is not a cursor of callcast; give back the last one that a frame carried, or none")]
    Cursor,
    /// The position is no longer kept.
    #[error("the log no longer reaches back to event {wanted}: the oldest that is kept is {oldest}")]
    Trimmed {
        /// The event that was asked for.
        wanted: Sequence,
        /// The oldest that is kept.
        oldest: Sequence,
    },
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub sequence: Sequence,
    /// The event in its CloudEvents form.
    pub event: Bytes,
}

/// A log of events.
pub trait Journal {
    /// The epoch of this log's positions.
    fn epoch(&self) -> u64;

    /// The place that the next event will have.
    fn next(&self) -> Sequence;

    /// The oldest event that is kept; [`Journal::next`] when none is.
    fn oldest(&self) -> Sequence;

    /// Appends a batch, and says the place of its first event.
    ///
    /// # Errors
    /// When the log cannot keep it.
    fn append(&mut self, batch: &[Bytes]) -> Result<Sequence, JournalError>;

    /// At most `limit` events, from `from` on. None when nothing is there yet.
    ///
    /// # Errors
    /// When the log no longer reaches back so far.
    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Entry>, JournalError>;
}
