//! Hunt pilots: a number whose members ring one after the other.
//!
//! At a member's line the called party is the pilot, never the own number; the caller learns who answered beside the pilot's number.

use std::sync::Arc;

use super::{AppearanceId, CallKey, Cluster, Destination, Event, Leg, LegKey, LineId, Parties, Party};
use crate::ctiqbe::names::{CallReason, CallStateCause, CtiPatternUsage};

/// A hunt pilot, by the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PilotId(usize);

/// A number whose members ring one after the other.
#[derive(Clone, Debug)]
pub struct Pilot {
    /// The number.
    pub number: String,
    /// Its partition.
    pub partition: String,
    /// The lines, in the order in which they ring.
    pub members: Vec<LineId>,
    /// Where a call goes that nobody answers.
    pub forward: Option<Destination>,
}

/// A call that looks for a member who answers.
#[derive(Clone, Debug)]
pub(super) struct Hunt {
    pilot: PilotId,
    /// The place of the member that rings.
    at: usize,
}

impl Cluster {
    /// Makes a hunt pilot, or changes the one of this number.
    pub fn set_pilot(&mut self, pilot: Pilot) -> PilotId {
        let known = self.pilots.iter().position(|p| p.number == pilot.number);
        match known.and_then(|at| Some((at, self.pilots.get_mut(at)?))) {
            Some((at, place)) => {
                *place = pilot;
                PilotId(at)
            }
            None => {
                self.pilots.push(pilot);
                PilotId(self.pilots.len() - 1)
            }
        }
    }

    /// The hunt pilot of this number.
    pub fn find_pilot(&self, number: &str) -> Option<PilotId> {
        self.pilots.iter().position(|p| p.number == number).map(PilotId)
    }

    /// All hunt pilots.
    pub fn pilots(&self) -> impl ExactSizeIterator<Item = PilotId> + use<> {
        (0..self.pilots.len()).map(PilotId)
    }

    pub(super) fn pilot(&self, id: PilotId) -> Option<&Pilot> {
        self.pilots.get(id.0)
    }

    pub(super) fn pilot_party(&self, id: PilotId) -> Party {
        let party = self.pilot(id).map(|p| Party::inside(&p.number, "", &p.partition)).unwrap_or_default();
        Party { usage: CtiPatternUsage::HUNTPILOT, ..party }
    }

    /// The first member from the place `from` that can ring.
    pub(super) fn next_member(&self, pilot: PilotId, from: usize, taken: &[LineId]) -> Option<(Hunt, Vec<AppearanceId>)> {
        let members = self.pilot(pilot)?.members.iter().enumerate().skip(from).filter(|(_, line)| !taken.contains(line));
        let with_room = |(at, line): (usize, &LineId)| {
            let appearances = self.appearances_with_room(*line);
            (!appearances.is_empty()).then_some((Hunt { pilot, at }, appearances))
        };
        members.filter_map(with_room).next()
    }

    /// The member that rings does not answer: the next one rings, or the call is sent on, or it ends.
    pub(super) fn hunt_on(&mut self, key: CallKey) -> bool {
        let Some(hunt) = self.calls.get(&key).and_then(|c| c.hunt.clone()) else { return false };
        let legs = self.legs(key);
        let Some(reason) = legs.iter().find(|l| l.rings()).map(|l| l.reason) else { return false };
        for leg in legs.iter().filter(|l| l.rings()) {
            self.drop_leg(LegKey { call: key, leg: leg.id }, CallStateCause::NOERROR, CallReason::DIRECTCALL);
        }
        let stay: Vec<Leg> = legs.into_iter().filter(|l| !l.rings()).collect();
        let taken: Vec<LineId> = stay.iter().map(|l| self.appearance(l.appearance).line).collect();
        if let Some((next, appearances)) = self.next_member(hunt.pilot, hunt.at + 1, &taken) {
            let Some(call) = self.calls.get(&key) else { return false };
            let parties = (*call.parties).clone();
            self.ring(key, super::routing::Route { end: super::routing::End::Member(next, appearances), parties, reason });
            return true;
        }
        let Some(target) = self.pilot(hunt.pilot).and_then(|p| p.forward.clone()) else {
            self.clear(key, CallStateCause::NOANSWERFROMUSER);
            return true;
        };
        let id = self.calls.get(&key).map(|c| c.id).unwrap_or_default();
        let to = self.destination_party(&target);
        let told = stay.iter().filter(|l| !l.remote_in_use).map(|l| Event::HuntSentOn(l.appearance, id, to.clone()));
        self.events.extend(told);
        let pilot = self.pilot_party(hunt.pilot);
        self.send_on(key, pilot, &target, CallReason::FORWARDNOANWSER, CallReason::DIRECTCALL);
        true
    }

    /// Somebody answers for a pilot: the others learn who.
    pub(super) fn name_hunt_member(&mut self, key: CallKey, answering: &Leg) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        if call.hunt.take().is_none() {
            return;
        }
        let mut parties: Parties = (*call.parties).clone();
        let member = self.own_party(answering);
        if let Some(pilot) = &mut parties.called {
            pilot.hunt_member = Some((member.number, member.partition));
        }
        let parties = Arc::new(parties);
        let others: Vec<i32> = self.legs(key).iter().filter(|l| !l.rings()).map(|l| l.id).collect();
        for leg in others {
            self.tell_parties(LegKey { call: key, leg }, &parties, CallReason::DIRECTCALL);
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.parties = parties;
        }
    }

    /// Whether a hunt pilot is named among the parties of a call: then nobody is told when a feature begins or ends.
    pub(super) fn hunted(&self, key: CallKey) -> bool {
        let pilot = |p: &Option<Party>| p.as_ref().is_some_and(|p| p.usage == CtiPatternUsage::HUNTPILOT);
        self.calls.get(&key).is_some_and(|c| pilot(&c.parties.called) || pilot(&c.parties.calling))
    }
}
