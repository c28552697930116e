//! What was done about events: attempts and dead letters of each endpoint, for as long as they are kept.
//!
//! They name events and have nothing of what is in them: that is in the journal alone, where it can be erased. Whoever delivers puts a
//! record into memory and goes on; a thread of our own writes what is there ten times a second. Attempts are given up when the disk does
//! not keep up; dead letters never are.

mod entry;
mod file;
mod one;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::{Common, endpoint};
use crate::journal::{Disk, RealDisk};
use crate::telemetry::Metrics;
use crate::time::Timestamp;
use file::{Files, Keep};
use one::Kinds;

pub use file::Place;
pub use one::{EndpointRecords, Listed, OfEvent, Page, Wanted};

/// How long records wait in memory.
const PAUSE: Duration = Duration::from_millis(100);
/// How often is looked for what is too old.
const SWEEP: Duration = Duration::from_secs(600);

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
            dead: Keep { age: hours(common.keep_dead_hours), bytes: u64::from(common.keep_dead_mib) << 20 },
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
        for endpoint in self.shared.all() {
            endpoint.flush();
        }
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
        let endpoint = Arc::new(EndpointRecords::new(name, folder, kinds, Arc::downgrade(self)));
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
