//! The call model: what CTI messages mean.
//!
//! Sans-I/O and deterministic: notices of the CTI sessions and the time go in, normalized events come out; new ids come from
//! outside. The same input gives the same events. Several sessions may feed it: a call that two of them see is one call.
//!
//! A leg is known by (session, line handle, leg handle); a call by its cluster's global call id while it lasts. Messages may come in
//! any order, come twice or not at all: one that makes no sense changes nothing.
//!
//! The flows that are told here: outgoing and incoming, answered, abandoned, busy, hold and resume, call waiting, shared line, calls
//! found standing, and legs that are found again or not after a break. A leg that moves to another global call already goes with it
//! (`global_call_changed`); what a transfer, conference, park or pickup *means* will be told from there and from the messages
//! that [`CallModel::observe`] passes over today.

mod call;
mod ids;
mod leg;
mod parties;
mod sessions;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

pub use ids::Ids;

use crate::cti::{DeviceChange, LineChange, LineHandle, Notice, SessionId};
use crate::ctiqbe::messages::{
    CallPartyInfoChangedEvent, CallStateChangedEvent_V2, ExistingCallCompletedEvent, ExistingCallEvent, GlobalCallHandleChangedEvent,
    NewCallEvent,
};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause};
use crate::ctiqbe::{DecodeError, Frame, Message as _};
use crate::event::{Body, Cause, Direction, Event, EventType, HandlePair, LegState, Line, Parties};
use crate::time::Timestamp;
use call::{Call, CallKey};
use leg::{Leg, LegKey};
use parties::RawParties;
use sessions::Sessions;

/// Where events go.
struct Output<'o> {
    at: Timestamp,
    events: &'o mut Vec<Event>,
}

impl Output<'_> {
    fn push(&mut self, kind: EventType, source: &Arc<str>, body: Body) {
        self.events.push(Event { time: self.at, kind, source: Arc::clone(source), body });
    }
}

/// The state of all calls that are up.
#[derive(Debug)]
pub struct CallModel {
    ids: Ids,
    /// Withheld numbers and names are told all the same.
    reveal_withheld: bool,
    sessions: Sessions,
    legs: HashMap<LegKey, Leg, RandomState>,
    calls: HashMap<CallKey, Call, RandomState>,
    /// By source, because two clusters may give the same global call id.
    global_calls: HashMap<(Arc<str>, HandlePair), CallKey, RandomState>,
    next_call: u64,
}

/// What the message that brings a new leg says of it.
struct NewLeg<'a> {
    key: LegKey,
    global_call: HandlePair,
    state: CallState,
    origin: CallOrigin,
    reason: CallReason,
    remote_in_use: bool,
    parties: RawParties<'a>,
    recovered: bool,
}

/// The two messages that bring a leg have the same fields, each in a struct of its own.
macro_rules! new_leg {
    ($message:expr, $key:ident, $recovered:literal) => {{
        let message = $message;
        NewLeg {
            key: $key(message.line_call_manager_id, message.line_id, message.call_call_manager_id, message.call_leg_id),
            global_call: HandlePair(message.global_call_manager_id, message.call_id),
            state: message.state,
            origin: message.origin,
            reason: message.reason,
            remote_in_use: message.b_remote_in_use,
            parties: RawParties::from(&message),
            recovered: $recovered,
        }
    }};
}

impl CallModel {
    /// A model without any call. `reveal_withheld` tells withheld numbers and names all the same.
    pub fn new(ids: Ids, reveal_withheld: bool) -> Self {
        Self {
            ids,
            reveal_withheld,
            sessions: Sessions::default(),
            legs: HashMap::default(),
            calls: HashMap::default(),
            global_calls: HashMap::default(),
            next_call: 0,
        }
    }

    /// How many calls are up.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many legs are up.
    pub fn legs(&self) -> usize {
        self.legs.len() + self.sessions.parted()
    }

    /// Takes what a session found, and appends what it means to `events`.
    ///
    /// # Errors
    /// When a message is not what it claims to be: it is passed over, and nothing else is harmed.
    pub fn observe(&mut self, session: SessionId, at: Timestamp, notice: &Notice<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        let mut out = Output { at, events };
        match notice {
            Notice::Message(frame) => self.message(session, frame, &mut out),
            notice => {
                self.session_notice(session, notice, &mut out);
                Ok(())
            }
        }
    }

