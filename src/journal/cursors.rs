//! Durable cursors: where consumers stand that have no client to remember it.
//!
//! Each has a name and a file of its own, which is replaced in one step. Retention never waits for one: what it removed before a consumer came to
//! it is that consumer's gap. A consumer that moves many times a second notes where it is beside its file, without a sync: that survives the end of
//! the process, and after a power cut the file counts. A note waits for no sync, not even of its own file: a slow device makes no note old.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::disk::{self, Disk};
use super::error::io;
use super::note::{self, Note};
use super::{Cursor, JournalError, Range, Sequence};

const FOLDER: &str = "cursors";
/// Events that a consumer can set aside.
pub const PARKED: usize = 4096;

/// Where a consumer stands: it is done with everything up to `reached`, but for what it has parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The last event that it looked at.
    pub reached: Cursor,
    /// Events before that which it has set aside to try again.
    pub parked: BTreeSet<Sequence>,
}

impl Position {
    /// Nothing parked.
    pub fn new(reached: Cursor) -> Self {
        Self { reached, parked: BTreeSet::new() }
    }

    /// The low-water mark: it is done with everything up to here.
    pub fn mark(&self) -> Sequence {
        self.parked.first().map_or(self.reached.sequence, |first| first - 1)
    }

    /// What the log no longer has of what it is not done with.
    pub fn gap(&self, kept: Range) -> Option<Gap> {
        let wanted = self.reached.sequence.saturating_add(1);
        let parked = self.parked.range(..kept.oldest).count() as u64;
        let count = parked + kept.oldest.saturating_sub(wanted);
        (count > 0).then(|| Gap { first: self.mark() + 1, last: kept.oldest - 1, count })
    }
}

/// Events that a consumer will never get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub first: Sequence,
    /// The last.
    pub last: Sequence,
    /// How many places, less what it was done with among them.
    pub count: u64,
}

/// As it is written.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    /// How often it was set; a note has the number of the file that it was made after.
    #[serde(default)]
    set: u64,
    reached: String,
    parked: Vec<Sequence>,
}

const VERSION: u32 = 2;

/// The durable cursors of a log.
#[derive(Clone, Debug)]
pub struct Cursors {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    writing: Arc<Mutex<HashMap<String, Arc<Writing>>>>,
}

/// A cursor that is going to be set.
#[derive(Debug)]
pub struct Renewal {
    cursors: Cursors,
    path: PathBuf,
    writing: Arc<Writing>,
    number: u64,
}

impl Renewal {
    /// Sets it. When this returns, it is on the device. What was noted before [`Cursors::renew`] counts until the file is in its place, and
    /// never again, even if a power cut brings it back.
    ///
    /// # Errors
    /// As [`Cursors::set`].
    pub fn set(self, position: &Position) -> Result<(), JournalError> {
        let _file = lock(&self.writing.file);
        self.cursors.write(&self.path, position, self.number)
    }
}

/// The files of one cursor, as they are written. Each is locked meanwhile: two that replace one at once would have one temporary file.
#[derive(Debug)]
struct Writing {
    /// How often it was set, with what is going to be.
    set: AtomicU64,
    file: Mutex<()>,
    /// Open since the first note.
    note: Mutex<Option<Note>>,
}

impl Cursors {
    pub(super) fn new(directory: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { folder: directory.join(FOLDER), disk, writing: Arc::default() }
    }

