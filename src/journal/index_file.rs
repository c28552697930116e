//! Where in a sealed segment which keys are: a file beside it, searched where it lies.
//!
//! A head, then three tables: of each entry where it is, of each hash where its entries stand in the third table, and the entries of all
//! hashes. All of it can be made anew from the segment: nothing is synced, and what is damaged is thrown away.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Sequence;
use super::format::{VERSION, u32_at, u64_at};
use super::index::{Index, MemoryIndex, Place, window};

const MAGIC: [u8; 8] = *b"callcidx";
const HEAD: usize = 96;
/// Bytes of an entry in the first and the third table: how far its place is from the first, and where it lies.
const PLACE: u64 = 8;
/// Bytes of a hash in the second table: itself, its first entry and how many it has.
const KEY: u64 = 16;
/// From so many candidates on, the search stops asking for one at a time and reads them.
const NEAR: u64 = 128;

/// What is known of a segment without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub journal: u32,
    pub epoch: u64,
    pub first: Sequence,
    /// One past the last place; `first` when it holds no entry.
    pub next: Sequence,
    /// Where its sound bytes end.
    pub end: u64,
    /// Times of its oldest and its newest entry.
    pub oldest: u64,
    pub newest: u64,
    /// Ranges of it that cannot be read.
    pub damage: u32,
}

