//! What was done about events: attempts and dead letters of each endpoint, for as long as they are kept.
//!
//! They name events and have nothing of what is in them: that is in the journal alone, where it can be erased. Whoever delivers puts a
//! record into memory and goes on; a thread of our own writes what is there ten times a second. Attempts are given up when the disk does
//! not keep up; dead letters never are.

mod entry;
mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::endpoint;
use super::{Attempt, Common, DeadLetter, Outcome};
use crate::journal::{Disk, RealDisk, Sequence};
use crate::telemetry::{Metrics, Occurrence};
use crate::time::Timestamp;
use entry::Record;
use file::{Files, Keep, View};

pub use file::Place;

/// How long records wait in memory.
const PAUSE: Duration = Duration::from_millis(100);
/// How often is looked for what is too old.
const SWEEP: Duration = Duration::from_secs(600);
/// Attempts of one endpoint that wait for the disk.
const WAITING: usize = 100_000;
/// Records that are looked at for one page.
const LOOKED_AT: usize = 4_000_000;
/// Dead letters are small and never given up but by age.
const NO_LIMIT: u64 = u64::MAX;

/// What can go wrong with records.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// The disk refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Of what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Written by a later version of callcast.
    #[error(
        "{path} has format {found} of a newer callcast; this one knows formats up to {known}: run the newer version again, or move the file away",
        path = path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// Not a file of ours.
    #[error("{path} is not a file of callcast's: move it out of the folder", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A name that no endpoint can have.
    #[error(transparent)]
    Name(#[from] endpoint::BadName),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}; raise the limit on processes (TasksMax, ulimit -u)")]
    Thread(io::Error),
}

/// The records of all endpoints.
#[derive(Debug)]
pub struct Records {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    attempts: Keep,
    dead: Keep,
    disk: Arc<dyn Disk>,
    metrics: Arc<Metrics>,
    endpoints: Mutex<HashMap<Box<str>, Arc<EndpointRecords>>>,
    /// Whether something waits, and whether it is over.
    signal: Mutex<(bool, bool)>,
    wake: Condvar,
}

/// The records of one endpoint.
#[derive(Debug)]
pub struct EndpointRecords {
    name: Box<str>,
    folder: PathBuf,
    shared: Weak<Shared>,
    /// Locked before `waiting`, so that records are written in the order in which they came.
    files: Mutex<Kinds>,
    waiting: Mutex<Waiting>,
    /// Whether the last write failed: told once.
    failing: AtomicBool,
    removed: AtomicBool,
}

#[derive(Debug)]
struct Kinds {
    attempts: Files,
    dead: Files,
    /// Dead letters that somebody had sent once more.
    redelivered: Files,
}

#[derive(Debug, Default)]
struct Waiting {
    attempts: Vec<Record>,
    unrecorded: u64,
    dead: Vec<Record>,
    redelivered: Vec<Record>,
}

/// Which attempts are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Of this event: its epoch and its place.
    pub event: Option<(u64, Sequence)>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

/// Part of a list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; none when nothing is left.
    pub next: Option<Place>,
}

/// A dead letter, as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The letter.
    pub letter: DeadLetter,
    /// When somebody last had it sent once more.
    pub redelivered: Option<Timestamp>,
}

/// All that is known of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfEvent {
    /// Attempts, the newest first.
    pub attempts: Vec<Attempt>,
    /// That it is a dead letter.
    pub dead: Option<Listed>,
}

impl Records {
    /// The records in `webhooks`, a folder beside the journal's files, and the thread that writes them.
    ///
    /// # Errors
    /// When what is there cannot be read, or the system gives no thread.
    pub fn open(journal: &Path, common: &Common, metrics: Arc<Metrics>) -> Result<Self, RecordsError> {
        Self::open_on(journal, common, metrics, Arc::new(RealDisk))
    }