    fn message(&mut self, session: SessionId, frame: &Frame<'_>, out: &mut Output<'_>) -> Result<(), DecodeError> {
        let key = |line_manager, line, manager, leg| LegKey {
            session,
            line: LineHandle { call_manager: line_manager, line },
            leg: HandlePair(manager, leg),
        };
        match frame.id {
            CallStateChangedEvent_V2::ID => {
                let m: CallStateChangedEvent_V2<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                self.state_changed(key, m.state, m.cause, m.reason, m.b_remote_in_use, out);
            }
            NewCallEvent::ID => self.new_leg(&new_leg!(frame.decode::<NewCallEvent<'_>>()?, key, false), out),
            ExistingCallEvent::ID => self.new_leg(&new_leg!(frame.decode::<ExistingCallEvent<'_>>()?, key, true), out),
            CallPartyInfoChangedEvent::ID => {
                let m: CallPartyInfoChangedEvent<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                self.parties_changed(key, &RawParties::from(&m), out);
            }
            GlobalCallHandleChangedEvent::ID => {
                let m: GlobalCallHandleChangedEvent<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                self.global_call_changed(key, HandlePair(m.new_global_call_manager_id, m.new_global_call_id), out);
                self.parties_changed(key, &RawParties::from(&m), out);
            }
            ExistingCallCompletedEvent::ID => {
                let m: ExistingCallCompletedEvent = frame.decode()?;
                self.existing_calls_told(session, LineHandle { call_manager: m.line_call_manager_id, line: m.line_id }, out);
            }
            // Transfer, conference, park, hunt, privacy, monitoring and recording events: their flows are not told yet.
            _ => {}
        }
        Ok(())
    }

    fn new_leg(&mut self, new: &NewLeg<'_>, out: &mut Output<'_>) {
        let Some((source, line)) = self.sessions.line(new.key) else { return };
        let Some(state) = leg::first_state(new.state, new.remote_in_use) else { return };
        if self.legs.contains_key(&new.key) {
            // Told a second time, as an existing call is after a filter change: only what changed is news.
            self.global_call_changed(new.key, new.global_call, out);
            self.parties_changed(new.key, &new.parties, out);
            return self.enter(new.key, state, None, out);
        }
        if self.found_again(new, state, out) {
            return;
        }
        self.supersede(new.key, out);
        let direction = words::direction(new.origin).unwrap_or_else(|| {
            let called = matches!(state, LegState::Offered | LegState::Alerting) || !new.parties.calls_from(&line);
            if called { Direction::Inbound } else { Direction::Outbound }
        });
        let parties = Arc::new(new.parties.seen_from(&line, direction, None, self.reveal_withheld));
        let known = self.global_calls.get(&(Arc::clone(&source), new.global_call)).copied();
        let call_key = known.unwrap_or_else(|| self.start_call(new, &source, &parties, out.at));
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        call.learn(&parties);
        call.join(new.key, &line);
        if known.is_none() {
            out.push(EventType::CallStarted, &source, call.body(out.at, false));
        }
        let reason = words::reason(new.reason);
        let leg = Leg { call: call_key, global_call: new.global_call, line, direction, state, reason, parties, recovered: new.recovered };
        if let Some(kind) = leg::entered(state) {
            out.push(kind, &source, leg.body(new.key.leg, call, None, None, false));
        }
        let answered = call.leg_changed(out.at, &leg.line, direction, None, state);
        self.legs.insert(new.key, leg);
        // A call found standing was answered before anybody looked: that is no news.
        if answered && !new.recovered {
            out.push(EventType::CallAnswered, &source, call.body(out.at, false));
        }
    }

    fn start_call(&mut self, new: &NewLeg<'_>, source: &Arc<str>, parties: &Arc<Parties>, at: Timestamp) -> CallKey {
        let call_key = CallKey(self.next_call);
        self.next_call += 1;
        let id = self.ids.next(at);
        let call = Call::new(id, new.global_call, Arc::clone(source), Arc::clone(parties), at, new.recovered);
        self.calls.insert(call_key, call);
        self.global_calls.insert((Arc::clone(source), new.global_call), call_key);
        call_key
    }

    fn state_changed(
        &mut self,
        key: LegKey,
        state: CallState,
        cause: CallStateCause,
        reason: CallReason,
        remote_in_use: bool,
        out: &mut Output<'_>,
    ) {
        let Some(next) = words::leg_state(state, remote_in_use) else { return };
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if reason != CallReason(0) {
            leg.reason = words::reason(reason);
        }
        self.enter(key, next, words::cause(cause), out);
    }

    /// A leg comes into a state.
    fn enter(&mut self, key: LegKey, next: LegState, cause: Option<Cause>, out: &mut Output<'_>) {
        if next == LegState::Disconnected {
            return self.end_leg(key, cause, false, out);
        }
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        let previous = std::mem::replace(&mut leg.state, next);
        let source = Arc::clone(&call.source);
        if let Some(kind) = leg::transition(previous, next) {
            out.push(kind, &source, leg.body(key.leg, call, Some(previous), cause, false));
        }
        if call.leg_changed(out.at, &leg.line, leg.direction, Some(previous), next) {
            out.push(EventType::CallAnswered, &source, call.body(out.at, false));
        }
    }

    /// A leg is over. That its idle state follows its disconnected one is no news: the leg is gone by then.
    fn end_leg(&mut self, key: LegKey, cause: Option<Cause>, unobserved: bool, out: &mut Output<'_>) {
        let Some(mut leg) = self.legs.remove(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        let previous = std::mem::replace(&mut leg.state, LegState::Disconnected);
        call.leave(key);
        call.leg_changed(out.at, &leg.line, leg.direction, Some(previous), LegState::Disconnected);
        call.leg_ended(cause, unobserved);
        let source = Arc::clone(&call.source);
        out.push(EventType::LegDisconnected, &source, leg.body(key.leg, call, Some(previous), cause, unobserved));
        self.end_call_if_over(leg.call, out);
    }

    fn end_call_if_over(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        if !self.calls.get(&call_key).is_some_and(Call::is_over) {
            return;
        }
        let Some(call) = self.calls.remove(&call_key) else { return };
        let known_as = (Arc::clone(&call.source), call.global_call);
        if self.global_calls.get(&known_as) == Some(&call_key) {
            self.global_calls.remove(&known_as);
        }
        if call.was_missed() {
            out.push(EventType::CallMissed, &call.source, call.body(out.at, true));
        }
        out.push(EventType::CallEnded, &call.source, call.body(out.at, true));
    }

    fn parties_changed(&mut self, key: LegKey, raw: &RawParties<'_>, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let parties = raw.seen_from(&leg.line, leg.direction, Some(&leg.parties), self.reveal_withheld);
        if parties == *leg.parties {
            return;
        }
        leg.parties = Arc::new(parties);
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        call.learn(&leg.parties);
        let source = Arc::clone(&call.source);
        out.push(EventType::LegPartyChanged, &source, leg.body(key.leg, call, Some(leg.state), None, false));
    }

    /// The leg's global call id changed. When that id is a call that we know, the leg moves to it; else its call is known by the new id.
    fn global_call_changed(&mut self, key: LegKey, global_call: HandlePair, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get_mut(&key) else { return };
        if leg.global_call == global_call {
            return;
        }
        leg.global_call = global_call;
        let (from, line) = (leg.call, Arc::clone(&leg.line));
        let Some(call) = self.calls.get_mut(&from) else { return };
        let source = Arc::clone(&call.source);
        let Some(to) = self.global_calls.get(&(Arc::clone(&source), global_call)).copied() else {
            self.global_calls.remove(&(Arc::clone(&source), call.global_call));
            call.global_call = global_call;
            self.global_calls.insert((source, global_call), from);
            return;
        };
        if to == from {
            return;
        }
        call.leave(key);
        leg.call = to;
        if let Some(survivor) = self.calls.get_mut(&to) {
            survivor.join(key, &line);
        }
        self.end_call_if_over(from, out);
    }

    fn session_notice(&mut self, session: SessionId, notice: &Notice<'_>, out: &mut Output<'_>) {
        self.sessions.tell(session, notice, out);
        match notice {
            Notice::Lost { .. } => self.part(|key, _| key.session == session),
            Notice::Line { line, change } => match change {
                LineChange::OutOfService(_) | LineChange::Closed => {
                    self.part(|key, leg| key.session == session && is_at(&leg.line, &line.device.name, Some((&line.dn, &line.partition))));
                }
                LineChange::Refused { .. } => self.give_up(session, &line.device.name, Some((&line.dn, &line.partition)), out),
                LineChange::Opened(_) | LineChange::InService => {}
            },
            Notice::Device { device, change } => match change {
                DeviceChange::OutOfService(_) | DeviceChange::Unregistered(_) => {
                    self.part(|key, leg| key.session == session && is_at(&leg.line, &device.name, None));
                }
                DeviceChange::Removed | DeviceChange::Refused { .. } => {
                    self.part(|key, leg| key.session == session && is_at(&leg.line, &device.name, None));
                    self.give_up(session, &device.name, None, out);
                }
                _ => {}
            },
            Notice::Resynced { .. } => {
                let open = self.sessions.open_parted(session);
                self.close_unobserved(open, out);
            }
            Notice::Connected { .. } | Notice::FailedOver { .. } | Notice::PermissionChanged { .. } | Notice::Message(_) => {}
        }
    }

    /// Legs that are no longer observed: they wait to be found again.
    fn part(&mut self, which: impl Fn(&LegKey, &Leg) -> bool) {
        let parted: Vec<LegKey> = self.legs.iter().filter(|(key, leg)| which(key, leg)).map(|(key, _)| *key).collect();
        for key in parted {
            if let Some(leg) = self.legs.remove(&key) {
                self.sessions.keep(key, leg);
            }
        }
    }

    /// An existing call that is a leg from before the break. By its handle, else by its global call: whether handles survive a
    /// break is not known of every kind of break.
    fn found_again(&mut self, new: &NewLeg<'_>, state: LegState, out: &mut Output<'_>) -> bool {
        if !new.recovered {
            return false;
        }
        let Some((old_key, mut leg)) = self.sessions.take_parted(new.key, new.global_call) else { return false };
        self.supersede(new.key, out);
        if let Some(call) = self.calls.get_mut(&leg.call) {
            call.rename(old_key, new.key);
        }
        if let Some((_, line)) = self.sessions.line(new.key) {
            leg.line = line;
        }
        leg.recovered = true;
        self.legs.insert(new.key, leg);
        self.global_call_changed(new.key, new.global_call, out);
        self.parties_changed(new.key, &new.parties, out);
        self.enter(new.key, state, None, out);
        true
    }

    /// A key names a new leg: the one that it named before a break is over. So a key never names two legs.
    fn supersede(&mut self, key: LegKey, out: &mut Output<'_>) {
        let gone = self.sessions.parted_as(key);
        self.close_unobserved(gone, out);
    }

    /// All calls that stand on a line were told: a leg that was not among them is over.
    fn existing_calls_told(&mut self, session: SessionId, handle: LineHandle, out: &mut Output<'_>) {
        let gone = self.sessions.parted_on(session, handle);
        self.close_unobserved(gone, out);
    }

    /// A device or line that will not come back: its legs are over, as far as can be known.
    fn give_up(&mut self, session: SessionId, device: &str, line: Option<(&str, &str)>, out: &mut Output<'_>) {
        let gone = self.sessions.parted_at(session, |known| is_at(known, device, line));
        self.close_unobserved(gone, out);
    }

    fn close_unobserved(&mut self, legs: Vec<(LegKey, Leg)>, out: &mut Output<'_>) {
        for (key, leg) in legs {
            self.legs.insert(key, leg);
            self.end_leg(key, None, true, out);
        }
    }
}

/// Whether a line is on this device, and is this line of it.
fn is_at(known: &Line, device: &str, line: Option<(&str, &str)>) -> bool {
    *known.device.name == *device && line.is_none_or(|(dn, partition)| known.dn == dn && known.partition == partition)
}

#[cfg(test)]
mod tests;
