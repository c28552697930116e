//! What an answer, or none, means for what was sent.

use std::collections::{HashSet, hash_map};
use std::time::Duration;

use super::super::control::Attempted;
use super::super::{Answer, Attempt, DeadLetter, Death, Failed, Fault, Outcome};
use super::breaker::after;
use super::{Held, Item, LoadId, Schedule};
use crate::journal::Sequence;
use crate::time::Timestamp;

/// What has to be told of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// One attempt at one event.
    Attempt(Attempt),
    /// An event was given up.
    Dead(DeadLetter),
    /// The endpoint is left alone for a while.
    Opened {
        /// Why, in words.
        reason: String,
    },
    /// It is sent events again.
    Closed {
        /// Since when it was left alone.
        since: Timestamp,
    },
    /// It is given up.
    Disabled {
        /// Why, in words.
        reason: String,
    },
}

/// How a request went.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What came back, or why nothing did.
    pub result: Result<Answer, Failed>,
    /// When it was sent.
    pub sent: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// From 0 to 1.
    pub random: f64,
}

/// What is done with what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Bury(Death),
    /// One of the batch was refused: each goes alone.
    Split,
    Retry,
}

impl Schedule {
    /// Takes the answer to a load.
    pub fn settle(&mut self, id: LoadId, settled: Settled, now: Timestamp) -> Vec<Effect> {
        let hash_map::Entry::Occupied(held) = self.loads.entry(id) else { return Vec::new() };
        if held.get().due.is_some() {
            return Vec::new();
        }
        let Held { events, attempts, .. } = held.remove();
        self.in_flight -= 1;
        let mut effects = Vec::new();
        let (status, fault) = match &settled.result {
            Ok(answer) => (answer.status, None),
            Err(failed) => (0, Some(failed.fault)),
        };
        let retry = &self.rules.retry;
        let verdict = match (status, fault) {
            (200..=299, None) => Verdict::Taken,
            (_, Some(Fault::Template)) if events.len() == 1 => Verdict::Bury(Death::Template),
            (_, None) if retry.dead_statuses.contains(&status) && events.len() == 1 => Verdict::Bury(Death::Refused),
            (_, Some(Fault::Template)) => Verdict::Split,
            (_, None) if retry.dead_statuses.contains(&status) => Verdict::Split,
            _ => Verdict::Retry,
        };
        self.look_at_circuit(id, verdict, &settled, now, &mut effects);
        let outcome = match verdict {
            Verdict::Taken => Outcome::Delivered,
            Verdict::Bury(_) => Outcome::Dead,
            Verdict::Split | Verdict::Retry => Outcome::Retry,
        };
        for sequence in &events {
            let Some(item) = self.items.get_mut(sequence) else { continue };
            (item.attempts, item.status) = (attempts, status);
            let (epoch, took) = (item.epoch, settled.took);
            let attempt = Attempt { at: settled.sent, epoch, sequence: *sequence, number: attempts, status, fault, outcome, took };
            effects.push(Effect::Attempt(attempt));
        }
        self.count(verdict, events.len(), &settled, now);
        match verdict {
            Verdict::Taken => self.close(&events),
            Verdict::Bury(death) => {
                effects.extend(events.iter().filter_map(|sequence| self.bury(*sequence, death, now)).map(Effect::Dead));
                self.close(&events);
            }
            Verdict::Split => self.split(&events),
            Verdict::Retry => {
                let pause = self.asked(&settled).unwrap_or_else(|| self.rules.pause(attempts, settled.random));
                let due = after(now, pause);
                self.put_off(id, Held { events, attempts, due: Some(due) }, due);
            }
        }
        effects
    }

    /// Something that was to be sent is no longer in the log, or nothing is to be sent of it.
    pub fn skip(&mut self, id: LoadId) {
        let Some(Held { events, due, .. }) = self.loads.remove(&id) else { return };
        match due {
            Some(due) => drop(self.due.remove(&(due, id))),
            None => self.in_flight -= 1,
        }
        self.circuit.undecided(id);
        self.close(&events);
    }

    /// One event of a load is no longer in the log. Whether anything of the load is left.
    pub fn skip_event(&mut self, id: LoadId, sequence: Sequence) -> bool {
        let left = self.loads.get(&id).map_or(0, |held| held.events.len());
        if left <= 1 {
            self.skip(id);
            return false;
        }
        self.take_from(id, sequence);
        true
    }

