//! Calls that are over: their `call.ended`, read backwards from the log by the users, devices or lines that they concerned.

use std::time::Duration;

use serde::Deserialize;

use super::wanted::Wanted;
use crate::access::Scope;
use crate::gateway::keys::{self, ENDED, ENDED_DEVICE, ENDED_LINE, ENDED_USER};
use crate::journal::{Entry, JournalError, Key, Limit, Reader, Selection, Sequence};
use crate::time::Timestamp;

/// What is read at once.
const AT_ONCE: Limit = Limit { entries: 256, bytes: 1024 * 1024 };
/// Calls that are looked at for one page: of a filter that hardly any call matches a page is short, and says where to go on.
const LOOKED_AT: usize = 5000;
/// The clock may have been set back by this much while events were written; they are in the order in which they were written.
const CLOCK: Duration = Duration::from_secs(60);

/// Calls that are over, and where to go on; `None` when nothing is left.
#[derive(Default)]
pub struct Recent {
    pub entries: Vec<Entry>,
    pub next: Option<Sequence>,
}

/// The newest `limit` of the wanted calls whose end was told before `before`.
///
/// # Errors
/// When the log cannot be read.
pub fn calls(reader: &Reader, scope: &Scope, wanted: &Wanted, before: Option<Sequence>, limit: usize) -> Result<Recent, JournalError> {
    let selection = selection(scope, wanted);
    let mut before = match (before, wanted.to) {
        (Some(before), _) => before,
        (None, Some(to)) => first_after(reader, later(to))?,
        (None, None) => reader.range().next,
    };
    let mut found = Recent::default();
    let mut looked_at = 0;
    loop {
        let page = reader.read_back(&selection, before, AT_ONCE)?;
        for entry in page.entries {
            // Where the last one that was looked at stands: the next page begins before it.
            before = entry.sequence;
            looked_at += 1;
            if wanted.from.is_some_and(|from| later(entry.time) < from) {
                return Ok(found);
            }
            if is(scope, wanted, &entry) {
                found.entries.push(entry);
                if found.entries.len() >= limit {
                    found.next = Some(before);
                    return Ok(found);
                }
            }
        }
        if page.done {
            return Ok(found);
        }
        before = before.min(page.next.max(1));
        if looked_at >= LOOKED_AT {
            found.next = Some(before);
            return Ok(found);
        }
    }
}

fn later(time: Timestamp) -> Timestamp {
    Timestamp(time.0.saturating_add(CLOCK.as_micros() as u64))
}

/// Where to look: the fewest calls that can be it.
fn selection(scope: &Scope, wanted: &Wanted) -> Selection {
    let asked = [(ENDED_DEVICE, &wanted.device), (ENDED_USER, &wanted.user), (ENDED_LINE, &wanted.line)];
    if let Some((space, text)) = asked.into_iter().find_map(|(space, text)| Some((space, text.as_deref()?))) {
        return Selection::Any(vec![Key::new(space, text)]);
    }
    if scope.everything {
        return Selection::Any(vec![Key::new(ENDED, "")]);
    }
    let may_be_seen = [(ENDED_USER, &scope.users), (ENDED_DEVICE, &scope.devices), (ENDED_LINE, &scope.lines)];
    let keys = may_be_seen.into_iter().flat_map(|(space, texts)| texts.iter().map(move |text| Key::new(space, text.as_bytes())));
    Selection::Any(keys.collect())
}

/// Whether an entry is one that is asked for and may be seen. One that was erased is neither.
fn is(scope: &Scope, wanted: &Wanted, entry: &Entry) -> bool {
    let has = |space, text: &Option<String>| text.as_deref().is_none_or(|text| entry.keys.has(space, &Key::new(space, text).text));
    !entry.event.is_empty()
        && keys::allows(scope, &entry.keys)
        && has(ENDED_USER, &wanted.user)
        && has(ENDED_DEVICE, &wanted.device)
        && has(ENDED_LINE, &wanted.line)
        && wanted.from.is_none_or(|from| entry.time >= from)
        && wanted.to.is_none_or(|to| entry.time < to)
        && ((wanted.direction.is_none() && wanted.outcome.is_none()) || has_become(scope, wanted, entry))
}

/// What of a `call.ended` has to be looked at.
#[derive(Deserialize)]
struct Ended<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    outcome: &'a str,
    #[serde(borrow)]
    legs: Vec<Leg<'a>>,
}

/// Names may have what has to be escaped in JSON: they cannot be borrowed.
#[derive(Deserialize)]
struct Leg<'a> {
    device: Name,
    user: Option<Id>,
    line: Number,
    direction: &'a str,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Number {
    dn: String,
}

fn has_become(scope: &Scope, wanted: &Wanted, entry: &Entry) -> bool {
    // What the log has was written by us; what is not readable is not what is asked for.
    let Ok(Ended { data }) = serde_json::from_slice::<Ended<'_>>(&entry.event) else { return false };
    wanted.outcome.as_deref().is_none_or(|outcome| outcome == data.outcome)
        && wanted.direction.as_deref().is_none_or(|direction| {
            data.legs.iter().any(|leg| {
                let user = leg.user.as_ref().map(|user| user.id.as_str());
                leg.direction == direction
                    && (scope.allows_device(&leg.device.name, user) || scope.lines.iter().any(|dn| **dn == *leg.line.dn))
                    && wanted.user.as_deref().is_none_or(|wanted| user == Some(wanted))
                    && wanted.device.as_deref().is_none_or(|device| device == leg.device.name)
                    && wanted.line.as_deref().is_none_or(|dn| dn == leg.line.dn)
            })
        })
}

/// The place of the first event at this time or later: some twenty entries are read, however many there are.
fn first_after(reader: &Reader, time: Timestamp) -> Result<Sequence, JournalError> {
    let range = reader.range();
    let (mut low, mut high) = (range.oldest, range.next);
    while low < high {
        let middle = low + (high - low) / 2;
        let one = Limit { entries: 1, bytes: 1 };
        match reader.read(&Selection::Everything, middle, high, one) {
            Ok(page) => match page.entries.first() {
                Some(entry) if entry.time < time => low = entry.sequence + 1,
                _ => high = middle,
            },
            // It was trimmed just now.
            Err(JournalError::Trimmed { oldest, .. }) => low = oldest.max(middle + 1),
            Err(error) => return Err(error),
        }
    }
    Ok(high)
}

/// Adds a call that is over: the data of its event, and that it is not live.
pub fn push(json: &mut Vec<u8>, entry: &Entry) {
    json.extend_from_slice(b"{\"live\":false,");
    let data = data(&entry.event).and_then(|data| data.strip_prefix(b"{")).unwrap_or(b"}");
    json.extend_from_slice(data);
}

/// The data of an event. Before its name stand only texts, in which quotation marks are escaped.
pub fn data(event: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b",\"data\":";
    let at = event.windows(NAME.len()).position(|bytes| bytes == NAME)?;
    event.get(at + NAME.len()..)?.strip_suffix(b"}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_event_is_cut_out_of_it() {
        let event = br#"{"source":"/cucm/,\"data\":{","type":"x","data":{"call_id":"1","data":{"x":1}}}"#;
        assert_eq!(data(event), Some(br#"{"call_id":"1","data":{"x":1}}"#.as_slice()));
        assert_eq!(data(b"{}"), None);
    }
}
