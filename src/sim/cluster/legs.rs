//! Legs of calls, and what every operation is made of: a leg comes, changes its state, learns of parties, moves to another call, goes.
//!
//! A leg keeps its number all its life, whatever call it is part of. Each of these steps tells its event and keeps the states of devices
//! up to date; what order they come in is up to the operations in the files beside this one.

use std::sync::Arc;

use super::conference::Conference;
use super::hunt::Hunt;
use super::{AppearanceId, Cluster, DeviceId, Event, LegView, LineId, Parties, Party};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiCallType, DestinationType, DeviceState};

/// The first number of a global call: ids come back after a restart of the cluster.
pub(super) const FIRST_CALL: i32 = 100_001;
/// The first number of a leg.
pub(super) const FIRST_LEG: i32 = 0x0100_0001;

/// A call, by a number that never comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub(super) u64);

/// A leg of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LegKey {
    /// The call.
    pub call: CallKey,
    /// The leg's number on the wire.
    pub leg: i32,
}

/// A line's part in a call.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Its number on the wire.
    pub id: i32,
    /// Where it is.
    pub appearance: AppearanceId,
    /// Its state.
    pub state: CallState,
    /// How it came to be.
    pub origin: CallOrigin,
    /// Why it came to be.
    pub reason: CallReason,
    /// Whether it is more than an ordinary call.
    pub call_type: CtiCallType,
    /// Whether the call is live on another device that shares the line.
    pub remote_in_use: bool,
    /// Whether the other devices of the line may not join in.
    pub private: bool,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Who takes part, as far as it was told.
    pub parties: Arc<Parties>,
}

impl Leg {
    /// Whether it can be answered.
    pub fn rings(&self) -> bool {
        matches!(self.state, CallState::OFFERING | CallState::ACCEPTED)
    }

    /// Whether somebody talks here, or would if the call were not on hold.
    pub fn is_up(&self) -> bool {
        !self.remote_in_use && matches!(self.state, CallState::CONNECTED | CallState::ONHOLD | CallState::WHISPER)
    }
}

/// Somebody outside of the cluster who takes part in a call.
#[derive(Clone, Debug)]
pub(super) struct OutsideEnd {
    pub party: Party,
    /// The number of the leg at the gateway, which no line has.
    pub leg: i32,
}

/// What a call that was made in the middle of another is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consultation {
    /// To transfer the other.
    Transfer,
    /// To make a conference of both.
    Conference,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The number of the global call on the wire.
    pub id: i32,
    /// Who takes part, for legs to come.
    pub parties: Arc<Parties>,
    pub legs: Vec<Leg>,
    pub outside: Vec<OutsideEnd>,
    /// The consulting leg, the leg of the call on hold, and what for.
    pub consult: Option<(i32, i32, Consultation)>,
    pub conference: Option<Conference>,
    pub hunt: Option<Hunt>,
    /// The place in the car park.
    pub parked: Option<u32>,
    /// The leg that the call listens to, when it is there to monitor.
    pub monitors: Option<i32>,
    /// Counts up whenever something is waited for no longer: see [`super::Timer`].
    pub patience: u32,
    /// Whether it is in the window.
    pub counted: bool,
}

impl Cluster {
    /// The legs of a call; none when it has ended.
    pub fn legs(&self, call: CallKey) -> Vec<Leg> {
        self.calls.get(&call).map(|c| c.legs.clone()).unwrap_or_default()
    }

    /// Whether a call still stands.
    pub fn stands(&self, call: CallKey) -> bool {
        self.calls.contains_key(&call)
    }

    /// The oldest leg on a device that satisfies `wanted`.
    pub fn find_leg(&self, device: DeviceId, wanted: impl Fn(&Leg) -> bool) -> Option<LegKey> {
        self.device(device).legs.iter().find(|key| self.leg(**key).is_some_and(&wanted)).copied()
    }

    /// The legs on a device that satisfy `wanted`, oldest first.
    pub(super) fn find_legs(&self, device: DeviceId, wanted: impl Fn(&Leg) -> bool) -> Vec<LegKey> {
        self.device(device).legs.iter().filter(|key| self.leg(**key).is_some_and(&wanted)).copied().collect()
    }

