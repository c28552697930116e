//! One kind of record of one endpoint: files that are appended to, each for a part of the time, and read from the end.
//!
//! A file is a head and records of one size. Each run begins files of its own, so that nothing is ever appended behind what a crash left
//! in parts; what is in parts is passed over. Whole files go when their newest record is too old, or when all are too large together.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::RecordsError;
use super::entry::{Record, SIZE};
use crate::journal::{Disk, DiskFile};
use crate::time::Timestamp;

const MAGIC: &[u8; 8] = b"ccwebhk\0";
const VERSION: u32 = 1;
/// As long as a record, so that places are multiples of it.
const HEAD: usize = SIZE;
/// Records that are read at once.
const BLOCK: u64 = 1024;
/// Into how many files the bounds are divided: by so much more may be kept.
const PARTS: u32 = 8;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// For how long.
    pub age: Duration,
    /// Bytes.
    pub bytes: u64,
}

/// The files of one kind.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    kind: &'static str,
    keep: Keep,
    disk: Arc<dyn Disk>,
    /// Those that are not appended to any more, the oldest first.
    closed: Vec<Part>,
    open: Option<Open>,
    /// The number of the next.
    next: u32,
    scratch: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    number: u32,
    bytes: u64,
    newest: Timestamp,
}

#[derive(Debug)]
struct Open {
    file: Box<dyn DiskFile>,
    part: Part,
    began: Timestamp,
}

/// Where a record is; what was before it is read on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the file.
    pub file: u32,
    /// Its place in it, from 0.
    pub index: u64,
}

