//! Where a consumer stands.

use std::fmt;
use std::str::FromStr;

use super::JournalError;

/// The place of an event in the log. It never comes twice in one epoch; the first of all is 1.
pub type Sequence = u64;

/// Where a consumer stands: after this event. Opaque to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Which log: chosen at random when it was created. 0 when the text was the id of an event, which does not tell.
    pub journal: u32,
    /// The epoch: a new one at every start, so that no event id is ever used twice.
    pub epoch: u64,
    /// The last event that the consumer has seen; 0 for none.
    pub sequence: Sequence,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{:x}.{:x}", self.journal, self.epoch, self.sequence)
    }
}

/// A cursor's own text, or the id of an event (`<epoch>-<sequence>`).
impl FromStr for Cursor {
    type Err = JournalError;

    fn from_str(text: &str) -> Result<Self, JournalError> {
        let cursor = || {
            let mut parts = text.split('.');
            let (journal, epoch, sequence) = (parts.next()?, parts.next()?, parts.next()?);
            let hex = |part: &str| u64::from_str_radix(part, 16).ok();
            let journal = (journal.len() == 8).then(|| u32::from_str_radix(journal, 16).ok())??;
            parts.next().is_none().then_some(())?;
            Some(Self { journal, epoch: hex(epoch)?, sequence: hex(sequence)? })
        };
        let id = || {
            let (epoch, sequence) = text.split_once('-')?;
            Some(Self { journal: 0, epoch: epoch.parse().ok()?, sequence: sequence.parse().ok()? })
        };
        cursor().or_else(id).ok_or(JournalError::Cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { journal: 0xAB, epoch: 1_795_420_000, sequence: 123 };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    }

    #[test]
    fn the_id_of_an_event_is_a_cursor_of_any_log() {
        assert_eq!("1795420000-123".parse::<Cursor>().unwrap(), Cursor { journal: 0, epoch: 1_795_420_000, sequence: 123 });
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "yesterday", "1.2", "000000ab.1.2.3", "ab.1.2", "000000ab.x.2", "-", "1-2-3", "000000ab.1.fffffffffffffffff"] {
            assert!(matches!(text.parse::<Cursor>(), Err(JournalError::Cursor)), "{text}");
        }
    }
}
