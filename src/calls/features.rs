//! What moved a call: transfer, diversion, park.
//!
//! Each is told once, at the first message that shows it with the party to whom the call goes, and before the event of the leg that
//! showed it.

use std::sync::Arc;

use crate::cti::{LineHandle, SessionId};
use crate::ctiqbe::messages::LineParkStatusEvent;
use crate::ctiqbe::names::{CallReason, ParkStatus};
use crate::event::{Detail, Direction, Diversion, EventType, HandlePair, Park, Parties, Party, Transfer, TransferKind};

use super::call::{Call, CallKey, Parked, REMEMBERED};
use super::leg::LegKey;
use super::merging::{Evidence, Join, Merged};
use super::parties::{self, End};
use super::{CallModel, Output, words};

/// The same transfer or diversion told again within this time is no second one, in microseconds.
const AGAIN: u64 = 10_000_000;

impl CallModel {
    /// A message about a leg names a feature that joined no calls.
    pub(super) fn feature(&mut self, key: LegKey, evidence: Evidence<'_>, out: &mut Output<'_>) {
        let reason = evidence.reason();
        match (reason, evidence) {
            (CallReason::BLINDTRANSFER, Evidence::Ended(_)) => self.handed_over_blindly(key),
            (CallReason::BLINDTRANSFER, _) => self.tell_transfer_of(key, TransferKind::Blind, out),
            (CallReason::REFER, Evidence::Parties(_)) => self.tell_transfer_of(key, TransferKind::Refer, out),
            (_, Evidence::Parties(_)) if words::is_transfer(reason) => self.tell_transfer_of(key, TransferKind::Consult, out),
            (_, Evidence::NewLeg(raw) | Evidence::Parties(raw)) if words::is_unpark(reason) => {
                self.taken_back(key, &raw.retrieved_from(), out);
            }
            (_, Evidence::NewLeg(_) | Evidence::Parties(_)) if words::is_diversion(reason) => self.tell_diversion_of(key, reason, out),
            (_, Evidence::Parties(raw)) if words::is_park(reason) => {
                if let Some(number) = raw.parked_at() {
                    self.tell_park_of(key, number, out);
                }
            }
            (CallReason::BARGE, Evidence::NewLeg(_) | Evidence::Parties(_)) => self.barged(key, out),
            _ => {}
        }
    }

    /// A leg tells of parties that nothing moved: perhaps those to whom it was handed over blindly, or who took it back from a park.
    pub(super) fn unexplained(&mut self, key: LegKey, evidence: Evidence<'_>, out: &mut Output<'_>) {
        let Evidence::Parties(raw) = evidence else { return };
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get(&leg.call) else { return };
        if let Some(number) = raw.parked_at() {
            return self.tell_park_of(key, number, out);
        }
        let redirected_by = leg.parties.last_redirecting();
        if call.blind.as_ref().is_some_and(|by| by.number == redirected_by.number) {
            return self.tell_transfer_of(key, TransferKind::Blind, out);
        }
        let far = leg.parties.remote();
        if call.parked.as_ref().is_some_and(|parked| far.number.is_some() && far.number.as_ref() != Some(&parked.number)) {
            let (by, call) = (far.clone(), leg.call);
            if let Some(call) = self.calls.get_mut(&call) {
                call.learn(leg);
            }
            self.tell_retrieval(call, by, None, out);
        }
    }

    /// The line gave its call away without asking anybody.
    fn handed_over_blindly(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get(&key) else { return };
        let by = parties::own(&leg.line);
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        // The new party may have been told first.
        let told = call.transfers.last().is_some_and(|last| last.kind == TransferKind::Blind && last.by.number == by.number);
        if !told || call.blind.is_some() {
            call.blind = Some(by);
        }
    }

    fn tell_transfer_of(&mut self, key: LegKey, kind: TransferKind, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        if leg.recovered && kind == TransferKind::Blind {
            return;
        }
        let by = match leg.parties.last_redirecting() {
            unknown if unknown.is_unknown() => call.blind.clone().unwrap_or_default(),
            by => by.clone(),
        };
        call.learn(leg);
        let to = leg.parties.called().clone();
        tell_transfer(call, Transfer { kind, by, to, merged_from: None, at: out.at }, out);
    }

