//! Reads the log, beside its writer or from another process.
//!
//! What a reader looks at is a list of segments, which it takes without a lock: the writer never waits for a reader longer than it takes to
//! copy a few hundred places. A segment that retention removed meanwhile is read to its end as long as it is open.

use std::fs::File;
use std::io;
use std::ops::Range as Places;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::cache::Cache;
use super::error::io;
use super::format::{Raw, hash};
use super::index_file::IndexFile;
use super::segment::Segment;
use super::window::Window;
use super::{Cursor, Entry, JournalError, Key, Keys, Limit, Page, Range, Selection, Sequence, checkpoint, recovery};
use crate::time::Timestamp;

/// Places that are taken from an index at once.
const PLACES: usize = 256;
/// Bytes that are read at once when everything is wanted, and when a few entries here and there are.
const ALL: usize = 256 * 1024;
const SOME: usize = 4 * 1024;

/// What readers and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub id: u32,
    /// The newest one.
    pub epoch: u64,
    pub folder: PathBuf,
    /// In the order of their places; never empty while it is written.
    pub segments: ArcSwap<Vec<Arc<Segment>>>,
    pub files: Cache<File>,
    pub indexes: Cache<IndexFile>,
    /// Records that were to be read and could not be.
    pub unreadable: AtomicU64,
}

impl Shared {
    pub fn new(id: u32, epoch: u64, folder: &Path, segments: Vec<Arc<Segment>>) -> Self {
        Self {
            id,
            epoch,
            folder: folder.into(),
            segments: ArcSwap::from_pointee(segments),
            files: Cache::default(),
            indexes: Cache::default(),
            unreadable: 0.into(),
        }
    }

    /// Closes what is open of a segment.
    pub fn forget(&self, segment: &Segment) {
        self.files.forget(segment.first, segment.epoch);
        self.indexes.forget(segment.first, segment.epoch);
    }
}

/// Reads the log, beside its writer or, of a process of its own, beside another. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader(pub(super) Arc<Shared>);

