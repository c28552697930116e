//! Plain calls: placed, ringing, answered, held, resumed, cleared.
//!
//! A call has a leg on each line of the cluster that takes part; a called shared line has one on each registered device with it.
//! The order of events within an operation is that of the recorded sessions, which Cisco's client accepted.

use std::sync::Arc;

use thiserror::Error;

use super::routing::End;
use super::{AppearanceId, CallKey, Cluster, Destination, Event, FIRST_CALL, FIRST_LEG, LegKey, LegView, Parties, Party};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiCallType, DestinationType, DeviceState};

/// How many calls an appearance holds ('Maximum Number of Calls').
pub const MAX_CALLS: usize = 4;
/// From how many calls on an appearance is busy ('Busy Trigger').
pub const BUSY_TRIGGER: usize = 2;

/// Who calls.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A line on a device; `true` withholds its number and name.
    Phone(AppearanceId, bool),
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
    /// A line would be in a call twice.
    #[error("a line would take part in the same call twice: choose another")]
    SameLine,
    /// What cannot be done to a conference.
    #[error("a conference can gain and lose parties, but not be moved: use another call")]
    Conference,
    /// The device has no two calls to be made one.
    #[error("the device has no second call that this could join: make one with `transfer`, `confer` or `call`")]
    OneCall,
    /// Nobody of that number is in the conference.
    #[error("no such party in a conference of the device")]
    NoParty,
    /// All park numbers are taken.
    #[error("all park numbers are taken: retrieve a call first")]
    ParkFull,
    /// Nobody is parked there.
    #[error("nobody is parked at that number")]
    NotParked,
    /// The line's other device does not want it.
    #[error("the call is private: `privacy DEVICE off` on the device that talks allows it")]
    Private,
}

impl Cluster {
    /// Places a call and lets it ring (or, from a phone to a busy line, fail with cause 17).
    ///
    /// # Errors
    /// When it cannot be placed; nothing happened then.
    pub fn place(&mut self, from: Caller, to: &Destination) -> Result<CallKey, CallError> {
        self.place_as(from, to, (CallOrigin::OUTBOUND, CtiCallType::REGULARCALL))
    }

    pub(super) fn place_as(
        &mut self,
        from: Caller,
        to: &Destination,
        (origin, call_type): (CallOrigin, CtiCallType),
    ) -> Result<CallKey, CallError> {
        let (calling, own_line) = match &from {
            Caller::Phone(appearance, restricted) => {
                self.can_call(*appearance)?;
                let line = self.appearance(*appearance).line;
                let party = self.line_party(line);
                (if *restricted { party.restricted() } else { party }, Some(line))
            }
            Caller::Outside(_) if matches!(to, Destination::Outside(_)) => return Err(CallError::BothOutside),
            Caller::Outside(party) => (party.clone(), None),
        };
        let parties = Parties { calling: Some(calling.clone()), ..Parties::default() };
        let taken: Vec<_> = own_line.into_iter().collect();
        let route = self.route(to, parties, CallReason::DIRECTCALL, &taken);
        match (&from, &route.end) {
            (Caller::Outside(_), End::Busy) => return Err(CallError::Busy),
            (Caller::Outside(_), End::Outside(_)) => return Err(CallError::BothOutside),
            _ => {}
        }

        let parties = Arc::new(route.parties.clone());
        let key = self.new_call(Arc::clone(&parties));
        match from {
            Caller::Outside(party) => self.add_outside(key, party),
            Caller::Phone(appearance, _) => {
                self.hold_others(self.appearance(appearance).device, None);
                let leg = self.add_leg(key, appearance, CallState::DIALTONE, origin, CallReason::DIRECTCALL);
                if let Some(leg) = self.leg_mut(leg) {
                    leg.call_type = call_type;
                }
                // While there is dial tone nobody knows whom it will call.
                let dialling = Arc::new(Parties { calling: Some(calling), ..Parties::default() });
                let far_end = parties.called.as_ref().map_or(DestinationType::UNKNOWN, Party::place);
                if let Some(view) = self.view(leg) {
                    self.events.push_back(Event::NewCall(LegView { parties: dialling, far_end, ..view }));
                }
                self.set_state(leg, CallState::DIALING, CallStateCause::NOERROR);
                self.tell_parties(leg, &parties, CallReason::DIRECTCALL);
                self.set_state(leg, CallState::PROCEEDING, CallStateCause::NOERROR);
            }
        }
        self.ring(key, route);
        Ok(key)
    }

    /// Whether a line can begin a call.
    pub(super) fn can_call(&self, appearance: AppearanceId) -> Result<(), CallError> {
        if !self.device(self.appearance(appearance).device).registered {
            Err(CallError::NotRegistered)
        } else if self.calls_at(appearance) >= MAX_CALLS {
            Err(CallError::NoRoom)
        } else {
            Ok(())
        }
    }

