//! What one endpoint is still to be told: from the log where it is behind, from the gateway's tail where it keeps up.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::gateway::{Appended, Gateway, Tail};
use crate::journal::{Cursor, Entry, JournalError, Limit, Page, Position, Reader, Selection, Sequence};
use crate::sinks::webhook::schedule::Offer;
use crate::time::Timestamp;

/// Entries that the tail keeps for an endpoint.
const TAIL: usize = 1024;
/// Bytes of the log that are read at a time.
const AT_ONCE: usize = 256 * 1024;
/// Entries that are read at a time.
const ENTRIES: usize = 256;

/// A consumer's place in the log, and what comes after it.
#[derive(Debug)]
pub struct Feed {
    reader: Reader,
    tail: Arc<Tail>,
    waiting: VecDeque<Appended>,
    /// The log has something between here and what waits.
    behind: bool,
    /// The last event that is wanted; none when there is no end.
    until: Option<Sequence>,
}

/// Where to go on, and what was lost.
#[derive(Debug)]
pub struct Start {
    /// The last event that was looked at.
    pub reached: Cursor,
    /// What was set aside before that, as far as the log still has it.
    pub parked: Vec<Arc<Entry>>,
    /// The first and the last event of it that the log no longer has.
    pub lost: Option<(Sequence, Sequence)>,
}

/// What the log has next.
#[derive(Debug)]
pub struct Piece {
    /// What of it is wanted, in its order.
    pub offers: Vec<Offer>,
    /// The last place that was looked at.
    pub reached: Cursor,
    /// The time of the last event.
    pub time: Option<Timestamp>,
    /// The first and the last event before these that the log no longer has.
    pub lost: Option<(Sequence, Sequence)>,
    /// Nothing more was there.
    pub done: bool,
}

impl Feed {
    /// What comes after a place that the log is read from first.
    pub fn new(gateway: &Gateway, until: Option<Sequence>) -> Self {
        // The tail is there before the log is read: nothing falls between them.
        Self { reader: gateway.reader().clone(), tail: gateway.tail(TAIL), waiting: VecDeque::new(), behind: true, until }
    }

    /// The next entry of the tail, if it follows what was reached.
    pub fn live(&mut self, reached: Sequence) -> Option<Arc<Entry>> {
        if self.behind {
            return None;
        }
        loop {
            if self.waiting.is_empty() {
                self.waiting = self.tail.take();
            }
            let first = self.waiting.front()?;
            if first.entry.sequence <= reached {
                self.waiting.pop_front();
                continue;
            }
            if first.after > reached {
                self.behind = true;
                return None;
            }
            return self.waiting.pop_front().map(|appended| appended.entry).filter(|entry| self.wants(entry.sequence));
        }
    }

    /// Whether the log has to be read.
    pub fn is_behind(&self, reached: Sequence) -> bool {
        self.behind && self.wants(reached + 1)
    }

    /// Whether all was looked at that there will be.
    pub fn is_over(&self, reached: Sequence) -> bool {
        !self.wants(reached + 1)
    }

    /// Waits until the tail has more.
    pub async fn filled(&self) {
        self.tail.filled().await;
    }

    /// A piece of the log after what was reached, of at most so many entries, as far as they are wanted. Waits for the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(
        reader: &Reader,
        reached: Cursor,
        room: usize,
        until: Option<Sequence>,
        offer: impl Fn(Arc<Entry>) -> Option<Offer>,
    ) -> Result<Piece, JournalError> {
        let limit = Limit { entries: room.clamp(1, ENTRIES), bytes: AT_ONCE };
        let from = reached.sequence + 1;
        let end = until.map_or(Sequence::MAX, |until| until.saturating_add(1));
        let read = |from| reader.read(&Selection::Everything, from, end, limit);
        let (page, lost) = match read(from) {
            Err(JournalError::Trimmed { oldest, .. }) => (read(oldest)?, Some((from, oldest.min(end) - 1))),
            page => (page?, None),
        };
        let Page { entries, next, done } = page;
        let epoch = entries.last().map_or_else(|| reader.epoch(), |entry| entry.epoch);
        let reached = Cursor { journal: reader.id(), epoch, sequence: (next - 1).max(reached.sequence) };
        let time = entries.last().map(|entry| entry.time);
        let offers = entries.into_iter().map(Arc::new).filter_map(offer).collect();
        Ok(Piece { offers, reached, time, lost, done })
    }

    /// The log was read to its end.
    pub fn caught_up(&mut self) {
        self.behind = false;
    }

    /// The log.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The last event that is wanted.
    pub fn until(&self) -> Option<Sequence> {
        self.until
    }

    fn wants(&self, sequence: Sequence) -> bool {
        self.until.is_none_or(|until| sequence <= until)
    }
}

impl Start {
    /// From where a consumer goes on that wrote down this, or the newest event for one that is new. Waits for the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn from(reader: &Reader, position: Option<Position>) -> Result<Self, JournalError> {
        let range = reader.range();
        let newest = Self { reached: reader.cursor(range.next - 1), parked: Vec::new(), lost: None };
        let Some(position) = position else { return Ok(newest) };
        let next = match reader.after(position.reached) {
            Ok(next) => next,
            // The piece that is read first says what is lost after it.
            Err(JournalError::Trimmed { wanted, .. }) => wanted,
            // A power cut took the events of that epoch, which we had seen. What was set aside before them may be there.
            Err(JournalError::Unknown | JournalError::Future { .. }) if position.reached.journal == reader.id() => {
                range.next.min(position.reached.sequence.saturating_add(1))
            }
            // The log is another one than it was: nothing says where we were in it.
            Err(JournalError::Unknown | JournalError::Future { .. }) => return Ok(newest),
            Err(error) => return Err(error),
        };
        let reached = reader.cursor(next - 1);
        let (mut parked, mut lost) = (Vec::new(), None);
        for sequence in position.parked.into_iter().filter(|sequence| *sequence < next) {
            match reader.get(sequence)? {
                Some(entry) => parked.push(Arc::new(entry)),
                None if sequence < range.oldest => lost = Some((lost.map_or(sequence, |(first, _)| first), sequence)),
                // It was erased.
                None => {}
            }
        }
        Ok(Self { reached, parked, lost })
    }
}
