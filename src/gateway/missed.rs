//! What a consumer missed, from the log: found by its keys, judged by its stamp.

use std::sync::Arc;

use super::outgoing::{Frames, Outgoing};
use super::{Gateway, keys};
use crate::access::Scope;
use crate::event::{Filter, Types};
use crate::journal::{Cursor, Entry, JournalError, Key, Limit, Reader, Selection, Sequence};

/// How many read the log at a time: what happens now is not to wait for those who want to know what was.
pub(super) const READERS: usize = 4;
/// How much is read at a time.
const AT_ONCE: Limit = Limit { entries: 256, bytes: 256 * 1024 };

/// What somebody may have from the log.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What was asked for: what any of them wants.
    pub filters: Vec<Filter>,
    /// What is left out although it was asked for, from these places on: it came, or will come, another way.
    pub without: Vec<(Filter, Sequence)>,
    /// What may be seen.
    pub scope: Arc<Scope>,
}

/// A piece of what was missed.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The frames.
    pub frames: Vec<Outgoing>,
    /// Where to go on.
    pub next: Sequence,
    /// Events that are no longer kept, before these.
    pub trimmed: u64,
}

impl Wanted {
    /// Reads at most a piece of `from..until`. Waits for the disk: not for the tasks of the runtime.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(&self, reader: &Reader, from: Sequence, until: Sequence) -> Result<Missed, JournalError> {
        let selection = self.selection();
        let (page, trimmed) = match reader.read(&selection, from, until, AT_ONCE) {
            Err(JournalError::Trimmed { oldest, .. }) => {
                (reader.read(&selection, oldest, until.max(oldest), AT_ONCE)?, oldest.min(until) - from)
            }
            page => (page?, 0),
        };
        let entries: Vec<&Entry> = page.entries.iter().filter(|entry| self.has(entry)).collect();
        Ok(Missed { frames: outgoing(reader, &entries), next: page.next, trimmed })
    }

    fn selection(&self) -> Selection {
        if self.filters.iter().any(|filter| filter.all) {
            return Selection::Everything;
        }
        let mut wanted = vec![Key::new(keys::EVERYBODY, "")];
        for filter in &self.filters {
            wanted.extend(filter.devices.iter().map(|text| Key::new(keys::DEVICE, text)));
            wanted.extend(filter.lines.iter().map(|text| Key::new(keys::LINE, text)));
            wanted.extend(filter.users.iter().map(|text| Key::new(keys::USER, text)));
        }
        Selection::Any(wanted)
    }

    fn has(&self, entry: &Entry) -> bool {
        let wants = |filter: &Filter| {
            keys::wants(filter, &entry.keys) && (filter.types == Types::ALL || filter.types.has_named(type_of(&entry.event)))
        };
        !entry.event.is_empty()
            && keys::allows(&self.scope, &entry.keys)
            && self.filters.iter().any(wants)
            && !self.without.iter().any(|(filter, since)| entry.sequence >= *since && wants(filter))
    }
}

impl Gateway {
    /// Reads at most a piece of `from..until`, apart from the tasks of the runtime, and not for too many at a time.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn read_missed(&self, wanted: Wanted, from: Sequence, until: Sequence) -> Result<Missed, JournalError> {
        // It is never closed.
        let _permit = self.readers.acquire().await;
        let reader = self.reader.clone();
        let read = tokio::task::spawn_blocking(move || wanted.read(&reader, from, until)).await;
        // It neither panics nor is it cancelled, but for the end of the runtime.
        read.unwrap_or(Ok(Missed { frames: Vec::new(), next: from, trimmed: 0 }))
    }
}

/// The type of an event, from its text: it stands near its beginning, and no value before it can look like it, for a quote in a value
/// is escaped.
pub fn type_of(event: &[u8]) -> &str {
    const MEMBER: &[u8] = b"\"type\":\"";
    let Some(at) = memchr::memmem::find(event, MEMBER) else { return "" };
    let rest = event.get(at + MEMBER.len()..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or_default();
    rest.get(..end).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

fn outgoing(reader: &Reader, entries: &[&Entry]) -> Vec<Outgoing> {
    let mut frames = Frames::default();
    for Entry { epoch, sequence, time, event, .. } in entries {
        let cursor = Cursor { journal: reader.id(), epoch: *epoch, sequence: *sequence };
        let opening = format!("{{\"op\":\"event\",\"cursor\":\"{cursor}\",\"event\":");
        frames.push((*sequence, *time), |out| out.extend_from_slice(opening.as_bytes()), |out| out.extend_from_slice(event));
    }
    frames.finish(|at| entries.get(at).map(|entry| entry.epoch)).1.collect()
}
