//! A leg comes, changes its state or parties, and goes.

use std::sync::Arc;

use crate::ctiqbe::Text;
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiCallType};
use crate::event::{Detail, Direction, EventType, HandlePair, LegState};
use crate::time::Timestamp;

use super::call::{Call, CallKey};
use super::clock::Clock;
use super::leg::{Leg, LegKey};
use super::merging::Evidence;
use super::parties::{End, Ends, RawParties, View, with_member};
use super::pops::{LegEnd, is_hunt_step};
use super::sessions::OpenLine;
use super::{CallModel, Output, leg, words};

/// How long party information may come after the state that it explains, in microseconds.
const JUST: u64 = 1_000_000;

/// What the message that brings a new leg says of it.
pub struct NewLeg<'a> {
    pub key: LegKey,
    pub global_call: HandlePair,
    pub state: CallState,
    pub origin: CallOrigin,
    pub reason: CallReason,
    pub kind: CtiCallType,
    pub remote_in_use: bool,
    pub parties: RawParties<'a>,
    pub recovered: bool,
}

/// What a message says of the new state of a leg.
#[derive(Clone, Copy, Debug)]
pub struct StateChange<'a> {
    pub state: CallState,
    pub cause: CallStateCause,
    pub reason: CallReason,
    pub remote_in_use: bool,
    pub by_hunt_list: bool,
    pub called_member: Text<'a>,
}

impl StateChange<'_> {
    /// A state of which nothing else is known.
    fn silent(state: CallState, remote_in_use: bool) -> Self {
        Self {
            state,
            cause: CallStateCause::NOERROR,
            reason: CallReason::DIRECTCALL,
            remote_in_use,
            by_hunt_list: false,
            called_member: Text::ABSENT,
        }
    }
}

impl CallModel {
    pub(super) fn new_leg(&mut self, new: &NewLeg<'_>, out: &mut Output<'_>) {
        let Some((source, open)) = self.sessions.line(new.key) else { return };
        let Some(state) = leg::first_state(new.state, new.remote_in_use) else { return };
        if self.legs.contains_key(&new.key) {
            // Told a second time, as an existing call is after a filter change: only what changed is news.
            return self.told_again(new, out);
        }
        let leg = self.leg_of(new, open, state, out.at);
        if self.found_again(new, &leg, out) {
            return;
        }
        self.supersede(new.key, out);
        let key = new.key;
        let (call_key, is_first) = self.call_for(new, &source, &leg);
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        call.learn(&leg);
        call.join(out.at, key, &leg.line, state);
        if is_first {
            out.push(EventType::CallStarted, &source, call.body(out.at, Detail::None));
        }
        self.sessions.joined(key, &leg.line);
        self.legs.insert(key, Leg { call: call_key, ..leg });
        if words::is_consult(new.origin) {
            self.consult_begins(key);
        }
        self.evidence(key, Evidence::NewLeg(&new.parties), out);
        // The evidence may have moved the leg to another call.
        let called_waits = self.called_waits(key, state);
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        // A leg that is busy when it is first seen has no event of its own, but has to be told of.
        let kind = leg::entered(state).unwrap_or(EventType::LegPartyChanged);
        out.push(kind, &source, leg.body(key.leg, call, None, None, false));
        // A call found standing was answered before anybody looked: that is no news.
        if call.leg_changed(out.at, leg, None, called_waits) && !new.recovered {
            out.push(EventType::CallAnswered, &source, call.body(out.at, Detail::None));
        }
        self.pop_follows(key, out);
    }

    fn leg_of(&self, new: &NewLeg<'_>, OpenLine { line, site }: OpenLine, state: LegState, at: Timestamp) -> Leg {
        let by_origin = words::direction(new.origin).unwrap_or_else(|| {
            let called = matches!(state, LegState::Offered | LegState::Alerting) || !new.parties.calls_from(&line);
            if called { Direction::Inbound } else { Direction::Outbound }
        });
        let settles = words::settles_inbound(new.reason);
        let direction = if settles { Direction::Inbound } else { by_origin };
        let ends = new.parties.ends(&line, Ends::default());
        let view = View { line: &line, direction, ends, numbers: &self.sessions.numbers, site, reveal: self.reveal_withheld };
        let parties = Arc::new(new.parties.seen_from(&view, None));
        let mut leg = Leg {
            call: CallKey(0),
            global_call: new.global_call,
            line,
            site,
            origin: new.origin,
            direction,
            settled: settles || names_somebody(ends),
            state,
            reason: words::reason(new.reason),
            parties,
            ends,
            started: at,
            clock: Clock::default(),
            answered: false,
            touched: at,
            recovered: new.recovered,
            revived: false,
        };
        leg.enter(at, state);
        leg
    }

