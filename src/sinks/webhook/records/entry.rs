//! What was done about an event, as bytes: 40 for everything, so that a file can be read from its end.

use std::time::Duration;

use super::super::{Attempt, DeadLetter, Death, Fault, Outcome};
use crate::journal::Sequence;
use crate::time::Timestamp;

/// Bytes of a record.
pub const SIZE: usize = 40;
/// What they are checked with stands at their end.
const SUMMED: usize = SIZE - 4;

/// A record as it is on disk. What the numbers mean depends on the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// The epoch of the event.
    pub epoch: u64,
    /// Its place.
    pub sequence: Sequence,
    took: u32,
    number: u16,
    status: u16,
    first: u8,
    second: u8,
}

impl Record {
    /// Only which event, and when.
    pub fn of_event(at: Timestamp, epoch: u64, sequence: Sequence) -> Self {
        Self { at, epoch, sequence, ..Self::default() }
    }

    /// Whether it is of this event.
    pub fn is_of(&self, (epoch, sequence): (u64, Sequence)) -> bool {
        self.epoch == epoch && self.sequence == sequence
    }

    /// Its bytes.
    pub fn push(&self, out: &mut Vec<u8>) {
        let from = out.len();
        for number in [self.at.0, self.epoch, self.sequence] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.took.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&[self.first, self.second, 0, 0]);
        let sum = crc32fast::hash(out.get(from..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Reads it; none for bytes that were not written to their end, or not by us.
    pub fn read(bytes: &[u8; SIZE]) -> Option<Self> {
        let (record, sum) = bytes.split_at_checked(SUMMED)?;
        if crc32fast::hash(record).to_le_bytes() != sum {
            return None;
        }
        let (at, rest) = record.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (took, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (status, rest) = rest.split_first_chunk()?;
        let &[first, second, ..] = rest else { return None };
        Some(Self {
            at: Timestamp(u64::from_le_bytes(*at)),
            epoch: u64::from_le_bytes(*epoch),
            sequence: u64::from_le_bytes(*sequence),
            took: u32::from_le_bytes(*took),
            number: u16::from_le_bytes(*number),
            status: u16::from_le_bytes(*status),
            first,
            second,
        })
    }

    /// As an attempt; none when it has words of a later version.
    pub fn attempt(&self) -> Option<Attempt> {
        let fault = match self.first {
            0 => None,
            word => Some(*Fault::ALL.get(usize::from(word) - 1)?),
        };
        let outcome = *Outcome::ALL.get(usize::from(self.second))?;
        let &Self { at, epoch, sequence, number, status, .. } = self;
        Some(Attempt { at, epoch, sequence, number, status, fault, outcome, took: Duration::from_micros(self.took.into()) })
    }

    /// As a dead letter; none when it has words of a later version.
    pub fn dead_letter(&self) -> Option<DeadLetter> {
        let death = *Death::ALL.get(usize::from(self.first))?;
        let &Self { at, epoch, sequence, status, number, .. } = self;
        Some(DeadLetter { at, epoch, sequence, death, status, attempts: number })
    }
}

impl From<Attempt> for Record {
    fn from(attempt: Attempt) -> Self {
        let Attempt { at, epoch, sequence, number, status, fault, outcome, took } = attempt;
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        Self { at, epoch, sequence, took, number, status, first: fault.map_or(0, |fault| fault as u8 + 1), second: outcome as u8 }
    }
}

impl From<DeadLetter> for Record {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { at, epoch, sequence, death, status, attempts } = letter;
        Self { at, epoch, sequence, took: 0, number: attempts, status, first: death as u8, second: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: Record) -> Option<Record> {
        let mut bytes = Vec::new();
        record.push(&mut bytes);
        Record::read(bytes.as_slice().try_into().unwrap())
    }

    #[test]
    fn an_attempt_is_read_as_it_was_written() {
        for fault in Fault::ALL.iter().copied().map(Some).chain([None]) {
            for outcome in Outcome::ALL.iter().copied() {
                let took = Duration::from_micros(1234);
                let attempt = Attempt { at: Timestamp(7), epoch: 8, sequence: 9, number: 10, status: 503, fault, outcome, took };
                assert_eq!(read(attempt.into()).unwrap().attempt(), Some(attempt));
            }
        }
    }

    #[test]
    fn a_dead_letter_is_read_as_it_was_written() {
        for death in Death::ALL.iter().copied() {
            let letter = DeadLetter { at: Timestamp(7), epoch: 8, sequence: 9, death, status: 422, attempts: 3 };
            assert_eq!(read(letter.into()).unwrap().dead_letter(), Some(letter));
        }
    }

    #[test]
    fn a_byte_that_changed_makes_it_none() {
        let mut bytes = Vec::new();
        Record::of_event(Timestamp(7), 8, 9).push(&mut bytes);
        let bytes: [u8; SIZE] = bytes.as_slice().try_into().unwrap();
        for at in 0..SIZE {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert_eq!(Record::read(&changed), None, "{at}");
        }
    }

    #[test]
    fn a_word_of_a_later_version_is_no_word() {
        let record = Record { first: 200, second: 200, ..Record::default() };
        assert_eq!((record.attempt(), record.dead_letter()), (None, None));
    }
}
