//! A cursor's note: where a consumer stands, written many times a second into the two places of a file by turns.
//!
//! It is never synced. It survives the end of the process at any moment, for one of its places is whole while the other is written; what a power
//! cut leaves of it may be neither. A place is 36 KiB, of which as much is written as is needed. Numbers are little-endian:
//!
//! | bytes | of a place |
//! | --- | --- |
//! | 4 | CRC-32 of all that follows |
//! | 4 | events that are parked: how many |
//! | 8 | number of the note: of two that are whole the higher one counts |
//! | 8 | how often the cursor had been set when it was made |
//! | 8 | the log's number |
//! | 8 | epoch of the last event that was looked at |
//! | 8 | its place |
//! | 8 each | the places of what is parked |

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::cursors::{PARKED, Position};
use super::format::{u32_at, u64_at};
use super::{Cursor, Sequence};

/// Bytes between the beginnings of the places: the largest note, in whole pages.
const PLACE: usize = 36 * 1024;
const HEAD: usize = 48;
const _: () = assert!(HEAD + PARKED * 8 <= PLACE);

/// A file of notes that is open.
#[derive(Debug)]
pub(super) struct Note {
    file: File,
    /// The number of the next note; its last bit is the place where it goes.
    next: u64,
}

/// A note as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Noted {
    number: u64,
    /// How often the cursor had been set when it was made.
    pub set: u64,
    /// Where the consumer stood.
    pub position: Position,
}

impl Note {
    /// The file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let next = read(path).map_or(0, |noted| noted.number + 1);
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Ok(Self { file, next })
    }

    /// Writes a note. When it fails, the one before it counts.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn write(&mut self, set: u64, position: &Position) -> io::Result<()> {
        self.file.write_all_at(&encode(self.next, set, position), (self.next % 2) * PLACE as u64)?;
        self.next += 1;
        Ok(())
    }
}

/// The note at `path` that counts; none when there is none that is whole.
pub(super) fn read(path: &Path) -> Option<Noted> {
    let bytes = std::fs::read(path).ok()?;
    let places = bytes.chunks(PLACE).take(2);
    places.filter_map(decode).max_by_key(|noted| noted.number)
}

fn encode(number: u64, set: u64, position: &Position) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + position.parked.len() * 8);
    let Cursor { journal, epoch, sequence } = position.reached;
    bytes.extend_from_slice(&[0; 4]);
    // There are at most `PARKED`.
    bytes.extend_from_slice(&(position.parked.len() as u32).to_le_bytes());
    let numbers = [number, set, journal.into(), epoch, sequence];
    numbers.iter().chain(&position.parked).for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    let crc = crc32fast::hash(bytes.get(4..).unwrap_or_default());
    bytes.iter_mut().zip(crc.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

fn decode(place: &[u8]) -> Option<Noted> {
    let parked = usize::try_from(u32_at(place, 4)?).ok().filter(|parked| *parked <= PARKED)?;
    let whole = place.get(..HEAD + parked * 8)?;
    if crc32fast::hash(whole.get(4..)?) != u32_at(whole, 0)? {
        return None;
    }
    let journal = u32::try_from(u64_at(whole, 24)?).ok()?;
    let reached = Cursor { journal, epoch: u64_at(whole, 32)?, sequence: u64_at(whole, 40)? };
    let parked = (0..parked).map(|at| u64_at(whole, HEAD + at * 8)).collect::<Option<std::collections::BTreeSet<Sequence>>>()?;
    Some(Noted { number: u64_at(whole, 8)?, set: u64_at(whole, 16)?, position: Position { reached, parked } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sequence: Sequence, parked: impl IntoIterator<Item = Sequence>) -> Position {
        let reached = Cursor { journal: u32::MAX, epoch: 1_795_420_000, sequence };
        Position { reached, parked: parked.into_iter().collect() }
    }

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("+crm");
        (folder, path)
    }

    #[test]
    fn the_last_of_many_notes_is_read() {
        let (_folder, path) = file();
        assert_eq!(read(&path), None);
        let mut note = Note::open(&path).unwrap();
        for (sequence, parked) in [(5000, 1..PARKED as u64 + 1), (5001, 7..8), (5002, 0..0)] {
            note.write(3, &at(sequence, parked.clone())).unwrap();
            let noted = read(&path).unwrap();
            assert_eq!((noted.set, noted.position), (3, at(sequence, parked)));
        }
    }

    #[test]
    fn a_file_that_is_opened_again_goes_on() {
        let (_folder, path) = file();
        for sequence in 1..=3 {
            Note::open(&path).unwrap().write(0, &at(sequence, [])).unwrap();
        }
        assert_eq!(read(&path).unwrap().position, at(3, []));
    }

    #[test]
    fn a_note_that_was_cut_off_anywhere_leaves_the_one_before_it() {
        let (_folder, path) = file();
        let mut note = Note::open(&path).unwrap();
        note.write(1, &at(10, [4, 9])).unwrap();
        note.write(1, &at(11, [4, 10])).unwrap();
        let before = encode(0, 1, &at(10, [4, 9]));
        let after = encode(2, 1, &at(12, [4]));
        for end in 0..=after.len() {
            let torn: Vec<u8> = after.iter().take(end).chain(before.iter().skip(end)).copied().collect();
            note.file.write_all_at(&torn, 0).unwrap();
            let expected = if torn.starts_with(&after) { 12 } else { 11 };
            assert_eq!(read(&path).unwrap().position.reached.sequence, expected, "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_note_is_none() {
        let (_folder, path) = file();
        let whole = encode(1, 1, &at(1, [1]));
        for bytes in [&b""[..], b"{\"version\":2}", &[0; PLACE], &[0xFF; 3 * PLACE], &whole[..whole.len() - 1]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), None);
        }
    }
}
