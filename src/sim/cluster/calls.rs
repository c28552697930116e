//! Calls and their legs: placed, ringing, answered, held, resumed, cleared.
//!
//! A call has a leg on each line of the cluster that takes part; a called shared line has one on each registered device with it.
//! The order of events within an operation is that of the recorded sessions, which Cisco's client accepted.
//!
//! Only basic calls are here. What moves legs between calls (transfer, conference, park, pickup) or sends a call on (forwarding,
//! redirection, hunting) belongs in files of its own beside this one; `Leg::reason` and `Parties` have its place already.

use std::sync::Arc;

use thiserror::Error;

use super::{AppearanceId, Cluster, DeviceId, Event, LegView, LineId, Parties, Party};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, DestinationType, DeviceState};

/// The first number of a global call: ids come back after a restart of the cluster.
pub(super) const FIRST_CALL: i32 = 100_001;
/// The first number of a leg.
pub(super) const FIRST_LEG: i32 = 0x0100_0001;
/// How many calls an appearance holds ('Maximum Number of Calls').
pub const MAX_CALLS: usize = 4;
/// From how many calls on an appearance is busy ('Busy Trigger').
pub const BUSY_TRIGGER: usize = 2;

/// A call, by a number that never comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(u64);

/// A leg of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LegKey {
    /// The call.
    pub call: CallKey,
    /// The leg's number on the wire.
    pub leg: i32,
}

/// A line's part in a call.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// Its number on the wire.
    pub id: i32,
    /// Where it is.
    pub appearance: AppearanceId,
    /// Its state.
    pub state: CallState,
    /// How it came to be.
    pub origin: CallOrigin,
    /// Why it came to be. A basic call's is always direct.
    pub reason: CallReason,
    /// Whether the call is live on another device that shares the line.
    pub remote_in_use: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The number of the global call on the wire.
    id: i32,
    parties: Arc<Parties>,
    legs: Vec<Leg>,
    counted: bool,
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A line on a device; `true` withholds its number and name.
    Phone(AppearanceId, bool),
    /// Somebody outside of the cluster.
    Outside(Party),
}

/// Who is called.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A line of the cluster.
    Line(LineId),
    /// A line of the cluster that takes no calls now.
    BusyLine(LineId),
    /// Somebody outside of the cluster.
    Outside(Party),
}

/// Why a call cannot be placed, or nothing be done to it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// The caller's device is not registered.
    #[error("the calling device is not registered: register it first")]
    NotRegistered,
    /// The caller's line has no room for another call.
    #[error("the calling line has {MAX_CALLS} calls already: hang one up first")]
    NoRoom,
    /// A call from outside found the line busy, or no phone of it registered.
    #[error("the called line is busy or none of its devices is registered")]
    Busy,
    /// Both ends are outside of the cluster.
    #[error("one end of a call must be a line of the cluster")]
    BothOutside,
    /// The leg is gone, or not in a state that allows it.
    #[error("there is no call on the device in a state that allows it")]
    State,
}