    /// All names, sorted.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn names(&self) -> Result<Vec<String>, JournalError> {
        let files = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(io("read", &self.folder))?,
        };
        let mut names = Vec::new();
        for file in files {
            let name = file.map_err(io("read", &self.folder))?.file_name();
            names.extend(name.to_str().filter(|name| self.path(name).is_ok()).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Where a consumer stands; none when there is no such cursor.
    ///
    /// # Errors
    /// When it cannot have this name, its file is damaged, or the disk refuses.
    pub fn get(&self, name: &str) -> Result<Option<Position>, JournalError> {
        let path = self.path(name)?;
        let file = read(&path);
        let set = file.as_ref().ok().and_then(Option::as_ref).map_or(0, |(set, _)| *set);
        // A note is newer than the file that it was made after. One of an earlier file, or that a power cut took, does not count.
        match note::read(&note_of(&path)).filter(|noted| noted.set >= set) {
            Some(noted) => Ok(Some(noted.position)),
            None => Ok(file?.map(|(_, position)| position)),
        }
    }

    /// Writes down where a consumer stands. When this returns, it is on the device.
    ///
    /// # Errors
    /// When it cannot have this name, too much is parked, or the disk refuses.
    pub fn set(&self, name: &str, position: &Position) -> Result<(), JournalError> {
        self.renew(name)?.set(position)
    }

    /// Announces that a cursor is going to be set: what is noted from now on is newer than that, and counts when it is done.
    ///
    /// # Errors
    /// When it cannot have this name.
    pub fn renew(&self, name: &str) -> Result<Renewal, JournalError> {
        let path = self.path(name)?;
        let writing = self.writing(name, &path);
        let number = writing.set.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Renewal { cursors: self.clone(), path, writing, number })
    }

    /// Writes down where a consumer stands, with the operating system alone: for what changes many times a second. [`Cursors::set`], now and
    /// then, bounds what a power cut can take.
    ///
    /// # Errors
    /// When it cannot have this name, too much is parked, or the disk refuses.
    pub fn note(&self, name: &str, position: &Position) -> Result<(), JournalError> {
        let path = self.path(name)?;
        let writing = self.writing(name, &path);
        let path = note_of(&path);
        bounded(position)?;
        let mut open = lock(&writing.note);
        let note = match &mut *open {
            Some(note) => note,
            none => {
                self.create_folder()?;
                none.insert(Note::open(&path).map_err(io("open", &path))?)
            }
        };
        note.write(writing.set.load(Ordering::SeqCst), position).map_err(io("write", &path))
    }

    /// Forgets a consumer; whether there was one.
    ///
    /// # Errors
    /// When it cannot have this name, or the disk refuses.
    pub fn delete(&self, name: &str) -> Result<bool, JournalError> {
        let path = self.path(name)?;
        let writing = self.writing(name, &path);
        let (_file, mut note) = (lock(&writing.file), lock(&writing.note));
        *note = None;
        let noted = self.remove(&note_of(&path))?;
        let there = self.remove(&path)? || noted;
        if there {
            self.disk.sync_folder(&self.folder).map_err(io("sync", &self.folder))?;
        }
        Ok(there)
    }

    fn create_folder(&self) -> Result<(), JournalError> {
        disk::create_folder(&self.folder).map_err(io("create", &self.folder))
    }

    fn write(&self, path: &Path, position: &Position, set: u64) -> Result<(), JournalError> {
        bounded(position)?;
        self.create_folder()?;
        let written =
            Written { version: VERSION, set, reached: position.reached.to_string(), parked: position.parked.iter().copied().collect() };
        let bytes = serde_json::to_vec(&written).map_err(io::Error::from).map_err(io("write", path))?;
        disk::replace(&*self.disk, path, &bytes, true).map_err(io("write", path))
    }

    fn writing(&self, name: &str, path: &Path) -> Arc<Writing> {
        let mut all = lock(&self.writing);
        let new = || {
            let noted = note::read(&note_of(path)).map_or(0, |noted| noted.set);
            let set = set_of(path).max(noted);
            Arc::new(Writing { set: AtomicU64::new(set), file: Mutex::default(), note: Mutex::default() })
        };
        Arc::clone(all.entry(name.to_owned()).or_insert_with(new))
    }

    /// Whether there was such a file.
    fn remove(&self, path: &Path) -> Result<bool, JournalError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true).map_err(io("remove", path)),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, JournalError> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits =
            name.len() <= 64 && name.starts_with(word) && name.chars().all(|c| word(c) || "-_.".contains(c)) && !name.ends_with(".tmp");
        if fits { Ok(self.folder.join(name)) } else { Err(JournalError::CursorName(name.into())) }
    }
}