    fn look_at_circuit(&mut self, id: LoadId, verdict: Verdict, settled: &Settled, now: Timestamp, effects: &mut Vec<Effect>) {
        let text = words(settled);
        let status = settled.result.as_ref().map_or(0, |answer| answer.status);
        let asks_for_a_pause = self.asked(settled).filter(|_| matches!(status, 429 | 503));
        if let Some(pause) = asks_for_a_pause {
            // It says so of itself, not of this event.
            self.hold = Some(after(now, pause));
        }
        if settled.result.as_ref().is_err_and(|failed| failed.fault == Fault::Template) {
            // It never came to the endpoint.
            self.circuit.undecided(id);
        } else if verdict != Verdict::Retry {
            let since = self.circuit.opened_at();
            if self.circuit.answered() {
                effects.extend(since.map(|since| Effect::Closed { since }));
                self.hurry(now);
            }
        } else if self.rules.retry.disable_statuses.contains(&status) {
            self.circuit.failed(id, true, now);
            effects.extend(self.circuit.give_up().then(|| Effect::Disabled { reason: format!("it answers {status}") }));
        } else if asks_for_a_pause.is_some() {
            // It is there, and says when it wants more.
            self.circuit.undecided(id);
        } else {
            let at_once = self.rules.retry.breaker_statuses.contains(&status);
            if self.circuit.failed(id, at_once, now) {
                effects.push(Effect::Opened { reason: text });
                self.drop_bodies();
            } else if self.circuit.is_hopeless(now) && self.circuit.give_up() {
                let hours = self.rules.breaker.disable_after_hours;
                effects.push(Effect::Disabled { reason: format!("nothing was taken for {hours} hours; the last failure: {text}") });
            }
        }
    }

    fn count(&mut self, verdict: Verdict, events: usize, settled: &Settled, now: Timestamp) {
        let (status, fault, text) = match &settled.result {
            Ok(answer) => (Some(answer.status), None, String::new()),
            Err(failed) => (None, Some(failed.fault), failed.text.clone()),
        };
        let attempted = Some(Attempted { at: now, status, fault, text });
        if verdict == Verdict::Taken {
            self.counts.delivered += events as u64;
            self.counts.last_success = attempted;
        } else {
            self.counts.failed += 1;
            self.counts.last_failure = attempted;
        }
    }

    /// All of a load is done.
    fn close(&mut self, events: &[Sequence]) {
        for sequence in events {
            if let Some(item) = self.forget(*sequence) {
                self.release(&item.lane, true);
            }
        }
    }

    /// Puts what was sent back to the front of its lanes, each to go alone.
    fn split(&mut self, events: &[Sequence]) {
        for sequence in events.iter().rev() {
            let Some(item) = self.items.get_mut(sequence) else { continue };
            (item.alone, item.load) = (true, None);
            if std::mem::take(&mut item.overdue) {
                self.deadlines.push(item.deadline, *sequence);
            }
            let Some(queue) = self.lanes.get_mut(&item.lane) else { continue };
            queue.load = None;
            queue.waiting.push_front(*sequence);
        }
        for sequence in events {
            let Some(item) = self.items.get(sequence) else { continue };
            if self.lanes.get(&item.lane).is_some_and(|queue| queue.waiting.front() == Some(sequence)) {
                self.ready.insert(*sequence);
            }
        }
    }

    /// Tries a load again later. Until then its bodies, and of those behind it, are the log's.
    fn put_off(&mut self, id: LoadId, held: Held, due: Timestamp) {
        self.due.insert((due, id));
        let mut seen = HashSet::new();
        for sequence in &held.events {
            let Some(item) = self.items.get_mut(sequence) else { continue };
            if std::mem::take(&mut item.overdue) {
                self.deadlines.push(item.deadline, *sequence);
            }
            self.bodies -= usize::from(item.drop_body());
            let lane = item.lane.clone();
            // Once for each lane: a batch may be of one.
            if seen.insert(lane.clone()) {
                let behind = self.lanes.get(&lane).into_iter().flat_map(|queue| &queue.waiting);
                for sequence in behind {
                    self.bodies -= usize::from(self.items.get_mut(sequence).is_some_and(Item::drop_body));
                }
            }
        }
        self.loads.insert(id, held);
    }

    /// An endpoint that is back gets at once what waits for its next attempt: the failure was the endpoint's.
    fn hurry(&mut self, now: Timestamp) {
        for (_, id) in std::mem::take(&mut self.due) {
            if let Some(held) = self.loads.get_mut(&id) {
                held.due = Some(now);
                self.due.insert((now, id));
            }
        }
    }

    /// The pause that the receiver asks for, within bounds. None of no time: to come again at once is no pause, and would be a loop.
    fn asked(&self, settled: &Settled) -> Option<Duration> {
        let asked = settled.result.as_ref().ok()?.retry_after?;
        Some(asked.min(Duration::from_secs(self.rules.retry.retry_after_max_seconds))).filter(|pause| !pause.is_zero())
    }
}

/// How a request went, for people.
fn words(settled: &Settled) -> String {
    match &settled.result {
        Ok(answer) => format!("it answers {}", answer.status),
        Err(failed) => failed.text.clone(),
    }
}