    /// The call that a new leg belongs to, and whether it is the first of it.
    fn call_for(&mut self, new: &NewLeg<'_>, source: &Arc<str>, leg: &Leg) -> (CallKey, bool) {
        if let Some(known) = self.call_of(source, new.global_call) {
            if self.continues(known, leg) {
                return (known, false);
            }
            // The cluster gave the id a second time: the call that had it is found by its legs alone now.
            self.forget_alias(known, new.global_call);
        }
        let key = CallKey(self.next_call);
        self.next_call += 1;
        let id = self.ids.next(leg.started);
        let call = Call::new(id, new.global_call, Arc::clone(source), leg, words::purpose(new.reason, new.kind));
        self.calls.insert(key, call);
        self.global_calls.insert((Arc::clone(source), new.global_call), key);
        (key, true)
    }

    /// Whether a new leg can belong to the call that is known by its global id. Ids come back after a restart of the cluster's node: a
    /// receiver that is lifted begins a call, and so does a leg between strangers while all that we knew of the call is out of sight.
    fn continues(&self, known: CallKey, leg: &Leg) -> bool {
        let Some(call) = self.calls.get(&known) else { return false };
        if call.legs.is_empty() {
            return leg.state != LegState::Initiated;
        }
        if call.legs.iter().any(|(key, _)| self.legs.contains_key(key)) {
            return true;
        }
        let known = [call.parties.calling(), call.parties.called(), call.first().calling(), call.first().called()];
        let is_known = |number: &Option<String>| number.is_some() && known.iter().any(|party| party.number == *number);
        let is_known = is_known(&leg.parties.calling().number) || is_known(&leg.parties.called().number);
        leg.recovered || (leg.state != LegState::Initiated && is_known)
    }

    /// A leg that is known is told whole.
    pub(super) fn told_again(&mut self, new: &NewLeg<'_>, out: &mut Output<'_>) {
        self.global_call_changed(new.key, new.global_call, &new.parties, out);
        self.parties_changed(new.key, &new.parties, out);
        self.state_changed(new.key, &StateChange::silent(new.state, new.remote_in_use), out);
    }

    pub(super) fn state_changed(&mut self, key: LegKey, change: &StateChange<'_>, out: &mut Output<'_>) {
        let Some(next) = words::leg_state(change.state, change.remote_in_use) else { return };
        let Some(leg) = self.legs.get_mut(&key) else { return };
        leg.touched = out.at;
        // A leg's own reason stays when nothing moves it: the cluster tells `direct` then.
        if change.reason != CallReason(0) && change.reason != CallReason::DIRECTCALL {
            leg.reason = words::reason(change.reason);
        }
        if leg.direction == Direction::Outbound
            && let Some(parties) = with_member(&leg.parties, &leg.line, change.called_member)
        {
            leg.parties = Arc::new(parties);
        }
        match next {
            LegState::Disconnected => {
                let end = LegEnd { reason: change.reason, cause: change.cause, by_hunt_list: change.by_hunt_list, unobserved: false };
                self.end_leg(key, end, out);
            }
            next => {
                self.enter(key, next, change.cause, out);
                if change.reason == CallReason::BARGE && next == LegState::Connected {
                    self.barged(key, out);
                }
            }
        }
    }

    /// A leg comes into a state.
    fn enter(&mut self, key: LegKey, next: LegState, cause: CallStateCause, out: &mut Output<'_>) {
        let called_waits = self.called_waits(key, next);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        // Whoever holds was connected, also when that was not told; but a line that another of its devices holds was not.
        if next == LegState::Held && !leg.answered && !matches!(leg.state, LegState::Held | LegState::RemoteInUse) {
            self.enter(key, LegState::Connected, CallStateCause::NOERROR, out);
        }
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        // A phone that rings is not offered the call anew.
        if (leg.state, next) == (LegState::Alerting, LegState::Offered) {
            return;
        }
        let previous = leg.enter(out.at, next);
        let source = Arc::clone(&call.source);
        if let Some(kind) = leg::transition(previous, next) {
            out.push(kind, &source, leg.body(key.leg, call, Some(previous), words::cause(cause), false));
        }
        if call.leg_changed(out.at, leg, Some(previous), called_waits) {
            out.push(EventType::CallAnswered, &source, call.body(out.at, Detail::None));
        }
        self.pop_follows(key, out);
    }

    /// Whether a line is called that has not answered yet, when another leg of the call comes into this state.
    fn called_waits(&self, key: LegKey, next: LegState) -> bool {
        if !matches!(next, LegState::Connected | LegState::Held) {
            return false;
        }
        let waits = |leg: &Leg| leg.direction == Direction::Inbound && !leg.answered && leg.state != LegState::RemoteInUse;
        let call = self.legs.get(&key).and_then(|leg| self.calls.get(&leg.call));
        call.is_some_and(|call| call.legs.iter().any(|(other, _)| *other != key && self.legs.get(other).is_some_and(waits)))
    }

