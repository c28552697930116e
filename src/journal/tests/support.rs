//! What tests of the log share: folders, records, and a disk that fails when it is told to.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::super::disk::{Disk, DiskFile, RealDisk};
use super::super::*;

pub const DEVICE: Space = 1;
pub const CALL: Space = 4;
pub const ALL: Limit = Limit { entries: usize::MAX, bytes: usize::MAX };

/// A log that syncs only when it is told to, in small segments.
pub fn options(folder: &TempDir) -> Options {
    Options {
        sync: SyncMode::Interval(Duration::from_hours(1)),
        segment_bytes: 4096,
        max_age: Duration::MAX,
        max_bytes: u64::MAX,
        ..Options::new(folder.path().join("journal"))
    }
}

pub fn open(folder: &TempDir) -> Journal {
    Journal::open(options(folder)).unwrap()
}

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// An event as tests write it: its text tells its place, its device and its call follow from it.
pub fn event(sequence: Sequence) -> String {
    format!("{{\"sequence\":{sequence},\"padding\":\"{}\"}}", "x".repeat((sequence * 37 % 200) as usize))
}

pub fn keys(sequence: Sequence) -> Keys {
    let mut keys = Keys::default();
    keys.push(DEVICE, format!("SEP{}", sequence % 5));
    keys.push(CALL, (sequence / 4).to_be_bytes());
    keys
}

/// A second for each place, and far from now: retention by the machine's clock finds nothing that is old.
pub fn time(sequence: Sequence) -> Timestamp {
    Timestamp(4_000_000_000_000_000 + sequence * 1_000_000)
}

pub fn device(n: u64) -> Key {
    Key::new(DEVICE, format!("SEP{n}"))
}

/// Appends events in one batch.
pub fn append(journal: &Journal, sequences: impl IntoIterator<Item = Sequence>) -> Result<(), JournalError> {
    let events: Vec<_> = sequences.into_iter().map(|sequence| (sequence, keys(sequence), event(sequence))).collect();
    journal.append(events.iter().map(|(sequence, keys, event)| Record {
        sequence: *sequence,
        time: time(*sequence),
        keys,
        event: event.as_bytes(),
    }))
}

/// Places of all entries, which are checked.
pub fn all(reader: &Reader) -> Vec<Sequence> {
    places(&reader.read(&Selection::Everything, reader.range().oldest, Sequence::MAX, ALL).unwrap())
}

pub fn places(page: &Page) -> Vec<Sequence> {
    let place = |entry: &Entry| {
        assert_eq!(entry.event, event(entry.sequence), "event {}", entry.sequence);
        assert_eq!((&entry.keys, entry.time), (&keys(entry.sequence), time(entry.sequence)));
        entry.sequence
    };
    page.entries.iter().map(place).collect()
}

/// What the disk does wrong, by how many bytes it still takes, and when it is asked to sync.
#[derive(Debug, Default)]
pub struct Faults {
    /// Bytes that still fit; `u64::MAX` is no limit.
    pub room: AtomicU64,
    /// Not even cutting a file works.
    pub no_cutting: Mutex<bool>,
    /// The next syncs fail.
    pub failing_syncs: AtomicU64,
    /// Syncs that were asked for.
    pub syncs: AtomicU64,
    /// Whoever holds this holds up every sync.
    pub hang: Mutex<()>,
}

#[derive(Clone, Debug)]
pub struct FaultyDisk(pub Arc<Faults>);

impl FaultyDisk {
    pub fn new() -> Self {
        Self(Arc::new(Faults { room: u64::MAX.into(), ..Faults::default() }))
    }

    pub fn open(&self, options: Options) -> Journal {
        Journal::open_on(options, Arc::new(self.clone())).unwrap()
    }

    fn sync(&self) -> io::Result<()> {
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        drop(self.0.hang.lock());
        let failing = self.0.failing_syncs.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if failing.is_ok() { Err(io::Error::other("the device is gone")) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FaultyFile { file: RealDisk.create(path)?, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.sync()
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Box<dyn DiskFile>,
    disk: FaultyDisk,
}

impl DiskFile for FaultyFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.disk.0.room.load(Ordering::SeqCst);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let written = self.file.write(&bytes[..fits])?;
        if room != u64::MAX {
            self.disk.0.room.fetch_sub(written as u64, Ordering::SeqCst);
        }
        Ok(written)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if *self.disk.0.no_cutting.lock().unwrap() {
            return Err(io::Error::other("the device is gone"));
        }
        self.file.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

/// Files of the log with this ending, in the order of their places.
pub fn files(folder: &TempDir, extension: &str) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(options(folder).directory).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

pub fn indexes(folder: &TempDir) -> Vec<std::path::PathBuf> {
    files(folder, "idx")
}

pub fn remove_indexes(folder: &TempDir) {
    indexes(folder).iter().for_each(|path| std::fs::remove_file(path).unwrap());
}
