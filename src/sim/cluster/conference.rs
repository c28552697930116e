//! Conferences: calls of a phone become one of many parties; parties are added, removed and leave.
//!
//! When two are left it is a plain call again, in the same global call.

use std::sync::Arc;

use super::event::{ConferenceChange, ConferenceNotice, Participant};
use super::{CallError, CallKey, Cluster, DeviceId, Event, LegKey, Parties};
use crate::ctiqbe::names::{CallConferenceModifyStatus, CallReason, CallState, CallStateCause};

pub(super) const REASON: CallReason = CallReason::CONFERENCE;

/// What makes a call one of many parties.
#[derive(Clone, Debug)]
pub(super) struct Conference {
    /// Who began it.
    pub controller: Participant,
    pub device: DeviceId,
    /// How often somebody came or went.
    pub sequence: i32,
    /// Whether the parties are told who comes and goes: not of somebody who barges in.
    pub announced: bool,
}

impl Cluster {
    /// Who talks in a call, or would if nothing were on hold. A line that holds on several devices is one party.
    pub(super) fn participants(&self, key: CallKey) -> Vec<Participant> {
        let Some(call) = self.calls.get(&key) else { return vec![] };
        let mut participants = Vec::with_capacity(call.legs.len());
        let mut held = Vec::new();
        for leg in call.legs.iter().filter(|l| l.is_up()) {
            let line = self.appearance(leg.appearance).line;
            if leg.state == CallState::ONHOLD && held.contains(&line) {
                continue;
            }
            held.push(line);
            participants.push(Participant { party: self.line_party(line), leg: leg.id });
        }
        participants.extend(call.outside.iter().map(|end| Participant { party: end.party.clone(), leg: end.leg }));
        participants
    }

    /// Makes one call of all calls of a device that are connected or on hold.
    ///
    /// # Errors
    /// When there is but one, or one of them does not allow it.
    pub fn join(&mut self, device: DeviceId) -> Result<(), CallError> {
        let legs = self.find_legs(device, super::Leg::is_up);
        if legs.len() < 2 { Err(CallError::OneCall) } else { self.confer(&legs) }
    }

    /// Makes one call of several of a phone. A conference stays, else the first.
    pub(super) fn confer(&mut self, legs: &[LegKey]) -> Result<(), CallError> {
        let is_conference = |key: &&LegKey| self.calls.get(&key.call).is_some_and(|c| c.conference.is_some());
        let surviving = *legs.iter().find(is_conference).or_else(|| legs.first()).ok_or(CallError::OneCall)?;
        let others: Vec<LegKey> = legs.iter().copied().filter(|key| *key != surviving).collect();
        self.can_confer(surviving, &others)?;
        let stays = self.leg(surviving).cloned().ok_or(CallError::State)?;
        let at = self.appearance(stays.appearance);
        let controller = self.own_party(&stays);

        let calls: Vec<CallKey> = std::iter::once(surviving.call).chain(others.iter().map(|key| key.call)).collect();
        let hunted = calls.iter().any(|call| self.hunted(*call));
        let told = if hunted { vec![] } else { self.places(&calls) };
        let notice = Arc::new(ConferenceNotice {
            transaction: self.new_transaction(),
            controller: controller.clone(),
            device: at.device,
            surviving: self.global_call(surviving.call),
            others: others.iter().map(|key| self.global_call(key.call)).collect(),
        });
        for place in &told {
            self.events.push_back(Event::ConferenceStarted(*place, Arc::clone(&notice)));
        }
        let added = self.merge_into(surviving.call, &others);
        let begun =
            || Conference { controller: Participant { party: controller, leg: stays.id }, device: at.device, sequence: 0, announced: true };
        if let Some(call) = self.calls.get_mut(&surviving.call) {
            call.conference.get_or_insert_with(begun).announced = true;
        }
        self.hold_others(at.device, Some(surviving.call));
        self.announce_added(surviving, &added);
        for place in told {
            self.events.push_back(Event::ConferenceEnded(place, Arc::clone(&notice)));
        }
        Ok(())
    }

