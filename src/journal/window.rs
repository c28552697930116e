//! Reads records of a segment where they lie, and what lies around them in the same go.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::format::{PREFIX, Raw};
use super::index::Place;

/// What was read of a file last.
#[derive(Debug)]
pub(super) struct Window {
    buffer: Vec<u8>,
    start: u64,
    length: usize,
    /// How much is read at once, and how much of that lies before what is wanted.
    span: usize,
    lead: usize,
}

impl Window {
    /// One of this size, of which some lies before what is wanted: for those who read backwards.
    pub fn new(span: usize, lead: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, length: 0, span, lead }
    }

    /// Another file is read from now on.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// The record at a place; none when what lies there is not it. Of what was read before, nothing may lie past `end`: it may still be
    /// written then.
    pub fn record(&mut self, file: &File, place: Place, end: u64) -> io::Result<Option<Raw<'_>>> {
        let offset = u64::from(place.offset);
        let length = match self.holds(offset, PREFIX) {
            Some(prefix) => Raw::length(prefix),
            None => {
                self.fill(file, offset, self.span, end)?;
                self.holds(offset, PREFIX).and_then(Raw::length)
            }
        };
        let Some(length) = length.filter(|length| offset + *length as u64 <= end) else { return Ok(None) };
        if self.holds(offset, length).is_none() {
            self.fill(file, offset, self.span.max(length + self.lead), end)?;
        }
        Ok(self.holds(offset, length).and_then(Raw::decode).filter(|raw| raw.sequence == place.sequence))
    }

    fn holds(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.buffer.get(..self.length)?.get(at..at.checked_add(length)?)
    }

    fn fill(&mut self, file: &File, offset: u64, span: usize, end: u64) -> io::Result<()> {
        self.start = offset.saturating_sub(self.lead as u64);
        self.length = 0;
        let wanted = span.min(usize::try_from(end.saturating_sub(self.start)).unwrap_or(usize::MAX));
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.length < wanted {
            let Some(room) = self.buffer.get_mut(self.length..wanted) else { break };
            match file.read_at(room, self.start + self.length as u64) {
                Ok(0) => break,
                Ok(n) => self.length += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
