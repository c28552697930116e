//! The life of a screen-pop: offered once per user and call, moved when the call moves, withdrawn when it is nobody's any more.
//!
//! A pop follows one leg of its user. It is told right after the event of the leg that changed it.

use std::sync::Arc;

use uuid::Uuid;

use crate::ctiqbe::names::{CallReason, CallStateCause};
use crate::event::{Body, Direction, EventType, LegState, Line, Party, PopBody, PopId, Purpose, Withdrawal};

use super::call::{Call, CallKey};
use super::leg::{Leg, LegKey};
use super::{CallModel, Output, words};

/// A pop that is up.
#[derive(Clone, Debug)]
pub struct Pop {
    pub id: PopId,
    /// The leg that it shows.
    pub leg: LegKey,
    pub line: Arc<Line>,
    /// Whom it shows.
    pub remote: Party,
    pub answered: bool,
    /// The call that it showed when it was last told of, until its move to another is told.
    pub moved_from: Option<Uuid>,
}

/// How a leg ended, as far as its pop is concerned.
#[derive(Clone, Copy, Debug)]
pub struct LegEnd {
    pub reason: CallReason,
    pub cause: CallStateCause,
    /// The hunt list took the call away from the line.
    pub by_hunt_list: bool,
    pub unobserved: bool,
}

/// Whose screen it is: the user's, or the device's where no user is known.
fn whose(line: &Line) -> &Arc<str> {
    line.device.user.as_ref().unwrap_or(&line.device.name)
}

fn body(pop: &Pop, call: &Call, leg: &Leg, reason: Option<Withdrawal>) -> Body {
    Body::Pop(Box::new(PopBody {
        id: pop.id.clone(),
        call_id: call.id,
        previous_call_id: pop.moved_from,
        leg: pop.leg.leg,
        line: Arc::clone(&pop.line),
        parties: Arc::clone(&leg.parties),
        reason,
        recovered: leg.recovered,
    }))
}

impl CallModel {
    /// A leg changed its state, parties or call: its pop follows.
    pub(super) fn pop_follows(&mut self, key: LegKey, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        if call.purpose != Purpose::Conversation || (leg.direction == Direction::Outbound && call.pops.is_empty()) {
            return;
        }
        if leg.state == LegState::RemoteInUse {
            let end = LegEnd {
                reason: CallReason::DIRECTCALL,
                cause: CallStateCause::NONSELECTEDUSERCLEARING,
                by_hunt_list: false,
                unobserved: false,
            };
            let call = leg.call;
            return self.pop_loses(key, call, end, out);
        }
        let talks = matches!(leg.state, LegState::Connected | LegState::Held);
        let owner = whose(&leg.line);
        let Some(pop) = call.pops.iter_mut().find(|pop| pop.id.whose == *owner) else {
            let comes = leg.is_ringing() || (leg.state == LegState::Connected && !leg.recovered);
            if comes && leg.direction == Direction::Inbound {
                let id = PopId { call: call.id, whose: Arc::clone(owner) };
                let remote = leg.parties.remote().clone();
                let pop = Pop { id, leg: key, line: Arc::clone(&leg.line), remote, answered: talks, moved_from: None };
                out.push(EventType::PopOffered, &call.source, body(&pop, call, leg, None));
                call.pops.push(pop);
            }
            return;
        };
        // Another of the user's phones answered: that is where the call is now.
        if pop.leg != key && talks && !pop.answered && leg.direction == Direction::Inbound {
            (pop.leg, pop.line) = (key, Arc::clone(&leg.line));
            pop.answered = true;
            return tell_move(call, leg, key, out);
        }
        if pop.leg != key {
            return;
        }
        pop.answered |= talks;
        if pop.moved_from.is_some() || pop.remote != *leg.parties.remote() {
            tell_move(call, leg, key, out);
        }
    }

