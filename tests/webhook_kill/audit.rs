//! What has to be true of what a receiver was sent, whatever happened to the gateway.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use callcast::gateway::{keys, type_of};
use callcast::journal::{Limit, Reader, Selection, Sequence};

use crate::receiver::{Book, Got, Moment};

const PAGE: Limit = Limit { entries: 4096, bytes: 16 << 20 };
/// What was taken so long before a kill is written down by then.
pub const WRITTEN_DOWN: Duration = Duration::from_millis(100);

/// What the log has for an endpoint.
#[derive(Default)]
pub struct Log {
    /// The ids of events that are wanted, in the order of the log, and their call.
    pub wanted: Vec<(String, Vec<u8>)>,
    up: HashSet<Vec<u8>>,
    /// The epoch in which all devices were open last.
    open: u64,
    next: Sequence,
}

impl Log {
    /// Goes through what is new in it.
    pub fn read(&mut self, reader: &Reader) {
        let range = reader.range();
        assert!(self.next == 0 || self.next >= range.oldest, "the log is kept");
        let mut from = self.next.max(range.oldest);
        while from < range.next {
            let page = reader.read(&Selection::Everything, from, range.next, PAGE).unwrap();
            for entry in &page.entries {
                let kind = type_of(&entry.event);
                if kind == "callcast.session.resynced" {
                    self.open = entry.epoch;
                }
                let Some(call) = entry.keys.iter().find(|(space, _)| *space == keys::CALL).map(|(_, call)| call.to_vec()) else { continue };
                match kind {
                    "callcast.call.started" => _ = self.up.insert(call.clone()),
                    "callcast.call.ended" | "callcast.call.merged" => _ = self.up.remove(&call),
                    _ => {}
                }
                self.wanted.push((format!("{}-{}", entry.epoch, entry.sequence), call));
            }
            from = page.next;
        }
        self.next = range.next;
    }

    /// Whether a gateway that sees all devices is in this epoch, and no call is up.
    pub fn is_quiet(&self, epoch: u64) -> bool {
        self.open == epoch && self.up.is_empty()
    }
}

/// What is wrong, and what was found.
#[derive(Default)]
pub struct Found {
    pub faults: Vec<String>,
    wanted: usize,
    calls: usize,
    requests: usize,
    untaken: usize,
    /// Requests that a kill left without an answer.
    broken: usize,
    again: usize,
    /// How long before the kill that was taken which was sent again, by the life that ended so.
    ages: BTreeMap<usize, Vec<Duration>>,
}

impl Found {
    /// How old was what was sent again, the oldest for each kill after which something was.
    pub fn oldest(&self) -> impl Iterator<Item = Duration> {
        self.ages.values().filter_map(|ages| ages.iter().max().copied())
    }
}

/// One event, as it was received.
#[derive(Default)]
struct Event<'b> {
    /// With its place in the body.
    requests: Vec<(&'b Got, usize)>,
}

impl<'b> Event<'b> {
    fn taken(&self) -> impl Iterator<Item = (&'b Got, Moment)> {
        self.requests.iter().filter_map(|(got, _)| Some((*got, got.taken?)))
    }

    /// When it was taken first.
    fn first_taken(&self) -> Option<Moment> {
        self.taken().map(|(_, taken)| taken).min_by_key(|taken| taken.place)
    }

    /// Whether this came when that had been taken, or with it and behind it.
    fn follows(&self, before: &Self) -> bool {
        let Some((first, at)) = self.requests.first() else { return true };
        let with = before.requests.iter().any(|(got, before)| std::ptr::eq(*got, *first) && before < at);
        with || before.first_taken().is_some_and(|taken| taken.place < first.came.place)
    }
}

/// Holds what an endpoint was sent to the log. `kills` are the ends of all lives of the gateway but the last.
pub fn audit(endpoint: &str, log: &Log, book: &Book, kills: &[Instant]) -> Found {
    let mut events: HashMap<&str, Event<'_>> = HashMap::new();
    let mut found = Found { wanted: log.wanted.len(), ..Found::default() };
    for got in book.got.iter().filter(|got| got.endpoint == endpoint) {
        found.requests += 1;
        found.untaken += usize::from(got.taken.is_none());
        let killed = kills.get(got.life);
        found.broken += usize::from(killed.is_some_and(|kill| got.came.time < *kill && got.taken.is_none_or(|taken| taken.time > *kill)));
        got.events.iter().enumerate().for_each(|(at, id)| events.entry(id).or_default().requests.push((got, at)));
    }
    let mut fault = |what: String| found.faults.push(format!("{endpoint}: {what}"));

    let mut calls: HashMap<&[u8], &str> = HashMap::new();
    for (id, call) in &log.wanted {
        let Some(event) = events.get(id.as_str()) else {
            fault(format!("{id} was never sent"));
            continue;
        };
        if event.first_taken().is_none() {
            fault(format!("{id} was sent {} times and never taken", event.requests.len()));
        }
        // What is before it, and was lost, is a fault of its own.
        if let Some(before) = calls.insert(call, id)
            && !events.get(before).is_none_or(|before| event.follows(before))
        {
            fault(format!("{id} came before {before}, of the same call, was taken"));
        }
    }
    found.calls = calls.len();
    let wanted: HashSet<&str> = log.wanted.iter().map(|(id, _)| id.as_str()).collect();
    events.keys().filter(|id| !wanted.contains(*id)).for_each(|id| fault(format!("{id} is not in the log, or was not wanted")));

    for (id, event) in &events {
        for (got, _) in &event.requests {
            let before = event.taken().filter(|(_, taken)| taken.place < got.came.place).max_by_key(|(_, taken)| taken.place);
            let Some((before, taken)) = before else { continue };
            found.again += 1;
            let Some(kill) = kills.get(before.life).filter(|_| before.life < got.life) else {
                let (mood, pause) = (before.mood, got.came.time - taken.time);
                fault(format!("{id} was sent again in the life in which it had been taken: {mood:?}, {pause:?} before"));
                continue;
            };
            found.ages.entry(before.life).or_default().push(kill.saturating_duration_since(taken.time));
        }
    }
    found
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { faults, wanted, calls, requests, untaken, broken, again, ages } = self;
        let mut ages: Vec<Duration> = ages.values().flatten().copied().collect();
        ages.sort_unstable();
        let in_flight = ages.iter().filter(|age| age.is_zero()).count();
        let late = ages.iter().filter(|age| **age > WRITTEN_DOWN).count();
        let age = |at: usize| ages.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3;
        write!(
            f,
            "{} faults; {wanted} events of {calls} calls wanted, {requests} requests, {untaken} not taken, {broken} in flight at a kill; {again} \
             times an event was sent again that had been taken: {in_flight} of them in flight at the kill, {late} taken more than {WRITTEN_DOWN:?} \
             before it, half of them less than {:.1} ms, all less than {:.1} ms",
            faults.len(),
            age(ages.len() / 2),
            age(ages.len().saturating_sub(1)),
        )
    }
}
