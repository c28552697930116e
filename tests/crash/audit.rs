//! What the log has to be like, whatever happened to the gateway.

use std::collections::HashMap;
use std::fmt;

use callcast::journal::{Entry, Limit, Reader, Selection, Sequence};
use serde::Deserialize;

use crate::witness::{Seen, parts};

const PAGE: Limit = Limit { entries: 4096, bytes: 16 << 20 };

/// What is wrong, and what was found.
#[derive(Default)]
pub struct Audit {
    /// The place after the last event that the client saw.
    seen_until: Option<Sequence>,
    /// The place after the last event that was gone through.
    next: Sequence,
    last_id: (u64, Sequence),
    calls: HashMap<String, Call>,
    legs: HashMap<String, Leg>,
    found: Found,
}

#[derive(Default)]
pub struct Found {
    pub faults: Vec<String>,
    rounds: u64,
    seen: usize,
    events: usize,
    epochs: usize,
    calls: usize,
    standing: usize,
    kept: usize,
    renamed: usize,
    unobserved: usize,
}

struct Call {
    over: bool,
    merged_into: Option<String>,
    /// Pops that are up and were not answered, by id: the leg that they show.
    pops: HashMap<String, String>,
}

struct Leg {
    call: String,
    epoch: u64,
    talks: bool,
}

#[derive(Deserialize)]
struct Event<'e> {
    id: &'e str,
    #[serde(rename = "type")]
    kind: &'e str,
    #[serde(borrow)]
    data: Data<'e>,
}

#[derive(Deserialize)]
struct Data<'e> {
    call_id: Option<&'e str>,
    leg_id: Option<&'e str>,
    #[serde(borrow)]
    device: Option<Device<'e>>,
    #[serde(borrow)]
    line: Option<Line<'e>>,
    previous_state: Option<&'e str>,
    #[serde(default)]
    recovered: bool,
    merged_into: Option<&'e str>,
    pop_id: Option<&'e str>,
    #[serde(default)]
    unobserved: bool,
}

#[derive(Deserialize)]
struct Device<'e> {
    name: &'e str,
}

#[derive(Deserialize)]
struct Line<'e> {
    dn: &'e str,
}

fn entries(reader: &Reader, from: Sequence, mut each: impl FnMut(&Entry)) {
    let until = reader.range().next;
    let mut from = from.max(reader.range().oldest);
    while from < until {
        let page = reader.read(&Selection::Everything, from, until, PAGE).unwrap();
        page.entries.iter().for_each(&mut each);
        if page.done {
            return;
        }
        from = page.next;
    }
}

impl Audit {
    /// All that the client saw until the gateway was killed has to be in the log, byte for byte, and nothing between it.
    pub fn saw(&mut self, reader: &Reader, seen: &Seen, round: u64) {
        self.found.rounds = round;
        self.found.seen += seen.frames.len();
        let mut fault = |what: String| self.found.faults.push(format!("round {round}: {what}"));
        seen.others.iter().for_each(|other| fault(format!("the client was told {other}")));
        if self.seen_until.is_some() && seen.recovered == Some(false) {
            fault("the client could not go on where it was".into());
        }
        let mut frames = seen.frames.iter().map(|frame| parts(frame).ok_or_else(|| frame.to_string()));
        let first = match frames.clone().next() {
            Some(Ok((cursor, _))) => cursor.sequence,
            Some(Err(frame)) => return fault(format!("this is no durable event: {frame}")),
            None => return self.rules(reader),
        };
        let from = self.seen_until.unwrap_or(first);
        let (mut wrong, mut last) = (None, from);
        entries(reader, from, |entry| {
            let Some(frame) = frames.next().filter(|_| wrong.is_none()) else { return };
            last = entry.sequence + 1;
            match frame {
                Ok((cursor, event)) if (cursor.epoch, cursor.sequence) == (entry.epoch, entry.sequence) && event == entry.event => {}
                other => wrong = Some(format!("in the log is {}-{}, the client saw {other:?}", entry.epoch, entry.sequence)),
            }
        });
        let missing = frames.count();
        if let Some(wrong) = wrong {
            fault(wrong);
        } else if missing > 0 {
            fault(format!("{missing} events that the client saw are not in the log"));
        }
        self.seen_until = Some(last);
        self.rules(reader);
    }

    /// Goes through what is new in the log.
    fn rules(&mut self, reader: &Reader) {
        entries(reader, self.next, |entry| self.take(entry));
    }

    /// Whether calls are up by the log.
    pub fn is_call_up(&mut self, reader: &Reader) -> bool {
        self.rules(reader);
        self.calls.values().any(|call| !call.over)
    }

