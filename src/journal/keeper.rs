//! The thread behind the log: syncs what was appended, puts indexes beside sealed segments, removes what is old. The writer does not wait for it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::io;
use super::index_file;
use super::log::{Core, IDLE};
use super::segment::Segment;
use super::writer::Output;
use super::{JournalError, Sequence, SyncMode, disk};
use crate::time::Timestamp;

/// A segment is followed by another when its first event is this share of the highest age old: retention removes whole segments.
const SHARES: u32 = 16;

/// How the log does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the disk refused last; none when it has taken an append since.
    pub failing: Option<String>,
    /// How long something has been waiting to be synced.
    pub unsynced: Duration,
    /// One past the newest event that is known to be on the device.
    pub synced: Sequence,
    /// Files of the log.
    pub segments: usize,
    /// Bytes of them, with their indexes.
    pub bytes: u64,
    /// Times that a record was to be read and could not be, because the disk had changed it.
    pub unreadable: u64,
}

/// What the thread and the writer tell each other.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    state: Mutex<State>,
    wake: Condvar,
    /// One sync at a time: the second would report success for what the first is still writing.
    syncing: Mutex<()>,
    /// Held while files are put in place of others, or removed.
    pub maintenance: Mutex<()>,
    /// Segments that were begun.
    pub rolled: AtomicU64,
    pub synced: AtomicU64,
    troubled: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    /// Since when something has to be synced.
    dirty: Option<Instant>,
    /// What is written, and before it what was and has yet to be synced.
    outputs: Vec<Arc<Output>>,
    /// A sync that failed, until an append reports it.
    failure: Option<JournalError>,
    trouble: Option<String>,
}

impl Keeper {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A segment was begun.
    pub fn begun(&self, output: &Arc<Output>) {
        self.rolled.fetch_add(1, Ordering::Relaxed);
        let state = &mut *self.lock();
        state.outputs.push(Arc::clone(output));
        state.dirty.get_or_insert_with(Instant::now);
    }

    /// Something was appended.
    pub fn dirty(&self, output: &Output) {
        if !output.dirty.swap(true, Ordering::AcqRel) {
            self.lock().dirty.get_or_insert_with(Instant::now);
            self.wake.notify_all();
        }
    }

    /// The disk took what was appended.
    pub fn wrote(&self) {
        if self.troubled.load(Ordering::Relaxed) {
            let state = &mut *self.lock();
            if state.failure.is_none() {
                state.trouble = None;
                self.troubled.store(false, Ordering::Relaxed);
            }
        }
    }

    /// The disk refused.
    pub fn refused(&self, error: &JournalError) {
        let state = &mut *self.lock();
        state.trouble = Some(error.to_string());
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// A sync that failed since this was asked last.
    pub fn take_failure(&self) -> Option<JournalError> {
        // Without a lock in all but the worst case.
        if !self.troubled.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().failure.take()
    }

    /// Tells the thread to end.
    pub fn stop(&self) {
        self.lock().stop = true;
        self.wake.notify_all();
    }

    fn failed(&self, error: &JournalError) {
        if let JournalError::Io { action, path, source } = error {
            let source = io::Error::new(source.kind(), source.to_string());
            self.lock().failure = Some(JournalError::Io { action, path: path.clone(), source });
        }
        self.refused(error);
    }

    /// Waits until something is to be synced, the thread has to end, or a while has passed. False when it has to end.
    fn wait(&self, interval: Option<Duration>) -> bool {
        let state = self.lock();
        let idle = |state: &mut State| !state.stop && (interval.is_none() || state.dirty.is_none());
        let (state, _) = self.wake.wait_timeout_while(state, IDLE, idle).unwrap_or_else(PoisonError::into_inner);
        let Some((since, interval)) = state.dirty.zip(interval) else { return !state.stop };
        let left = interval.saturating_sub(since.elapsed());
        let (state, _) = self.wake.wait_timeout_while(state, left, |state| !state.stop).unwrap_or_else(PoisonError::into_inner);
        !state.stop
    }
}

impl Core {
    /// What the thread does until it is told to end.
    pub fn keep(&self) {
        let interval = match self.options.sync {
            SyncMode::Interval(interval) => Some(interval),
            SyncMode::Batch | SyncMode::Never => None,
        };
        let mut looked = Instant::now();
        while self.keeper.wait(interval) {
            if interval.is_some() {
                // The next append reports what fails.
                let _ = self.sync();
            }
            // Not while something is erased, which takes as long as it takes; syncing goes on.
            let Ok(_maintenance) = self.keeper.maintenance.try_lock() else { continue };
            self.save_indexes();
            if looked.elapsed() >= IDLE {
                looked = Instant::now();
                self.retain(Timestamp::now());
            }
        }
    }

