//! The whole conversation, and its summary.

use std::sync::Arc;

use uuid::Uuid;

use crate::event::{Body, CallBody, Cause, Direction, Durations, HandlePair, LegState, Line, Parties};
use crate::time::Timestamp;

use super::leg::LegKey;

/// Our own key of a call: the cluster's id of it may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKey(pub u64);

/// A call that has a leg.
#[derive(Debug)]
pub struct Call {
    pub id: Uuid,
    pub global_call: HandlePair,
    /// The CloudEvents source: which cluster.
    pub source: Arc<str>,
    parties: Arc<Parties>,
    /// Every line that takes or took part.
    lines: Vec<Arc<Line>>,
    /// Legs that are up, with their lines.
    legs: Vec<(LegKey, Arc<Line>)>,
    started: Timestamp,
    rang: Option<Timestamp>,
    answered: Option<Timestamp>,
    answered_by: Option<Arc<Line>>,
    /// When the caller's leg was connected: the call was answered although no called line said so.
    talked: Option<Timestamp>,
    /// Lines that rang.
    rung: Vec<Arc<Line>>,
    held_legs: u32,
    held_since: Option<Timestamp>,
    held: u64,
    cause: Option<Cause>,
    recovered: bool,
    unobserved: bool,
}

impl Call {
    pub fn new(id: Uuid, global_call: HandlePair, source: Arc<str>, parties: Arc<Parties>, started: Timestamp, recovered: bool) -> Self {
        Self {
            id,
            global_call,
            source,
            parties,
            lines: Vec::new(),
            legs: Vec::new(),
            started,
            rang: None,
            answered: None,
            answered_by: None,
            talked: None,
            rung: Vec::new(),
            held_legs: 0,
            held_since: None,
            held: 0,
            cause: None,
            recovered,
            unobserved: false,
        }
    }

    /// A leg joins.
    pub fn join(&mut self, key: LegKey, line: &Arc<Line>) {
        self.legs.push((key, Arc::clone(line)));
        add(&mut self.lines, line);
    }

    /// A leg is gone.
    pub fn leave(&mut self, key: LegKey) {
        self.legs.retain(|(k, _)| *k != key);
    }

    /// A leg is known by another key than before.
    pub fn rename(&mut self, from: LegKey, to: LegKey) {
        self.legs.iter_mut().filter(|(k, _)| *k == from).for_each(|(k, _)| *k = to);
    }

    /// Whether no leg is left.
    pub fn is_over(&self) -> bool {
        self.legs.is_empty()
    }

    /// Other devices on which the same line has a leg of this call.
    pub fn sharing(&self, line: &Line) -> Vec<Arc<str>> {
        let shares = |other: &Line| other.dn == line.dn && other.partition == line.partition && other.device.name != line.device.name;
        // Nearly always there are one or two legs and nothing is shared: an empty list allocates nothing.
        self.legs.iter().filter(|(_, other)| shares(other)).map(|(_, other)| Arc::clone(&other.device.name)).collect()
    }

    /// What the first leg that knows tells of the parties.
    pub fn learn(&mut self, parties: &Arc<Parties>) {
        if self.parties.called().is_unknown() || self.parties.calling().is_unknown() {
            self.parties = Arc::clone(parties);
        }
    }

    /// A leg went from one state to another. Says whether the call was answered by that.
    pub fn leg_changed(
        &mut self,
        at: Timestamp,
        line: &Arc<Line>,
        direction: Direction,
        previous: Option<LegState>,
        state: LegState,
    ) -> bool {
        match state {
            LegState::Alerting | LegState::Ringback => {
                self.rang.get_or_insert(at);
            }
            _ => {}
        }
        if matches!(state, LegState::Offered | LegState::Alerting) && direction == Direction::Inbound {
            add(&mut self.rung, line);
        }
        match (previous == Some(LegState::Held), state == LegState::Held) {
            (false, true) => {
                self.held_legs += 1;
                self.held_since.get_or_insert(at);
            }
            (true, false) => self.unheld(at),
            _ => {}
        }
        if self.answered.is_some() {
            return false;
        }
        // The called side says who answered; the caller's leg says so only when no called line is observed.
        let answers = match (state, direction) {
            (LegState::Connected | LegState::Held, Direction::Inbound) => {
                self.answered_by = Some(Arc::clone(line));
                true
            }
            (LegState::Connected | LegState::Held, Direction::Outbound) => {
                self.talked.get_or_insert(at);
                self.rung.is_empty()
            }
            (LegState::RemoteInUse, _) => !self.legs.iter().any(|(_, other)| other.device.name != line.device.name && other.dn == line.dn),
            _ => false,
        };
        if answers {
            self.answered = Some(at);
        }
        answers
    }

    fn unheld(&mut self, at: Timestamp) {
        self.held_legs = self.held_legs.saturating_sub(1);
        if self.held_legs == 0 {
            self.held += self.held_since.take().map_or(0, |since| at.since(since).as_micros() as u64);
        }
    }

    /// A leg ended.
    pub fn leg_ended(&mut self, cause: Option<Cause>, unobserved: bool) {
        self.cause = cause.or(self.cause);
        self.unobserved = unobserved;
    }

    /// Whether it rang and nobody answered, as far as was observed.
    pub fn was_missed(&self) -> bool {
        self.answered.or(self.talked).is_none() && !self.unobserved && !self.rung.is_empty()
    }

    /// The event that tells of the call as it is now.
    pub fn body(&self, at: Timestamp, ended: bool) -> Body {
        let micros = |from: Timestamp, to: Timestamp| to.since(from).as_micros() as u64;
        let hold = self.held + self.held_since.map_or(0, |since| micros(since, at));
        let answered = if ended { self.answered.or(self.talked) } else { self.answered };
        let talk = answered.map_or(0, |since| micros(since, at).saturating_sub(hold));
        let ring = self.rang.map_or(0, |rang| micros(rang, answered.unwrap_or(at)));
        Body::Call(Box::new(CallBody {
            call_id: self.id,
            global_call: self.global_call,
            parties: Arc::clone(&self.parties),
            lines: self.lines.clone(),
            started: self.started,
            answered,
            answered_by: self.answered_by.clone(),
            ended: ended.then_some(at),
            missed_by: if ended && self.was_missed() { self.rung.clone() } else { Vec::new() },
            cause: self.cause,
            durations: Durations { ring, talk, hold },
            recovered: self.recovered,
            unobserved: self.unobserved,
        }))
    }
}

fn add(lines: &mut Vec<Arc<Line>>, line: &Arc<Line>) {
    if !lines.iter().any(|known| Arc::ptr_eq(known, line)) {
        lines.push(Arc::clone(line));
    }
}