    fn tell_diversion_of(&mut self, key: LegKey, reason: CallReason, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        // A leg that was found standing tells of what is past.
        if leg.recovered || leg.parties.last_redirecting().is_unknown() || leg.ends.called == End::Pseudo {
            return;
        }
        let Some(call) = self.calls.get_mut(&leg.call) else { return };
        let returns = matches!(reason, CallReason::PARKREMINDER | CallReason::DPARK_REVERSION | CallReason::FORWARD_NO_RETRIEVE);
        if returns && let Some(parked) = call.parked.take() {
            call.set_parked(out.at, None);
            self.parked.remove(&(Arc::clone(&call.source), parked.number));
        }
        call.learn(leg);
        // Who picks a call up is not the one who is called: that may still be whose phone rang, or the group.
        let picks_up = reason == CallReason::CALLPICKUP && leg.direction == Direction::Inbound;
        let to = if picks_up { parties::own(&leg.line) } else { leg.parties.called().clone() };
        let from = leg.parties.last_redirecting().clone();
        tell_diversion(call, Diversion { reason: words::reason(reason), from, to, at: out.at }, out);
    }

    /// Tells what joined two calls.
    pub(super) fn tell_join(&mut self, join: Join, merged: Merged<'_>, out: &mut Output<'_>) {
        let Merged { loser, survivor, controller, shown_by } = merged;
        let shown_by = shown_by.and_then(|key| self.legs.get(&key));
        let Some(call) = self.calls.get_mut(&survivor) else { return };
        let redirected_by = shown_by.map(|leg| leg.parties.last_redirecting()).filter(|by| !by.is_unknown());
        let by = if controller.is_unknown() { redirected_by.cloned().unwrap_or_default() } else { controller };
        let merged_from = Some(loser.id);
        match join {
            Join::Transfer(kind) => {
                let known = [&by, loser.parties.last_redirecting(), loser.parties.calling()];
                let by = known.into_iter().find(|party| !party.is_unknown()).cloned().unwrap_or_default();
                let to = match kind {
                    TransferKind::Replaces => loser.parties.calling().clone(),
                    _ => end_other_than(&by, loser),
                };
                match shown_by.filter(|leg| leg.ends.called != End::Unknown && Some(&leg.line.dn) != by.number.as_ref()) {
                    Some(leg) => call.learn(leg),
                    // What the controller's own legs know ends with them.
                    None => {
                        let stays = end_other_than(&by, call);
                        call.parties = Arc::new(Parties::new(stays, to.clone(), to.clone(), by.clone(), to.clone()));
                    }
                }
                tell_transfer(call, Transfer { kind, by, to, merged_from, at: out.at }, out);
            }
            Join::Conference => self.tell_conference(survivor, merged_from, out),
            Join::Retrieval => {
                if let Some(leg) = shown_by.filter(|leg| leg.ends.called == End::Other) {
                    call.learn(leg);
                }
                let by = loser.first().calling().clone();
                self.tell_retrieval(survivor, by, merged_from, out);
            }
            Join::Pickup => {
                let to = loser.first().calling().clone();
                tell_diversion(call, Diversion { reason: words::reason(CallReason::CALLPICKUP), from: by, to, at: out.at }, out);
            }
        }
    }

    /// The target of a blind transfer never showed: the call ends without it.
    pub(super) fn tell_blind(&mut self, call: &mut Call, by: Party, out: &mut Output<'_>) {
        let at = out.at;
        tell_transfer(call, Transfer { kind: TransferKind::Blind, by, to: Party::default(), merged_from: None, at }, out);
    }

    /// A party was parked, as a leg of it tells.
    fn tell_park_of(&mut self, key: LegKey, number: String, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        // Who dials a park number takes somebody back, and is not parked.
        if !leg.answered {
            return;
        }
        let by = leg.parties.last_redirecting().clone();
        self.tell_park(leg.call, Parked { number, partition: String::new() }, by, out);
    }

    fn tell_park(&mut self, call_key: CallKey, parked: Parked, by: Party, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        if let Some(known) = &mut call.parked {
            if known.partition.is_empty() {
                known.partition = parked.partition;
            }
            return;
        }
        let detail = Park { number: parked.number.clone(), partition: parked.partition.clone(), by, merged_from: None };
        self.parked.insert((Arc::clone(&call.source), parked.number.clone()), call_key);
        call.set_parked(out.at, Some(parked));
        out.push(EventType::CallParked, &call.source, call.body(out.at, Detail::Park(detail)));
        // Without a leg it is kept longer than any other.
        self.end_call_if_over(call_key, out);
    }

