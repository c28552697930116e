//! Parked calls: a party waits at a park number until somebody dials it, the parker is called back, or the party hangs up.

use std::sync::Arc;

use super::event::ParkNotice;
use super::{AppearanceId, CallError, CallKey, Cluster, Event, LegKey, Parties, Party, Timer, TimerKind};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, CtiPatternUsage, ParkStatus};

/// How a cluster parks and picks up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// The first park number; each following number is one too.
    pub first_park_number: u32,
    /// How many there are.
    pub park_numbers: u32,
    /// The partition of park numbers.
    pub partition: String,
    /// Service parameter 'Preserve globalCallId for Parked Calls': whether who retrieves moves to the parked call, or the other way round.
    pub preserve_parked_call: bool,
    /// Service parameter 'Auto Call Pickup Enabled': whether a call that is picked up is answered at once.
    pub auto_pickup: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { first_park_number: 500_001, park_numbers: 100, partition: String::new(), preserve_parked_call: false, auto_pickup: true }
    }
}

/// A call that is parked.
#[derive(Clone, Debug)]
pub(super) struct Parked {
    call: CallKey,
    parker: AppearanceId,
    party: Party,
    transaction: u64,
}

impl Cluster {
    fn park_number(&self, place: u32) -> Party {
        let number = (self.features.first_park_number + place).to_string();
        let party = Party::inside(&number, &format!("Park Number:{number}"), &self.features.partition);
        Party { usage: CtiPatternUsage::CALLPARK, ..party }
    }

    fn free_place(&self) -> Option<u32> {
        (0..self.features.park_numbers).find(|place| !self.car_park.contains_key(place))
    }

    /// Parks the other party of a connected call; the number where it waits.
    ///
    /// # Errors
    /// When the leg is not connected, in a conference, or all numbers are taken.
    pub fn park(&mut self, key: LegKey) -> Result<String, CallError> {
        let leg = self.leg(key).filter(|l| l.state == CallState::CONNECTED).cloned().ok_or(CallError::State)?;
        self.settled(key.call)?;
        let parked = self.far_party(key).ok_or(CallError::State)?;
        let place = self.free_place().ok_or(CallError::ParkFull)?;
        let (parker, number) = (self.own_party(&leg), self.park_number(place));

        self.split_line(key, CallReason::PARK);
        let original_called = self.calls.get(&key.call).and_then(|c| c.parties.original_called.clone());
        let parties = Parties {
            calling: Some(parked.clone()),
            called: Some(number.clone()),
            original_called,
            last_redirecting: Some(parker),
            reassigned: true,
        };
        self.next_parking += 1;
        let transaction = self.next_parking;
        self.car_park.insert(place, Parked { call: key.call, parker: leg.appearance, party: parked, transaction });
        if let Some(call) = self.calls.get_mut(&key.call) {
            call.parked = Some(place);
            call.patience = call.patience.wrapping_add(1);
            self.timers.push(Timer { kind: TimerKind::Reversion, call: key.call, patience: call.patience });
        }
        self.tell_all(key.call, parties, CallReason::PARK);
        self.tell_parker(place, ParkStatus::PARKED);
        Ok(number.number)
    }

    fn park_notice(&self, place: u32, status: ParkStatus) -> Option<(AppearanceId, Arc<ParkNotice>)> {
        let Parked { call, parker, party, transaction } = self.car_park.get(&place)?.clone();
        let number = self.park_number(place);
        Some((parker, Arc::new(ParkNotice { call: self.global_call(call), transaction, status, number, parked: party })))
    }

    fn tell_parker(&mut self, place: u32, status: ParkStatus) {
        self.events.extend(self.park_notice(place, status).map(|(parker, notice)| Event::Park(parker, notice)));
    }

    /// What a line has parked, for a client that opens it.
    pub fn parked_by(&self, appearance: AppearanceId) -> Vec<Arc<ParkNotice>> {
        let own = self.car_park.iter().filter(|(_, parked)| parked.parker == appearance);
        own.filter_map(|(place, _)| self.park_notice(*place, ParkStatus::PARKED)).map(|(_, notice)| notice).collect()
    }

    fn find_parked(&self, number: &str) -> Option<(u32, &Parked)> {
        let place = number.parse::<u32>().ok()?.checked_sub(self.features.first_park_number)?;
        self.car_park.get(&place).map(|parked| (place, parked))
    }

    /// The call that is parked at a number.
    pub fn parked_at(&self, number: &str) -> Option<CallKey> {
        self.find_parked(number).map(|(_, parked)| parked.call)
    }

    /// The number at which a call is parked.
    pub fn park_number_of(&self, call: CallKey) -> Option<String> {
        let place = self.calls.get(&call)?.parked?;
        Some(self.park_number(place).number)
    }