fn bounded(position: &Position) -> Result<(), JournalError> {
    if position.parked.len() > PARKED { Err(JournalError::Parked { limit: PARKED }) } else { Ok(()) }
}

/// Where a note lies: its name can be no cursor's.
fn note_of(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("+{name}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often what lies there was set; one that is missing or damaged, never.
fn set_of(path: &Path) -> u64 {
    read(path).ok().flatten().map_or(0, |(set, _)| set)
}

/// What lies there, and how often it was set.
fn read(path: &Path) -> Result<Option<(u64, Position)>, JournalError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io("read", path))?,
    };
    let Ok(written) = serde_json::from_slice::<Written>(&bytes) else { return Err(JournalError::CursorFile { path: path.into() }) };
    if written.version > VERSION {
        return Err(JournalError::Newer { path: path.into(), found: written.version, known: VERSION });
    }
    let Ok(reached) = written.reached.parse() else { return Err(JournalError::CursorFile { path: path.into() }) };
    Ok(Some((written.set, Position { reached, parked: written.parked.into_iter().collect() })))
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::mpsc;

    use super::super::disk::RealDisk;
    use super::*;

    fn cursors() -> (tempfile::TempDir, Cursors) {
        let folder = tempfile::tempdir().unwrap();
        let cursors = Cursors::new(folder.path(), Arc::new(RealDisk));
        (folder, cursors)
    }

    fn at(sequence: Sequence) -> Position {
        Position::new(Cursor { journal: 7, epoch: 1_795_420_000, sequence })
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let (_folder, cursors) = cursors();
        assert_eq!(cursors.get("crm").unwrap(), None);
        assert!(cursors.names().unwrap().is_empty());
        let position = Position { parked: [3, 9].into(), ..at(12) };
        cursors.set("crm", &position).unwrap();
        cursors.set("backup.2", &at(1)).unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(position));
        assert_eq!(cursors.names().unwrap(), ["backup.2", "crm"]);
    }

    #[test]
    fn a_deleted_cursor_is_gone() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        assert!(cursors.delete("crm").unwrap());
        assert!(!cursors.delete("crm").unwrap());
        assert_eq!(cursors.get("crm").unwrap(), None);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let (_folder, cursors) = cursors();
        for name in ["", ".", "..", "../lock", "a/b", "/etc/passwd", "A", "-a", ".a", "a.tmp", "é", &"a".repeat(65)] {
            assert!(matches!(cursors.set(name, &at(1)), Err(JournalError::CursorName(_))), "{name}");
            assert!(cursors.get(name).is_err() && cursors.delete(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        fs::write(cursors.path("crm").unwrap(), "{").unwrap();
        assert!(cursors.get("crm").unwrap_err().to_string().contains("set this cursor again"));
    }

    #[test]
    fn a_note_counts_until_the_cursor_is_set_again() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        cursors.note("crm", &at(5)).unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(at(5)));
        assert_eq!(cursors.names().unwrap(), ["crm"]);
        cursors.set("crm", &at(2)).unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(at(2)));
        cursors.note("crm", &at(7)).unwrap();
        assert!(cursors.delete("crm").unwrap());
        assert_eq!(cursors.get("crm").unwrap(), None);
    }

    #[test]
    fn a_note_that_a_power_cut_took_leaves_the_cursor_as_it_was_set() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        fs::write(note_of(&cursors.path("crm").unwrap()), "").unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(at(1)));
    }

    /// A disk that does something before a file that is no note gets its place, and says whether it does.
    struct Before<F>(F);

    impl<F> fmt::Debug for Before<F> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Before")
        }
    }

    impl<F: Fn() -> io::Result<()> + Send + Sync> Disk for Before<F> {
        fn create(&self, path: &Path) -> io::Result<Box<dyn disk::DiskFile>> {
            RealDisk.create(path)
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            if !to.file_name().unwrap().to_str().unwrap().starts_with('+') {
                (self.0)()?;
            }
            RealDisk.rename(from, to)
        }

        fn sync_folder(&self, path: &Path) -> io::Result<()> {
            RealDisk.sync_folder(path)
        }
    }

    #[test]
    fn a_note_counts_until_the_file_is_in_its_place() {
        let (folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        cursors.note("crm", &at(5)).unwrap();
        let full = Cursors::new(folder.path(), Arc::new(Before(|| Err(io::ErrorKind::StorageFull.into()))));
        assert!(full.set("crm", &at(6)).is_err());
        assert_eq!(cursors.get("crm").unwrap(), Some(at(5)));
    }

    #[test]
    fn a_note_waits_for_no_file_and_counts_after_it() {
        let (folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        let (begun, until_begun) = mpsc::channel();
        let (go_on, until_noted) = mpsc::channel::<()>();
        let until_noted = Mutex::new(until_noted);
        let slow = Before(move || {
            begun.send(()).unwrap();
            lock(&until_noted).recv().map_err(io::Error::other)
        });
        let slow = Cursors::new(folder.path(), Arc::new(slow));
        std::thread::scope(|scope| {
            let renewal = slow.renew("crm").unwrap();
            let setting = scope.spawn(|| renewal.set(&at(6)));
            until_begun.recv().unwrap();
            slow.note("crm", &at(7)).unwrap();
            assert_eq!(cursors.get("crm").unwrap(), Some(at(7)));
            go_on.send(()).unwrap();
            setting.join().unwrap().unwrap();
        });
        assert_eq!(cursors.get("crm").unwrap(), Some(at(7)));
    }

    #[test]
    fn a_note_that_a_power_cut_brings_back_does_not_count() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        cursors.note("crm", &at(5)).unwrap();
        let note = note_of(&cursors.path("crm").unwrap());
        let before = fs::read(&note).unwrap();
        cursors.set("crm", &at(6)).unwrap();
        fs::write(&note, before).unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(at(6)));
    }

    #[test]
    fn a_cursor_that_an_earlier_version_wrote_is_read() {
        let (_folder, cursors) = cursors();
        cursors.set("crm", &at(1)).unwrap();
        let written = |sequence| format!(r#"{{"version":1,"reached":"{}","parked":[]}}"#, at(sequence).reached);
        fs::write(cursors.path("crm").unwrap(), written(3)).unwrap();
        assert_eq!(cursors.get("crm").unwrap(), Some(at(3)));
    }

    #[test]
    fn two_that_set_a_cursor_at_once_do_not_disturb_each_other() {
        let (_folder, cursors) = cursors();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..50).for_each(|i| cursors.set("crm", &at(i)).unwrap()));
            }
        });
        assert_eq!(cursors.get("crm").unwrap(), Some(at(49)));
    }

    #[test]
    fn only_so_much_is_parked() {
        let (_folder, cursors) = cursors();
        let position = Position { parked: (1..=PARKED as u64 + 1).collect(), ..at(10_000) };
        assert!(matches!(cursors.set("crm", &position), Err(JournalError::Parked { .. })));
        assert!(matches!(cursors.note("crm", &position), Err(JournalError::Parked { .. })));
    }

    #[test]
    fn the_mark_is_before_what_is_parked() {
        assert_eq!(at(12).mark(), 12);
        assert_eq!(Position { parked: [9, 11].into(), ..at(12) }.mark(), 8);
    }

    #[test]
    fn a_gap_counts_what_retention_took_and_was_not_done() {
        let kept = Range { oldest: 10, next: 50 };
        assert_eq!(at(9).gap(kept), None);
        assert_eq!(at(4).gap(kept), Some(Gap { first: 5, last: 9, count: 5 }));
        let parked = Position { parked: [3, 7, 11].into(), ..at(12) };
        assert_eq!(parked.gap(kept), Some(Gap { first: 3, last: 9, count: 2 }));
    }
}
