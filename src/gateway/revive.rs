//! Which calls were up when the last run ended, from the log.
//!
//! The log keeps a checkpoint: the ids of the calls that were up at some event. What was told after it says which began and which ended
//! since. The story of each that is left is read by its own key: nothing is scanned but what came after the checkpoint.

use std::collections::HashMap;
use std::sync::PoisonError;

use serde::Deserialize;
use uuid::Uuid;

use super::missed::type_of;
use super::{Gateway, keys};
use crate::calls::CallModel;
use crate::calls::revive::{Revival, Revived};
use crate::journal::{Entry, JournalError, Key, Limit, Reader, Selection, Sequence};
use crate::time::Timestamp;

/// The first byte of a checkpoint: how the rest is written.
const VERSION: u8 = 1;
/// How much is read at once.
const PAGE: Limit = Limit { entries: 1024, bytes: 4 * 1024 * 1024 };
/// Events of a call that are looked at, the last ones: a conference of days tells more, and stands all the same.
const STORY: usize = 10_000;
/// How much earlier than its id says a call may have begun, in seconds: clocks are set back.
const EARLIER: u64 = 60;

/// What a restart begins with.
#[derive(Debug, Default)]
pub struct Past {
    calls: Vec<Revived>,
    lost: Option<Timestamp>,
}

/// The calls that are up, as a checkpoint keeps them: for each how many ids follow, its own, and those of calls that became part of it.
pub fn checkpoint(calls: &CallModel) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for (call, absorbed) in calls.live_calls() {
        let absorbed = absorbed.iter().take(usize::from(u8::MAX - 1));
        bytes.push(1 + absorbed.len() as u8);
        bytes.extend_from_slice(call.as_bytes());
        absorbed.for_each(|id| bytes.extend_from_slice(id.as_bytes()));
    }
    bytes
}

/// The calls of a checkpoint; `None` when it is not written as we write it.
fn live_at(checkpoint: &[u8]) -> Option<Live> {
    let (&VERSION, mut rest) = checkpoint.split_first()? else { return None };
    let mut live = Live::default();
    while let Some((&count, tail)) = rest.split_first() {
        let (ids, tail) = tail.split_at_checked(usize::from(count) * 16)?;
        let mut ids = ids.as_chunks().0.iter().map(|id| Uuid::from_bytes(*id));
        let call = ids.next()?;
        live.calls.insert(call, None);
        live.calls.extend(ids.map(|absorbed| (absorbed, Some(call))));
        rest = tail;
    }
    Some(live)
}

/// Calls that are up, and those that became part of them: these with the call that goes on.
#[derive(Debug, Default)]
struct Live {
    calls: HashMap<Uuid, Option<Uuid>>,
}

/// What a merge says of the call that goes on.
#[derive(Debug, Deserialize)]
struct Merge {
    data: MergeData,
}

#[derive(Debug, Deserialize)]
struct MergeData {
    merged_into: Box<str>,
}

impl Live {
    fn take(&mut self, entry: &Entry) {
        let call = entry.keys.iter().find(|(space, _)| *space == keys::CALL).and_then(|(_, id)| Uuid::from_slice(id).ok());
        let Some(call) = call else { return };
        // An event that was erased says by its keys alone that its call is over.
        if entry.keys.has(keys::ENDED, b"") {
            self.calls.remove(&call);
            self.calls.retain(|_, into| *into != Some(call));
            return;
        }
        let is_merge = || {
            let merge = Some(&entry.event).filter(|event| type_of(event) == "callcast.call.merged")?;
            Uuid::try_parse(&serde_json::from_slice::<Merge>(merge).ok()?.data.merged_into).ok()
        };
        let Some(into) = is_merge() else {
            self.calls.entry(call).or_insert(None);
            return;
        };
        self.calls.values_mut().filter(|before| **before == Some(call)).for_each(|before| *before = Some(into));
        self.calls.insert(call, Some(into));
    }
}

