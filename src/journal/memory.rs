//! A log in memory: the newest events, bounded by their number and bytes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Entry, Journal, JournalError, Sequence};

/// Bounded by `max_events` and `max_bytes`, whichever is reached first.
#[derive(Debug)]
pub struct Memory {
    epoch: u64,
    max_events: usize,
    max_bytes: usize,
    bytes: usize,
    /// The place of the first of `events`.
    oldest: Sequence,
    events: VecDeque<Bytes>,
}

impl Memory {
    /// An empty log.
    pub fn new(epoch: u64, max_events: usize, max_bytes: usize) -> Self {
        Self { epoch, max_events, max_bytes, bytes: 0, oldest: 1, events: VecDeque::new() }
    }
}

impl Journal for Memory {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn next(&self) -> Sequence {
        self.oldest + self.events.len() as u64
    }

    fn oldest(&self) -> Sequence {
        self.oldest
    }

    fn append(&mut self, batch: &[Bytes]) -> Result<Sequence, JournalError> {
        let first = self.next();
        for event in batch {
            self.bytes += event.len();
            self.events.push_back(event.clone());
        }
        while self.events.len() > self.max_events || self.bytes > self.max_bytes {
            let Some(trimmed) = self.events.pop_front() else { break };
            self.bytes -= trimmed.len();
            self.oldest += 1;
        }
        Ok(first)
    }

    fn read(&self, from: Sequence, limit: usize) -> Result<Vec<Entry>, JournalError> {
        let skip = from.checked_sub(self.oldest).ok_or(JournalError::Trimmed { wanted: from, oldest: self.oldest })?;
        let numbered = self.events.iter().zip(self.oldest..).skip(usize::try_from(skip).unwrap_or(usize::MAX));
        Ok(numbered.take(limit).map(|(event, sequence)| Entry { sequence, event: event.clone() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(max_events: usize, events: &[&'static str]) -> Memory {
        let mut log = Memory::new(7, max_events, 1 << 20);
        let batch: Vec<Bytes> = events.iter().map(|e| Bytes::from_static(e.as_bytes())).collect();
        assert_eq!(log.append(&batch), Ok(1));
        log
    }

    #[test]
    fn what_was_appended_is_read_in_order() {
        let log = log_of(10, &["a", "b", "c"]);
        let read: Vec<(u64, Bytes)> = log.read(2, 10).unwrap().into_iter().map(|e| (e.sequence, e.event)).collect();
        assert_eq!(read, [(2, Bytes::from("b")), (3, Bytes::from("c"))]);
    }

    #[test]
    fn reading_at_the_end_gives_nothing_yet() {
        assert_eq!(log_of(10, &["a"]).read(2, 10), Ok(vec![]));
    }

    #[test]
    fn reading_what_was_trimmed_names_the_oldest_event() {
        let log = log_of(2, &["a", "b", "c"]);
        assert_eq!(log.read(1, 10), Err(JournalError::Trimmed { wanted: 1, oldest: 2 }));
    }

    #[test]
    fn the_log_is_bounded_by_bytes_too() {
        let mut log = Memory::new(7, 1000, 10);
        log.append(&[Bytes::from_static(b"12345678"), Bytes::from_static(b"12345678")]).unwrap();
        assert_eq!((log.oldest(), log.next()), (2, 3));
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = super::super::Cursor { epoch: 1_795_420_000, sequence: 123 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!("yesterday".parse::<super::super::Cursor>(), Err(JournalError::Cursor));
    }
}
