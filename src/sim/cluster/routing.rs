//! Where a call goes: to a line, past forwarded ones, to a hunt pilot's members, outside. And sending on a call that is there.

use super::hunt::Hunt;
use super::{AppearanceId, BUSY_TRIGGER, CallError, CallKey, Cluster, LegKey, LineId, Parties, Party, PilotId, Timer, TimerKind};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause};

/// So many times a call is forwarded before it counts as busy: forwards can go in a circle.
const MAX_FORWARDS: usize = 8;

/// Who is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A line of the cluster.
    Line(LineId),
    /// A line of the cluster that takes no calls now.
    BusyLine(LineId),
    /// A hunt pilot.
    Pilot(PilotId),
    /// Somebody outside of the cluster.
    Outside(Party),
}

/// When a line's calls go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardKind {
    /// Always.
    All,
    /// When the line is busy.
    Busy,
    /// When nobody answers.
    NoAnswer,
}

/// Where a line's calls go instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwards {
    pub all: Option<Destination>,
    pub busy: Option<Destination>,
    pub no_answer: Option<Destination>,
}

/// Where a call has come to.
#[derive(Debug)]
pub(super) enum End {
    /// These ring.
    Lines(Vec<AppearanceId>),
    /// These ring for a hunt pilot.
    Member(Hunt, Vec<AppearanceId>),
    /// It rings outside of the cluster.
    Outside(Party),
    /// Nowhere.
    Busy,
}

/// The way of a call.
#[derive(Debug)]
pub(super) struct Route {
    pub end: End,
    pub parties: Parties,
    /// Why the legs at its end come to be.
    pub reason: CallReason,
}

impl Cluster {
    /// Finds the end of the way to `to`. `parties` are those known before; a line that is `taken` already cannot ring.
    pub(super) fn route(&self, to: &Destination, mut parties: Parties, mut reason: CallReason, taken: &[LineId]) -> Route {
        let mut to = to.clone();
        for _ in 0..MAX_FORWARDS {
            let called = self.destination_party(&to);
            parties.original_called.get_or_insert_with(|| called.clone());
            parties.called = Some(called.clone());
            let (end, forward) = match to {
                Destination::Outside(party) => (End::Outside(party), None),
                Destination::Pilot(pilot) => match self.next_member(pilot, 0, taken) {
                    Some((hunt, appearances)) => (End::Member(hunt, appearances), None),
                    None => (End::Busy, self.pilot(pilot).and_then(|p| Some((p.forward.clone()?, CallReason::FORWARDBUSY)))),
                },
                Destination::BusyLine(line) => (End::Busy, self.forward_when_busy(line)),
                Destination::Line(line) => match &self.line(line).forwards.all {
                    Some(target) => (End::Busy, Some((target.clone(), CallReason::FORWARDALL))),
                    None if taken.contains(&line) => (End::Busy, None),
                    None => match self.appearances_with_room(line) {
                        none if none.is_empty() => (End::Busy, self.forward_when_busy(line)),
                        some => (End::Lines(some), None),
                    },
                },
            };
            let Some((target, why)) = forward else { return Route { end, parties, reason } };
            parties.last_redirecting = Some(called);
            (to, reason) = (target, why);
        }
        Route { end: End::Busy, parties, reason }
    }

    fn forward_when_busy(&self, line: LineId) -> Option<(Destination, CallReason)> {
        self.line(line).forwards.busy.clone().map(|target| (target, CallReason::FORWARDBUSY))
    }

    /// A destination as a party.
    pub(super) fn destination_party(&self, to: &Destination) -> Party {
        match to {
            Destination::Line(line) | Destination::BusyLine(line) => self.line_party(*line),
            Destination::Pilot(pilot) => self.pilot_party(*pilot),
            Destination::Outside(party) => party.clone(),
        }
    }

    pub(super) fn appearances_with_room(&self, line: LineId) -> Vec<AppearanceId> {
        let has_room = |id: &AppearanceId| self.device(self.appearance(*id).device).registered && self.calls_at(*id) < BUSY_TRIGGER;
        self.line(line).appearances.iter().copied().filter(has_room).collect()
    }

    /// Lets a call ring at the end of its way; who is in it already hears the ringing, or the busy tone.
    pub(super) fn ring(&mut self, key: CallKey, route: Route) {
        let before = self.legs(key);
        let outside = route.parties.calling.as_ref().is_some_and(|p| p.outside);
        let origin = if outside { CallOrigin::INBOUNDEXTERNAL } else { CallOrigin::INBOUNDINTERNAL };
        let (appearances, hunt, busy) = match route.end {
            End::Lines(appearances) => (appearances, None, false),
            End::Member(hunt, appearances) => (appearances, Some(hunt), false),
            End::Outside(party) => {
                self.add_outside(key, party);
                (vec![], None, false)
            }
            End::Busy => (vec![], None, true),
        };
        self.be_patient_no_more(key);
        if let Some(call) = self.calls.get_mut(&key) {
            call.hunt = hunt;
        }
        for appearance in appearances {
            let leg = self.add_leg(key, appearance, CallState::OFFERING, origin, route.reason);
            self.announce(leg);
            self.set_state(leg, CallState::ACCEPTED, CallStateCause::NOERROR);
        }
        for leg in before {
            let key = LegKey { call: key, leg: leg.id };
            let hears = matches!(leg.state, CallState::PROCEEDING | CallState::CONNECTED);
            if busy && !leg.remote_in_use && leg.state != CallState::DISCONNECTED {
                self.set_state(key, CallState::DISCONNECTED, CallStateCause::USERBUSY);
            } else if !busy && hears && !leg.remote_in_use {
                self.set_state(key, CallState::RINGBACK, CallStateCause::NOERROR);
            }
        }
        self.wait_for_answer(key);
        self.end_if_bare(key);
    }