    pub(super) fn parties_changed(&mut self, key: LegKey, raw: &RawParties<'_>, out: &mut Output<'_>) {
        let changed = self.learn_parties(key, raw, out.at);
        self.evidence(key, Evidence::Parties(raw), out);
        self.tell_parties(key, changed, out);
    }

    /// Takes the parties of a message into its leg; says whether that changed them.
    pub(super) fn learn_parties(&mut self, key: LegKey, raw: &RawParties<'_>, at: Timestamp) -> bool {
        let Some(leg) = self.legs.get_mut(&key) else { return false };
        leg.touched = at;
        leg.ends = raw.ends(&leg.line, leg.ends);
        // A caller whose own first information was lost learns that its call was picked up long after it was placed.
        let begins = matches!(leg.state, LegState::Initiated | LegState::Dialing);
        let just_connected = leg.state == LegState::Connected && at.0 <= leg.clock.since().0 + JUST && leg.clock.read(at).ring == 0;
        if !leg.settled && words::settles_inbound(raw.reason) && (begins || just_connected) {
            leg.direction = Direction::Inbound;
        }
        leg.settled |= names_somebody(leg.ends);
        let view = View {
            line: &leg.line,
            direction: leg.direction,
            ends: leg.ends,
            numbers: &self.sessions.numbers,
            site: leg.site,
            reveal: self.reveal_withheld,
        };
        let parties = raw.seen_from(&view, Some(&leg.parties));
        let changed = parties != *leg.parties;
        if changed {
            leg.parties = Arc::new(parties);
        }
        changed
    }

    /// Tells of a leg whose parties, or whose call, may have changed.
    pub(super) fn tell_parties(&mut self, key: LegKey, changed: bool, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        if changed {
            call.learn(leg);
            out.push(EventType::LegPartyChanged, &call.source, leg.body(key.leg, call, Some(leg.state), None, false));
        }
        self.pop_follows(key, out);
    }

    /// The cluster keeps the leg no longer, and did not say how it ended.
    pub(super) fn leg_closed(&mut self, key: LegKey, out: &mut Output<'_>) {
        self.lose_leg(key, out);
    }

    /// A leg is over, and how was not seen.
    pub(super) fn lose_leg(&mut self, key: LegKey, out: &mut Output<'_>) {
        let unseen = LegEnd { reason: CallReason::DIRECTCALL, cause: CallStateCause::NOERROR, by_hunt_list: false, unobserved: true };
        self.end_leg(key, unseen, out);
    }

    /// A leg is over. That its idle state follows its disconnected one is no news: the leg is gone by then.
    pub(super) fn end_leg(&mut self, key: LegKey, end: LegEnd, out: &mut Output<'_>) {
        self.evidence(key, Evidence::Ended(end.reason), out);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        let (cause, was_ringing, call_key) = (words::cause(end.cause), leg.is_ringing(), leg.call);
        let previous = leg.enter(out.at, LegState::Disconnected);
        let source = Arc::clone(&call.source);
        call.leave(out.at, key, previous);
        call.leg_ended(leg.summary(key.leg, out.at, cause), end.unobserved);
        // A caller from outside has no leg: while a hunt group takes the call from one member to the next, nobody has.
        let hunts_on = was_ringing && (end.by_hunt_list || is_hunt_step(call, leg, end));
        call.split = (words::is_split(end.reason, end.cause) || hunts_on) && !end.unobserved;
        let body = leg.body(key.leg, call, Some(previous), cause, end.unobserved);
        out.push(EventType::LegDisconnected, &source, body);
        if was_ringing {
            self.ringing_ended(key, end, out);
        }
        self.pop_loses(key, call_key, end, out);
        if let Some(leg) = self.legs.remove(&key) {
            self.sessions.left(key, &leg.line);
        }
        self.conference_shrinks(call_key, key.leg, out);
        self.end_call_if_over(call_key, out);
    }

    /// A line stopped ringing: it missed the call when that went on because nobody answered.
    fn ringing_ended(&mut self, key: LegKey, end: LegEnd, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        let passed_on = words::is_split(end.reason, end.cause) || end.by_hunt_list;
        call.stops_ringing(out.at, &leg.line, passed_on);
        if end.reason == CallReason::FORWARDNOANWSER && !end.by_hunt_list && call.misses(&leg.line) {
            out.push(EventType::CallMissed, &call.source, call.body(out.at, Detail::None));
        }
    }
}

/// Whether somebody at the other end is named: from then on the direction is settled.
fn names_somebody(ends: Ends) -> bool {
    ends.calling == End::Other || ends.called == End::Other
}