    /// A leg takes a party back that was parked under one of these numbers.
    fn taken_back(&mut self, key: LegKey, numbers: &[String; 2], out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let (own, far) = (leg.call, leg.parties.remote().clone());
        let Some(call) = self.calls.get_mut(&own) else { return };
        if call.parked.is_some() {
            call.learn(leg);
            return self.tell_retrieval(own, far, None, out);
        }
        let at = |number: &String| self.parked.get(&(Arc::clone(&call.source), number.clone())).copied();
        if let Some(parked) = numbers.iter().find_map(at).filter(|parked| *parked != own) {
            self.merge(own, parked, Join::Retrieval, Some(key), out);
        }
    }

    /// A party that was parked is with somebody again.
    fn tell_retrieval(&mut self, call_key: CallKey, by: Party, merged_from: Option<uuid::Uuid>, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        let Some(Parked { number, partition }) = call.parked.take() else { return };
        call.set_parked(out.at, None);
        self.parked.remove(&(Arc::clone(&call.source), number.clone()));
        let detail = Park { number, partition, by, merged_from };
        out.push(EventType::CallRetrieved, &call.source, call.body(out.at, Detail::Park(detail)));
    }

    /// What becomes of a party that a line parked. Only the phone that parked it is told.
    pub(super) fn park_status(&mut self, session: SessionId, m: &LineParkStatusEvent<'_>, out: &mut Output<'_>) {
        let Some(source) = self.sessions.source(session) else { return };
        let line = self.sessions.line_at(session, LineHandle { call_manager: m.line_call_manager_id, line: m.line_id });
        let (Some(line), number) = (line, m.park_dn.to_string()) else { return };
        let by_call = self.call_of(&source, HandlePair(m.global_call_manager_id, m.call_id));
        let Some(call_key) = by_call.or_else(|| self.parked.get(&(Arc::clone(&source), number.clone())).copied()) else { return };
        match m.park_state {
            ParkStatus::PARKED => {
                let parked = Parked { number, partition: m.park_dn_partition.to_string() };
                self.tell_park(call_key, parked, parties::own(&line), out);
            }
            ParkStatus::RETRIEVED => {
                self.tell_retrieval(call_key, Party::default(), None, out);
                self.end_call_if_over(call_key, out);
            }
            // It waits still.
            ParkStatus::REMINDER => {
                if let Some(call) = self.calls.get_mut(&call_key) {
                    call.left = call.left.map(|_| out.at);
                }
                self.end_call_if_over(call_key, out);
            }
            ParkStatus::ABANDONED | ParkStatus::FORWARDED => self.no_longer_parked(call_key, m.park_state == ParkStatus::FORWARDED, out),
            _ => {}
        }
    }

    /// The parked party gave up, or was sent on.
    fn no_longer_parked(&mut self, call_key: CallKey, goes_on: bool, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call_key) else { return };
        let Some(parked) = call.parked.take() else { return };
        call.set_parked(out.at, None);
        call.split &= goes_on;
        self.parked.remove(&(Arc::clone(&call.source), parked.number));
        self.end_call_if_over(call_key, out);
    }
}

/// That party of a call that is not this one: a transfer hands over to the one whom its controller talks to.
fn end_other_than(by: &Party, call: &Call) -> Party {
    let (calling, called) = (call.parties.calling(), call.parties.called());
    if called.number.is_some() && called.number == by.number { calling.clone() } else { called.clone() }
}

fn tell_transfer(call: &mut Call, transfer: Transfer, out: &mut Output<'_>) {
    call.blind = None;
    let again = |known: &Transfer| {
        known.at.0 + AGAIN > transfer.at.0 && known.by.number == transfer.by.number && known.to.number == transfer.to.number
    };
    if transfer.merged_from.is_none() && call.transfers.iter().any(again) {
        return;
    }
    if call.transfers.len() < REMEMBERED {
        call.transfers.push(transfer.clone());
    }
    out.push(EventType::CallTransferred, &call.source, call.body(out.at, Detail::Transfer(transfer)));
}

fn tell_diversion(call: &mut Call, diversion: Diversion, out: &mut Output<'_>) {
    let again = |known: &Diversion| {
        known.reason == diversion.reason && known.from.number == diversion.from.number && known.to.number == diversion.to.number
    };
    if call.diversions.iter().any(|known| again(known) && known.at.0 + AGAIN > diversion.at.0) {
        return;
    }
    if call.diversions.len() < REMEMBERED {
        call.diversions.push(diversion.clone());
    }
    out.push(EventType::CallDiverted, &call.source, call.body(out.at, Detail::Diversion(diversion)));
}
