//! Reads a segment from its beginning to its end, and finds its way over what is damaged.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::Sequence;
use super::format::{HEAD, Raw, hashes};
use super::index::MemoryIndex;

/// What a segment holds.
#[derive(Debug)]
pub(super) struct Scan {
    pub index: MemoryIndex,
    /// One past the last place.
    pub next: Sequence,
    /// Where its sound bytes end.
    pub end: u64,
    /// Times of the oldest and the newest entry.
    pub oldest: u64,
    pub newest: u64,
    /// What of it cannot be read, with sound records behind it.
    pub damaged: Vec<Range<u64>>,
    /// Bytes behind the last sound record: what was being written when the machine stopped.
    pub torn: u64,
}

/// Reads the segment that begins with place `first`. Records of `until` and later do not count: another segment has those places.
pub(super) fn scan(path: &Path, first: Sequence, until: Sequence) -> io::Result<Scan> {
    let bytes = std::fs::read(path)?;
    let mut scan = Scan {
        index: MemoryIndex::new(first),
        next: first,
        end: bytes.len().min(HEAD) as u64,
        oldest: 0,
        newest: 0,
        damaged: Vec::new(),
        torn: 0,
    };
    let mut at = HEAD;
    // Where the search for the next record began, after one that is none.
    let mut lost = None;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let fits = |raw: &Raw<'_>| (scan.next..until).contains(&raw.sequence) && raw.sequence - first <= u64::from(u32::MAX);
        let Some((raw, offset)) = Raw::decode(rest).filter(fits).zip(u32::try_from(at).ok()) else {
            lost.get_or_insert(at);
            at += 1;
            continue;
        };
        if let Some(lost) = lost.take() {
            scan.damaged.push(lost as u64..at as u64);
        }
        if scan.index.entries().is_empty() {
            scan.oldest = raw.time;
        }
        scan.index.push(raw.sequence, offset, hashes(raw.keys));
        (scan.next, scan.newest) = (raw.sequence + 1, scan.newest.max(raw.time));
        at += raw.length;
        scan.end = at as u64;
    }
    scan.torn = bytes.len() as u64 - scan.end;
    Ok(scan)
}
