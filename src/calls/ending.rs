//! When a call is over, and its summary.
//!
//! A call ends with its last leg. But a leg that a feature took out (a transfer, a park, a diversion) leaves a conversation that goes on,
//! perhaps at a line that we observe: its call is kept for a while, and as long as it is parked.

use std::sync::Arc;

use crate::event::{Detail, EventType, HandlePair, Outcome, Purpose};
use crate::time::Timestamp;

use super::call::{Call, CallKey};
use super::{CallModel, Output};

/// How long a call without a leg is kept that goes on somewhere, in microseconds.
const SPLIT: u64 = 5_000_000;
/// The same of a parked one of which nothing is heard: its phone is told what becomes of it, within minutes as a rule.
const PARKED: u64 = 3_600_000_000;

impl Call {
    /// Until when it is kept without a leg.
    pub(super) fn kept_until(&self) -> Option<Timestamp> {
        let left = self.left.filter(|_| self.legs.is_empty())?;
        Some(Timestamp(match (self.split, &self.parked) {
            (true, Some(_)) => left.0 + PARKED,
            (true, None) => left.0 + SPLIT,
            (false, _) => left.0,
        }))
    }

    /// What became of it.
    fn outcome(&self) -> Outcome {
        let cause = self.cause();
        let is = |name: &str| cause.is_some_and(|cause| cause.name == name);
        let at = self.left.unwrap_or_default();
        if self.was_answered() {
            Outcome::Answered
        } else if !self.missed_by().is_empty() {
            Outcome::Missed
        } else if is("user_busy") {
            Outcome::Busy
        } else if self.unobserved {
            Outcome::Unobserved
        } else if self.first().called().is_unknown() {
            Outcome::NotDialled
        } else if self.split {
            Outcome::Transferred
        } else if !self.has_rung(at) && cause.is_some() && !is("normal_call_clearing") {
            Outcome::Failed
        } else {
            Outcome::NotAnswered
        }
    }
}

impl CallModel {
    /// A leg is gone: the call may be over, now or after a while.
    pub(super) fn end_call_if_over(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key).filter(|call| call.legs.is_empty()) else { return };
        call.left.get_or_insert(out.at);
        match call.kept_until() {
            Some(until) if until > out.at => _ = self.deadlines.insert((until, call_key)),
            _ => self.end_call(call_key, out),
        }
    }

    /// A deadline has come. A call that got a leg meanwhile goes on, and one that lost it again has another deadline.
    pub(super) fn end_call_if_due(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        if call.kept_until().is_none_or(|until| until > out.at) {
            return;
        }
        // Whoever parked it and whoever waits are both out of sight: nobody can say how that ended.
        call.unobserved |= call.parked.is_some();
        self.end_call(call_key, out);
    }

    fn end_call(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        let Some(mut call) = self.calls.remove(&call_key) else { return };
        let source = Arc::clone(&call.source);
        for alias in &call.aliases {
            self.forget_global_call(&source, *alias, call_key);
        }
        if let Some(parked) = &call.parked {
            self.parked.remove(&(Arc::clone(&source), parked.number.clone()));
        }
        if let Some(by) = call.blind.take() {
            self.tell_blind(&mut call, by, out);
        }
        if call.settle_missed() {
            out.push(EventType::CallMissed, &source, call.body(out.at, Detail::None));
        }
        let outcome = call.outcome();
        if outcome == Outcome::NotDialled && call.purpose == Purpose::Conversation && !call.recovered {
            call.purpose = Purpose::Feature;
        }
        let legs = call.past_legs();
        out.push(EventType::CallEnded, &source, call.body(out.at, Detail::Ended { outcome, legs }));
    }

    fn forget_global_call(&mut self, source: &Arc<str>, global_call: HandlePair, call: CallKey) {
        let known_as = (Arc::clone(source), global_call);
        if self.global_calls.get(&known_as) == Some(&call) {
            self.global_calls.remove(&known_as);
        }
    }

    /// The call is no longer known by this global id.
    pub(super) fn forget_alias(&mut self, call: CallKey, global_call: HandlePair) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.aliases.retain(|alias| *alias != global_call);
        let source = Arc::clone(&known.source);
        self.forget_global_call(&source, global_call, call);
    }
}