    /// The called side answers: `leg` where it is a line of the cluster, else the party outside.
    ///
    /// # Errors
    /// When the call or leg does not ring.
    pub fn answer(&mut self, call: CallKey, leg: Option<i32>) -> Result<(), CallError> {
        let legs = self.legs(call);
        let ringing = legs.iter().find(|l| Some(l.id) == leg && l.rings());
        let caller = legs.iter().find(|l| l.state == CallState::RINGBACK);
        let rings_outside = leg.is_none() && caller.is_some() && !legs.iter().any(super::Leg::rings);
        if ringing.is_none() && !rings_outside {
            return Err(CallError::State);
        }
        self.be_patient_no_more(call);
        if let Some(answering) = ringing {
            self.hold_others(self.appearance(answering.appearance).device, Some(call));
            self.name_hunt_member(call, answering);
        }
        let others: Vec<i32> = legs.iter().filter(|l| l.rings() && Some(l.id) != leg).map(|l| l.id).collect();
        // As recorded: of a shared line, the device that answers is first.
        let sides = if others.is_empty() { [caller, ringing] } else { [ringing, caller] };
        for side in sides.into_iter().flatten() {
            self.set_state(LegKey { call, leg: side.id }, CallState::CONNECTED, CallStateCause::NOERROR);
        }
        for leg in others {
            self.set_remote(LegKey { call, leg }, true);
        }
        Ok(())
    }

    /// Puts a connected leg on hold; on a shared line it is then held on every device, and who has barged in is out.
    ///
    /// # Errors
    /// When the leg is not connected.
    pub fn hold(&mut self, key: LegKey) -> Result<(), CallError> {
        let leg = self.leg(key).filter(|l| l.state == CallState::CONNECTED).cloned().ok_or(CallError::State)?;
        for other in self.siblings(key.call, &leg).into_iter().filter(super::Leg::is_up) {
            self.leave(LegKey { call: key.call, leg: other.id }, CallStateCause::NORMALCALLCLEARING);
        }
        self.set_state(key, CallState::ONHOLD, CallStateCause::NOERROR);
        for other in self.siblings(key.call, &leg).into_iter().filter(|l| l.remote_in_use) {
            self.set_remote(LegKey { call: key.call, leg: other.id }, false);
        }
        Ok(())
    }

    /// Resumes a held leg; what else is connected on the device is put on hold.
    ///
    /// # Errors
    /// When the leg is not held.
    pub fn resume(&mut self, key: LegKey) -> Result<(), CallError> {
        let leg = self.leg(key).filter(|l| l.state == CallState::ONHOLD).cloned().ok_or(CallError::State)?;
        self.hold_others(self.appearance(leg.appearance).device, Some(key.call));
        self.set_state(key, CallState::CONNECTED, CallStateCause::NOERROR);
        self.set_others_remote(key.call, &leg);
        Ok(())
    }

    /// The held legs of the line on other devices are in use elsewhere now.
    pub(super) fn set_others_remote(&mut self, call: CallKey, leg: &super::Leg) {
        for other in self.siblings(call, leg).into_iter().filter(|l| l.state == CallState::ONHOLD) {
            self.set_remote(LegKey { call, leg: other.id }, true);
        }
    }

    /// A leg goes: its call ends, unless the same line still rings or is in use on another device, or enough others are in a conference.
    pub fn hang_up(&mut self, key: LegKey, cause: CallStateCause) {
        let Some(leg) = self.leg(key).cloned() else { return };
        if leg.remote_in_use || leg.rings() && !self.siblings(key.call, &leg).is_empty() {
            self.remove_leg(key, cause);
        } else if self.calls.get(&key.call).is_some_and(|c| c.conference.is_some()) {
            self.leave(key, cause);
        } else {
            self.clear(key.call, cause);
        }
    }

    /// Ends a call on all its lines. Legs in use elsewhere go first and without a disconnect.
    pub fn clear(&mut self, call: CallKey, cause: CallStateCause) {
        let legs = self.legs(call);
        for leg in legs.iter().filter(|l| l.remote_in_use).chain(legs.iter().filter(|l| !l.remote_in_use)) {
            self.remove_leg(LegKey { call, leg: leg.id }, cause);
        }
        self.give_up_parking(call);
        self.end_call(call);
    }

    /// A restart of the cluster: all calls are gone without a word, and their numbers begin again.
    pub fn lose_calls(&mut self) {
        self.counters.lost += self.calls.len() as u64;
        self.calls.clear();
        self.car_park.clear();
        self.monitored.clear();
        self.timers.clear();
        self.events.clear();
        (self.next_call, self.next_leg) = (FIRST_CALL, FIRST_LEG);
        for device in &mut self.devices {
            device.legs.clear();
            device.state = DeviceState::IDLE;
        }
    }
}