impl Cluster {
    /// Places a call and lets it ring (or, from a phone to a busy line, fail with cause 17).
    ///
    /// # Errors
    /// When it cannot be placed; nothing happened then.
    pub fn place(&mut self, from: Caller, to: Destination) -> Result<CallKey, CallError> {
        let called = match &to {
            Destination::Line(line) | Destination::BusyLine(line) => self.line_party(*line),
            Destination::Outside(party) => party.clone(),
        };
        let ringing = match &to {
            Destination::Line(line) => self.appearances_with_room(*line),
            Destination::BusyLine(_) | Destination::Outside(_) => vec![],
        };
        let calling = match &from {
            Caller::Phone(appearance, restricted) => {
                let at = self.appearance(*appearance);
                if !self.device(at.device).registered {
                    return Err(CallError::NotRegistered);
                }
                if self.calls_at(*appearance) >= MAX_CALLS {
                    return Err(CallError::NoRoom);
                }
                let party = self.line_party(at.line);
                if *restricted { party.restricted() } else { party }
            }
            Caller::Outside(_) if called.outside => return Err(CallError::BothOutside),
            Caller::Outside(_) if ringing.is_empty() => return Err(CallError::Busy),
            Caller::Outside(party) => party.clone(),
        };

        let key = CallKey(self.next_key);
        self.next_key += 1;
        let far_end = called.place();
        let parties = Arc::new(Parties {
            calling: Some(calling),
            called: Some(called.clone()),
            original_called: Some(called),
            last_redirecting: None,
        });
        self.calls.insert(key, Call { id: self.next_call, parties: Arc::clone(&parties), legs: vec![], counted: false });
        self.next_call = self.next_call.wrapping_add(1);
        self.counters.started += 1;

        let mut caller_leg = None;
        if let Caller::Phone(appearance, _) = from {
            self.hold_others(self.appearance(appearance).device, None);
            let leg = self.add_leg(key, appearance, CallState::DIALTONE, CallOrigin::OUTBOUND);
            // While there is dial tone nobody knows whom it will call.
            let dialling = Arc::new(Parties { calling: parties.calling.clone(), ..Parties::default() });
            if let Some(view) = self.view(leg) {
                self.events.push_back(Event::NewCall(LegView { parties: dialling, far_end, ..view }));
            }
            self.set_state(leg, CallState::DIALING, CallStateCause::NOERROR);
            self.events.extend(self.view(leg).map(Event::Parties));
            self.set_state(leg, CallState::PROCEEDING, CallStateCause::NOERROR);
            caller_leg = Some(leg);
        }
        let origin =
            if parties.calling.as_ref().is_some_and(|p| p.outside) { CallOrigin::INBOUNDEXTERNAL } else { CallOrigin::INBOUNDINTERNAL };
        for appearance in &ringing {
            let leg = self.add_leg(key, *appearance, CallState::OFFERING, origin);
            self.events.extend(self.view(leg).map(Event::NewCall));
            self.set_state(leg, CallState::ACCEPTED, CallStateCause::NOERROR);
        }
        if let Some(leg) = caller_leg {
            if ringing.is_empty() && far_end == DestinationType::IN_CLUSTER {
                self.set_state(leg, CallState::DISCONNECTED, CallStateCause::USERBUSY);
            } else {
                self.set_state(leg, CallState::RINGBACK, CallStateCause::NOERROR);
            }
        }
        self.count_in_window(key);
        Ok(key)
    }

    /// The called side answers: `leg` where it is a line of the cluster, else the party outside.
    ///
    /// # Errors
    /// When the call or leg does not ring.
    pub fn answer(&mut self, call: CallKey, leg: Option<i32>) -> Result<(), CallError> {
        let legs = self.legs(call);
        let ringing = legs.iter().find(|l| Some(l.id) == leg && is_ringing(l.state)).copied();
        let caller = legs.iter().find(|l| l.state == CallState::RINGBACK).copied();
        let rings_outside = leg.is_none() && caller.is_some() && !legs.iter().any(|l| is_ringing(l.state));
        if ringing.is_none() && !rings_outside {
            return Err(CallError::State);
        }
        if let Some(answering) = ringing {
            self.hold_others(self.appearance(answering.appearance).device, Some(call));
        }
        for side in [caller, ringing].into_iter().flatten() {
            self.set_state(LegKey { call, leg: side.id }, CallState::CONNECTED, CallStateCause::NOERROR);
        }
        for other in legs.iter().filter(|l| is_ringing(l.state) && Some(l.id) != leg) {
            self.set_remote(LegKey { call, leg: other.id }, true);
        }
        Ok(())
    }

    /// Puts a connected leg on hold; on a shared line it is then held on every device.
    ///
    /// # Errors
    /// When the leg is not connected.
    pub fn hold(&mut self, key: LegKey) -> Result<(), CallError> {
        let leg = self.leg_in(key, CallState::CONNECTED)?;
        self.set_state(key, CallState::ONHOLD, CallStateCause::NOERROR);
        for other in self.siblings(key.call, &leg) {
            self.set_remote(LegKey { call: key.call, leg: other.id }, false);
        }
        Ok(())
    }

