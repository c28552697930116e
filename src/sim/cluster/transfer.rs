//! Consultation calls, and transfers of one call of a phone to another.
//!
//! The first call's global call stays; what is left of the other moves to it with its legs' numbers, as recorded. The legs of the phone that
//! transfers are split off: that is no hang-up.

use std::sync::Arc;

use super::event::TransferNotice;
use super::{AppearanceId, CallError, CallKey, Caller, Cluster, Consultation, Destination, DeviceId, Event, LegKey, LineId, Parties};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiCallType};

const REASON: CallReason = CallReason::TRANSFERREDCALL;

impl Cluster {
    /// Holds a call and calls somebody else from the same line, to transfer or confer later. A call to be transferred is one of two parties.
    ///
    /// # Errors
    /// When the leg is not connected, or the call cannot be placed.
    pub fn consult(&mut self, key: LegKey, to: &Destination, purpose: Consultation) -> Result<CallKey, CallError> {
        let appearance = self.leg(key).filter(|l| l.state == CallState::CONNECTED).map(|l| l.appearance).ok_or(CallError::State)?;
        let origin = match purpose {
            Consultation::Transfer => {
                self.settled(key.call)?;
                CallOrigin::OUTBOUNDTRANSFER
            }
            Consultation::Conference => CallOrigin::OUTBOUNDCONFERENCE,
        };
        let call = self.place_as(Caller::Phone(appearance, false), to, (origin, CtiCallType::REGULARCALL))?;
        if let Some(consulting) = self.calls.get_mut(&call) {
            consulting.consult = consulting.legs.first().map(|own| (own.id, key.leg, purpose));
        }
        Ok(call)
    }

    /// The call on hold and the consultation call of a device, and what for.
    fn consultation(&self, device: DeviceId) -> Option<(LegKey, LegKey, Consultation)> {
        self.device(device).legs.iter().find_map(|key| {
            let (own, primary, purpose) = self.calls.get(&key.call)?.consult?;
            Some((self.locate(device, primary)?, *key, purpose)).filter(|_| own == key.leg)
        })
    }

    /// The device that a consultation call was made on.
    pub fn consulting_device(&self, call: CallKey) -> Option<DeviceId> {
        let call = self.calls.get(&call)?;
        let (own, ..) = call.consult?;
        call.legs.iter().find(|l| l.id == own).map(|l| self.appearance(l.appearance).device)
    }

    /// Does what a consultation call was made for.
    ///
    /// # Errors
    /// When there is none, or one of the calls does not allow it.
    pub fn complete(&mut self, device: DeviceId) -> Result<(), CallError> {
        match self.consultation(device).ok_or(CallError::OneCall)? {
            (primary, consulting, Consultation::Transfer) => self.transfer(primary, consulting),
            (primary, consulting, Consultation::Conference) => self.confer(&[primary, consulting]),
        }
    }

    /// Ends a consultation call and goes back to the one on hold.
    ///
    /// # Errors
    /// When there is none.
    pub fn abandon(&mut self, device: DeviceId) -> Result<(), CallError> {
        let (primary, consulting, _) = self.consultation(device).ok_or(CallError::OneCall)?;
        self.hang_up(consulting, CallStateCause::NORMALCALLCLEARING);
        if self.leg(primary).is_some_and(|l| l.state == CallState::ONHOLD) { self.resume(primary) } else { Ok(()) }
    }

    /// Connects the other parties of a device's two oldest calls, on one or two of its lines.
    ///
    /// # Errors
    /// When there are no two, or one of them does not allow it.
    pub fn transfer_directly(&mut self, device: DeviceId) -> Result<(), CallError> {
        let ready = self.find_legs(device, |l| !l.remote_in_use && is_ready(l.state));
        match ready.as_slice() {
            [first, second, ..] => {
                let rings = self.leg(*first).is_some_and(|l| l.state == CallState::RINGBACK);
                if rings { self.transfer(*second, *first) } else { self.transfer(*first, *second) }
            }
            _ => Err(CallError::OneCall),
        }
    }

    /// Whether a call is one of two parties, and nobody rings any more.
    pub(super) fn settled(&self, key: CallKey) -> Result<(), CallError> {
        self.plain(key)?;
        if self.calls.get(&key).is_some_and(|c| c.legs.iter().any(super::Leg::rings)) {
            return Err(CallError::State);
        }
        Ok(())
    }

