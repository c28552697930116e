//! One file of the log, as its readers and its writer share it.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Sequence;
use super::cache::Cache;
use super::format::{index_path, segment_name};
use super::index::{Index, MemoryIndex, Place};
use super::index_file::{IndexFile, Meta};
use super::scan;

/// For how many keys an index is asked at once: the writer may wait for as long as that takes.
const KEYS: usize = 8;

/// One file of the log.
#[derive(Debug)]
pub(super) struct Segment {
    /// No entry in it has a place before this.
    pub first: Sequence,
    pub epoch: u64,
    pub path: PathBuf,
    next: AtomicU64,
    end: AtomicU64,
    oldest: AtomicU64,
    newest: AtomicU64,
    damage: AtomicU32,
    /// Bytes of the index beside it.
    index_bytes: AtomicU64,
    /// The index was looked through.
    verified: AtomicBool,
    index: Mutex<State>,
}

/// Where its index is.
#[derive(Debug)]
enum State {
    /// It is being written.
    Growing(MemoryIndex),
    /// Nothing is added any more, and its index is not beside it yet.
    Sealed(Arc<MemoryIndex>),
    /// Beside it.
    Beside,
}

impl Segment {
    /// One that is going to be written.
    pub fn growing(folder: &Path, first: Sequence, epoch: u64, end: u64) -> Self {
        let meta = Meta { journal: 0, epoch, first, next: first, end, ..Meta::default() };
        Self::new(folder, &meta, State::Growing(MemoryIndex::new(first)))
    }

    /// One with an index beside it.
    pub fn indexed(folder: &Path, index: &IndexFile) -> Self {
        let segment = Self::new(folder, &index.meta, State::Beside);
        segment.index_bytes.store(index.length, Ordering::Relaxed);
        segment
    }

    /// One that was read.
    pub fn scanned(folder: &Path, epoch: u64, scan: scan::Scan) -> Self {
        let meta = Meta {
            journal: 0,
            epoch,
            first: scan.index.first(),
            next: scan.next,
            end: scan.end,
            oldest: scan.oldest,
            newest: scan.newest,
            damage: u32::try_from(scan.damaged.len()).unwrap_or(u32::MAX),
        };
        Self::new(folder, &meta, State::Sealed(Arc::new(scan.index)))
    }

    fn new(folder: &Path, meta: &Meta, state: State) -> Self {
        Self {
            first: meta.first,
            epoch: meta.epoch,
            path: folder.join(segment_name(meta.first, meta.epoch)),
            next: meta.next.into(),
            end: meta.end.into(),
            oldest: meta.oldest.into(),
            newest: meta.newest.into(),
            damage: meta.damage.into(),
            index_bytes: 0.into(),
            verified: false.into(),
            index: Mutex::new(state),
        }
    }

    /// One past its last place; its first when it is empty.
    pub fn next(&self) -> Sequence {
        self.next.load(Ordering::Acquire)
    }

    pub fn is_empty(&self) -> bool {
        self.next() == self.first
    }