impl Files {
    /// The files of this kind that are in a folder.
    pub fn open(folder: &Path, kind: &'static str, keep: Keep, disk: Arc<dyn Disk>) -> Result<Self, RecordsError> {
        let mut files = Self { folder: folder.into(), kind, keep, disk, closed: Vec::new(), open: None, next: 1, scratch: Vec::new() };
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            other => other.map_err(|source| files.failed("read", source))?,
        };
        for entry in entries {
            let name = entry.map_err(|source| files.failed("read", source))?.file_name();
            let number = name.to_str().and_then(|name| number_of(name, kind));
            let Some(number) = number else { continue };
            files.next = files.next.max(number.saturating_add(1));
            files.closed.push(files.part(number)?);
        }
        files.closed.sort_unstable_by_key(|part| part.number);
        Ok(files)
    }

    fn part(&self, number: u32) -> Result<Part, RecordsError> {
        let path = self.path(number);
        let failed = |source| RecordsError::Io { action: "read", path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let mut head = [0; HEAD];
        let bytes = file.metadata().map_err(failed)?.len();
        // One without a whole head has no record either.
        if bytes >= HEAD as u64 {
            file.read_exact_at(&mut head, 0).map_err(failed)?;
            check(&head, &path)?;
        }
        let mut newest = Timestamp(0);
        let part = Part { number, bytes, newest };
        scan_back(&file, part.records(), |_, record| {
            newest = record.at;
            false
        })
        .map_err(failed)?;
        Ok(Part { newest, ..part })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{}-{number:08}", self.kind))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> RecordsError {
        RecordsError::Io { action, path: self.folder.clone(), source }
    }

    /// Appends records. When this fails none of them is there.
    pub fn append(&mut self, records: &[Record], sync: bool) -> Result<(), RecordsError> {
        let Some((first, last)) = records.first().zip(records.last()) else { return Ok(()) };
        self.roll(first.at)?;
        self.scratch.clear();
        records.iter().for_each(|record| record.push(&mut self.scratch));
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.file.write_all(&self.scratch).and_then(|()| if sync { open.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => {
                open.part.bytes += self.scratch.len() as u64;
                open.part.newest = open.part.newest.max(last.at);
                Ok(())
            }
            Err(source) => {
                // What is there in part goes; where not even that works, what comes next goes into another file.
                if open.file.set_len(open.part.bytes).is_err() {
                    self.close();
                }
                Err(self.failed("write to", source))
            }
        }
    }

    /// Sees to it that there is a file to append to.
    fn roll(&mut self, at: Timestamp) -> Result<(), RecordsError> {
        let full = |open: &Open| open.part.bytes >= self.keep.bytes / u64::from(PARTS) || at.since(open.began) > self.keep.age / PARTS;
        if self.open.as_ref().is_some_and(full) {
            self.close();
            self.retain(at);
        }
        if self.open.is_none() {
            crate::journal::create_folder(&self.folder).map_err(|source| self.failed("create", source))?;
            let number = self.next;
            let path = self.path(number);
            let create = || {
                let file = self.disk.create(&path)?;
                file.write_all(&head())?;
                Ok(file)
            };
            let file = create().map_err(|source| RecordsError::Io { action: "create", path: path.clone(), source })?;
            self.next = number.saturating_add(1);
            self.open = Some(Open { file, part: Part { number, bytes: HEAD as u64, newest: at }, began: at });
        }
        Ok(())
    }

    fn close(&mut self) {
        self.closed.extend(self.open.take().map(|open| open.part));
    }

    /// Removes files that are too old, or too many. One that cannot be removed is tried again the next time.
    pub fn retain(&mut self, now: Timestamp) {
        if self.open.as_ref().is_some_and(|open| now.since(open.part.newest) > self.keep.age) {
            self.close();
        }
        let mut bytes: u64 = self.parts().map(|part| part.bytes).sum();
        let mut closed = std::mem::take(&mut self.closed);
        closed.retain(|part| {
            let goes = bytes > self.keep.bytes || now.since(part.newest) > self.keep.age;
            let gone = goes
                && matches!(fs::remove_file(self.path(part.number)).map_err(|error| error.kind()), Ok(()) | Err(io::ErrorKind::NotFound));
            if gone {
                bytes = bytes.saturating_sub(part.bytes);
            }
            !gone
        });
        self.closed = closed;
    }

    fn parts(&self) -> impl Iterator<Item = Part> {
        self.closed.iter().copied().chain(self.open.as_ref().map(|open| open.part))
    }

    /// What is there now, to be read while it is appended to.
    pub fn view(&self) -> View {
        let mut files: Vec<(PathBuf, Part)> = self.parts().map(|part| (self.path(part.number), part)).collect();
        files.reverse();
        View { files, age: self.keep.age }
    }
}

/// What was there at one moment.
#[derive(Debug)]
pub struct View {
    /// The newest first.
    files: Vec<(PathBuf, Part)>,
    age: Duration,
}

impl View {
    /// Looks at the records from the newest on, or from before a place, as long as `look` says so. Those that are older than what is kept
    /// are not shown, although their file may still be there.
    pub fn back(&self, before: Option<Place>, now: Timestamp, mut look: impl FnMut(Place, Record) -> bool) -> Result<(), RecordsError> {
        for (path, part) in &self.files {
            let records = match before {
                Some(place) if part.number > place.file => continue,
                Some(place) if part.number == place.file => part.records().min(place.index),
                _ => part.records(),
            };
            let file = match File::open(path) {
                // Retention was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|source| RecordsError::Io { action: "read", path: path.clone(), source })?,
            };
            let mut goes_on = true;
            let looked = scan_back(&file, records, |index, record| {
                if now.since(record.at) <= self.age {
                    goes_on = look(Place { file: part.number, index }, record);
                }
                goes_on
            });
            looked.map_err(|source| RecordsError::Io { action: "read", path: path.clone(), source })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

impl Part {
    /// How many records have room in it.
    fn records(&self) -> u64 {
        self.bytes.saturating_sub(HEAD as u64) / SIZE as u64
    }
}

/// Looks at the first so many records of a file, the last of them first, as long as `look` says so.
fn scan_back(file: &File, records: u64, mut look: impl FnMut(u64, Record) -> bool) -> io::Result<()> {
    let mut block = Vec::new();
    let mut end = records;
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        block.resize((end - begin) as usize * SIZE, 0);
        file.read_exact_at(&mut block, HEAD as u64 + begin * SIZE as u64)?;
        for (index, bytes) in block.as_chunks().0.iter().enumerate().rev() {
            if Record::read(bytes).is_some_and(|record| !look(begin + index as u64, record)) {
                return Ok(());
            }
        }
        end = begin;
    }
    Ok(())
}

fn head() -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let written = MAGIC.iter().copied().chain(VERSION.to_le_bytes());
    head.iter_mut().zip(written).for_each(|(to, byte)| *to = byte);
    head
}

fn check(found: &[u8; HEAD], path: &Path) -> Result<(), RecordsError> {
    let Some((magic, rest)) = found.split_first_chunk() else { return Ok(()) };
    if magic != MAGIC {
        return Err(RecordsError::Foreign { path: path.into() });
    }
    match rest.first_chunk().map(|version| u32::from_le_bytes(*version)) {
        Some(version) if version > VERSION => Err(RecordsError::Newer { path: path.into(), found: version, known: VERSION }),
        _ => Ok(()),
    }
}

fn number_of(name: &str, kind: &str) -> Option<u32> {
    let digits = name.strip_prefix(kind)?.strip_prefix('-')?;
    if digits.len() == 8 { digits.parse().ok() } else { None }
}
