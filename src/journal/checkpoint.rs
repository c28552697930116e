//! What the gateway wants back after a crash, without reading the log: bytes that it alone understands, and the place that they hold for.

use std::fs;
use std::io;
use std::path::Path;

use super::disk::{self, Disk};
use super::error::io;
use super::format::{VERSION, u32_at, u64_at};
use super::{JournalError, Sequence};

const NAME: &str = "checkpoint";
const MAGIC: [u8; 8] = *b"callchek";
const HEAD: usize = 28;

/// Writes it in place of the one before.
pub(super) fn write(disk: &dyn Disk, folder: &Path, journal: u32, at: Sequence, bytes: &[u8], durably: bool) -> Result<(), JournalError> {
    let path = folder.join(NAME);
    let mut out = Vec::with_capacity(HEAD + bytes.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&journal.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    out.extend_from_slice(bytes);
    disk::replace(disk, &path, &out, durably).map_err(io("write", &path))
}

/// Reads it; none when there is none of this log, or it is damaged.
pub(super) fn read(folder: &Path, journal: u32) -> Result<Option<(Sequence, Vec<u8>)>, JournalError> {
    let path = folder.join(NAME);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io("read", &path))?,
    };
    let read = || {
        let content = bytes.get(HEAD..)?;
        let ours = bytes.starts_with(&MAGIC) && u32_at(&bytes, 8)? == VERSION && u32_at(&bytes, 12)? == journal;
        (ours && u32_at(&bytes, 24)? == crc32fast::hash(content)).then_some(())?;
        Some((u64_at(&bytes, 16)?, content.to_vec()))
    };
    Ok(read())
}

/// Removes it.
pub(super) fn remove(folder: &Path) -> Result<(), JournalError> {
    let path = folder.join(NAME);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io("remove", &path)(error)),
        _ => Ok(()),
    }
}