    /// Resumes a held leg; what else is connected on the device is put on hold.
    ///
    /// # Errors
    /// When the leg is not held.
    pub fn resume(&mut self, key: LegKey) -> Result<(), CallError> {
        let leg = self.leg_in(key, CallState::ONHOLD)?;
        self.hold_others(self.appearance(leg.appearance).device, Some(key.call));
        self.set_state(key, CallState::CONNECTED, CallStateCause::NOERROR);
        for other in self.siblings(key.call, &leg) {
            self.set_remote(LegKey { call: key.call, leg: other.id }, true);
        }
        Ok(())
    }

    /// A leg goes: its call ends, unless the same line still rings or is in use on another device.
    pub fn hang_up(&mut self, key: LegKey, cause: CallStateCause) {
        let Some(leg) = self.leg(key) else { return };
        let others = self.siblings(key.call, &leg);
        let is_caller = leg.origin == CallOrigin::OUTBOUND;
        let rings_on = !is_caller && is_ringing(leg.state) && !others.is_empty();
        if leg.remote_in_use || rings_on { self.remove_leg(key, cause) } else { self.clear(key.call, cause) }
    }

    /// Ends a call on all its lines. Legs in use elsewhere go first and without a disconnect.
    pub fn clear(&mut self, call: CallKey, cause: CallStateCause) {
        let legs = self.legs(call);
        for leg in legs.iter().filter(|l| l.remote_in_use).chain(legs.iter().filter(|l| !l.remote_in_use)) {
            self.remove_leg(LegKey { call, leg: leg.id }, cause);
        }
        let Some(call) = self.calls.remove(&call) else { return };
        self.counters.ended += 1;
        if let (true, Some(window)) = (call.counted, &mut self.window) {
            window.ended += 1;
        }
    }

    /// A restart of the cluster: all calls are gone without a word, and their numbers begin again.
    pub fn lose_calls(&mut self) {
        self.counters.lost += self.calls.len() as u64;
        self.calls.clear();
        self.events.clear();
        (self.next_call, self.next_leg) = (FIRST_CALL, FIRST_LEG);
        for device in &mut self.devices {
            device.legs.clear();
            device.state = DeviceState::IDLE;
        }
    }

    /// The legs of a call; none when it has ended.
    pub fn legs(&self, call: CallKey) -> Vec<Leg> {
        self.calls.get(&call).map(|c| c.legs.clone()).unwrap_or_default()
    }

    /// Whether a call still stands.
    pub fn stands(&self, call: CallKey) -> bool {
        self.calls.contains_key(&call)
    }