    /// The lines on which a call has a leg, without `except`.
    pub(super) fn other_lines(&self, call: CallKey, except: LineId) -> Vec<LineId> {
        self.legs(call).iter().map(|l| self.appearance(l.appearance).line).filter(|line| *line != except).collect()
    }

    /// The legs of a call that are not on a line.
    pub(super) fn legs_off(&self, call: CallKey, line: LineId) -> Vec<i32> {
        self.legs(call).iter().filter(|l| self.appearance(l.appearance).line != line).map(|l| l.id).collect()
    }

    /// Where calls have legs, each place once, in their order.
    pub(super) fn places(&self, calls: &[CallKey]) -> Vec<AppearanceId> {
        let mut places = Vec::new();
        for leg in calls.iter().flat_map(|call| self.legs(*call)) {
            if !places.contains(&leg.appearance) {
                places.push(leg.appearance);
            }
        }
        places
    }

    fn transfer(&mut self, surviving: LegKey, other: LegKey) -> Result<(), CallError> {
        self.settled(surviving.call)?;
        self.plain(other.call)?;
        let (stays, goes) = (self.leg(surviving).ok_or(CallError::State)?, self.leg(other).ok_or(CallError::State)?);
        if !stays.is_up() || !is_ready(goes.state) || goes.remote_in_use || surviving.call == other.call {
            return Err(CallError::State);
        }
        let (stays_on, goes_on) = (self.appearance(stays.appearance), self.appearance(goes.appearance));
        let (own, moving) = (self.other_lines(surviving.call, stays_on.line), self.other_lines(other.call, goes_on.line));
        if moving.iter().any(|line| *line == stays_on.line || own.contains(line)) || own.contains(&goes_on.line) {
            return Err(CallError::SameLine);
        }
        let controller = self.own_party(stays);
        let (calling, called) = (self.far_party(surviving).ok_or(CallError::State)?, self.far_party(other).ok_or(CallError::State)?);

        let notice = self.transfer_notice(surviving, other, controller.clone(), stays_on.device);
        let told = if self.hunted(surviving.call) || self.hunted(other.call) { vec![] } else { self.places(&[surviving.call, other.call]) };
        for place in &told {
            self.events.push_back(Event::TransferStarted(*place, Arc::clone(&notice)));
        }
        let parties = Arc::new(Parties {
            calling: Some(calling),
            original_called: Some(called.clone()),
            called: Some(called),
            last_redirecting: Some(controller),
            reassigned: true,
        });
        for leg in self.legs_off(surviving.call, stays_on.line) {
            self.tell_parties(LegKey { call: surviving.call, leg }, &parties, REASON);
        }
        for leg in self.legs_off(other.call, goes_on.line) {
            let moved = self.move_leg(LegKey { call: other.call, leg }, surviving.call, Some(&parties), REASON);
            self.tell_parties(moved, &parties, REASON);
        }
        self.split_line(surviving, REASON);
        self.split_line(other, REASON);
        for place in told {
            self.events.push_back(Event::TransferEnded(place, notice.transaction));
        }

        let (outside, hunt) = self.calls.get_mut(&other.call).map(|c| (std::mem::take(&mut c.outside), c.hunt.take())).unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&surviving.call) {
            call.parties = parties;
            call.outside.extend(outside);
            call.hunt = hunt;
        }
        self.end_call(other.call);
        self.be_patient_no_more(surviving.call);
        self.wait_for_answer(surviving.call);
        self.end_if_bare(surviving.call);
        Ok(())
    }

    fn transfer_notice(&mut self, surviving: LegKey, other: LegKey, controller: super::Party, device: DeviceId) -> Arc<TransferNotice> {
        Arc::new(TransferNotice {
            transaction: self.new_transaction(),
            controller,
            device,
            surviving: self.global_call(surviving.call),
            other: self.global_call(other.call),
            surviving_leg: surviving.leg,
            other_leg: other.leg,
        })
    }

    /// The number of a call on the wire; 0 when it has ended.
    pub(super) fn global_call(&self, key: CallKey) -> i32 {
        self.calls.get(&key).map_or(0, |c| c.id)
    }

    pub(super) fn new_transaction(&mut self) -> i32 {
        self.next_transaction = self.next_transaction.wrapping_add(1);
        self.next_transaction
    }
}

/// Whether a leg in this state can be one of two that a phone connects.
fn is_ready(state: CallState) -> bool {
    matches!(state, CallState::CONNECTED | CallState::ONHOLD | CallState::RINGBACK)
}