    fn can_confer(&self, surviving: LegKey, others: &[LegKey]) -> Result<(), CallError> {
        let mut lines = Vec::new();
        for key in std::iter::once(&surviving).chain(others) {
            let leg = self.leg(*key).filter(|l| l.is_up()).ok_or(CallError::State)?;
            let call = self.calls.get(&key.call).ok_or(CallError::State)?;
            if call.parked.is_some() || call.legs.iter().any(super::Leg::rings) || self.participants(key.call).len() < 2 {
                return Err(CallError::State);
            }
            if call.monitors.is_some() || call.conference.is_some() && *key != surviving {
                return Err(CallError::Conference);
            }
            lines.push(self.appearance(leg.appearance).line);
        }
        let mut calls: Vec<CallKey> = std::iter::once(&surviving).chain(others).map(|key| key.call).collect();
        calls.sort_unstable();
        calls.dedup();
        if calls.len() <= others.len() {
            return Err(CallError::SameLine);
        }
        // The phone's own lines may be in several of the calls: it has one leg in the conference. Nobody else may.
        let mut seen = lines.clone();
        for (key, own) in std::iter::once(&surviving).chain(others).zip(&lines) {
            let mut theirs = self.other_lines(key.call, *own);
            theirs.sort_unstable();
            theirs.dedup();
            if theirs.iter().any(|line| seen.contains(line)) {
                return Err(CallError::SameLine);
            }
            seen.extend(theirs);
        }
        Ok(())
    }

    /// Moves what is at the other end of calls into one; who that is.
    fn merge_into(&mut self, surviving: CallKey, others: &[LegKey]) -> Vec<Participant> {
        let mut added = Vec::new();
        for other in others {
            let Some(own) = self.leg(*other).cloned() else { continue };
            let line = self.appearance(own.appearance).line;
            added.extend(self.participants(other.call).into_iter().filter(|p| p.leg != own.id));
            for leg in self.legs_off(other.call, line) {
                self.move_leg(LegKey { call: other.call, leg }, surviving, None, REASON);
            }
            self.split_line(*other, REASON);
            let outside = self.calls.get_mut(&other.call).map(|c| std::mem::take(&mut c.outside)).unwrap_or_default();
            if let Some(call) = self.calls.get_mut(&surviving) {
                call.outside.extend(outside);
            }
            self.end_call(other.call);
        }
        added
    }

    /// Everybody hears the others and is told of those who came. `own` is the leg of whoever did it, which may have been on hold.
    fn announce_added(&mut self, own: LegKey, added: &[Participant]) {
        let changes: Vec<_> =
            added.iter().filter_map(|p| self.conference_change(own.call, CallConferenceModifyStatus::PARTYADDED, p)).collect();
        for leg in self.legs(own.call).into_iter().filter(super::Leg::is_up) {
            let key = LegKey { call: own.call, leg: leg.id };
            if leg.state == CallState::CONNECTED || key == own {
                self.set_state_because(key, CallState::CONNECTED, CallStateCause::NOERROR, REASON);
            }
            if key == own {
                self.set_others_remote(own.call, &leg);
            }
            let told = changes.iter().map(|change| Event::ConferenceChanged(leg.appearance, leg.id, REASON, Arc::clone(change)));
            self.events.extend(told);
        }
    }

    pub(super) fn conference_change(
        &mut self,
        key: CallKey,
        status: CallConferenceModifyStatus,
        changed: &Participant,
    ) -> Option<Arc<ConferenceChange>> {
        let others = self.participants(key).into_iter().filter(|p| p.leg != changed.leg).collect();
        let call = self.calls.get_mut(&key)?;
        let conference = call.conference.as_mut().filter(|c| c.announced)?;
        conference.sequence += 1;
        let (sequence, controller, device) = (conference.sequence, conference.controller.clone(), conference.device);
        Some(Arc::new(ConferenceChange { sequence, call: call.id, status, changed: changed.clone(), others, controller, device }))
    }