    /// A phone dials a park number and has the party that waits there; the call that they are in.
    ///
    /// # Errors
    /// When nobody waits there, the phone cannot call, or is itself the one who waits.
    pub fn retrieve(&mut self, at: AppearanceId, number: &str) -> Result<CallKey, CallError> {
        let (place, parked) = self.find_parked(number).ok_or(CallError::NotParked)?;
        let (waiting, party) = (parked.call, parked.party.clone());
        self.can_call(at)?;
        let own = self.line_party(self.appearance(at).line);
        if party.is(&own) {
            return Err(CallError::SameLine);
        }
        let code = self.park_number(place);
        let dialled = Arc::new(Parties { calling: Some(own.clone()), ..Parties::default() });
        let call = self.new_call(Arc::clone(&dialled));
        self.hold_others(self.appearance(at).device, None);
        let leg = self.add_leg(call, at, CallState::DIALTONE, CallOrigin::OUTBOUND, CallReason::DIRECTCALL);
        self.announce(leg);
        self.set_state(leg, CallState::DIALING, CallStateCause::NOERROR);
        let dialled =
            Parties { calling: Some(own.clone()), called: Some(code.clone()), original_called: Some(code.clone()), ..Parties::default() };
        self.tell_parties(leg, &Arc::new(dialled), CallReason::DIRECTCALL);
        self.set_state(leg, CallState::PROCEEDING, CallStateCause::NOERROR);

        // Who retrieves counts as the caller, who waited as the called.
        let parties = Arc::new(Parties {
            calling: Some(own),
            original_called: Some(party.clone()),
            called: Some(party),
            last_redirecting: Some(code),
            reassigned: true,
        });
        let (from, to, moving) = if self.features.preserve_parked_call {
            (call, waiting, vec![leg.leg])
        } else {
            (waiting, call, self.legs(waiting).iter().map(|l| l.id).collect())
        };
        let stay: Vec<i32> = self.legs(to).iter().map(|l| l.id).collect();
        for leg in moving {
            let moved = self.move_leg(LegKey { call: from, leg }, to, Some(&parties), CallReason::UNPARK);
            self.tell_parties(moved, &parties, CallReason::UNPARK);
        }
        for leg in stay {
            self.tell_parties(LegKey { call: to, leg }, &parties, CallReason::UNPARK);
        }
        self.set_state(LegKey { call: to, leg: leg.leg }, CallState::CONNECTED, CallStateCause::NOERROR);
        self.tell_parker(place, ParkStatus::RETRIEVED);
        self.free(place);

        let outside = self.calls.get_mut(&from).map(|c| std::mem::take(&mut c.outside)).unwrap_or_default();
        if let Some(call) = self.calls.get_mut(&to) {
            call.parties = parties;
            call.outside.extend(outside);
        }
        self.end_call(from);
        Ok(to)
    }

    fn free(&mut self, place: u32) {
        let Some(parked) = self.car_park.remove(&place) else { return };
        if let Some(call) = self.calls.get_mut(&parked.call) {
            call.parked = None;
        }
        self.be_patient_no_more(parked.call);
    }

    /// Whoever waits hangs up, or the call is cleared otherwise.
    pub(super) fn give_up_parking(&mut self, key: CallKey) {
        if let Some(place) = self.calls.get(&key).and_then(|c| c.parked) {
            self.tell_parker(place, ParkStatus::ABANDONED);
            self.free(place);
        }
    }

    /// The party has waited long enough: it rings at the line that parked it. While that is busy, it waits on.
    pub fn revert_parked(&mut self, key: CallKey) {
        let Some((place, parker)) = self.calls.get(&key).and_then(|c| c.parked).and_then(|at| Some((at, self.car_park.get(&at)?.parker)))
        else {
            return;
        };
        let line = self.appearance(parker).line;
        let taken = self.legs(key).iter().any(|l| self.appearance(l.appearance).line == line);
        let appearances = if taken { vec![] } else { self.appearances_with_room(line) };
        self.tell_parker(place, ParkStatus::REMINDER);
        if appearances.is_empty() {
            self.be_patient_no_more(key);
            let patience = self.calls.get(&key).map_or(0, |c| c.patience);
            return self.timers.push(Timer { kind: TimerKind::Reversion, call: key, patience });
        }
        let Some(party) = self.car_park.get(&place).map(|parked| parked.party.clone()) else { return };
        self.free(place);
        let parker = self.line_party(line);
        let parties = Parties {
            calling: Some(party),
            called: Some(parker.clone()),
            original_called: Some(parker.clone()),
            last_redirecting: Some(parker),
            reassigned: true,
        };
        self.tell_all(key, parties.clone(), CallReason::PARKREMINDER);
        let end = super::routing::End::Lines(appearances);
        self.ring(key, super::routing::Route { end, parties, reason: CallReason::PARKREMINDER });
    }
}
