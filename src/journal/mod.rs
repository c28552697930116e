//! The log of events: what was told, in order, for as long as it is kept.
//!
//! Everything left of it finds out what happened; everything right of it reads. An event is appended before the state table, the API
//! or any sink shows it. The log knows nothing of what an event means: an entry is a position, a time, the keys by which it is found
//! again, and the event's bytes.

mod cache;
mod checkpoint;
mod cursor;
mod cursors;
mod disk;
mod erase;
mod error;
mod format;
mod index;
mod index_file;
mod keeper;
mod key;
mod lock;
mod log;
mod note;
mod options;
mod reader;
mod recovery;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod window;
mod writer;

use bytes::Bytes;

pub use cursor::{Cursor, Sequence};
pub use cursors::{Cursors, Gap, PARKED, Position, Renewal};
pub use disk::{Disk, DiskFile, RealDisk};
pub(crate) use disk::{create_folder, replace};
pub use erase::{Erased, Matcher};
pub use error::JournalError;
pub use keeper::Health;
pub use key::{Key, Keys, Space};
pub use log::Journal;
pub use options::{Options, SyncMode};
pub use reader::Reader;
pub use recovery::{Damage, Recovery};

use crate::time::Timestamp;

/// An event on its way into the log.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its place: greater than that of the one before, not always by one.
    pub sequence: Sequence,
    /// When it happened.
    pub time: Timestamp,
    /// By which it is found again.
    pub keys: &'a Keys,
    /// The event in its CloudEvents form.
    pub event: &'a [u8],
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The epoch in which it was written.
    pub epoch: u64,
    /// Its place.
    pub sequence: Sequence,
    /// When it happened.
    pub time: Timestamp,
    /// By which it is found again.
    pub keys: Keys,
    /// The event in its CloudEvents form; empty for one that was erased.
    pub event: Bytes,
}

/// Which entries are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All.
    Everything,
    /// Those that have any of these keys.
    Any(Vec<Key>),
}

/// How much is read at once: to whichever bound comes first, but at least one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Entries.
    pub entries: usize,
    /// Bytes of events.
    pub bytes: usize,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the order in which they were asked for.
    pub entries: Vec<Entry>,
    /// Where to go on: the first place that was not looked at (forwards), or the last that was (backwards).
    pub next: Sequence,
    /// Nothing more is there.
    pub done: bool,
}

/// What is kept: `oldest..next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The oldest event that is kept; `next` when none is.
    pub oldest: Sequence,
    /// One past the newest event.
    pub next: Sequence,
}