    fn take(&mut self, entry: &Entry) {
        self.next = entry.sequence + 1;
        self.found.events += 1;
        let place = (entry.epoch, entry.sequence);
        let event = match serde_json::from_slice::<Event<'_>>(&entry.event) {
            Ok(event) => event,
            Err(error) => return self.found.faults.push(format!("{place:?} is no event: {error}")),
        };
        if event.id != format!("{}-{}", entry.epoch, entry.sequence) || entry.sequence <= self.last_id.1 || entry.epoch < self.last_id.0 {
            self.found.faults.push(format!("the id {} comes after {:?} at {place:?}", event.id, self.last_id));
        }
        self.found.epochs += usize::from(entry.epoch != self.last_id.0);
        self.last_id = place;
        let Some(call) = event.data.call_id else { return };
        let fault = match event.kind.trim_start_matches("callcast.").split_once('.') {
            Some(("call", kind)) => self.call(kind, call, &event.data),
            Some(("leg", kind)) => self.leg(kind, call, &event.data, entry.epoch),
            Some(("pop", kind)) => self.pop(kind, call, &event.data),
            _ => None,
        };
        if let Some(fault) = fault {
            self.found.faults.push(format!("{fault}: {}", String::from_utf8_lossy(&entry.event)));
        }
    }

    fn call(&mut self, kind: &str, id: &str, data: &Data<'_>) -> Option<&'static str> {
        if kind == "started" {
            self.found.calls += 1;
            let call = Call { over: false, merged_into: None, pops: HashMap::new() };
            return self.calls.insert(id.to_owned(), call).map(|_| "a call begins twice");
        }
        let Some(call) = self.calls.get_mut(id) else { return Some("a call that never began") };
        if call.over {
            return Some("a call goes on after its end");
        }
        call.over = matches!(kind, "ended" | "merged");
        call.merged_into = data.merged_into.map(str::to_owned);
        self.found.unobserved += usize::from(kind == "ended" && data.unobserved);
        let left = call.over.then(|| std::mem::take(&mut call.pops))?;
        match self.calls.get_mut(data.merged_into.unwrap_or_default()) {
            Some(survivor) => survivor.pops.extend(left),
            None if !left.is_empty() => return Some("a pop outlives its call"),
            None => {}
        }
        None
    }

    fn leg(&mut self, kind: &str, call: &str, data: &Data<'_>, epoch: u64) -> Option<&'static str> {
        let (device, line) = (data.device.as_ref()?, data.line.as_ref()?);
        let key = format!("{}/{}/{}", device.name, line.dn, data.leg_id?);
        if self.calls.get(call).is_none_or(|call| call.over) {
            return Some("a leg of a call that is not up");
        }
        let talks = matches!(kind, "connected" | "held" | "resumed");
        let known = self.legs.remove(&key).or_else(|| self.renamed(&format!("{}/{}/", device.name, line.dn), &key, call, data));
        let fault = match &known {
            Some(leg) if !self.becomes(&leg.call, call) => Some("a leg is of another call than before"),
            Some(_) if data.previous_state.is_none() => Some("a leg that is up begins anew"),
            None if data.previous_state.is_some() => Some("a leg goes on that never began"),
            _ => None,
        };
        self.found.kept += usize::from(known.as_ref().is_some_and(|leg| leg.epoch != epoch && kind != "disconnected"));
        let pops = &mut self.calls.get_mut(call)?.pops;
        if talks {
            pops.retain(|_, leg| *leg != key);
        }
        if kind != "disconnected" {
            self.legs.insert(key, Leg { call: call.to_owned(), epoch, talks });
        }
        fault
    }

    /// A leg that is found again by its global call or by its parties may have another handle than before: it is on the same line, and of
    /// the same call. Its pop is that of the leg.
    fn renamed(&mut self, line: &str, key: &str, call: &str, data: &Data<'_>) -> Option<Leg> {
        let may_be = data.recovered && data.previous_state.is_some();
        let before = self.legs.iter().find(|(key, leg)| may_be && key.starts_with(line) && leg.call == call)?.0.clone();
        self.found.renamed += 1;
        let pops = self.calls.get_mut(call).into_iter().flat_map(|call| call.pops.values_mut());
        pops.filter(|leg| **leg == before).for_each(|leg| key.clone_into(leg));
        self.legs.remove(&before)
    }

    fn becomes(&self, from: &str, to: &str) -> bool {
        let mut at = from;
        while at != to {
            let Some(next) = self.calls.get(at).and_then(|call| call.merged_into.as_deref()) else { return false };
            at = next;
        }
        true
    }

    fn pop(&mut self, kind: &str, call: &str, data: &Data<'_>) -> Option<&'static str> {
        let (id, device, line) = (data.pop_id?, data.device.as_ref()?, data.line.as_ref()?);
        let leg = format!("{}/{}/{}", device.name, line.dn, data.leg_id?);
        let talks = self.legs.get(&leg).is_some_and(|leg| leg.talks);
        let Some(call) = self.calls.get_mut(call) else { return Some("a pop of a call that never began") };
        match kind {
            "withdrawn" => _ = call.pops.remove(id),
            "moved" if !call.pops.contains_key(id) => {}
            _ if talks => _ = call.pops.remove(id),
            _ => _ = call.pops.insert(id.to_owned(), leg),
        }
        None
    }

    /// At the end nothing is up.
    pub fn finish(mut self, reader: &Reader) -> Found {
        self.rules(reader);
        let standing: Vec<&String> = self.calls.iter().filter(|(_, call)| !call.over).map(|(id, _)| id).collect();
        self.found.standing = standing.len();
        self.found.faults.extend(standing.iter().map(|id| format!("call {id} never ends")));
        self.found.faults.extend(self.legs.keys().map(|key| format!("leg {key} never ends")));
        self.found
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, rounds, seen, events, epochs, calls, standing, kept, renamed, unobserved } = self;
        write!(
            f,
            "{rounds} starts, {} kills, {epochs} epochs; {events} events in the log, {seen} of them seen, {} faults; {calls} calls, {kept} times a \
             leg was found again in its call ({renamed} times under another handle), {unobserved} calls ended unobserved, {standing} never",
            rounds - 1,
            faults.len()
        )
    }
}