    /// The same on another disk.
    ///
    /// # Errors
    /// As [`Records::open`].
    pub fn open_on(journal: &Path, common: &Common, metrics: Arc<Metrics>, disk: Arc<dyn Disk>) -> Result<Self, RecordsError> {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        let shared = Arc::new(Shared {
            folder: journal.join(endpoint::FOLDER),
            attempts: Keep { age: hours(common.keep_attempts_hours), bytes: u64::from(common.keep_attempts_mib) << 20 },
            dead: Keep { age: hours(common.keep_dead_hours), bytes: NO_LIMIT },
            disk,
            metrics,
            endpoints: Mutex::default(),
            signal: Mutex::default(),
            wake: Condvar::new(),
        });
        shared.find()?;
        let writing = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("webhook-records".into()).spawn(move || writing.write_until_stopped());
        Ok(Self { shared, thread: Some(thread.map_err(RecordsError::Thread)?) })
    }

    /// The records of an endpoint: always the same of one name, until they are removed.
    ///
    /// # Errors
    /// When no endpoint can have that name, or what is there cannot be read.
    pub fn endpoint(&self, name: &str) -> Result<Arc<EndpointRecords>, RecordsError> {
        self.shared.endpoint(name)
    }

    /// Removes what is known of an endpoint. What whoever delivers still puts there is forgotten.
    pub fn remove(&self, name: &str) {
        let gone = lock(&self.shared.endpoints).remove(name);
        gone.into_iter().for_each(|endpoint| endpoint.remove());
    }

    /// Writes all that waits. What came before is with the operating system when this returns; dead letters are on the device.
    pub fn flush(&self) {
        self.shared.all().iter().for_each(|endpoint| endpoint.flush());
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        lock(&self.shared.signal).1 = true;
        self.shared.wake.notify_all();
        // A thread of ours does not panic.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// Finds those that have a folder, so that what is too old of them goes even when they are no more.
    fn find(self: &Arc<Self>) -> Result<(), RecordsError> {
        let failed = |source| RecordsError::Io { action: "read", path: self.folder.clone(), source };
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_str().filter(|name| endpoint::is_name(name)).filter(|_| entry.path().is_dir());
            name.map(|name| self.endpoint(name)).transpose()?;
        }
        Ok(())
    }

    fn endpoint(self: &Arc<Self>, name: &str) -> Result<Arc<EndpointRecords>, RecordsError> {
        endpoint::check_name(name)?;
        let mut endpoints = lock(&self.endpoints);
        if let Some(known) = endpoints.get(name) {
            return Ok(Arc::clone(known));
        }
        let folder = self.folder.join(name);
        let files = |kind, keep| Files::open(&folder, kind, keep, Arc::clone(&self.disk));
        let kinds = Kinds {
            attempts: files("attempts", self.attempts)?,
            dead: files("dead", self.dead)?,
            redelivered: files("redelivered", self.dead)?,
        };
        let endpoint = Arc::new(EndpointRecords {
            name: name.into(),
            folder,
            shared: Arc::downgrade(self),
            files: Mutex::new(kinds),
            waiting: Mutex::default(),
            failing: AtomicBool::new(false),
            removed: AtomicBool::new(false),
        });
        endpoints.insert(name.into(), Arc::clone(&endpoint));
        Ok(endpoint)
    }

    fn all(&self) -> Vec<Arc<EndpointRecords>> {
        lock(&self.endpoints).values().cloned().collect()
    }

    fn write_until_stopped(&self) {
        let mut swept: Option<Instant> = None;
        loop {
            let over = self.wait();
            let sweeps = swept.is_none_or(|last| last.elapsed() >= SWEEP);
            for endpoint in self.all() {
                endpoint.flush();
                if sweeps {
                    endpoint.retain(Timestamp::now());
                }
            }
            if sweeps {
                swept = Some(Instant::now());
            }
            if over {
                return;
            }
        }
    }

    /// Waits until there is something, and then for what else comes with it; or until it is time to sweep. Whether all is over.
    fn wait(&self) -> bool {
        let signal = lock(&self.signal);
        let (signal, _) =
            self.wake.wait_timeout_while(signal, SWEEP, |(waits, over)| !*waits && !*over).unwrap_or_else(PoisonError::into_inner);
        let (mut signal, _) = self.wake.wait_timeout_while(signal, PAUSE, |(_, over)| !*over).unwrap_or_else(PoisonError::into_inner);
        signal.0 = false;
        signal.1
    }

