//! What is sent when: order within a call, retries, deadlines, the breaker. Neither clock nor socket nor disk: time comes from outside, and so
//! does what was read and what was answered.
//!
//! Events that have to keep their order are of one [`Lane`]. A lane sends one [`Load`] at a time and nothing else until that is settled, so that
//! an event that cannot be delivered holds back its own call alone. What was read and is not done is what the cursor has parked: it is bounded,
//! and the bodies of events are kept only where they are likely to be sent soon.

mod breaker;
mod deadlines;
mod offer;
mod rules;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::control::{Attempted, Standing};
use super::{DeadLetter, Death};
use crate::journal::{Cursor, Entry, PARKED, Position, Sequence};
use crate::time::Timestamp;
pub use breaker::Circuit;
use deadlines::Deadlines;
pub use offer::{Lane, Offer};
pub use rules::Rules;
pub use settle::{Effect, Settled};

/// Bodies of events that are kept at a time.
const BODIES: usize = 512;

/// The number of a load.
pub type LoadId = u64;

/// What is sent in one request: one event, or a batch.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its number: the answer is settled by it.
    pub id: LoadId,
    /// The events, in their order; without a body where the log has to be read.
    pub events: Vec<(Sequence, Option<Arc<Entry>>)>,
    /// Which attempt this is, from 1.
    pub attempt: u16,
}

#[derive(Debug)]
struct Item {
    lane: Lane,
    epoch: u64,
    bytes: usize,
    time: Timestamp,
    deadline: Timestamp,
    attempts: u16,
    status: u16,
    /// A batch with it was refused: it goes alone, so that the one that is refused is found.
    alone: bool,
    /// Its deadline came while it was on its way.
    overdue: bool,
    /// The log does not have it.
    only_here: bool,
    load: Option<LoadId>,
    body: Option<Arc<Entry>>,
}

impl Item {
    /// Whether it has a body that counts.
    fn has_body(&self) -> bool {
        self.body.is_some() && !self.only_here
    }

    /// Leaves its body to the log; whether it had one.
    fn drop_body(&mut self) -> bool {
        self.has_body() && self.body.take().is_some()
    }
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Sequence>,
    /// What it has sent, or tries to.
    load: Option<LoadId>,
}

#[derive(Debug)]
struct Held {
    events: Vec<Sequence>,
    attempts: u16,
    /// When it is tried again; none while it is on its way.
    due: Option<Timestamp>,
}

/// Counts since the start.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Events that were taken.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Events that were given up.
    pub dead: u64,
    /// The last attempt that was taken.
    pub last_success: Option<Attempted>,
    /// The last that failed.
    pub last_failure: Option<Attempted>,
}

/// What an endpoint is to be sent.
#[derive(Debug)]
pub struct Schedule {
    rules: Rules,
    reached: Cursor,
    /// The time of the last event that was looked at.
    seen: Option<Timestamp>,
    /// What was read and is not done, in the order of the log.
    items: BTreeMap<Sequence, Item>,
    lanes: HashMap<Lane, Queue, RandomState>,
    /// The first events of lanes that have nothing on its way.
    ready: BTreeSet<Sequence>,
    loads: HashMap<LoadId, Held, RandomState>,
    due: BTreeSet<(Timestamp, LoadId)>,
    deadlines: Deadlines,
    in_flight: usize,
    bodies: usize,
    next_load: LoadId,
    circuit: Circuit,
    /// Nothing is sent before: the receiver asked for it.
    hold: Option<Timestamp>,
    counts: Counts,
}

impl Schedule {
    /// Nothing was read since `reached`.
    pub fn new(rules: Rules, reached: Cursor) -> Self {
        let circuit = Circuit::new(&rules.breaker);
        Self {
            rules,
            reached,
            seen: None,
            items: BTreeMap::new(),
            lanes: HashMap::default(),
            ready: BTreeSet::new(),
            loads: HashMap::default(),
            due: BTreeSet::new(),
            deadlines: Deadlines::default(),
            in_flight: 0,
            bodies: 0,
            next_load: 0,
            circuit,
            hold: None,
            counts: Counts::default(),
        }
    }