    /// The oldest leg on a device whose state satisfies `wanted`.
    pub fn find_leg(&self, device: DeviceId, wanted: impl Fn(&Leg) -> bool) -> Option<LegKey> {
        self.device(device).legs.iter().find(|key| self.leg(**key).is_some_and(|l| wanted(&l))).copied()
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

    fn line_party(&self, id: LineId) -> Party {
        let line = self.line(id);
        Party {
            number: line.dn.clone(),
            name: line.display.clone(),
            partition: line.partition.clone(),
            number_allowed: true,
            name_allowed: true,
            outside: false,
        }
    }

    fn appearances_with_room(&self, line: LineId) -> Vec<AppearanceId> {
        let has_room = |id: &AppearanceId| self.device(self.appearance(*id).device).registered && self.calls_at(*id) < BUSY_TRIGGER;
        self.line(line).appearances.iter().copied().filter(has_room).collect()
    }

    fn calls_at(&self, appearance: AppearanceId) -> usize {
        let legs = &self.device(self.appearance(appearance).device).legs;
        legs.iter().filter_map(|key| self.leg(*key)).filter(|l| l.appearance == appearance).count()
    }

    fn leg(&self, key: LegKey) -> Option<Leg> {
        self.calls.get(&key.call)?.legs.iter().find(|l| l.id == key.leg).copied()
    }

    fn leg_in(&self, key: LegKey, state: CallState) -> Result<Leg, CallError> {
        self.leg(key).filter(|l| l.state == state).ok_or(CallError::State)
    }

    /// The legs of the same line on other devices.
    fn siblings(&self, call: CallKey, leg: &Leg) -> Vec<Leg> {
        let line = self.appearance(leg.appearance).line;
        self.legs(call).into_iter().filter(|l| l.id != leg.id && self.appearance(l.appearance).line == line).collect()
    }

    fn view(&self, key: LegKey) -> Option<LegView> {
        let (call, leg) = (self.calls.get(&key.call)?, self.leg(key)?);
        let far = if leg.origin == CallOrigin::OUTBOUND { &call.parties.called } else { &call.parties.calling };
        Some(LegView {
            appearance: leg.appearance,
            leg: leg.id,
            call: call.id,
            state: leg.state,
            origin: leg.origin,
            reason: leg.reason,
            remote_in_use: leg.remote_in_use,
            far_end: far.as_ref().map_or(DestinationType::UNKNOWN, Party::place),
            parties: Arc::clone(&call.parties),
        })
    }

    /// Adds a leg, of which nobody is told yet: the first change of its state brings the device's state up to date, after the new call.
    fn add_leg(&mut self, call: CallKey, appearance: AppearanceId, state: CallState, origin: CallOrigin) -> LegKey {
        let key = LegKey { call, leg: self.next_leg };
        self.next_leg = self.next_leg.wrapping_add(1);
        let leg = Leg { id: key.leg, appearance, state, origin, reason: CallReason::DIRECTCALL, remote_in_use: false };
        if let Some(call) = self.calls.get_mut(&call) {
            call.legs.push(leg);
        }
        let device = self.appearance(appearance).device;
        self.device_mut(device).legs.push(key);
        key
    }

    fn remove_leg(&mut self, key: LegKey, cause: CallStateCause) {
        let Some(leg) = self.leg(key) else { return };
        if !leg.remote_in_use && leg.state != CallState::DISCONNECTED {
            self.set_state(key, CallState::DISCONNECTED, cause);
        }
        self.set_state(key, CallState::IDLE, CallStateCause::NOERROR);
        if let Some(call) = self.calls.get_mut(&key.call) {
            call.legs.retain(|l| l.id != key.leg);
        }
        let device = self.appearance(leg.appearance).device;
        self.device_mut(device).legs.retain(|k| *k != key);
        self.update_device(device);
    }

    fn set_state(&mut self, key: LegKey, state: CallState, cause: CallStateCause) {
        let Some(leg) = self.calls.get_mut(&key.call).and_then(|c| c.legs.iter_mut().find(|l| l.id == key.leg)) else { return };
        leg.state = state;
        let Leg { id, appearance, reason, remote_in_use, .. } = *leg;
        self.events.push_back(Event::State { appearance, leg: id, state, cause, reason, remote_in_use });
        self.update_device(self.appearance(appearance).device);
    }

    /// A leg of a shared line follows the device that has the call: in use there, or held everywhere.
    fn set_remote(&mut self, key: LegKey, in_use: bool) {
        if let Some(leg) = self.calls.get_mut(&key.call).and_then(|c| c.legs.iter_mut().find(|l| l.id == key.leg)) {
            leg.remote_in_use = in_use;
        }
        self.set_state(key, if in_use { CallState::REMOTEINUSE } else { CallState::ONHOLD }, CallStateCause::NOERROR);
    }

    fn hold_others(&mut self, device: DeviceId, except: Option<CallKey>) {
        for key in self.device(device).legs.clone() {
            if Some(key.call) != except && self.leg_in(key, CallState::CONNECTED).is_ok() {
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
                _ => DeviceState::ACTIVE,
            };
        }
        let device = self.device_mut(id);
        if device.state != state {
            device.state = state;
            self.events.push_back(Event::DeviceState(id, state));
        }
    }

    fn count_in_window(&mut self, key: CallKey) {
        let Some(window) = self.window else { return };
        let touches = self.legs(key).iter().any(|l| (window.first..=window.last).contains(&self.appearance(l.appearance).device));
        if touches {
            self.window = Some(super::Window { began: window.began + 1, ..window });
            if let Some(call) = self.calls.get_mut(&key) {
                call.counted = true;
            }
        }
    }
}

/// Whether a leg in this state can be answered.
pub(super) fn is_ringing(state: CallState) -> bool {
    matches!(state, CallState::OFFERING | CallState::ACCEPTED)
}