impl Reader {
    /// Reads a log that another process may be writing: what is in it now.
    ///
    /// # Errors
    /// When there is none, it is of a newer version, or the disk refuses.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, JournalError> {
        let directory = directory.as_ref();
        let id = recovery::known(directory)?.ok_or_else(|| JournalError::Missing { directory: directory.into() })?;
        let (segments, _) = recovery::segments(directory, id)?;
        let epoch = segments.last().map_or(0, |segment| segment.epoch);
        Ok(Self(Arc::new(Shared::new(id, epoch, directory, segments))))
    }

    /// The log's own number, in every cursor.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// The newest epoch.
    pub fn epoch(&self) -> u64 {
        self.0.epoch
    }

    /// What is kept.
    pub fn range(&self) -> Range {
        range(&self.0.segments.load())
    }

    /// The cursor of an event of the newest epoch.
    pub fn cursor(&self, sequence: Sequence) -> Cursor {
        Cursor { journal: self.0.id, epoch: self.epoch(), sequence }
    }

    /// The place of the first event after a cursor.
    ///
    /// # Errors
    /// [`JournalError::Trimmed`], [`JournalError::Unknown`] or [`JournalError::Future`].
    pub fn after(&self, cursor: Cursor) -> Result<Sequence, JournalError> {
        let segments = self.0.segments.load();
        let Range { oldest, next } = range(&segments);
        let first = segments.first().map_or(0, |segment| segment.epoch);
        let wanted = cursor.sequence.saturating_add(1);
        if cursor.journal != self.0.id && cursor.journal != 0 {
            return Err(JournalError::Unknown);
        }
        let wanted = if cursor.epoch == self.0.epoch {
            if wanted > next {
                return Err(JournalError::Future { newest: next - 1 });
            }
            wanted
        } else if segments.iter().any(|segment| segment.epoch == cursor.epoch) {
            // What was told past this and lost in a power cut has places that the next epoch gave again.
            segments.iter().find(|segment| segment.epoch > cursor.epoch).map_or(wanted, |segment| wanted.min(segment.first))
        } else if cursor.epoch < first && wanted < oldest {
            wanted
        } else {
            return Err(JournalError::Unknown);
        };
        if wanted < oldest { Err(JournalError::Trimmed { wanted, oldest }) } else { Ok(wanted) }
    }

    /// The newest checkpoint: the last place that it knows of, and what was written down.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn checkpoint(&self) -> Result<Option<(Sequence, Vec<u8>)>, JournalError> {
        let found = checkpoint::read(&self.0.folder, self.0.id)?;
        // One that is ahead of the log is of another: it was copied here, or the log was restored from a backup.
        Ok(found.filter(|(sequence, _)| *sequence < self.range().next))
    }

    /// Wanted entries of `from..until`, the oldest first.
    ///
    /// # Errors
    /// When `from` is trimmed, or the disk refuses.
    pub fn read(&self, wanted: &Selection, from: Sequence, until: Sequence, limit: Limit) -> Result<Page, JournalError> {
        let segments = self.0.segments.load_full();
        let range = range(&segments);
        if from < range.oldest {
            return Err(JournalError::Trimmed { wanted: from, oldest: range.oldest });
        }
        let until = until.min(range.next);
        let mut reading = Reading::new(self, wanted, limit, false);
        // Each segment ends where the next begins, so that those before `from` can be skipped.
        let skipped = segments.partition_point(|segment| segment.next() <= from);
        for segment in segments.iter().skip(skipped).take_while(|segment| segment.first < until) {
            let places = from.max(segment.first)..until.min(segment.next());
            if let Some(last) = reading.segment(segment, places)? {
                return Ok(Page { entries: reading.entries, next: last + 1, done: false });
            }
        }
        Ok(Page { entries: reading.entries, next: until.max(from), done: true })
    }

    /// Wanted entries before `before`, the newest first.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn read_back(&self, wanted: &Selection, before: Sequence, limit: Limit) -> Result<Page, JournalError> {
        let segments = self.0.segments.load_full();
        let mut reading = Reading::new(self, wanted, limit, true);
        for segment in segments.iter().rev().skip_while(|segment| segment.first >= before) {
            let places = segment.first..before.min(segment.next());
            match reading.segment(segment, places) {
                Ok(None) => {}
                Ok(Some(last)) => return Ok(Page { entries: reading.entries, next: last, done: false }),
                // Retention came first: what is left is all there is.
                Err(JournalError::Trimmed { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Page { entries: reading.entries, next: range(&segments).oldest.min(before), done: true })
    }

    /// The entry at a place.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn get(&self, sequence: Sequence) -> Result<Option<Entry>, JournalError> {
        // No more of the file is read than one event is likely to take.
        let limit = Limit { entries: 1, bytes: 1 };
        match self.read(&Selection::Everything, sequence, sequence.saturating_add(1), limit) {
            Ok(mut page) => Ok(page.entries.pop()),
            Err(JournalError::Trimmed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest entry before a place that has this key.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn previous(&self, before: Sequence, key: &Key) -> Result<Option<Entry>, JournalError> {
        let limit = Limit { entries: 1, bytes: usize::MAX };
        Ok(self.read_back(&Selection::Any(vec![key.clone()]), before, limit)?.entries.pop())
    }

    /// The place of the first entry that is not older than this, as far as the order of places is that of time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn at(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        let segments = self.0.segments.load_full();
        let range = range(&segments);
        let Some(segment) = segments.iter().find(|segment| segment.newest() >= time.0 && !segment.is_empty()) else {
            return Ok(range.next);
        };
        let (mut low, mut high) = (segment.first, segment.next());
        while low < high {
            let middle = low.midpoint(high);
            let page = self.read(&Selection::Everything, middle, high, Limit { entries: 1, bytes: 1 })?;
            match page.entries.first() {
                Some(entry) if entry.time < time => low = entry.sequence + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

fn range(segments: &[Arc<Segment>]) -> Range {
    let next = segments.last().map_or(1, |segment| segment.next());
    Range { oldest: segments.first().map_or(next, |segment| segment.first), next }
}

/// Collects the entries of a page.
struct Reading<'a> {
    reader: &'a Reader,
    keys: Option<(&'a [Key], Vec<u64>)>,
    entries: Vec<Entry>,
    limit: Limit,
    bytes: usize,
    back: bool,
    window: Window,
}

impl<'a> Reading<'a> {
    fn new(reader: &'a Reader, wanted: &'a Selection, limit: Limit, back: bool) -> Self {
        let (keys, span) = match wanted {
            Selection::Everything => (None, ALL.min(limit.bytes.max(SOME))),
            Selection::Any(keys) => (Some((keys.as_slice(), keys.iter().map(|key| hash(key.space, &key.text)).collect())), SOME),
        };
        let lead = if back && keys.is_none() { span - span / 4 } else { 0 };
        Self { reader, keys, entries: Vec::new(), limit, bytes: 0, back, window: Window::new(span, lead) }
    }

    /// Adds the wanted entries of a segment; the place of the last one when the page is full.
    fn segment(&mut self, segment: &Segment, mut range: Places<Sequence>) -> Result<Option<Sequence>, JournalError> {
        let shared = &self.reader.0;
        self.window.clear();
        let mut opened = None;
        while !range.is_empty() {
            let hashes = self.keys.as_ref().map(|(_, hashes)| hashes.as_slice());
            let most = PLACES.min(self.limit.entries.saturating_sub(self.entries.len()).max(1));
            let (mut places, looked) =
                segment.places(&shared.indexes, hashes, range.clone(), most, self.back).map_err(|error| self.gone(segment, error))?;
            if self.back {
                places.reverse();
            }
            for place in places {
                let file = match &opened {
                    Some(file) => file,
                    None => {
                        let file = shared.files.get(segment.first, segment.epoch, || File::open(&segment.path));
                        opened.insert(file.map_err(|error| self.gone(segment, error))?)
                    }
                };
                let raw = self.window.record(file, place, segment.end()).map_err(io("read", &segment.path))?;
                let Some(raw) = raw else {
                    shared.unreadable.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                if self.keys.as_ref().is_some_and(|(keys, _)| !has_any(&raw, keys)) {
                    continue;
                }
                self.bytes += raw.event.len();
                self.entries.push(entry(segment.epoch, &raw));
                if self.entries.len() >= self.limit.entries || self.bytes >= self.limit.bytes {
                    return Ok(Some(place.sequence));
                }
            }
            if self.back {
                range.end = looked.start;
            } else {
                range.start = looked.end;
            }
        }
        Ok(None)
    }

    /// A file that is not there any more was removed by retention: here, or by the process that writes.
    fn gone(&self, segment: &Segment, error: io::Error) -> JournalError {
        if error.kind() == io::ErrorKind::NotFound {
            let oldest = self.reader.range().oldest.max(segment.next());
            return JournalError::Trimmed { wanted: segment.first, oldest };
        }
        io("read", &segment.path)(error)
    }
}

/// Two keys may have the same hash: what the record itself says counts.
fn has_any(raw: &Raw<'_>, keys: &[Key]) -> bool {
    keys.iter().any(|key| Keys::parse(raw.keys).any(|(space, text)| space == key.space && *text == *key.text))
}

pub(super) fn entry(epoch: u64, raw: &Raw<'_>) -> Entry {
    Entry {
        epoch,
        sequence: raw.sequence,
        time: Timestamp(raw.time),
        keys: Keys::from_bytes(raw.keys),
        event: Bytes::copy_from_slice(raw.event),
    }
}
