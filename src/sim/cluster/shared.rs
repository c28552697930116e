//! What the devices of a shared line can do to each other's calls: join in, or keep the others out.

use std::sync::Arc;

use super::conference::Conference;
use super::event::{BargeNotice, ConferenceChange, Participant};
use super::{CallError, Cluster, DeviceId, Event, LegKey};
use crate::ctiqbe::names::{CallConferenceModifyStatus, CallReason, CallState, CallStateCause};

impl Cluster {
    /// Joins the call that is in use on another device of the line: over that device's bridge, or (`conference`) a conference bridge.
    ///
    /// # Errors
    /// When there is no such call, or it is private.
    pub fn barge(&mut self, device: DeviceId, conference: bool) -> Result<(), CallError> {
        let key = self.find_leg(device, |l| l.state == CallState::REMOTEINUSE).ok_or(CallError::State)?;
        let leg = self.leg(key).cloned().ok_or(CallError::State)?;
        let talking = self.siblings(key.call, &leg).into_iter().find(|l| l.state == CallState::CONNECTED).ok_or(CallError::State)?;
        if talking.private {
            return Err(CallError::Private);
        }
        if self.calls.get(&key.call).is_none_or(|c| c.monitors.is_some() || c.legs.iter().any(super::Leg::rings)) {
            return Err(CallError::State);
        }
        self.hold_others(device, None);
        let reason = if conference { super::conference::REASON } else { CallReason::BARGE };
        let notice = Arc::new(BargeNotice {
            transaction: self.new_transaction(),
            line: self.own_party(&leg),
            surviving: self.global_call(key.call),
            other: self.temporary_call(leg.appearance, reason),
            conference,
        });
        let places = [talking.appearance, leg.appearance];
        self.events.extend(places.map(|place| Event::BargeStarted(place, Arc::clone(&notice))));
        if let Some(leg) = self.leg_mut(key) {
            leg.remote_in_use = false;
        }
        self.set_state_because(key, CallState::CONNECTED, CallStateCause::NOERROR, reason);
        let own = |leg: &super::Leg| Participant { party: notice.line.clone(), leg: leg.id };
        let at = self.appearance(talking.appearance).device;
        let begun = Conference { controller: own(&talking), device: at, sequence: 0, announced: conference };
        if let Some(call) = self.calls.get_mut(&key.call) {
            call.conference.get_or_insert(begun).announced |= conference;
        }
        if let Some(change) = self.note_added(key, own(&leg)) {
            for leg in self.legs(key.call).iter().filter(|l| l.is_up()) {
                self.events.push_back(Event::ConferenceChanged(leg.appearance, leg.id, super::conference::REASON, Arc::clone(&change)));
            }
        }
        self.events.extend(places.map(|place| Event::BargeEnded(place, Arc::clone(&notice))));
        Ok(())
    }

    fn note_added(&mut self, key: LegKey, added: Participant) -> Option<Arc<ConferenceChange>> {
        self.conference_change(key.call, CallConferenceModifyStatus::PARTYADDED, &added)
    }

    /// Keeps the other devices of the line out of a device's call, or lets them join in again.
    ///
    /// # Errors
    /// When no call is connected there.
    pub fn set_private(&mut self, device: DeviceId, private: bool) -> Result<(), CallError> {
        let key = self.find_leg(device, |l| l.state == CallState::CONNECTED).ok_or(CallError::State)?;
        let leg = self.leg(key).cloned().ok_or(CallError::State)?;
        let others = self.siblings(key.call, &leg).into_iter().map(|l| LegKey { call: key.call, leg: l.id });
        for key in std::iter::once(key).chain(others.collect::<Vec<_>>()) {
            if let Some(leg) = self.leg_mut(key) {
                leg.private = private;
            }
            self.events.extend(self.view(key).map(Event::Privacy));
        }
        Ok(())
    }
}