    /// A leg is no longer its user's: its pop goes to another leg of the user, or has to go.
    pub(super) fn pop_loses(&mut self, key: LegKey, call: CallKey, end: LegEnd, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call) else { return };
        let Some(at) = call.pops.iter().position(|pop| pop.leg == key) else { return };
        let Some(whose) = call.pops.get(at).map(|pop| Arc::clone(&pop.id.whose)) else { return };
        let legs = &self.legs;
        let takes_over = |(other, line): &&(LegKey, Arc<Line>)| {
            *other != key
                && *self::whose(line) == whose
                && legs.get(other).is_some_and(|leg| leg.direction == Direction::Inbound && leg.state != LegState::RemoteInUse)
        };
        if let Some((other, line)) = call.legs.iter().find(takes_over).cloned() {
            if let (Some(pop), Some(leg)) = (call.pops.get_mut(at), legs.get(&other)) {
                (pop.leg, pop.line) = (other, line);
                tell_move(call, leg, other, out);
            }
            return;
        }
        let pop = call.pops.swap_remove(at);
        let Some(leg) = legs.get(&key).filter(|_| !pop.answered) else { return };
        let reason = withdrawal(call, leg, end);
        out.push(EventType::PopWithdrawn, &call.source, body(&pop, call, leg, Some(reason)));
    }

    /// Tells of pops that moved with their call, where no message about their legs did so.
    pub(super) fn tell_moved_pops(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        let moved: Vec<LegKey> = call.pops.iter().filter(|pop| pop.moved_from.is_some()).map(|pop| pop.leg).collect();
        for key in moved {
            if let Some(leg) = self.legs.get(&key) {
                tell_move(call, leg, key, out);
            }
        }
    }

    /// The pops of a call that became part of another. Their move is told when their leg shows it, or when time goes on.
    pub(super) fn pops_move(&mut self, pops: Vec<Pop>, from: Uuid, to: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&to) else { return };
        if !pops.is_empty() {
            self.moved_pops.push((out.at, to));
        }
        for mut pop in pops {
            pop.moved_from.get_or_insert(from);
            if !call.pops.iter().any(|known| known.id.whose == pop.id.whose) {
                call.pops.push(pop);
            } else if let Some(leg) = self.legs.get(&pop.leg).filter(|_| !pop.answered) {
                // Whoever sees the surviving call already has no need of a second pop.
                out.push(EventType::PopWithdrawn, &call.source, body(&pop, call, leg, Some(Withdrawal::Transferred)));
            }
        }
    }
}

fn tell_move(call: &mut Call, leg: &Leg, key: LegKey, out: &mut Output<'_>) {
    let Some(at) = call.pops.iter().position(|pop| pop.leg == key) else { return };
    let Some(pop) = call.pops.get_mut(at) else { return };
    pop.remote = leg.parties.remote().clone();
    let told = pop.clone();
    pop.moved_from = None;
    out.push(EventType::PopMoved, &call.source, body(&told, call, leg, None));
}

/// Why the pop of a leg that ended unanswered has to go.
fn withdrawal(call: &Call, leg: &Leg, end: LegEnd) -> Withdrawal {
    let LegEnd { reason, cause, by_hunt_list, unobserved } = end;
    let is_hunt_step = by_hunt_list || is_hunt_step(call, leg, end);
    match reason {
        _ if unobserved => Withdrawal::Unobserved,
        CallReason::CALLPICKUP => Withdrawal::PickedUp,
        _ if cause == CallStateCause::NONSELECTEDUSERCLEARING || call.last_answer.is_some_and(|at| at >= leg.started) => {
            Withdrawal::AnsweredElsewhere
        }
        CallReason::BLINDTRANSFER | CallReason::REFER | CallReason::REPLACE => Withdrawal::Transferred,
        _ if words::is_transfer(reason) => Withdrawal::Transferred,
        _ if words::is_diversion(reason) || is_hunt_step => Withdrawal::Diverted,
        _ if matches!(cause, CallStateCause::CALLREJECTED | CallStateCause::USERBUSY) => Withdrawal::Declined,
        _ => Withdrawal::Abandoned,
    }
}

/// Whether a line that stopped ringing was passed over by a hunt group. Its calls name the group as called, not the line that they ring at;
/// and a caller who gives up clears the call, with that for a cause.
pub fn is_hunt_step(call: &Call, leg: &Leg, end: LegEnd) -> bool {
    let of_a_group = leg.parties.called().number.as_deref().is_some_and(|number| number != leg.line.dn);
    of_a_group && end.cause != CallStateCause::NORMALCALLCLEARING && !call.caller_left()
}