    /// How many events may be read now.
    pub fn room(&self) -> usize {
        let room = PARKED.saturating_sub(self.items.len());
        // Who gets nothing has what it will not get in time read all the same, so that it is known as dead.
        if self.circuit.is_closed() { room.min(BODIES.saturating_sub(self.bodies)) } else { room }
    }

    /// The last event that was looked at.
    pub fn reached(&self) -> Cursor {
        self.reached
    }

    /// Where the endpoint stands, to be written down.
    pub fn position(&self) -> Position {
        Position { reached: self.reached, parked: self.items.keys().copied().collect() }
    }

    /// This event, and all before it, was looked at; its time, where it is known.
    pub fn looked_at(&mut self, reached: Cursor, time: Option<Timestamp>) {
        if reached.sequence >= self.reached.sequence {
            self.reached = reached;
            self.seen = time.or(self.seen);
        }
    }

    /// Events that are not done in a log that goes on with `next`, and the time of the oldest of them, as far as that is known.
    pub fn lag(&self, next: Sequence) -> (u64, Option<Timestamp>) {
        let unread = next.saturating_sub(self.reached.sequence + 1);
        let oldest = self.items.first_key_value().map(|(_, item)| item.time).or(self.seen.filter(|_| unread > 0));
        (unread + self.items.len() as u64, oldest)
    }

    /// Takes an event that is wanted. The order of these calls is the order in its lane.
    pub fn offer(&mut self, offer: Offer) {
        let Offer { entry, lane, deadline, only_here } = offer;
        let sequence = entry.sequence;
        if self.items.contains_key(&sequence) {
            return;
        }
        let queue = self.lanes.entry(lane.clone()).or_default();
        let keep = self.circuit.is_closed() && !is_stuck(queue, &self.loads) && self.bodies < BODIES;
        queue.waiting.push_back(sequence);
        if queue.load.is_none() && queue.waiting.len() == 1 {
            self.ready.insert(sequence);
        }
        self.bodies += usize::from(keep && !only_here);
        self.deadlines.push(deadline, sequence);
        let (epoch, time, bytes) = (entry.epoch, entry.time, entry.event.len());
        let body = (keep || only_here).then_some(entry);
        let (attempts, status, alone, overdue, load) = (0, 0, false, false, None);
        self.items.insert(sequence, Item { lane, epoch, bytes, time, deadline, attempts, status, alone, overdue, only_here, load, body });
    }

    /// Events that may be sent soon and whose bodies are not here: at most so many, the oldest first.
    pub fn without_body(&self, most: usize) -> Vec<Sequence> {
        let most = if self.circuit.is_closed() { most.min(BODIES.saturating_sub(self.bodies)) } else { 0 };
        let needed = self.items.iter().filter(|(_, item)| self.needs_body(item));
        needed.take(most).map(|(sequence, _)| *sequence).collect()
    }

    /// Takes bodies that were read for [`Schedule::without_body`], as far as they are still needed.
    pub fn supply(&mut self, entries: Vec<Arc<Entry>>) {
        for entry in entries {
            let is_needed = self.items.get(&entry.sequence).is_some_and(|item| self.needs_body(item));
            if is_needed
                && self.bodies < BODIES
                && self.circuit.is_closed()
                && let Some(item) = self.items.get_mut(&entry.sequence)
            {
                item.body = Some(entry);
                self.bodies += 1;
            }
        }
    }

    fn needs_body(&self, item: &Item) -> bool {
        let is_stuck = || self.lanes.get(&item.lane).is_some_and(|queue| is_stuck(queue, &self.loads));
        item.body.is_none() && item.load.is_none() && !is_stuck()
    }

    /// Gives up what is past its deadline, but for what is on its way.
    pub fn expire(&mut self, now: Timestamp) -> Vec<DeadLetter> {
        let mut dead = Vec::new();
        while let Some(sequence) = self.deadlines.pop(now) {
            // It may have been done since, and may even have been offered again.
            let Some(item) = self.items.get_mut(&sequence).filter(|item| item.deadline <= now) else { continue };
            let load = item.load;
            if load.is_some_and(|load| self.loads.get(&load).is_some_and(|held| held.due.is_none())) {
                // Its answer settles it.
                item.overdue = true;
                continue;
            }
            dead.extend(self.bury(sequence, Death::Deadline, now));
            match load {
                Some(load) => self.take_from(load, sequence),
                None => self.strike(sequence),
            }
        }
        dead
    }

