//! Calls beside calls: silent monitoring, recording, intercom.

use std::sync::Arc;

use super::event::Attribute;
use super::{AppearanceId, CallError, CallKey, Caller, Cluster, Destination, DeviceId, Event, LegKey, LineId, Parties, Party};
use crate::ctiqbe::names::{CallAttributeType, CallOrigin, CallReason, CallState, CallStateCause, CtiCallType};

/// The number of a phone's built-in bridge, which a monitoring call is connected to.
const BRIDGE: &str = "b00150100";

impl Cluster {
    /// A supervisor listens to the call that is connected on an agent's device, unheard. It ends with either call.
    ///
    /// # Errors
    /// When no call is connected there, or the supervisor cannot call.
    pub fn monitor(&mut self, supervisor: AppearanceId, agent: DeviceId) -> Result<CallKey, CallError> {
        let heard = self.find_leg(agent, |l| l.state == CallState::CONNECTED).ok_or(CallError::State)?;
        let leg = self.leg(heard).cloned().ok_or(CallError::State)?;
        self.can_call(supervisor)?;
        if self.monitored.contains_key(&leg.id) || self.appearance(supervisor).device == agent {
            return Err(CallError::State);
        }
        let at = self.appearance(supervisor);
        let (own, bridge) = (self.line_party(at.line), Party::inside(BRIDGE, "Monitor", ""));
        self.hold_others(at.device, None);
        let parties =
            Parties { calling: Some(own.clone()), called: Some(bridge.clone()), original_called: Some(bridge), ..Parties::default() };
        let call = self.new_call(Arc::new(parties));
        let key = self.add_leg(call, supervisor, CallState::DIALTONE, CallOrigin::OUTBOUND, CallReason::CALL_MONITORING);
        if let Some(leg) = self.leg_mut(key) {
            leg.call_type = CtiCallType::SILENTMONITORCALL;
        }
        if let Some(call) = self.calls.get_mut(&call) {
            call.monitors = Some(leg.id);
        }
        self.monitored.insert(leg.id, key);
        self.announce(key);
        self.set_state(key, CallState::CONNECTED, CallStateCause::NOERROR);
        let attribute = |kind, party, device: DeviceId, cluster: &Self| {
            Arc::new(Attribute { kind, party, device: cluster.device(device).name.clone() })
        };
        let initiator = attribute(CallAttributeType::SILENTMONITOR_INITIATOR, own, at.device, self);
        let target = attribute(CallAttributeType::SILENTMONITOR_TARGET, self.own_party(&leg), agent, self);
        self.events.push_back(Event::Monitored(leg.appearance, leg.id, true));
        self.events.push_back(Event::Attribute(leg.appearance, leg.id, initiator));
        self.events.push_back(Event::Attribute(supervisor, key.leg, target));
        Ok(call)
    }

    /// Records a connected leg, or no more.
    ///
    /// # Errors
    /// When the leg is not up, or that is so already.
    pub fn record(&mut self, key: LegKey, recorder: &Party, on: bool) -> Result<(), CallError> {
        let leg = self.leg_mut(key).filter(|l| l.is_up() && l.recorded != on).ok_or(CallError::State)?;
        leg.recorded = on;
        let (place, number) = (leg.appearance, leg.id);
        self.events.push_back(Event::Recorded(place, number, on));
        if on {
            let attribute = Attribute { kind: CallAttributeType::RECORDING, party: recorder.clone(), device: String::new() };
            self.events.push_back(Event::Attribute(place, number, Arc::new(attribute)));
        }
        Ok(())
    }

    /// A leg goes: nobody listens to it or records it any more, and it listens to nobody.
    pub(super) fn stop_observing(&mut self, key: LegKey) {
        let Some(leg) = self.leg(key) else { return };
        let (place, number, recorded) = (leg.appearance, leg.id, leg.recorded);
        if recorded {
            self.events.push_back(Event::Recorded(place, number, false));
        }
        if let Some(listener) = self.monitored.remove(&number) {
            self.events.push_back(Event::Monitored(place, number, false));
            self.clear(listener.call, CallStateCause::NORMALCALLCLEARING);
        }
        let heard = self.calls.get(&key.call).and_then(|c| c.monitors);
        if let Some(heard) = heard.filter(|heard| self.monitored.remove(heard).is_some()) {
            let place = self.calls.values().find_map(|c| c.legs.iter().find(|l| l.id == heard)).map(|l| l.appearance);
            self.events.extend(place.map(|place| Event::Monitored(place, heard, false)));
        }
    }

    /// Calls an intercom line, which answers by itself and whispers: it is heard once it talks back.
    ///
    /// # Errors
    /// As [`Cluster::place`].
    pub fn intercom(&mut self, from: AppearanceId, to: LineId) -> Result<CallKey, CallError> {
        if self.appearances_with_room(to).is_empty() {
            return Err(CallError::Busy);
        }
        let originator = (CallOrigin::OUTBOUND, CtiCallType::INTERCOM_ORIGINATOR);
        let call = self.place_as(Caller::Phone(from, false), &Destination::Line(to), originator)?;
        for leg in self.legs(call) {
            let key = LegKey { call, leg: leg.id };
            let state = if leg.rings() { CallState::WHISPER } else { CallState::CONNECTED };
            self.set_state(key, state, CallStateCause::NOERROR);
        }
        Ok(call)
    }

    /// The called side of an intercom call talks back.
    ///
    /// # Errors
    /// When no call whispers on the device.
    pub fn talk_back(&mut self, device: DeviceId) -> Result<(), CallError> {
        let key = self.find_leg(device, |l| l.state == CallState::WHISPER).ok_or(CallError::State)?;
        self.hold_others(device, Some(key.call));
        self.set_state_because(key, CallState::CONNECTED, CallStateCause::NOERROR, CallReason::TALKBACK);
        Ok(())
    }
}