    fn something_waits(&self) {
        lock(&self.signal).0 = true;
        self.wake.notify_all();
    }
}

impl EndpointRecords {
    /// Notes an attempt. It is given up, and counted, when the disk does not keep up.
    #[inline]
    pub fn attempt(&self, attempt: Attempt) {
        self.put(|waiting| {
            if waiting.attempts.len() < WAITING {
                waiting.attempts.push(attempt.into());
            } else {
                waiting.unrecorded += 1;
            }
        });
    }

    /// Notes a dead letter. It waits in memory until the disk takes it.
    pub fn dead(&self, letter: DeadLetter) {
        self.put(|waiting| waiting.dead.push(letter.into()));
    }

    /// Notes that somebody had dead letters sent once more.
    pub fn redelivered(&self, at: Timestamp, events: &[(u64, Sequence)]) {
        let records = events.iter().map(|(epoch, sequence)| Record::of_event(at, *epoch, *sequence));
        self.put(|waiting| waiting.redelivered.extend(records));
    }

    fn put(&self, put: impl FnOnce(&mut Waiting)) {
        let was_empty = {
            let mut waiting = lock(&self.waiting);
            let was_empty = waiting.is_empty();
            put(&mut waiting);
            was_empty
        };
        if was_empty && let Some(shared) = self.shared.upgrade() {
            shared.something_waits();
        }
    }

    /// Writes what waits: see [`Records::flush`].
    pub fn flush(&self) {
        let mut files = lock(&self.files);
        self.write(&mut files);
    }

    fn write(&self, files: &mut Kinds) {
        let Waiting { attempts, unrecorded, dead, redelivered } = std::mem::take(&mut *lock(&self.waiting));
        if self.removed.load(Ordering::Acquire) {
            return;
        }
        let kept = files.dead.append(&dead, true).map_err(|error| (error, &dead));
        let again = files.redelivered.append(&redelivered, true).map_err(|error| (error, &redelivered));
        let noted = files.attempts.append(&attempts, false);
        let lost = unrecorded + if noted.is_err() { attempts.len() as u64 } else { 0 };
        let (kept_failed, again_failed) = (kept.is_err(), again.is_err());
        let error = kept.err().map(|(error, _)| error).or(again.err().map(|(error, _)| error)).or(noted.err());
        let Some(shared) = self.shared.upgrade() else { return };
        if lost > 0 {
            shared.metrics.webhook(&self.name).unrecorded(lost);
        }
        if kept_failed || again_failed {
            let mut waiting = lock(&self.waiting);
            if kept_failed {
                waiting.dead.splice(..0, dead);
            }
            if again_failed {
                waiting.redelivered.splice(..0, redelivered);
            }
            drop(waiting);
            shared.something_waits();
        }
        let told = self.failing.swap(error.is_some(), Ordering::AcqRel);
        if let Some(error) = error.filter(|_| !told) {
            shared.metrics.emit(Occurrence::WebhookRecordsFailed { webhook: &self.name, error: &error });
        }
    }

    fn retain(&self, now: Timestamp) {
        let files = &mut *lock(&self.files);
        for kind in [&mut files.attempts, &mut files.dead, &mut files.redelivered] {
            kind.retain(now);
        }
        // Nothing is left of one that is no more; of another it comes again with its next record.
        let _ = fs::remove_dir(&self.folder);
    }

    fn remove(&self) {
        let _files = lock(&self.files);
        self.removed.store(true, Ordering::Release);
        if let Err(source) = fs::remove_dir_all(&self.folder)
            && source.kind() != io::ErrorKind::NotFound
            && let Some(shared) = self.shared.upgrade()
        {
            let error = RecordsError::Io { action: "remove", path: self.folder.clone(), source };
            shared.metrics.emit(Occurrence::WebhookRecordsFailed { webhook: &self.name, error: &error });
        }
    }