    /// Whoever waited for something to happen to a call waits no longer.
    pub(super) fn be_patient_no_more(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get_mut(&key) {
            call.patience = call.patience.wrapping_add(1);
        }
    }

    /// Asks for a time limit when there is somewhere to go after it.
    pub(super) fn wait_for_answer(&mut self, key: CallKey) {
        let Some(call) = self.calls.get(&key) else { return };
        let forwards = |l: &super::Leg| l.rings() && self.line(self.appearance(l.appearance).line).forwards.no_answer.is_some();
        if call.hunt.is_some() || call.legs.iter().any(forwards) {
            self.timers.push(Timer { kind: TimerKind::NoAnswer, call: key, patience: call.patience });
        }
    }

    /// Sends a call on for `by`, whose legs are gone from it already. Those who stay are `told` why.
    pub(super) fn send_on(&mut self, key: CallKey, by: Party, to: &Destination, reason: CallReason, told: CallReason) {
        let Some(call) = self.calls.get(&key) else { return };
        let known = (*call.parties).clone();
        let original_called = known.original_called.clone().or_else(|| Some(by.clone()));
        let parties = Parties { original_called, last_redirecting: Some(by), ..known };
        let taken: Vec<LineId> = call.legs.iter().map(|l| self.appearance(l.appearance).line).collect();
        let route = self.route(to, parties, reason, &taken);
        self.tell_all(key, route.parties.clone(), told);
        self.ring(key, route);
    }

    /// Sends on what is offered to a line: all its devices stop ringing.
    ///
    /// # Errors
    /// When the leg does not ring.
    pub fn redirect(&mut self, key: LegKey, to: &Destination, reason: CallReason) -> Result<(), CallError> {
        let leg = self.leg(key).filter(|l| l.rings()).ok_or(CallError::State)?;
        let by = self.own_party(leg);
        if self.calls.get(&key.call).is_some_and(|c| c.conference.is_some()) {
            return Err(CallError::Conference);
        }
        self.split_line(key, reason);
        self.send_on(key.call, by, to, reason, reason);
        Ok(())
    }

    /// Hands the other party of a connected call over to somebody, unasked.
    ///
    /// # Errors
    /// When the leg is not connected, or in a conference.
    pub fn transfer_blind(&mut self, key: LegKey, to: &Destination) -> Result<(), CallError> {
        let leg = self.leg(key).filter(|l| l.state == CallState::CONNECTED).cloned().ok_or(CallError::State)?;
        self.plain(key.call)?;
        let by = self.own_party(&leg);
        let other = self.far_party(key).ok_or(CallError::State)?;
        self.split_line(key, CallReason::BLINDTRANSFER);
        if let Some(call) = self.calls.get_mut(&key.call) {
            let was_called = call.parties.calling.as_ref().is_none_or(|p| !p.is(&by));
            call.outside.retain(|end| end.party.is(&other));
            let original_called = if was_called { call.parties.original_called.clone() } else { Some(by.clone()) };
            call.parties = std::sync::Arc::new(Parties { calling: Some(other), original_called, reassigned: true, ..Parties::default() });
        }
        // The leg that stays keeps its own reason, as recorded.
        self.send_on(key.call, by, to, CallReason::BLINDTRANSFER, CallReason::DIRECTCALL);
        Ok(())
    }

    /// Whether a call is one of two parties.
    pub(super) fn plain(&self, key: CallKey) -> Result<(), CallError> {
        match self.calls.get(&key) {
            Some(call) if call.conference.is_none() && call.monitors.is_none() => Ok(()),
            Some(_) => Err(CallError::Conference),
            None => Err(CallError::State),
        }
    }

    /// Who is at the other end of a leg.
    pub(super) fn far_party(&self, key: LegKey) -> Option<Party> {
        let (call, leg) = (self.calls.get(&key.call)?, self.leg(key)?);
        let own = self.own_party(leg);
        let named = leg.parties.far_from(&own)?;
        let line = self.appearance(leg.appearance).line;
        let other = call.legs.iter().find(|l| l.is_up() && self.appearance(l.appearance).line != line);
        match other {
            // A hunt pilot answered by one of its members is that member.
            Some(other) if !named.is(&self.own_party(other)) => Some(self.own_party(other)),
            _ => Some(named.clone()),
        }
    }

    /// The time for something is over. Stale ones do nothing.
    pub fn expire(&mut self, timer: Timer) {
        if self.calls.get(&timer.call).is_none_or(|c| c.patience != timer.patience) {
            return;
        }
        match timer.kind {
            // It can be done: the call waits for it.
            TimerKind::NoAnswer => _ = self.give_up_ringing(timer.call),
            TimerKind::Reversion => self.revert_parked(timer.call),
        }
    }

    /// Nobody answers: the call goes to the next member of the hunt group, or where the line forwards it; `false` when there is no such place.
    pub fn give_up_ringing(&mut self, key: CallKey) -> bool {
        if self.calls.get(&key).is_some_and(|c| c.hunt.is_some()) {
            return self.hunt_on(key);
        }
        let ringing = self.legs(key).into_iter().find(super::Leg::rings);
        let Some(leg) = ringing else { return false };
        let line = self.appearance(leg.appearance).line;
        let Some(target) = self.line(line).forwards.no_answer.clone() else { return false };
        let by = self.line_party(line);
        self.split_line(LegKey { call: key, leg: leg.id }, CallReason::FORWARDNOANWSER);
        self.send_on(key, by, &target, CallReason::FORWARDNOANWSER, CallReason::DIRECTCALL);
        true
    }
}