    /// Where its sound bytes end.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// The time of its newest entry; 0 without any.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// The time of its first entry; 0 without any.
    pub fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Relaxed)
    }

    /// Bytes on the disk, with its index.
    pub fn bytes(&self) -> u64 {
        self.end() + self.index_bytes.load(Ordering::Relaxed)
    }

    pub fn index_path(&self) -> PathBuf {
        index_path(&self.path)
    }

    pub fn meta(&self, journal: u32) -> Meta {
        Meta {
            journal,
            epoch: self.epoch,
            first: self.first,
            next: self.next(),
            end: self.end(),
            oldest: self.oldest(),
            newest: self.newest(),
            damage: self.damage.load(Ordering::Relaxed),
        }
    }

    /// Shows readers what was written: entries with their place, time, offset and hashes of their keys, up to `end`.
    pub fn publish<'e>(&self, entries: impl IntoIterator<Item = (Sequence, u64, u32, &'e [u64])>, end: u64) {
        let mut state = self.lock();
        let State::Growing(index) = &mut *state else { return };
        let (mut next, mut newest) = (self.next(), self.newest());
        for (sequence, time, offset, hashes) in entries {
            if index.entries().is_empty() {
                self.oldest.store(time, Ordering::Relaxed);
            }
            index.push(sequence, offset, hashes.iter().copied());
            (next, newest) = (sequence + 1, newest.max(time));
        }
        self.newest.store(newest, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        self.next.store(next, Ordering::Release);
    }

    /// Nothing is added any more.
    pub fn seal(&self) {
        let mut state = self.lock();
        if let State::Growing(index) = &mut *state {
            let index = std::mem::take(index);
            *state = State::Sealed(Arc::new(index));
        }
    }

    /// Its index, when that is sealed and not beside it yet.
    pub fn sealed(&self) -> Option<Arc<MemoryIndex>> {
        match &*self.lock() {
            State::Sealed(index) => Some(Arc::clone(index)),
            State::Growing(_) | State::Beside => None,
        }
    }

    /// Its index lies beside it now.
    pub fn set_beside(&self, bytes: u64) {
        self.index_bytes.store(bytes, Ordering::Relaxed);
        self.verified.store(false, Ordering::Relaxed);
        *self.lock() = State::Beside;
    }

    /// Places of entries with any of these hashes, or of all: see [`Index::places`]. Each once, in their order. What is looked at ends where
    /// the returned range does.
    ///
    /// # Errors
    /// When the file cannot be read. An index that cannot be is made anew.
    pub fn places(
        &self,
        indexes: &Cache<IndexFile>,
        keys: Option<&[u64]>,
        range: Range<Sequence>,
        most: usize,
        back: bool,
    ) -> io::Result<(Vec<Place>, Range<Sequence>)> {
        if let Some(keys) = keys.filter(|keys| keys.len() > KEYS) {
            let (mut places, mut looked) = (Vec::new(), range.clone());
            for keys in keys.chunks(KEYS) {
                let (more, within) = self.places(indexes, Some(keys), range.clone(), most, back)?;
                places.extend(more);
                looked = looked.start.max(within.start)..looked.end.min(within.end);
            }
            return Ok((merge(places, &looked), looked));
        }
        let found = match &*self.lock() {
            State::Growing(index) => Some(gather(index, keys, &range, most, back)),
            State::Sealed(index) => Some(gather(&**index, keys, &range, most, back)),
            State::Beside => None,
        };
        if let Some(found) = found {
            return found;
        }
        let opened = indexes.get(self.first, self.epoch, || IndexFile::open(&self.index_path()));
        let verified = opened.and_then(|index| {
            if !self.verified.load(Ordering::Relaxed) {
                index.verify()?;
                self.verified.store(true, Ordering::Relaxed);
            }
            gather(&*index, keys, &range, most, back)
        });
        verified.or_else(|_| {
            indexes.forget(self.first, self.epoch);
            let scan = scan::scan(&self.path, self.first, self.next())?;
            let index = Arc::new(scan.index);
            *self.lock() = State::Sealed(Arc::clone(&index));
            gather(&*index, keys, &range, most, back)
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gather(
    index: &dyn Index,
    keys: Option<&[u64]>,
    range: &Range<Sequence>,
    most: usize,
    back: bool,
) -> io::Result<(Vec<Place>, Range<Sequence>)> {
    let (mut places, mut looked) = (Vec::new(), range.clone());
    let Some(keys) = keys else {
        if !index.places(None, range, most, back, &mut places)? {
            narrow(&mut looked, &places, back);
        }
        return Ok((places, looked));
    };
    for key in keys {
        let start = places.len();
        if !index.places(Some(*key), range, most, back, &mut places)? {
            narrow(&mut looked, places.get(start..).unwrap_or_default(), back);
        }
    }
    Ok((if keys.len() > 1 { merge(places, &looked) } else { places }, looked))
}

/// Each place once, in their order, as far as all keys were looked at.
fn merge(mut places: Vec<Place>, looked: &Range<Sequence>) -> Vec<Place> {
    places.sort_unstable();
    places.dedup();
    places.retain(|place| looked.contains(&place.sequence));
    places
}

/// There are more than these: what is beyond them was not looked at.
fn narrow(looked: &mut Range<Sequence>, places: &[Place], back: bool) {
    if back {
        looked.start = places.first().map_or(looked.end, |place| looked.start.max(place.sequence));
    } else {
        looked.end = places.last().map_or(looked.start, |place| looked.end.min(place.sequence + 1));
    }
}