    /// Forces to the device what was appended. A segment that could not be is not tried again: the kernel may have dropped what it could not
    /// write, and would say now that all is well.
    pub fn sync(&self) -> Result<(), JournalError> {
        let _one = self.keeper.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = {
            let state = &mut *self.keeper.lock();
            state.dirty = None;
            state.outputs.clone()
        };
        let mut result = Ok(());
        for output in &outputs {
            if let Err(error) = self.sync_output(output) {
                output.failed.store(true, Ordering::Relaxed);
                self.keeper.failed(&error);
                result = result.and(Err(error));
            }
        }
        let state = &mut *self.keeper.lock();
        let newest = state.outputs.last().cloned();
        state.outputs.retain(|output| {
            let current = newest.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, output));
            !output.failed.load(Ordering::Relaxed) && (current || output.dirty.load(Ordering::Acquire))
        });
        result
    }

    fn sync_output(&self, output: &Output) -> Result<(), JournalError> {
        let next = output.segment.next();
        if output.failed.load(Ordering::Relaxed) || !output.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        output.file.sync_data().map_err(io("sync", &output.segment.path))?;
        if output.unnamed.load(Ordering::Relaxed) {
            self.disk.sync_folder(&self.shared.folder).map_err(io("sync", &self.shared.folder))?;
            output.unnamed.store(false, Ordering::Relaxed);
        }
        self.keeper.synced.fetch_max(next, Ordering::Relaxed);
        Ok(())
    }

    /// Puts the indexes of sealed segments beside them. One that cannot be written stays in memory and is tried again: a full disk takes
    /// no new segments either.
    pub fn save_indexes(&self) {
        for segment in self.shared.segments.load().iter() {
            if let Some(index) = segment.sealed() {
                let bytes = index_file::encode(&segment.meta(self.shared.id), &index);
                match disk::replace(&*self.disk, &segment.index_path(), &bytes, false) {
                    Ok(()) => {
                        self.shared.indexes.forget(segment.first, segment.epoch);
                        segment.set_beside(bytes.len() as u64);
                    }
                    Err(error) => self.keeper.refused(&io("write", &segment.index_path())(error)),
                }
            }
        }
    }

    /// Removes segments that are too old or too many. It waits for no reader.
    pub fn retain(&self, now: Timestamp) {
        let age = u64::try_from(self.options.max_age.as_micros()).unwrap_or(u64::MAX);
        {
            let writer = &mut *self.lock();
            let old = |segment: &Segment| !segment.is_empty() && now.0.saturating_sub(segment.oldest()) > age / u64::from(SHARES);
            if writer.output.as_ref().is_some_and(|output| old(&output.segment)) {
                let next = writer.next;
                // What the disk refuses is written down, and tried again.
                let _ = self.roll(writer, next);
            }
        }
        let mut bytes: u64 = self.shared.segments.load().iter().map(|segment| segment.bytes()).sum();
        loop {
            let segments = self.shared.segments.load_full();
            // The last one is being written.
            let [oldest, _, ..] = segments.as_slice() else { return };
            // An epoch is the second in which it began: that is as old as a segment without an event can be.
            let newest = oldest.newest().max(oldest.epoch.saturating_mul(1_000_000) * u64::from(oldest.is_empty()));
            if bytes <= self.options.max_bytes && now.0.saturating_sub(newest) <= age {
                return;
            }
            bytes = bytes.saturating_sub(oldest.bytes());
            self.shared.segments.rcu(|segments| segments.iter().skip(1).cloned().collect::<Vec<_>>());
            self.shared.forget(oldest);
            for path in [&oldest.path, &oldest.index_path()] {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => self.keeper.refused(&io("remove", path)(error)),
                    _ => {}
                }
            }
        }
    }

    pub fn health(&self) -> Health {
        let segments = self.shared.segments.load();
        let state = self.keeper.lock();
        Health {
            failing: state.trouble.clone(),
            unsynced: if self.options.sync == SyncMode::Never {
                Duration::ZERO
            } else {
                state.dirty.map_or(Duration::ZERO, |since| since.elapsed())
            },
            synced: self.keeper.synced.load(Ordering::Relaxed),
            segments: segments.len(),
            bytes: segments.iter().map(|segment| segment.bytes()).sum(),
            unreadable: self.shared.unreadable.load(Ordering::Relaxed),
        }
    }
}