    /// What is to be sent now.
    pub fn next(&mut self, now: Timestamp) -> Option<Load> {
        if self.in_flight >= self.rules.in_flight || self.hold.is_some_and(|until| now < until) {
            return None;
        }
        let probing = !self.circuit.is_closed();
        if probing && !self.circuit.may_probe(now) {
            return None;
        }
        let again = self.due.first().copied().filter(|(due, _)| probing || *due <= now);
        let oldest_again = again.and_then(|(_, load)| self.loads.get(&load)?.events.first().copied());
        let load = match (again, self.ready.first()) {
            (Some((due, id)), fresh) if fresh.is_none_or(|fresh| oldest_again.is_some_and(|again| again <= *fresh)) || !probing => {
                self.due.remove(&(due, id));
                self.resend(id)?
            }
            (_, Some(_)) => self.fill()?,
            _ => return None,
        };
        self.in_flight += 1;
        if probing {
            self.circuit.probe(load.id);
        }
        Some(load)
    }

    /// When [`Schedule::next`] or [`Schedule::expire`] have something to do although nothing else happens.
    pub fn wake(&self) -> Option<Timestamp> {
        let next = if self.in_flight >= self.rules.in_flight || (self.due.is_empty() && self.ready.is_empty()) {
            None
        } else if self.circuit.is_closed() {
            if self.ready.is_empty() { self.due.first().map(|(due, _)| *due) } else { Some(Timestamp(0)) }
        } else {
            self.circuit.next_probe()
        };
        let next = next.map(|next| self.hold.map_or(next, |hold| next.max(hold)));
        self.deadlines.first().into_iter().chain(next).min()
    }

    /// Whether something could be sent as soon as there is a turn for it.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Requests on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Events that were read and are not done, and how many of them wait for one before them or for their next attempt.
    pub fn waiting(&self) -> (usize, usize) {
        let parked = self.items.len().saturating_sub(self.ready.len());
        (self.items.len(), parked.saturating_sub(self.on_their_way()))
    }

    /// The first event that is not done, of those that were read.
    pub fn first(&self) -> Option<Sequence> {
        self.items.first_key_value().map(|(sequence, _)| *sequence)
    }

    /// Whether nothing is left to do of what was read.
    pub fn is_idle(&self) -> bool {
        self.items.is_empty()
    }

    /// The breaker.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How an event that was read stands.
    pub fn standing(&self, sequence: Sequence) -> Standing {
        let Some(item) = self.items.get(&sequence) else { return Standing::Done };
        match item.load.and_then(|load| self.loads.get(&load)) {
            Some(Held { due: None, .. }) => Standing::InFlight,
            Some(Held { due: Some(next), attempts, .. }) => Standing::Retrying { attempts: *attempts, next: *next },
            None => {
                let queue = self.lanes.get(&item.lane);
                let sent = queue.and_then(|queue| self.loads.get(&queue.load?)).and_then(|held| held.events.first());
                let behind = sent.or_else(|| queue.and_then(|queue| queue.waiting.front())).copied();
                behind.filter(|first| *first != sequence).map_or(Standing::Waiting, |behind| Standing::Parked { behind })
            }
        }
    }

    fn on_their_way(&self) -> usize {
        self.loads.values().filter(|held| held.due.is_none()).map(|held| held.events.len()).sum()
    }

    fn resend(&mut self, id: LoadId) -> Option<Load> {
        let held = self.loads.get_mut(&id)?;
        held.due = None;
        held.attempts = held.attempts.saturating_add(1);
        let body = |sequence| self.items.get(sequence).and_then(|item| item.body.clone());
        let events = held.events.iter().map(|sequence| (*sequence, body(sequence))).collect();
        Some(Load { id, events, attempt: held.attempts })
    }