/// Reads which calls were up when the log was written last. `checkpoint`: the last one, with the event up to which it holds.
///
/// # Errors
/// When the log cannot be read.
pub fn read(reader: &Reader, checkpoint: Option<(Sequence, Vec<u8>)>) -> Result<Past, JournalError> {
    let range = reader.range();
    let known = checkpoint.and_then(|(at, bytes)| Some((at, live_at(&bytes)?)));
    // Without one all that is kept is gone through, once.
    let (mut from, mut live) = known.map_or((range.oldest, Live::default()), |(at, live)| ((at + 1).max(range.oldest), live));
    let mut past = Past::default();
    while from < range.next {
        let page = reader.read(&Selection::Everything, from, range.next, PAGE)?;
        for entry in &page.entries {
            live.take(entry);
            past.lost = Some(entry.time);
        }
        if page.done || page.next <= from {
            break;
        }
        from = page.next;
    }
    if past.lost.is_none() {
        let newest = reader.read_back(&Selection::Everything, range.next, Limit { entries: 1, ..PAGE })?;
        past.lost = newest.entries.first().map(|entry| entry.time);
    }
    past.calls = stories(reader, live)?;
    Ok(past)
}

/// Reads the stories of calls. Those that became one are read together: what is written of a leg may stand under any of them.
fn stories(reader: &Reader, live: Live) -> Result<Vec<Revived>, JournalError> {
    let mut families: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (call, into) in live.calls {
        families.entry(into.unwrap_or(call)).or_default().push(call);
    }
    let mut revived = Vec::new();
    let mut begins = Begins::default();
    for (_, family) in families {
        let mut story = Vec::new();
        for call in family {
            story.append(&mut story_of(reader, call, begins.of(reader, call)?)?);
        }
        story.sort_unstable_by_key(|entry| entry.sequence);
        revived.extend(Revival::from_story(story.iter().map(|entry| &*entry.event)));
    }
    Ok(revived)
}

/// Where the log has to be read from for calls that began in a second.
#[derive(Debug, Default)]
struct Begins(HashMap<u64, Sequence>);

impl Begins {
    /// The id of a call tells when it began.
    fn of(&mut self, reader: &Reader, call: Uuid) -> Result<Sequence, JournalError> {
        let second = call.get_timestamp().map_or(0, |time| time.to_unix().0).saturating_sub(EARLIER);
        if let Some(known) = self.0.get(&second) {
            return Ok(*known);
        }
        let place = reader.at(Timestamp(second * 1_000_000))?;
        self.0.insert(second, place);
        Ok(place)
    }
}

/// The last events of a call, in their order.
fn story_of(reader: &Reader, call: Uuid, from: Sequence) -> Result<Vec<Entry>, JournalError> {
    let wanted = Selection::Any(vec![Key::new(keys::CALL, call.as_bytes())]);
    let (mut story, mut from) = (Vec::new(), from);
    loop {
        let mut page = reader.read(&wanted, from.max(reader.range().oldest), Sequence::MAX, PAGE)?;
        story.append(&mut page.entries);
        story.drain(..story.len().saturating_sub(STORY));
        if page.done || page.next <= from {
            return Ok(story);
        }
        from = page.next;
    }
}

impl Gateway {
    /// Writes down which calls are up, so that a restart has little to read. Waits for the disk.
    ///
    /// What is up now is written the next time, when the events by which it came to be are in the log for certain: had they been lost
    /// with the end of the log, the ends of calls among them would never be told.
    ///
    /// # Errors
    /// When the disk refuses. What was written down before still holds.
    pub fn write_checkpoint(&self) -> Result<(), JournalError> {
        let now = {
            let ingest = self.ingest();
            (ingest.next - 1, checkpoint(&ingest.calls))
        };
        let durable = self.told().durable;
        let before = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        match before.filter(|(at, _)| *at <= durable) {
            Some((at, bytes)) => self.journal.write_checkpoint(at, &bytes),
            None => Ok(()),
        }
    }
}

impl Past {
    /// How many calls were up.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Gives the calls to a model that knows of none yet. `sessions`: how many CTI sessions will tell what stands.
    pub fn revive(self, calls: &mut CallModel, sessions: usize, now: Timestamp) {
        calls.revive(self.calls, sessions, self.lost.unwrap_or(now), now);
    }
}

#[cfg(test)]
mod tests;