    /// Attempts, the newest first. At most `limit`, and after so many that were looked at fewer than that.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn attempts(&self, wanted: Wanted, before: Option<Place>, limit: usize, now: Timestamp) -> Result<Page<Attempt>, RecordsError> {
        page(&self.view(|files| &files.attempts), before, limit, now, |record| {
            let of_event = wanted.event.is_none_or(|event| record.is_of(event));
            record.attempt().filter(|attempt| of_event && wanted.outcome.is_none_or(|outcome| attempt.outcome == outcome))
        })
    }

    /// Dead letters, the newest first; likewise.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn dead_letters(&self, before: Option<Place>, limit: usize, now: Timestamp) -> Result<Page<Listed>, RecordsError> {
        let redelivered = self.all_redelivered(now)?;
        page(&self.view(|files| &files.dead), before, limit, now, |record| {
            let letter = record.dead_letter()?;
            Some(Listed { letter, redelivered: redelivered.of(&letter) })
        })
    }

    /// All that is known of an event: of its attempts at most `limit`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn of_event(&self, event: (u64, Sequence), limit: usize, now: Timestamp) -> Result<OfEvent, RecordsError> {
        let wanted = Wanted { event: Some(event), outcome: None };
        let attempts = self.attempts(wanted, None, limit, now)?.items;
        let dead = page(&self.view(|files| &files.dead), None, 1, now, |record| record.dead_letter().filter(|_| record.is_of(event)))?;
        let Some(letter) = dead.items.first().copied() else { return Ok(OfEvent { attempts, dead: None }) };
        let redelivered = self.all_redelivered(now)?.of(&letter);
        Ok(OfEvent { attempts, dead: Some(Listed { letter, redelivered }) })
    }

    /// Dead letters that nobody had sent once more yet, the oldest first; and whether there are more than `most`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn not_redelivered(&self, most: usize, now: Timestamp) -> Result<(Vec<(u64, Sequence)>, bool), RecordsError> {
        let redelivered = self.all_redelivered(now)?;
        let (mut events, mut left) = (BTreeSet::new(), false);
        self.view(|files| &files.dead).back(None, now, |_, record| {
            let letter = record.dead_letter().filter(|letter| redelivered.of(letter).is_none());
            events.extend(letter.map(|letter| (letter.epoch, letter.sequence)));
            if events.len() > most {
                left = events.pop_last().is_some();
            }
            true
        })?;
        Ok((events.into_iter().collect(), left))
    }

    fn all_redelivered(&self, now: Timestamp) -> Result<Redelivered, RecordsError> {
        let mut all = HashMap::new();
        self.view(|files| &files.redelivered).back(None, now, |_, record| {
            all.entry((record.epoch, record.sequence)).or_insert(record.at);
            true
        })?;
        Ok(Redelivered(all))
    }

    /// What is there, all that waited included.
    fn view(&self, kind: impl FnOnce(&Kinds) -> &Files) -> View {
        let mut files = lock(&self.files);
        self.write(&mut files);
        kind(&files).view()
    }
}

/// When events were last sent once more.
struct Redelivered(HashMap<(u64, Sequence), Timestamp>);

impl Redelivered {
    /// An event may have died again since.
    fn of(&self, letter: &DeadLetter) -> Option<Timestamp> {
        self.0.get(&(letter.epoch, letter.sequence)).copied().filter(|at| *at >= letter.at)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.attempts.is_empty() && self.dead.is_empty() && self.redelivered.is_empty() && self.unrecorded == 0
    }
}

fn page<T>(
    view: &View,
    before: Option<Place>,
    limit: usize,
    now: Timestamp,
    wanted: impl Fn(&Record) -> Option<T>,
) -> Result<Page<T>, RecordsError> {
    let mut page = Page { items: Vec::new(), next: None };
    let (mut looked, mut last) = (0, None);
    view.back(before, now, |place, record| {
        if page.items.len() >= limit || looked >= LOOKED_AT {
            page.next = last;
            return false;
        }
        looked += 1;
        last = Some(place);
        page.items.extend(wanted(&record));
        true
    })?;
    Ok(page)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