    /// Removes the party with this number from the conference of a device.
    ///
    /// # Errors
    /// When it is in none, or there is no such party.
    pub fn remove_party(&mut self, device: DeviceId, number: &str) -> Result<(), CallError> {
        let in_conference = |key: &LegKey| self.calls.get(&key.call).is_some_and(|c| c.conference.is_some());
        let own = self.find_legs(device, super::Leg::is_up).into_iter().find(in_conference).ok_or(CallError::NoParty)?;
        let party = self.participants(own.call).into_iter().find(|p| p.party.number == number && p.leg != own.leg);
        let party = party.ok_or(CallError::NoParty)?;
        let key = LegKey { call: own.call, leg: party.leg };
        if self.leg(key).is_some() {
            self.leave(key, CallStateCause::CTIDROPCONFEREE);
            return Ok(());
        }
        if let Some(call) = self.calls.get_mut(&own.call) {
            call.outside.retain(|end| end.leg != party.leg);
        }
        self.go_on_without(own.call, &party);
        Ok(())
    }

    /// A leg leaves a conference; where another device of its line is in it, that one's call is live elsewhere again.
    pub(super) fn leave(&mut self, key: LegKey, cause: CallStateCause) {
        let Some(leg) = self.leg(key).cloned() else { return };
        let siblings = self.siblings(key.call, &leg);
        let left = Participant { party: self.own_party(&leg), leg: leg.id };
        if siblings.iter().any(|l| l.state == CallState::CONNECTED) {
            self.set_remote(key, true);
        } else {
            for other in siblings {
                self.remove_leg(LegKey { call: key.call, leg: other.id }, cause);
            }
            self.remove_leg(key, cause);
        }
        self.go_on_without(key.call, &left);
    }

    fn go_on_without(&mut self, key: CallKey, left: &Participant) {
        if let Some(change) = self.conference_change(key, CallConferenceModifyStatus::PARTYREMOVED, left) {
            for leg in self.legs(key).iter().filter(|l| l.is_up()) {
                self.events.push_back(Event::ConferenceChanged(leg.appearance, leg.id, REASON, Arc::clone(&change)));
            }
        }
        let rest = self.participants(key);
        match rest.as_slice() {
            [one, two] if !one.party.is(&two.party) => self.be_plain_again(key, one, two),
            [first, .., last] if !first.party.is(&last.party) || rest.len() > 2 => {}
            _ => self.clear(key, CallStateCause::NORMALCALLCLEARING),
        }
        self.end_if_bare(key);
    }

    /// Two are left: they learn of each other, if they did not know.
    fn be_plain_again(&mut self, key: CallKey, one: &Participant, two: &Participant) {
        let parties = Arc::new(Parties {
            calling: Some(one.party.clone()),
            called: Some(two.party.clone()),
            original_called: Some(two.party.clone()),
            last_redirecting: None,
            reassigned: true,
        });
        let Some(call) = self.calls.get_mut(&key) else { return };
        call.conference = None;
        call.parties = Arc::clone(&parties);
        call.outside.retain(|end| end.leg == one.leg || end.leg == two.leg);
        let knows = |known: &Parties| {
            let both = (known.calling.as_ref(), known.called.as_ref());
            let pair = |a: &Participant, b: &Participant| both.0.is_some_and(|p| p.is(&a.party)) && both.1.is_some_and(|p| p.is(&b.party));
            pair(one, two) || pair(two, one)
        };
        for leg in self.legs(key).iter().filter(|l| !knows(&l.parties)) {
            self.tell_parties(LegKey { call: key, leg: leg.id }, &parties, REASON);
        }
    }
}
