//! One call: everything that was told of it, in order.

use uuid::Uuid;

use super::{live, recent};
use crate::access::Scope;
use crate::gateway::{Gateway, keys};
use crate::journal::{Entry, JournalError, Key, Limit, Selection};

/// Events of one story: a conference of a day has fewer. Of a longer one the beginning is left out, and it says so.
const MOST: Limit = Limit { entries: 2000, bytes: 4 * 1024 * 1024 };

/// The story of a call as JSON; `None` when nothing of it is kept that may be seen.
///
/// # Errors
/// When the log cannot be read.
pub fn call(gateway: &Gateway, scope: &Scope, id: Uuid) -> Result<Option<Vec<u8>>, JournalError> {
    let reader = gateway.reader();
    let selection = Selection::Any(vec![Key::new(keys::CALL, id.as_bytes())]);
    // What is told while this is read is in neither or in both.
    let now = live::calls(gateway, scope).into_iter().find(|call| call.call_id == id);
    let (mut entries, mut before, mut bytes) = (Vec::new(), reader.range().next, 0);
    let truncated = loop {
        let left = Limit { entries: MOST.entries - entries.len(), bytes: MOST.bytes.saturating_sub(bytes) };
        let page = reader.read_back(&selection, before, left)?;
        bytes += page.entries.iter().map(|entry| entry.event.len()).sum::<usize>();
        entries.extend(page.entries);
        before = page.next;
        if page.done || entries.len() >= MOST.entries || bytes >= MOST.bytes {
            break !page.done;
        }
    };
    entries.reverse();
    // Whether it is over is no secret of those who saw its end.
    let over = entries.iter().any(|entry| matches!(kind(entry), Some("call.ended" | "call.merged")));
    entries.retain(|entry| !entry.event.is_empty() && keys::allows(scope, &entry.keys));
    if entries.is_empty() && now.is_none() {
        return Ok(None);
    }
    let mut json = format!("{{\"call_id\":\"{}\",\"live\":{}", id.hyphenated(), !over).into_bytes();
    push_links(&mut json, &entries);
    json.extend_from_slice(b",\"summary\":");
    let end = entries.iter().rev().find(|entry| kind(entry) == Some("call.ended"));
    json.extend_from_slice(end.and_then(|entry| recent::data(&entry.event)).unwrap_or(b"null"));
    json.extend_from_slice(format!(",\"truncated\":{truncated},\"events\":[").as_bytes());
    for (i, entry) in entries.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&entry.event);
    }
    json.extend_from_slice(b"]}");
    Ok(Some(json))
}

/// The type of an event, without its prefix.
fn kind(entry: &Entry) -> Option<&str> {
    const NAME: &[u8] = b",\"type\":\"callcast.";
    let at = entry.event.windows(NAME.len()).position(|bytes| bytes == NAME)?;
    let rest = entry.event.get(at + NAME.len()..)?;
    std::str::from_utf8(rest.get(..rest.iter().position(|byte| *byte == b'"')?)?).ok()
}

/// The calls that it became part of, and that became part of it.
fn push_links(json: &mut Vec<u8>, entries: &[Entry]) {
    let (mut into, mut from): (Option<Uuid>, Vec<Uuid>) = (None, Vec::new());
    for entry in entries.iter().filter(|entry| kind(entry).is_some_and(|kind| kind.starts_with("call."))) {
        let Some(data) = recent::data(&entry.event).and_then(|data| serde_json::from_slice::<serde_json::Value>(data).ok()) else {
            continue;
        };
        let id = |value: Option<&serde_json::Value>| value?.as_str()?.parse().ok();
        into = into.or_else(|| id(data.get("merged_into")));
        let moves = ["transfer", "conference", "park"].into_iter().filter_map(|name| id(data.get(name)?.get("merged_from")));
        moves.for_each(|id| {
            if !from.contains(&id) {
                from.push(id);
            }
        });
    }
    let text = |id: &Uuid| format!("\"{}\"", id.hyphenated());
    let into = into.as_ref().map_or_else(|| "null".to_owned(), text);
    let from: Vec<String> = from.iter().map(text).collect();
    json.extend_from_slice(format!(",\"merged_into\":{into},\"merged_from\":[{}]", from.join(",")).as_bytes());
}
