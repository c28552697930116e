//! Who is in a conference: the lines that are observed, and whom the cluster names.

use uuid::Uuid;

use crate::cti::{LineHandle, SessionId};
use crate::ctiqbe::messages::{CallConferenceStateChangedEvent, ParticipantInfo};
use crate::ctiqbe::names::CallConferenceModifyStatus;
use crate::event::{self, Detail, EventType, HandlePair, LegState, Party};

use super::call::{Call, CallKey, REMEMBERED};
use super::leg::LegKey;
use super::merging::Join;
use super::parties;
use super::{CallModel, Output};

/// A call that is a conference.
#[derive(Clone, Debug, Default)]
pub struct Conference {
    /// Whom the cluster named, by their legs.
    pub(super) named: Vec<(HandlePair, Party)>,
    /// Who was told to be in it.
    pub(super) told: Vec<Party>,
}

impl CallModel {
    /// A call became a conference, or its participants may have changed: tells who is in it.
    pub(super) fn tell_conference(&mut self, call_key: CallKey, merged_from: Option<Uuid>, out: &mut Output<'_>) {
        let Some(call) = self.calls.get(&call_key) else { return };
        let participants = self.participants(call);
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        let conference = call.conference.get_or_insert_default();
        // That somebody's name became known is no change.
        let is_in = |party: &Party| participants.iter().any(|other| party == other || is_same(party, other));
        let same = conference.told.len() == participants.len() && conference.told.iter().all(is_in);
        if merged_from.is_none() && same {
            return;
        }
        conference.told.clone_from(&participants);
        let detail = Detail::Conference(event::Conference { participants, merged_from });
        out.push(EventType::CallConferenced, &call.source, call.body(out.at, detail));
    }

    fn participants(&self, call: &Call) -> Vec<Party> {
        let in_it = |key: &LegKey| self.legs.get(key).is_some_and(|leg| leg.state != LegState::RemoteInUse);
        let mut found: Vec<Party> = Vec::new();
        let mut add = |party: Party| {
            if found.len() < REMEMBERED && !found.iter().any(|known| is_same(known, &party)) {
                found.push(party);
            }
        };
        let named: &[(HandlePair, Party)] = call.conference.as_ref().map_or(&[], |conference| &conference.named);
        let observed = || call.legs.iter().filter(|(key, _)| in_it(key));
        for (key, line) in observed() {
            // The cluster may know its name; a number that it presents instead of its own says nothing here.
            let by_name = named.iter().find(|(leg, party)| key.leg == *leg && party.number.as_ref() == Some(&line.dn));
            add(by_name.map_or_else(|| parties::own(line), |(_, party)| party.clone()));
        }
        let others = named.iter().filter(|(leg, _)| !observed().any(|(key, _)| key.leg == *leg));
        others.for_each(|(_, party)| add(party.clone()));
        found
    }

    /// Somebody joined or left.
    pub(super) fn conference_changed(&mut self, session: SessionId, m: &CallConferenceStateChangedEvent<'_>, out: &mut Output<'_>) {
        let line = LineHandle { call_manager: m.line_call_manager_id, line: m.line_id };
        let key = LegKey { session, line, leg: HandlePair(m.call_call_manager_id, m.call_leg_id) };
        let Some(leg) = self.legs.get_mut(&key) else { return };
        leg.touched = out.at;
        let call_key = leg.call;
        let removed = m.modify_status == CallConferenceModifyStatus::PARTYREMOVED;
        if !removed && let Some(loser) = self.joining(call_key, None) {
            self.merge(loser, call_key, Join::Conference, Some(key), out);
        }
        let reveal = self.reveal_withheld;
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        // That somebody left a conference which has shrunk to a call of two is told after the fact.
        if removed && call.conference.is_none() {
            return;
        }
        let conference = call.conference.get_or_insert_default();
        let changed = &m.changed_participant_info;
        for info in m.other_participants_info.iter().chain((!removed).then_some(*changed)) {
            conference.name(&info, reveal);
        }
        if removed {
            conference.forget(changed, reveal);
        }
        self.tell_change(call_key, out);
    }

    /// A leg of a conference ended.
    pub(super) fn conference_shrinks(&mut self, call_key: CallKey, leg: HandlePair, out: &mut Output<'_>) {
        let Some(conference) = self.calls.get_mut(&call_key).and_then(|call| call.conference.as_mut()) else { return };
        conference.named.retain(|(known, _)| *known != leg);
        self.tell_change(call_key, out);
    }

    /// Tells who is left, unless that is no conversation; of two it is a plain call again.
    fn tell_change(&mut self, call_key: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get(&call_key) else { return };
        let was = call.conference.as_ref().map_or(0, |conference| conference.told.len());
        let left = self.participants(call).len();
        if left >= 2 {
            self.tell_conference(call_key, None, out);
        }
        if left <= 2
            && was > left
            && let Some(call) = self.calls.get_mut(&call_key)
        {
            call.conference = None;
        }
    }

    /// A line joined a call on another of its devices.
    pub(super) fn barged(&mut self, key: LegKey, out: &mut Output<'_>) {
        if let Some(leg) = self.legs.get(&key) {
            let call = leg.call;
            self.tell_conference(call, None, out);
        }
    }
}

/// Whether two parties have the same number. One that withholds its number is like no other.
fn is_same(one: &Party, other: &Party) -> bool {
    one.number.is_some() && one.number == other.number
}

impl Conference {
    fn name(&mut self, info: &ParticipantInfo<'_>, reveal: bool) {
        let Some((leg, party)) = named(info, reveal) else { return };
        if let Some((_, known)) = self.named.iter_mut().find(|(known, _)| *known == leg) {
            *known = party;
        } else if self.named.len() < REMEMBERED {
            self.named.push((leg, party));
        }
    }

    fn forget(&mut self, info: &ParticipantInfo<'_>, reveal: bool) {
        let Some((leg, party)) = named(info, reveal) else { return };
        self.named.retain(|(known, other)| *known != leg && (party.number.is_none() || other.number != party.number));
    }
}

/// A participant by its leg; none where the cluster names a bridge, or nobody.
fn named(info: &ParticipantInfo<'_>, reveal: bool) -> Option<(HandlePair, Party)> {
    let party = parties::participant(info, reveal)?;
    Some((HandlePair(info.call_manager_id, info.call_leg_id), party))
}
