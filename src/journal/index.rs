//! Where in a segment which keys are: in memory while it is written.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::ops::Range;

use super::Sequence;
use super::format::hash;

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub sequence: Sequence,
    pub offset: u32,
}

/// What finds entries in one segment.
pub(super) trait Index {
    /// Appends places of entries within `range`, in their order; of all with this hash, or of all. At most `most` of them, the first ones or
    /// (`back`) the last ones. Whether these are all.
    fn places(&self, key: Option<u64>, range: &Range<Sequence>, most: usize, back: bool, out: &mut Vec<Place>) -> io::Result<bool>;
}

/// The hash of a key is one already.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(0, bytes); // not used: keys are numbers
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An index in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryIndex {
    /// The first place in the segment.
    first: Sequence,
    /// Of each entry, how far its place is from the first, and where it lies.
    entries: Vec<(u32, u32)>,
    /// Of each hash, the entries by number.
    keys: HashMap<u64, Vec<u32>, BuildHasherDefault<AsIs>>,
}

impl MemoryIndex {
    pub fn new(first: Sequence) -> Self {
        Self { first, ..Self::default() }
    }

    /// Adds an entry behind the others, with the hashes of its keys. Its place is at most `u32::MAX` from the first.
    pub fn push(&mut self, sequence: Sequence, offset: u32, hashes: impl IntoIterator<Item = u64>) {
        let entry = self.entries.len() as u32;
        self.entries.push(((sequence - self.first) as u32, offset));
        for hash in hashes {
            let list = self.keys.entry(hash).or_default();
            // Two keys of one entry may have one hash.
            if list.last() != Some(&entry) {
                list.push(entry);
            }
        }
    }

    pub fn first(&self) -> Sequence {
        self.first
    }

    pub fn entries(&self) -> &[(u32, u32)] {
        &self.entries
    }

    /// The hashes in their order, each with its entries.
    pub fn sorted(&self) -> Vec<(u64, &[u32])> {
        let mut keys: Vec<(u64, &[u32])> = self.keys.iter().map(|(hash, list)| (*hash, list.as_slice())).collect();
        keys.sort_unstable_by_key(|(hash, _)| *hash);
        keys
    }

    fn sequence(&self, entry: u32) -> Sequence {
        self.entries.get(entry as usize).map_or(0, |(distance, _)| self.first + u64::from(*distance))
    }

    fn place(&self, entry: u32) -> Option<Place> {
        let (distance, offset) = *self.entries.get(entry as usize)?;
        Some(Place { sequence: self.first + u64::from(distance), offset })
    }
}

impl Index for MemoryIndex {
    fn places(&self, key: Option<u64>, range: &Range<Sequence>, most: usize, back: bool, out: &mut Vec<Place>) -> io::Result<bool> {
        let sequence = |(distance, _): &(u32, u32)| self.first + u64::from(*distance);
        Ok(match key {
            None => {
                let from = self.entries.partition_point(|entry| sequence(entry) < range.start);
                let until = self.entries.partition_point(|entry| sequence(entry) < range.end);
                let window = window(from..until, most, back);
                let entries = self.entries.get(window.clone()).unwrap_or_default();
                out.extend(entries.iter().map(|entry| Place { sequence: sequence(entry), offset: entry.1 }));
                window == (from..until)
            }
            Some(hash) => {
                let list = self.keys.get(&hash).map(Vec::as_slice).unwrap_or_default();
                let from = list.partition_point(|entry| self.sequence(*entry) < range.start);
                let until = list.partition_point(|entry| self.sequence(*entry) < range.end);
                let window = window(from..until, most, back);
                out.extend(list.get(window.clone()).unwrap_or_default().iter().filter_map(|entry| self.place(*entry)));
                window == (from..until)
            }
        })
    }
}

/// At most `most` of a range, at its beginning or its end.
pub(super) fn window(range: Range<usize>, most: usize, back: bool) -> Range<usize> {
    if range.len() <= most {
        range
    } else if back {
        range.end - most..range.end
    } else {
        range.start..range.start + most
    }
}
