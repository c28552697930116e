//! The log as its one writer sees it: open, append, close.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use super::cursors::Cursors;
use super::disk::{self, Disk, RealDisk};
use super::erase::{self, Erased, Matcher};
use super::error::io;
use super::keeper::{Health, Keeper};
use super::lock::Lock;
use super::reader::Shared;
use super::writer::{Output, Writer};
use super::{JournalError, Options, Reader, Record, Recovery, Sequence, SyncMode, checkpoint, recovery};
use crate::time::Timestamp;

/// The log. One writer; any number of [`Reader`]s.
#[derive(Debug)]
pub struct Journal {
    core: Arc<Core>,
    reader: Reader,
    recovery: Recovery,
    cursors: Cursors,
    keeper: Option<JoinHandle<()>>,
    /// Goes last.
    _lock: Lock,
    temporary: Option<TempDir>,
}

/// What the writer and the thread behind it share.
#[derive(Debug)]
pub(super) struct Core {
    pub options: Options,
    pub disk: Arc<dyn Disk>,
    pub shared: Arc<Shared>,
    pub writer: Mutex<Writer>,
    pub keeper: Keeper,
}

impl Journal {
    /// Opens the log of a folder, or makes one. A new epoch begins.
    ///
    /// # Errors
    /// When another process writes it, it is of a newer version, or the disk refuses.
    pub fn open(options: Options) -> Result<Self, JournalError> {
        Self::open_on(options, Arc::new(RealDisk))
    }

    /// Opens the log of a folder that has one.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when it has none; else as [`Journal::open`].
    pub fn open_existing(options: Options) -> Result<Self, JournalError> {
        match recovery::known(&options.directory)? {
            Some(_) => Self::open(options),
            None => Err(JournalError::Missing { directory: options.directory }),
        }
    }

    /// A log in a folder of its own, which goes when it is dropped.
    ///
    /// # Errors
    /// When there is no room for one.
    pub fn temporary() -> Result<Self, JournalError> {
        let folder = tempfile::Builder::new().prefix("callcast-").tempdir().map_err(io("make a folder in", &std::env::temp_dir()))?;
        let options = Options { sync: SyncMode::Never, max_age: Duration::MAX, ..Options::new(folder.path()) };
        let mut journal = Self::open(options)?;
        journal.temporary = Some(folder);
        Ok(journal)
    }

    /// The same on a disk of another kind: tests have one that is full when they want it to be.
    ///
    /// # Errors
    /// See [`Journal::open`].
    pub fn open_on(options: Options, disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let directory = options.directory.as_path();
        disk::create_folder(directory).map_err(io("create", directory))?;
        let lock = Lock::take(directory)?;
        let id = match recovery::known(directory)? {
            Some(id) => id,
            None => recovery::found(&*disk, directory)?,
        };
        let (mut segments, recovery) = recovery::segments(directory, id)?;
        recovery::tidy(directory, &mut segments)?;
        let epoch = segments.last().map_or(0, |segment| segment.epoch + 1).max(Timestamp::now().0 / 1_000_000);
        let next = segments.last().map_or(1, |segment| segment.next());
        let shared = Arc::new(Shared::new(id, epoch, directory, segments));
        let cursors = Cursors::new(directory, Arc::clone(&disk));
        let core =
            Core { disk, shared: Arc::clone(&shared), writer: Mutex::new(Writer::new(next, epoch)), keeper: Keeper::default(), options };
        let core = Arc::new(core);
        // Indexes first, each out of memory before the next comes: a folder may have lost all of them.
        core.save_indexes();
        core.roll(&mut core.lock(), next)?;
        if core.options.sync != SyncMode::Never {
            core.sync()?;
        }
        let thread = std::thread::Builder::new().name("journal".into());
        let keeper = thread.spawn({
            let core = Arc::clone(&core);
            move || core.keep()
        });
        let keeper = keeper.map_err(io("start the thread of", &shared.folder))?;
        Ok(Self { core, reader: Reader(shared), recovery, cursors, keeper: Some(keeper), _lock: lock, temporary: None })
    }

