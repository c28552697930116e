//! Finds out what a folder holds: whether it is a log, of which format, and its segments.
//!
//! Nothing is ever repaired by hand. A segment without a sound index is read from its beginning to its end; what was being written when the
//! machine stopped is left alone, because every run writes to a segment of its own.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Disk};
use super::error::io;
use super::format::{HEAD, Head, VERSION, index_path, parse_segment_name, segment_name};
use super::index_file::{IndexFile, Meta};
use super::scan::scan;
use super::segment::Segment;
use super::{JournalError, Sequence};

const FORMAT: &str = "format";
/// Segments without an entry that are kept, for the epochs that they stand for: more come of a gateway that starts again and again.
const EMPTY: usize = 64;

/// What was found wrong when the log was opened. None of it needs anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Ranges of segments that cannot be read, with events behind them that can.
    pub damaged: Vec<Damage>,
    /// Bytes of a record that was being written when the machine or the process stopped.
    pub torn: u64,
    /// Segments that were read through, because their index was missing or damaged.
    pub scanned: usize,
}

/// A part of a segment that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub path: PathBuf,
    /// Where in it.
    pub bytes: std::ops::Range<u64>,
}

/// The number of the log in a folder; none when there is no log.
///
/// # Errors
/// When it is of a newer version, or no log of ours.
pub(super) fn known(directory: &Path) -> Result<Option<u32>, JournalError> {
    let path = directory.join(FORMAT);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io("read", &path))?,
    };
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("callcast journal ")?.parse().ok());
    let id = lines.next().and_then(|line| u32::from_str_radix(line.strip_prefix("id ")?, 16).ok());
    match (version, id) {
        (Some(found), _) if found > VERSION => Err(JournalError::Newer { path, found, known: VERSION }),
        (Some(_), Some(id)) => Ok(Some(id)),
        _ => Err(JournalError::Foreign { path }),
    }
}

/// Makes a log of the folder, with a number of its own.
pub(super) fn found(disk: &dyn Disk, directory: &Path) -> Result<u32, JournalError> {
    let id = fastrand::u32(1..);
    let path = directory.join(FORMAT);
    disk::replace(disk, &path, format!("callcast journal {VERSION}\nid {id:08x}\n").as_bytes(), true).map_err(io("write", &path))?;
    Ok(id)
}

/// The segments in the order of their places.
///
/// # Errors
/// When one of them is of another log or a newer version, or the disk refuses.
pub(super) fn segments(directory: &Path, id: u32) -> Result<(Vec<Arc<Segment>>, Recovery), JournalError> {
    let mut names: Vec<(Sequence, u64)> = Vec::new();
    for file in fs::read_dir(directory).map_err(io("read", directory))? {
        let file = file.map_err(io("read", directory))?;
        names.extend(file.file_name().to_str().and_then(parse_segment_name));
    }
    names.sort_unstable();
    let untils = names.iter().skip(1).map(|(first, _)| *first).chain([Sequence::MAX]).collect::<Vec<_>>();
    let (mut segments, mut recovery) = (Vec::new(), Recovery::default());
    for ((first, epoch), until) in names.into_iter().zip(untils) {
        match segment(directory, id, (first, epoch), until, &mut recovery) {
            Ok(segment) => segments.push(Arc::new(segment)),
            // Retention of another process came first.
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok((segments, recovery))
}

fn segment(
    directory: &Path,
    id: u32,
    (first, epoch): (Sequence, u64),
    until: Sequence,
    recovery: &mut Recovery,
) -> Result<Segment, JournalError> {
    let path = directory.join(segment_name(first, epoch));
    let mut head = [0; HEAD];
    let read = fs::File::open(&path).and_then(|mut file| {
        let length = file.metadata()?.len();
        let read = file.read(&mut head)?;
        Ok((length, head.get(..read).and_then(Head::decode)))
    });
    let (length, head) = read.map_err(io("read", &path))?;
    match head {
        Some(head) if head.version > VERSION => return Err(JournalError::Newer { path, found: head.version, known: VERSION }),
        Some(head) if head.journal != id => return Err(JournalError::Foreign { path }),
        _ => {}
    }
    if let Ok(index) = IndexFile::open(&index_path(&path)) {
        let Meta { journal, epoch: of, first: from, next, end, .. } = index.meta;
        if (journal, of, from) == (id, epoch, first) && next <= until && end <= length {
            return Ok(Segment::indexed(directory, &index));
        }
    }
    let scan = scan(&path, first, until).map_err(io("read", &path))?;
    recovery.scanned += 1;
    recovery.torn += scan.torn;
    recovery.damaged.extend(scan.damaged.iter().map(|bytes| Damage { path: path.clone(), bytes: bytes.clone() }));
    Ok(Segment::scanned(directory, epoch, scan))
}

/// Removes what nobody will miss: files that were not finished, indexes without a segment, segments without an entry if they are many.
pub(super) fn tidy(directory: &Path, segments: &mut Vec<Arc<Segment>>) -> Result<(), JournalError> {
    for file in fs::read_dir(directory).map_err(io("read", directory))? {
        let path = file.map_err(io("read", directory))?.path();
        let lost = match path.extension().and_then(|extension| extension.to_str()) {
            Some("tmp") => true,
            Some("idx") => !path.with_extension("log").exists(),
            _ => false,
        };
        if lost {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    let mut surplus = segments.iter().filter(|segment| segment.is_empty()).count().saturating_sub(EMPTY);
    let mut failed = None;
    segments.retain(|segment| {
        let goes = surplus > 0 && segment.is_empty();
        if goes {
            surplus -= 1;
            failed = failed.take().or(fs::remove_file(&segment.path).map_err(io("remove", &segment.path)).err());
            // It may have none.
            let _ = fs::remove_file(segment.index_path());
        }
        !goes
    });
    failed.map_or(Ok(()), Err)
}
