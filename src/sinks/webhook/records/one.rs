//! The records of one endpoint: what waits in memory, and what can be asked of what is written.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Weak};

use super::entry::Record;
use super::file::{Files, Place, View};
use super::{RecordsError, Shared, lock};
use crate::journal::Sequence;
use crate::sinks::webhook::{Attempt, DeadLetter, Outcome};
use crate::telemetry::Occurrence;
use crate::time::Timestamp;

/// Attempts of one endpoint that wait for the disk.
const WAITING: usize = 100_000;
/// Records that are looked at for one page.
const LOOKED_AT: usize = 4_000_000;

/// The records of one endpoint.
#[derive(Debug)]
pub struct EndpointRecords {
    name: Box<str>,
    pub(super) folder: PathBuf,
    shared: Weak<Shared>,
    /// Locked before `waiting`, so that records are written in the order in which they came.
    files: Mutex<Kinds>,
    waiting: Mutex<Waiting>,
    /// Whether the last write failed: told once.
    failing: AtomicBool,
    removed: AtomicBool,
}

/// The files of an endpoint.
#[derive(Debug)]
pub(super) struct Kinds {
    pub attempts: Files,
    pub dead: Files,
    /// Dead letters that somebody had sent once more.
    pub redelivered: Files,
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

impl EndpointRecords {
    pub(super) fn new(name: &str, folder: PathBuf, kinds: Kinds, shared: Weak<Shared>) -> Self {
        let (failing, removed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { name: name.into(), folder, shared, files: Mutex::new(kinds), waiting: Mutex::default(), failing, removed }
    }

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

    /// Writes what waits: see [`Records::flush`]. Whether all dead letters are on the device.
    pub fn flush(&self) -> bool {
        let mut files = lock(&self.files);
        self.write(&mut files)
    }

    fn write(&self, files: &mut Kinds) -> bool {
        let Waiting { attempts, unrecorded, dead, redelivered } = std::mem::take(&mut *lock(&self.waiting));
        if self.removed.load(Ordering::Acquire) {
            return true;
        }
        let kept = files.dead.append(&dead, true).map_err(|error| (error, &dead));
        let again = files.redelivered.append(&redelivered, true).map_err(|error| (error, &redelivered));
        let noted = files.attempts.append(&attempts, false);
        let lost = unrecorded + if noted.is_err() { attempts.len() as u64 } else { 0 };
        let (kept_failed, again_failed) = (kept.is_err(), again.is_err());
        let error = kept.err().map(|(error, _)| error).or(again.err().map(|(error, _)| error)).or(noted.err());
        let Some(shared) = self.shared.upgrade() else { return !kept_failed };
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
        !kept_failed
    }

    pub(super) fn retain(&self, now: Timestamp) {
        let files = &mut *lock(&self.files);
        for kind in [&mut files.attempts, &mut files.dead, &mut files.redelivered] {
            kind.retain(now);
        }
        // Nothing is left of one that is no more; of another it comes again with its next record.
        let _ = fs::remove_dir(&self.folder);
    }

    pub(super) fn remove(&self) {
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
