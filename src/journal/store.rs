//! A stand-in for the durable log, in memory. It is replaced.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Cursor, Entry, JournalError, Key, Limit, Page, Range, Record, Selection, Sequence};
use crate::time::Timestamp;

/// The log. One writer; any number of [`Reader`]s.
#[derive(Debug)]
pub struct Journal {
    reader: Reader,
}

/// Reads the log, beside its writer or, of a process of its own, beside another.
#[derive(Clone, Debug)]
pub struct Reader {
    id: u32,
    epoch: u64,
    entries: Arc<Mutex<VecDeque<Entry>>>,
}

impl Journal {
    /// A log in a folder of its own, which goes when it is dropped.
    ///
    /// # Errors
    /// When there is no room for one.
    pub fn temporary() -> Result<Self, JournalError> {
        let epoch = Timestamp::now().0 / 1_000_000;
        Ok(Self { reader: Reader { id: 1, epoch, entries: Arc::default() } })
    }

    /// Appends records in the order of their places. When it returns, they are with the operating system.
    ///
    /// # Errors
    /// When the disk refuses: nothing of them is in the log then.
    pub fn append<'r>(&self, records: impl IntoIterator<Item = Record<'r>>) -> Result<(), JournalError> {
        let mut entries = self.reader.lock();
        for record in records {
            entries.push_back(Entry {
                epoch: self.reader.epoch,
                sequence: record.sequence,
                time: record.time,
                keys: record.keys.clone(),
                event: bytes::Bytes::copy_from_slice(record.event),
            });
        }
        Ok(())
    }

    /// What reads it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Reader {
    /// The log's own number, in every cursor.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The newest epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is kept.
    pub fn range(&self) -> Range {
        let entries = self.lock();
        let newest = entries.back().map_or(0, |entry| entry.sequence);
        Range { oldest: entries.front().map_or(newest + 1, |entry| entry.sequence), next: newest + 1 }
    }

    /// The cursor of an event of the newest epoch.
    pub fn cursor(&self, sequence: Sequence) -> Cursor {
        Cursor { journal: self.id, epoch: self.epoch, sequence }
    }

    /// The place of the first event after a cursor.
    ///
    /// # Errors
    /// [`JournalError::Trimmed`], [`JournalError::Unknown`] or [`JournalError::Future`].
    pub fn after(&self, cursor: Cursor) -> Result<Sequence, JournalError> {
        let Range { oldest, next } = self.range();
        if (cursor.journal != self.id && cursor.journal != 0) || cursor.epoch != self.epoch {
            return Err(JournalError::Unknown);
        }
        match cursor.sequence + 1 {
            wanted if wanted < oldest => Err(JournalError::Trimmed { wanted, oldest }),
            wanted if wanted > next => Err(JournalError::Future { newest: next - 1 }),
            wanted => Ok(wanted),
        }
    }

    /// Wanted entries of `from..until`, the oldest first.
    ///
    /// # Errors
    /// When `from` is trimmed, or the disk refuses.
    pub fn read(&self, wanted: &Selection, from: Sequence, until: Sequence, limit: Limit) -> Result<Page, JournalError> {
        let oldest = self.range().oldest;
        if from < oldest {
            return Err(JournalError::Trimmed { wanted: from, oldest });
        }
        let entries = self.lock();
        let found = entries.iter().filter(|entry| (from..until).contains(&entry.sequence) && selects(wanted, entry));
        let found: Vec<Entry> = found.take(limit.entries).cloned().collect();
        let full = found.len() == limit.entries;
        let next = found.last().filter(|_| full).map_or(until, |entry| entry.sequence + 1);
        Ok(Page { entries: found, next, done: !full })
    }

    /// Wanted entries before `before`, the newest first.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn read_back(&self, wanted: &Selection, before: Sequence, limit: Limit) -> Result<Page, JournalError> {
        let entries = self.lock();
        let found = entries.iter().rev().filter(|entry| entry.sequence < before && selects(wanted, entry));
        let found: Vec<Entry> = found.take(limit.entries).cloned().collect();
        let full = found.len() == limit.entries;
        let next = found.last().filter(|_| full).map_or(0, |entry| entry.sequence);
        Ok(Page { entries: found, next, done: !full })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn selects(wanted: &Selection, entry: &Entry) -> bool {
    match wanted {
        Selection::Everything => true,
        Selection::Any(keys) => keys.iter().any(|Key { space, text }| entry.keys.has(*space, text)),
    }
}