    /// A load of what is ready, the oldest first: one event, or as many as a batch takes.
    fn fill(&mut self) -> Option<Load> {
        let id = self.next_load;
        self.next_load += 1;
        let (mut events, mut bytes) = (Vec::new(), 0);
        let mut oldest = (Sequence::MAX, 0);
        let (most, most_bytes) = self.rules.batch.unwrap_or((1, usize::MAX));
        while events.len() < most && bytes < most_bytes {
            let Some(first) = self.ready.first().copied() else { break };
            let Some(first) = self.items.get(&first) else { break };
            if first.alone && !events.is_empty() {
                break;
            }
            let (lane, alone) = (first.lane.clone(), first.alone);
            let Some(queue) = self.lanes.get_mut(&lane) else { break };
            let before = events.len();
            // What follows in the same lane may follow in the same batch.
            while let Some(sequence) = queue.waiting.front().copied().filter(|_| events.len() < most) {
                let Some(item) = self.items.get_mut(&sequence) else { break };
                if !events.is_empty() && (item.alone || bytes + item.bytes > most_bytes) {
                    break;
                }
                self.ready.remove(&sequence);
                queue.waiting.pop_front();
                (item.load, queue.load) = (Some(id), Some(id));
                bytes += item.bytes;
                events.push((sequence, item.body.clone()));
                oldest = oldest.min((sequence, item.attempts));
                if item.alone {
                    break;
                }
            }
            if events.len() == before || alone {
                break;
            }
        }
        if events.is_empty() {
            return None;
        }
        events.sort_unstable_by_key(|(sequence, _)| *sequence);
        let attempts = oldest.1.saturating_add(1);
        let held = events.iter().map(|(sequence, _)| *sequence).collect();
        self.loads.insert(id, Held { events: held, attempts, due: None });
        Some(Load { id, events, attempt: attempts })
    }

    /// Forgets an item; its lane is seen to by the caller.
    fn forget(&mut self, sequence: Sequence) -> Option<Item> {
        let item = self.items.remove(&sequence)?;
        self.bodies -= usize::from(item.has_body());
        self.deadlines.tidy(self.items.len(), |sequence| self.items.contains_key(&sequence));
        Some(item)
    }

    fn bury(&mut self, sequence: Sequence, death: Death, now: Timestamp) -> Option<DeadLetter> {
        let item = self.items.get(&sequence)?;
        self.counts.dead += 1;
        Some(DeadLetter { at: now, epoch: item.epoch, sequence, death, status: item.status, attempts: item.attempts })
    }

    /// Takes what is in no load out of its lane.
    fn strike(&mut self, sequence: Sequence) {
        let Some(item) = self.forget(sequence) else { return };
        self.ready.remove(&sequence);
        if let Some(queue) = self.lanes.get_mut(&item.lane) {
            queue.waiting.retain(|waiting| *waiting != sequence);
        }
        self.release(&item.lane, false);
    }

    /// Takes an event out of a load that waits.
    fn take_from(&mut self, id: LoadId, sequence: Sequence) {
        let Some(item) = self.forget(sequence) else { return };
        let Some(held) = self.loads.get_mut(&id) else { return };
        held.events.retain(|event| *event != sequence);
        let still = held.events.iter().any(|event| self.items.get(event).is_some_and(|other| other.lane == item.lane));
        if held.events.is_empty() {
            let due = held.due;
            self.loads.remove(&id);
            due.map(|due| self.due.remove(&(due, id)));
        }
        if !still {
            self.release(&item.lane, true);
        }
    }

    /// A lane that has nothing on its way, or whose load is `done`, has its next event ready; one that has nothing at all is forgotten.
    fn release(&mut self, lane: &Lane, done: bool) {
        let Some(queue) = self.lanes.get_mut(lane) else { return };
        if done {
            queue.load = None;
        } else if queue.load.is_some() {
            return;
        }
        match queue.waiting.front() {
            Some(first) => {
                self.ready.insert(*first);
            }
            None => {
                self.lanes.remove(lane);
            }
        }
    }

    /// Drops all bodies: nothing is sent soon, and the log has them.
    fn drop_bodies(&mut self) {
        for item in self.items.values_mut() {
            self.bodies -= usize::from(item.drop_body());
        }
    }
}

/// Whether what a lane has sent waits for its next attempt.
fn is_stuck(queue: &Queue, loads: &HashMap<LoadId, Held, RandomState>) -> bool {
    queue.load.and_then(|load| loads.get(&load)).is_some_and(|held| held.due.is_some())
}