/// The bytes of an index.
pub(super) fn encode(meta: &Meta, index: &MemoryIndex) -> Vec<u8> {
    let keys = index.sorted();
    let entries = index.entries();
    let postings: usize = keys.iter().map(|(_, list)| list.len()).sum();
    let mut out = Vec::with_capacity(HEAD + entries.len() * PLACE as usize + keys.len() * KEY as usize + postings * PLACE as usize);
    out.resize(HEAD, 0);
    let place = |out: &mut Vec<u8>, (distance, offset): (u32, u32)| {
        out.extend_from_slice(&distance.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
    };
    entries.iter().for_each(|entry| place(&mut out, *entry));
    let mut start = 0u32;
    for (hash, list) in &keys {
        out.extend_from_slice(&hash.to_le_bytes());
        out.extend_from_slice(&start.to_le_bytes());
        out.extend_from_slice(&(list.len() as u32).to_le_bytes());
        start += list.len() as u32;
    }
    for entry in keys.iter().flat_map(|(_, list)| list.iter()) {
        entries.get(*entry as usize).into_iter().for_each(|entry| place(&mut out, *entry));
    }
    let body = crc32fast::hash(out.get(HEAD..).unwrap_or_default());
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(&MAGIC);
    [VERSION, meta.journal].iter().for_each(|n| head.extend_from_slice(&n.to_le_bytes()));
    let long = [meta.epoch, meta.first, meta.next, meta.end, meta.oldest, meta.newest];
    long.iter().for_each(|n| head.extend_from_slice(&n.to_le_bytes()));
    let short = [meta.damage, entries.len() as u32, keys.len() as u32, start, body];
    short.iter().for_each(|n| head.extend_from_slice(&n.to_le_bytes()));
    head.resize(HEAD - 4, 0);
    head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
    out.iter_mut().zip(head).for_each(|(to, from)| *to = from);
    out
}

/// An index that is open.
#[derive(Debug)]
pub(super) struct IndexFile {
    file: File,
    pub meta: Meta,
    pub length: u64,
    entries: u64,
    keys: u64,
    postings: u64,
    body: u32,
}

impl IndexFile {
    /// Opens it and reads its head.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0)?;
        let read = || {
            let (checked, crc) = head.split_at_checked(HEAD - 4)?;
            (checked.starts_with(&MAGIC) && crc32fast::hash(checked) == u32_at(crc, 0)? && u32_at(checked, 8)? == VERSION).then_some(())?;
            let long = |i: usize| u64_at(checked, 16 + 8 * i);
            let short = |i: usize| u32_at(checked, 64 + 4 * i);
            let meta = Meta {
                journal: u32_at(checked, 12)?,
                epoch: long(0)?,
                first: long(1)?,
                next: long(2)?,
                end: long(3)?,
                oldest: long(4)?,
                newest: long(5)?,
                damage: short(0)?,
            };
            Some((meta, u64::from(short(1)?), u64::from(short(2)?), u64::from(short(3)?), short(4)?))
        };
        let (meta, entries, keys, postings, body) = read().ok_or(io::ErrorKind::InvalidData)?;
        if length != HEAD as u64 + (entries + postings) * PLACE + keys * KEY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self { file, meta, length, entries, keys, postings, body })
    }

    /// Whether all of it is as it was written.
    pub fn verify(&self) -> io::Result<()> {
        let mut crc = crc32fast::Hasher::new();
        let (mut buffer, mut at) = (vec![0; 256 * 1024], HEAD as u64);
        while at < self.length {
            match self.file.read_at(&mut buffer, at)? {
                0 => break,
                n => {
                    crc.update(buffer.get(..n).unwrap_or_default());
                    at += n as u64;
                }
            }
        }
        if crc.finalize() == self.body { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    /// Within `range` of a sorted table of rows that are `width` wide: the first row whose number is not below `wanted`.
    fn search(&self, table: u64, width: u64, mut range: Range<u64>, wanted: u64, number: impl Fn(&[u8]) -> u64) -> io::Result<u64> {
        let mut row = [0; KEY as usize];
        while range.end - range.start > NEAR {
            let middle = range.start.midpoint(range.end);
            self.file.read_exact_at(&mut row, table + middle * width)?;
            if number(&row) < wanted {
                range.start = middle + 1;
            } else {
                range.end = middle;
            }
        }
        let mut rows = vec![0; ((range.end - range.start) * width) as usize];
        self.file.read_exact_at(&mut rows, table + range.start * width)?;
        Ok(range.start + rows.chunks_exact(width as usize).take_while(|row| number(row) < wanted).count() as u64)
    }

    /// The rows of a hash in the third table.
    fn list(&self, hash: u64) -> io::Result<Range<u64>> {
        let table = HEAD as u64 + self.entries * PLACE;
        let row = self.search(table, KEY, 0..self.keys, hash, |row| u64_at(row, 0).unwrap_or(u64::MAX))?;
        if row == self.keys {
            return Ok(0..0);
        }
        let mut key = [0; KEY as usize];
        self.file.read_exact_at(&mut key, table + row * KEY)?;
        let (start, count) = (u64::from(u32_at(&key, 8).unwrap_or(0)), u64::from(u32_at(&key, 12).unwrap_or(0)));
        let found = u64_at(&key, 0) == Some(hash) && start + count <= self.postings;
        Ok(if found { start..start + count } else { 0..0 })
    }
}

impl Index for IndexFile {
    fn places(&self, key: Option<u64>, range: &Range<Sequence>, most: usize, back: bool, out: &mut Vec<Place>) -> io::Result<bool> {
        let (table, rows) = match key {
            None => (HEAD as u64, 0..self.entries),
            Some(hash) => (HEAD as u64 + self.entries * PLACE + self.keys * KEY, self.list(hash)?),
        };
        let distance = |sequence: Sequence| sequence.saturating_sub(self.meta.first);
        let number = |row: &[u8]| u64::from(u32_at(row, 0).unwrap_or(u32::MAX));
        let from = self.search(table, PLACE, rows.clone(), distance(range.start), number)?;
        let until = self.search(table, PLACE, from..rows.end, distance(range.end), number)?;
        let (from, until) = (from as usize, until as usize);
        let window = window(from..until, most, back);
        let mut bytes = vec![0; window.len() * PLACE as usize];
        self.file.read_exact_at(&mut bytes, table + window.start as u64 * PLACE)?;
        out.extend(
            bytes
                .chunks_exact(PLACE as usize)
                .filter_map(|row| Some(Place { sequence: self.meta.first + u64::from(u32_at(row, 0)?), offset: u32_at(row, 4)? })),
        );
        Ok(window == (from..until))
    }
}
