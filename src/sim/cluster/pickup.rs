//! Call pickup: a phone takes what rings elsewhere. A temporary call is there while it asks for it.

use std::sync::Arc;

use super::{AppearanceId, CallError, CallKey, Cluster, LegKey, LineId, Parties};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause};

impl Cluster {
    /// The call that rings at a line.
    pub fn ringing_at(&self, line: LineId) -> Option<CallKey> {
        let appearances = &self.line(line).appearances;
        let rings = |at: &AppearanceId| self.find_leg(self.appearance(*at).device, |l| l.rings() && l.appearance == *at);
        appearances.iter().find_map(rings).map(|key| key.call)
    }

    /// Takes at `at` what rings at a line. With auto pickup it is answered at once, else it rings here; the call.
    ///
    /// # Errors
    /// When nothing rings there, the phone cannot call, or is in that call already.
    pub fn pick_up(&mut self, at: AppearanceId, from: LineId) -> Result<CallKey, CallError> {
        let call = self.ringing_at(from).ok_or(CallError::State)?;
        self.can_call(at)?;
        self.plain(call)?;
        let line = self.appearance(at).line;
        if self.legs(call).iter().any(|l| self.appearance(l.appearance).line == line) {
            return Err(CallError::SameLine);
        }
        self.hold_others(self.appearance(at).device, None);
        self.temporary_call(at, CallReason::CALLPICKUP);

        let (own, rung) = (self.line_party(line), self.line_party(from));
        let Some(known) = self.calls.get(&call).map(|c| (*c.parties).clone()) else { return Err(CallError::State) };
        let auto = self.features.auto_pickup;
        // The E.164 form of the caller is there while it rings, and not when the pickup answers it.
        let parties = Parties { called: Some(own), last_redirecting: Some(rung), reassigned: auto || known.reassigned, ..known };
        if let Some(call) = self.calls.get_mut(&call) {
            call.parties = Arc::new(parties.clone());
            call.hunt = None;
        }
        let outside = parties.calling.as_ref().is_some_and(|p| p.outside);
        let origin = match (auto, outside) {
            (true, _) => CallOrigin::OUTBOUND,
            (false, true) => CallOrigin::INBOUNDEXTERNAL,
            (false, false) => CallOrigin::INBOUNDINTERNAL,
        };
        let before = self.legs(call);
        let leg = self.add_leg(call, at, CallState::OFFERING, origin, CallReason::CALLPICKUP);
        self.announce(leg);
        for rung in before.iter().filter(|l| l.rings()) {
            self.split_leg(LegKey { call, leg: rung.id }, CallReason::CALLPICKUP);
        }
        let parties = Arc::new(parties);
        for other in before.iter().filter(|l| !l.rings()) {
            self.tell_parties(LegKey { call, leg: other.id }, &parties, CallReason::CALLPICKUP);
        }
        self.be_patient_no_more(call);
        if auto {
            self.answer(call, Some(leg.leg))?;
        } else {
            self.set_state(leg, CallState::ACCEPTED, CallStateCause::NOERROR);
        }
        Ok(call)
    }

    /// A call that is there while a phone asks for a feature; its number on the wire.
    pub(super) fn temporary_call(&mut self, at: AppearanceId, reason: CallReason) -> i32 {
        let own = self.line_party(self.appearance(at).line);
        let call = self.new_call(Arc::new(Parties { calling: Some(own), ..Parties::default() }));
        let leg = self.add_leg(call, at, CallState::DIALTONE, CallOrigin::OUTBOUND, CallReason::DIRECTCALL);
        self.announce(leg);
        let id = self.global_call(call);
        self.drop_leg(leg, CallStateCause::NOERROR, reason);
        self.end_call(call);
        id
    }
}