    /// Appends records in the order of their places. When it returns, they are with the operating system, and readers find them.
    ///
    /// # Errors
    /// When the disk refuses: nothing of them is in the log then. Also when it had refused to sync what was appended before, once: that
    /// may be lost when the machine stops. In both cases the next append may be tried at any time.
    pub fn append<'r>(&self, records: impl IntoIterator<Item = Record<'r>>) -> Result<(), JournalError> {
        self.core.append(records)
    }

    /// Forces everything to the device that was appended.
    ///
    /// # Errors
    /// When the disk refuses. What was appended until then may be lost when the machine stops; it is not tried again.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.core.sync()
    }

    /// What reads it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What was found wrong when it was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The folder that it is in.
    pub fn directory(&self) -> &Path {
        &self.reader().0.folder
    }

    /// The durable cursors.
    pub fn cursors(&self) -> &Cursors {
        &self.cursors
    }

    /// How it does.
    pub fn health(&self) -> Health {
        self.core.health()
    }

    /// How many segments were begun. When it has grown, it is time for a checkpoint.
    pub fn rolled(&self) -> u64 {
        self.core.keeper.rolled.load(Ordering::Relaxed)
    }

    /// Writes down what the gateway wants back after a crash; it knows of everything up to and with `at`. What was appended is
    /// synced before, so that a checkpoint is never ahead of the log.
    ///
    /// # Errors
    /// When the disk refuses; the checkpoint before is still there.
    pub fn write_checkpoint(&self, at: Sequence, bytes: &[u8]) -> Result<(), JournalError> {
        let durably = self.core.options.sync != SyncMode::Never;
        if durably {
            self.core.sync()?;
        }
        checkpoint::write(&*self.core.disk, &self.core.shared.folder, self.core.shared.id, at, bytes, durably)
    }

    /// Removes what `matcher` finds: its events become empty, without keys, at their places. Readers go on meanwhile. A `dry_run` only counts.
    ///
    /// # Errors
    /// When the disk refuses; what was done until then is done, and it can be tried again.
    pub fn erase(&self, matcher: &dyn Matcher, dry_run: bool) -> Result<Erased, JournalError> {
        erase::erase(&self.core, matcher, dry_run)
    }
}

#[cfg(test)]
impl Journal {
    /// Removes what is too old at this time, or too much.
    pub(crate) fn retain(&self, now: Timestamp) {
        self.core.retain(now);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.core.keeper.stop();
        if let Some(keeper) = self.keeper.take() {
            // It does not panic; were it to, there would be nothing to do about it here.
            let _ = keeper.join();
        }
        if self.temporary.is_none() {
            self.core.close();
        }
    }
}

impl Core {
    pub fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append<'r>(&self, records: impl IntoIterator<Item = Record<'r>>) -> Result<(), JournalError> {
        let writer = &mut *self.lock();
        if let Some(error) = self.keeper.take_failure() {
            // What follows goes to another segment, even if this one was not the one that failed.
            self.abandon(writer);
            return Err(error);
        }
        writer.encode(records)?;
        let Some(first) = writer.first() else { return Ok(()) };
        let output = match &writer.output {
            Some(output) if !writer.full(output, self.options.segment_bytes) => Arc::clone(output),
            _ => self.roll(writer, first)?,
        };
        let durably = self.options.sync == SyncMode::Batch;
        match writer.write(&output, durably) {
            Ok(()) => {
                writer.publish(&output);
                if durably {
                    self.keeper.synced.store(writer.next, Ordering::Relaxed);
                } else {
                    self.keeper.dirty(&output);
                }
                self.keeper.wrote();
                Ok(())
            }
            Err(error) => {
                if writer.output.is_none() {
                    output.segment.seal();
                }
                self.keeper.refused(&error);
                Err(error)
            }
        }
    }

    /// Begins a segment; the one before is sealed.
    pub fn roll(&self, writer: &mut Writer, first: Sequence) -> Result<Arc<Output>, JournalError> {
        let begun = writer.begin(&*self.disk, &self.shared.folder, self.shared.id, first);
        let output = Arc::new(begun.inspect_err(|error| self.keeper.refused(error))?);
        self.abandon(writer);
        self.shared.segments.rcu(|segments| {
            let mut segments = Vec::clone(segments);
            // One without an entry may have had this name: its file is gone.
            segments.retain(|segment| (segment.first, segment.epoch) != (first, writer.epoch));
            segments.push(Arc::clone(&output.segment));
            segments
        });
        self.shared.forget(&output.segment);
        writer.output = Some(Arc::clone(&output));
        self.keeper.begun(&output);
        if self.options.sync == SyncMode::Batch {
            self.sync()?;
        }
        Ok(output)
    }

    /// Nothing more is appended to the segment.
    fn abandon(&self, writer: &mut Writer) {
        if let Some(output) = writer.output.take() {
            output.segment.seal();
        }
    }

    /// All that is left to do when nobody appends any more.
    fn close(&self) {
        if self.options.sync != SyncMode::Never {
            // There is nobody left to tell; what is lost by it, a power cut has to take.
            let _ = self.sync();
        }
        self.abandon(&mut self.lock());
        self.save_indexes();
    }
}

/// How long the thread behind the log sleeps when there is nothing to sync.
pub(super) const IDLE: Duration = Duration::from_secs(1);