    /// The legs on an appearance as they stand, for a client that opens it.
    pub fn standing_at(&self, appearance: AppearanceId) -> Vec<LegView> {
        let device = self.appearance(appearance).device;
        self.device(device).legs.iter().filter_map(|key| self.view(*key)).filter(|v| v.appearance == appearance).collect()
    }

    /// The aggregate state of a device's calls.
    pub fn device_state(&self, device: DeviceId) -> DeviceState {
        self.device(device).state
    }

    pub(super) fn leg(&self, key: LegKey) -> Option<&Leg> {
        self.calls.get(&key.call)?.legs.iter().find(|l| l.id == key.leg)
    }

    pub(super) fn leg_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.calls.get_mut(&key.call)?.legs.iter_mut().find(|l| l.id == key.leg)
    }

    /// Where the leg of this number is now: it may have moved to another call.
    pub(super) fn locate(&self, device: DeviceId, leg: i32) -> Option<LegKey> {
        self.device(device).legs.iter().find(|key| key.leg == leg).copied()
    }

    pub(super) fn line_party(&self, id: LineId) -> Party {
        let line = self.line(id);
        Party::inside(&line.dn, &line.display, &line.partition)
    }

    /// The line of a leg as a party.
    pub(super) fn own_party(&self, leg: &Leg) -> Party {
        self.line_party(self.appearance(leg.appearance).line)
    }

    /// The legs of the same line on other devices.
    pub(super) fn siblings(&self, call: CallKey, leg: &Leg) -> Vec<Leg> {
        let line = self.appearance(leg.appearance).line;
        let mut legs = self.legs(call);
        legs.retain(|l| l.id != leg.id && self.appearance(l.appearance).line == line);
        legs
    }

    pub(super) fn calls_at(&self, appearance: AppearanceId) -> usize {
        let legs = &self.device(self.appearance(appearance).device).legs;
        legs.iter().filter_map(|key| self.leg(*key)).filter(|l| l.appearance == appearance).count()
    }

    pub(super) fn view(&self, key: LegKey) -> Option<LegView> {
        let (call, leg) = (self.calls.get(&key.call)?, self.leg(key)?);
        let line = self.line(self.appearance(leg.appearance).line);
        let own = |p: &Party| !p.outside && p.number == line.dn && p.partition == line.partition;
        let calling = leg.parties.calling.as_ref();
        let far = if calling.is_some_and(own) { leg.parties.called.as_ref() } else { calling };
        Some(LegView {
            appearance: leg.appearance,
            leg: leg.id,
            call: call.id,
            state: leg.state,
            origin: leg.origin,
            reason: leg.reason,
            call_type: leg.call_type,
            remote_in_use: leg.remote_in_use,
            private: leg.private,
            far_end: far.map_or(DestinationType::UNKNOWN, Party::place),
            parties: Arc::clone(&leg.parties),
        })
    }

    /// A call without a leg yet.
    pub(super) fn new_call(&mut self, parties: Arc<Parties>) -> CallKey {
        let key = CallKey(self.next_key);
        self.next_key += 1;
        let id = self.next_call;
        self.next_call = self.next_call.wrapping_add(1);
        self.counters.started += 1;
        let call = Call {
            id,
            parties,
            legs: vec![],
            outside: vec![],
            consult: None,
            conference: None,
            hunt: None,
            parked: None,
            monitors: None,
            patience: 0,
            counted: false,
        };
        self.calls.insert(key, call);
        key
    }

    /// A call is over: nobody takes part in it any more.
    pub(super) fn end_call(&mut self, key: CallKey) {
        let Some(call) = self.calls.remove(&key) else { return };
        self.counters.ended += 1;
        if let (true, Some(window)) = (call.counted, &mut self.window) {
            window.note_ended(call.id);
        }
    }

    /// Ends a call that has lost its last leg: between parties outside the cluster has no part.
    pub(super) fn end_if_bare(&mut self, key: CallKey) {
        if self.calls.get(&key).is_some_and(|c| c.legs.is_empty() && c.parked.is_none()) {
            self.end_call(key);
        }
    }

    pub(super) fn new_leg_number(&mut self) -> i32 {
        let number = self.next_leg;
        self.next_leg = self.next_leg.wrapping_add(1);
        number
    }

    pub(super) fn add_outside(&mut self, call: CallKey, party: Party) {
        let leg = self.new_leg_number();
        if let Some(call) = self.calls.get_mut(&call) {
            call.outside.push(OutsideEnd { party, leg });
        }
    }

    /// Adds a leg, of which nobody is told yet: the first change of its state brings the device's state up to date, after the new call.
    pub(super) fn add_leg(
        &mut self,
        call: CallKey,
        appearance: AppearanceId,
        state: CallState,
        origin: CallOrigin,
        reason: CallReason,
    ) -> LegKey {
        let key = LegKey { call, leg: self.new_leg_number() };
        self.touch(call, appearance);
        if let Some(call) = self.calls.get_mut(&call) {
            let parties = Arc::clone(&call.parties);
            let call_type = CtiCallType::REGULARCALL;
            let (remote_in_use, private, recorded) = (false, false, false);
            call.legs.push(Leg { id: key.leg, appearance, state, origin, reason, call_type, remote_in_use, private, recorded, parties });
        }
        let device = self.appearance(appearance).device;
        self.device_mut(device).legs.push(key);
        key
    }

    /// Tells of a leg that was added.
    pub(super) fn announce(&mut self, key: LegKey) {
        self.events.extend(self.view(key).map(Event::NewCall));
    }

    /// A leg is disconnected and gone. That is no feature's doing, whatever brought the leg about.
    pub(super) fn remove_leg(&mut self, key: LegKey, cause: CallStateCause) {
        if self.leg(key).is_some_and(|l| !l.remote_in_use && l.state != CallState::DISCONNECTED) {
            self.set_state_because(key, CallState::DISCONNECTED, cause, CallReason::DIRECTCALL);
        }
        self.drop_leg(key, CallStateCause::NOERROR, CallReason::DIRECTCALL);
    }

    /// A feature takes a leg out of its call.
    pub(super) fn split_leg(&mut self, key: LegKey, reason: CallReason) {
        self.drop_leg(key, CallStateCause::CALLSPLIT, reason);
    }

    /// The same with the legs of the line on other devices, which follow.
    pub(super) fn split_line(&mut self, key: LegKey, reason: CallReason) {
        let Some(leg) = self.leg(key).cloned() else { return };
        let others = self.siblings(key.call, &leg);
        self.split_leg(key, reason);
        for other in others {
            self.split_leg(LegKey { call: key.call, leg: other.id }, reason);
        }
    }

    /// A leg is idle and gone.
    pub(super) fn drop_leg(&mut self, key: LegKey, cause: CallStateCause, reason: CallReason) {
        self.stop_observing(key);
        let Some(leg) = self.leg(key) else { return };
        let device = self.appearance(leg.appearance).device;
        self.set_state_because(key, CallState::IDLE, cause, reason);
        if let Some(call) = self.calls.get_mut(&key.call) {
            call.legs.retain(|l| l.id != key.leg);
        }
        self.device_mut(device).legs.retain(|k| *k != key);
        self.update_device(device);
    }

    pub(super) fn set_state(&mut self, key: LegKey, state: CallState, cause: CallStateCause) {
        if let Some(reason) = self.leg(key).map(|l| l.reason) {
            self.set_state_because(key, state, cause, reason);
        }
    }

    /// Changes a leg's state; the event names the feature that did it instead of the leg's own reason.
    pub(super) fn set_state_because(&mut self, key: LegKey, state: CallState, cause: CallStateCause, reason: CallReason) {
        let Some(leg) = self.leg_mut(key) else { return };
        leg.state = state;
        let (appearance, leg, remote_in_use) = (leg.appearance, leg.id, leg.remote_in_use);
        self.events.push_back(Event::State { appearance, leg, state, cause, reason, remote_in_use });
        self.update_device(self.appearance(appearance).device);
    }

    /// A leg of a shared line follows the device that has the call: in use there, or held everywhere.
    pub(super) fn set_remote(&mut self, key: LegKey, in_use: bool) {
        if let Some(leg) = self.leg_mut(key) {
            leg.remote_in_use = in_use;
        }
        self.set_state(key, if in_use { CallState::REMOTEINUSE } else { CallState::ONHOLD }, CallStateCause::NOERROR);
    }

    /// Tells a leg who takes part, and what made it so.
    pub(super) fn tell_parties(&mut self, key: LegKey, parties: &Arc<Parties>, reason: CallReason) {
        if let Some(leg) = self.leg_mut(key) {
            leg.parties = Arc::clone(parties);
        }
        self.events.extend(self.view(key).map(|view| Event::Parties(LegView { reason, ..view })));
    }

    /// Changes the parties of a call and tells all its legs but `except`.
    pub(super) fn tell_all(&mut self, call: CallKey, parties: Parties, reason: CallReason) {
        let parties = Arc::new(parties);
        let Some(known) = self.calls.get_mut(&call) else { return };
        known.parties = Arc::clone(&parties);
        let legs: Vec<i32> = known.legs.iter().map(|l| l.id).collect();
        for leg in legs {
            self.tell_parties(LegKey { call, leg }, &parties, reason);
        }
    }

    /// A leg becomes part of another call: it keeps its number. With `parties` it learns of them in the same event.
    pub(super) fn move_leg(&mut self, key: LegKey, to: CallKey, parties: Option<&Arc<Parties>>, reason: CallReason) -> LegKey {
        let moved = LegKey { call: to, leg: key.leg };
        let Some(from) = self.calls.get_mut(&key.call) else { return moved };
        let Some(at) = from.legs.iter().position(|l| l.id == key.leg) else { return moved };
        let mut leg = from.legs.remove(at);
        if let Some(parties) = parties {
            leg.parties = Arc::clone(parties);
        }
        let appearance = leg.appearance;
        if let Some(call) = self.calls.get_mut(&to) {
            call.legs.push(leg);
        }
        let device = self.appearance(appearance).device;
        for known in self.device_mut(device).legs.iter_mut().filter(|k| **k == key) {
            *known = moved;
        }
        self.touch(to, appearance);
        self.events.extend(self.view(moved).map(|view| Event::CallChanged(LegView { reason, ..view })));
        moved
    }

    pub(super) fn hold_others(&mut self, device: DeviceId, except: Option<CallKey>) {
        for key in self.find_legs(device, |l| l.state == CallState::CONNECTED) {
            if Some(key.call) != except {
                // It is connected, so that it can be held.
                let _ = self.hold(key);
            }
        }
    }

    /// Active before alerting before held: the state that a telephonist would name.
    fn update_device(&mut self, id: DeviceId) {
        let mut state = DeviceState::IDLE;
        for leg in self.device(id).legs.iter().filter_map(|key| self.leg(*key)) {
            state = match leg.state {
                CallState::IDLE | CallState::REMOTEINUSE => state,
                CallState::ONHOLD if state == DeviceState::IDLE => DeviceState::HELD,
                CallState::ONHOLD => state,
                CallState::OFFERING | CallState::ACCEPTED if state != DeviceState::ACTIVE => DeviceState::ALERTING,
                CallState::OFFERING | CallState::ACCEPTED => state,
                CallState::WHISPER if matches!(state, DeviceState::IDLE | DeviceState::HELD) => DeviceState::WHISPER,
                CallState::WHISPER => state,
                _ => DeviceState::ACTIVE,
            };
        }
        let device = self.device_mut(id);
        if device.state != state {
            device.state = state;
            self.events.push_back(Event::DeviceState(id, state));
        }
    }

    /// A call that touches a device of the window is in it.
    fn touch(&mut self, key: CallKey, appearance: AppearanceId) {
        let device = self.appearance(appearance).device;
        let (Some(window), Some(call)) = (&mut self.window, self.calls.get_mut(&key)) else { return };
        if !call.counted && window.covers(device) {
            call.counted = true;
            window.began += 1;
        }
    }
}
