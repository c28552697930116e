//! Two calls turn out to be one conversation.
//!
//! The cluster joins calls at a transfer, a conference, or when a parked or picked-up party is taken. It may announce that
//! (`LineTransferStartedEvent`, `LineConferenceStartedEvent`) and often does not. The first evidence counts: a leg whose global call id
//! becomes that of another call, party information that names the feature, or the end of the leg that asked. One call survives and
//! keeps its `call_id`; the last event of the other is `call.merged`. The order: that, then what joined them, then the leg that showed it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::cti::SessionId;
use crate::ctiqbe::messages::{LineCBargeStartedEvent, LineConferenceStartedEvent, LineTransferStartedEvent};
use crate::ctiqbe::names::{CallOrigin, CallReason};
use crate::event::{Detail, EventType, HandlePair, LegState, Party, TransferKind};
use crate::time::Timestamp;

use super::call::{Call, CallKey};
use super::leg::{Leg, LegKey};
use super::parties::{self, RawParties};
use super::{CallModel, Output, words};

/// How long an announcement is remembered, in microseconds: the join follows within a second.
const REMEMBERED: u64 = 60_000_000;

/// What a message shows beside what it says of its leg.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// A new leg.
    NewLeg(&'a RawParties<'a>),
    /// New party information.
    Parties(&'a RawParties<'a>),
    /// The leg is over, by this feature.
    Ended(CallReason),
}

impl Evidence<'_> {
    pub fn reason(&self) -> CallReason {
        match self {
            Self::NewLeg(raw) | Self::Parties(raw) => raw.reason,
            Self::Ended(reason) => *reason,
        }
    }
}

/// What joins two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    Transfer(TransferKind),
    Conference,
    Retrieval,
    Pickup,
}

/// Two calls that became one.
#[derive(Debug)]
pub struct Merged<'a> {
    pub loser: &'a Call,
    pub survivor: CallKey,
    /// Who joined them, where that was announced.
    pub controller: Party,
    /// The leg whose message showed it.
    pub shown_by: Option<LegKey>,
}

/// A join that was announced.
#[derive(Clone, Debug)]
struct Announcement {
    surviving: HandlePair,
    is_conference: bool,
    controller: Party,
    at: Timestamp,
}

/// Joins that were announced, by the call that will not survive.
#[derive(Debug, Default)]
pub struct Announcements {
    joins: HashMap<(Arc<str>, HandlePair), Announcement, RandomState>,
    /// The calls that will not survive, by the one that will.
    into: HashMap<(Arc<str>, HandlePair), Vec<HandlePair>, RandomState>,
    /// By the feature's transaction: the calls that will not survive.
    transactions: HashMap<(SessionId, i32), Vec<HandlePair>, RandomState>,
    /// In the order in which they came: whichever is old is forgotten.
    order: VecDeque<Announced>,
}

/// Which announcement came when.
#[derive(Debug)]
struct Announced {
    at: Timestamp,
    source: Arc<str>,
    other: HandlePair,
    transaction: (SessionId, i32),
}

impl Announcements {
    fn add(&mut self, source: &Arc<str>, transaction: (SessionId, i32), other: HandlePair, join: Announcement) {
        let (at, surviving) = (join.at, join.surviving);
        // Every line of the calls is told the same.
        if self.joins.insert((Arc::clone(source), other), join).is_none() {
            self.order.push_back(Announced { at, source: Arc::clone(source), other, transaction });
            self.transactions.entry(transaction).or_default().push(other);
            self.into.entry((Arc::clone(source), surviving)).or_default().push(other);
        }
    }

    fn remove(&mut self, source: &Arc<str>, other: HandlePair) {
        if let Some(join) = self.joins.remove(&(Arc::clone(source), other)) {
            self.into.remove(&(Arc::clone(source), join.surviving));
        }
    }

    /// The calls that will become part of the one that is known by this id.
    fn ending_in(&self, source: &Arc<str>, surviving: HandlePair) -> &[HandlePair] {
        self.into.get(&(Arc::clone(source), surviving)).map(Vec::as_slice).unwrap_or_default()
    }

    fn get(&self, source: &Arc<str>, other: HandlePair) -> Option<&Announcement> {
        self.joins.get(&(Arc::clone(source), other))
    }

    /// Forgets those that are old.
    pub fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|oldest| oldest.at.0 + REMEMBERED <= now.0) {
            let Some(old) = self.order.pop_front() else { return };
            self.remove(&old.source, old.other);
            self.transactions.remove(&old.transaction);
        }
    }
}

impl CallModel {
    pub(super) fn transfer_started(&mut self, session: SessionId, m: &LineTransferStartedEvent<'_>, at: Timestamp) {
        let surviving = HandlePair(m.surviving_gcmid, m.surviving_gccid);
        let controller = parties::numbered(m.controller_number);
        let join = Announcement { surviving, is_conference: false, controller, at };
        self.announce(session, m.transaction_id, [HandlePair(m.other_gcmid, m.other_gccid)], &join);
    }

    pub(super) fn conference_started(&mut self, session: SessionId, m: &LineConferenceStartedEvent<'_>, at: Timestamp) {
        let surviving = HandlePair(m.surviving_gcmid, m.surviving_gccid);
        let controller = parties::numbered(m.controller_number);
        let join = Announcement { surviving, is_conference: true, controller, at };
        let others = m.other_gci_ds.iter().map(|other| HandlePair(other.call_manager_id, other.call_id));
        self.announce(session, m.transaction_id, others, &join);
    }

    pub(super) fn cbarge_started(&mut self, session: SessionId, m: &LineCBargeStartedEvent<'_>, at: Timestamp) {
        let surviving = HandlePair(m.surviving_gcmid, m.surviving_gccid);
        let controller = parties::numbered(m.controller_number);
        let join = Announcement { surviving, is_conference: true, controller, at };
        self.announce(session, m.transaction_id, [HandlePair(m.other_gcmid, m.other_gccid)], &join);
    }

    fn announce(&mut self, session: SessionId, transaction: i32, others: impl IntoIterator<Item = HandlePair>, join: &Announcement) {
        let Some(source) = self.sessions.source(session) else { return };
        for other in others.into_iter().filter(|other| *other != join.surviving && *other != HandlePair::default()) {
            self.announced.add(&source, (session, transaction), other, join.clone());
        }
    }

    /// A join that was announced is done, or failed.
    pub(super) fn join_ended(&mut self, session: SessionId, transaction: i32, success: bool, out: &mut Output<'_>) {
        let Some(source) = self.sessions.source(session) else { return };
        let Some(others) = self.announced.transactions.get(&(session, transaction)).cloned() else { return };
        for other in others {
            if !success {
                self.announced.remove(&source, other);
            } else if let Some(loser) = self.call_of(&source, other)
                && let Some((survivor, join)) = self.partner(loser, CallReason(0))
            {
                self.merge(loser, survivor, join, None, out);
            }
        }
    }

    /// A leg of a consult call came: it asks about another call on its device.
    pub(super) fn consult_begins(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get(&key) else { return };
        let child = leg.call;
        let on_device = self.sessions.legs_on(key.session, &leg.line.device.name);
        let candidates = on_device.iter().filter(|other| **other != key).filter_map(|other| self.legs.get(other));
        // Held before the consult call or after it: which comes first depends on the phone.
        let rank = |state: LegState| match state {
            LegState::Connected => 2,
            LegState::Held => 1,
            _ => 0,
        };
        let parent = candidates
            .filter(|other| other.call != child && rank(other.state) > 0)
            .max_by_key(|other| (rank(other.state), other.touched))
            .map(|other| other.call);
        if let Some(call) = parent.and_then(|parent| self.calls.get_mut(&parent)) {
            // The last ones count: a call that was asked about so often is asked about again.
            call.consults.truncate(super::call::REMEMBERED);
            call.consults.insert(0, child);
        }
        if let Some(call) = self.calls.get_mut(&child).filter(|_| parent.is_some()) {
            call.asks_about = parent;
        }
    }

    /// The call into which this one goes, by an announcement or because it was made to ask about it; and how.
    fn partner(&self, loser: CallKey, reason: CallReason) -> Option<(CallKey, Join)> {
        let call = self.calls.get(&loser)?;
        let announced = call.aliases.iter().find_map(|alias| self.announced.get(&call.source, *alias));
        let survivor = match announced {
            Some(join) => self.call_of(&call.source, join.surviving),
            None => call.asks_about,
        };
        let survivor = survivor.filter(|survivor| *survivor != loser && self.calls.contains_key(survivor))?;
        let is_conference = announced.map(|join| join.is_conference);
        Some((survivor, self.join_of(loser, reason, is_conference)))
    }

    /// The call on the same device into which this one goes when its leg there ends because of a conference: that which began first.
    fn conference_beside(&self, loser: CallKey) -> Option<CallKey> {
        // A leg that leaves a conference says the same.
        let legs = &self.calls.get(&loser).filter(|call| call.conference.is_none())?.legs;
        let beside = legs.iter().flat_map(|(key, line)| self.sessions.legs_on(key.session, &line.device.name));
        let talks = |leg: &&Leg| matches!(leg.state, LegState::Connected | LegState::Held) && leg.call < loser;
        beside.filter_map(|key| self.legs.get(key)).filter(talks).map(|leg| leg.call).min()
    }

    /// The call that goes into this one.
    pub(super) fn joining(&self, survivor: CallKey, called: Option<&str>) -> Option<CallKey> {
        let call = self.calls.get(&survivor)?;
        let asks_for = |key: &&CallKey| {
            if **key == survivor {
                return false;
            }
            let far = self.calls.get(key).map(|consult| consult.parties.called());
            far.is_some_and(|far| called.is_none() || far.number.is_none() || far.number.as_deref() == called)
        };
        let announced = call.aliases.iter().flat_map(|alias| self.announced.ending_in(&call.source, *alias));
        let mut announced = announced.filter_map(|other| self.call_of(&call.source, *other)).filter(|key| *key != survivor);
        announced.next().or_else(|| call.consults.iter().find(asks_for).copied().filter(|key| self.calls.contains_key(key)))
    }

    /// What joins a call to another, by the reason told, the announcement, or how the leg that asked came to be.
    fn join_of(&self, loser: CallKey, reason: CallReason, is_conference: Option<bool>) -> Join {
        let origins = self.calls.get(&loser).map(|call| call.legs.as_slice()).unwrap_or_default();
        let asked_for = |origin: CallOrigin| origins.iter().any(|(key, _)| self.legs.get(key).is_some_and(|leg| leg.origin == origin));
        let consulted = asked_for(CallOrigin::OUTBOUNDTRANSFER);
        match reason {
            CallReason::REFER => Join::Transfer(TransferKind::Refer),
            CallReason::REPLACE => Join::Transfer(TransferKind::Replaces),
            CallReason::QSIG_PATH_REPLACEMENT => Join::Transfer(TransferKind::PathReplacement),
            CallReason::CALLPICKUP => Join::Pickup,
            _ if words::is_unpark(reason) => Join::Retrieval,
            _ if words::is_conference(reason) || is_conference == Some(true) => Join::Conference,
            _ if consulted => Join::Transfer(TransferKind::Consult),
            _ if asked_for(CallOrigin::OUTBOUNDCONFERENCE) => Join::Conference,
            _ => Join::Transfer(TransferKind::Direct),
        }
    }

    /// A message about a leg may show that its call is one with another.
    pub(super) fn evidence(&mut self, key: LegKey, evidence: Evidence<'_>, out: &mut Output<'_>) {
        let reason = evidence.reason();
        // Nearly every message is of a leg that nothing moved.
        if reason == CallReason::DIRECTCALL || reason == CallReason(0) {
            return self.unexplained(key, evidence, out);
        }
        let Some(leg) = self.legs.get(&key) else { return };
        let call = leg.call;
        let joins = words::is_transfer(reason) || words::is_conference(reason);
        if joins && let Some((survivor, join)) = self.partner(call, reason).filter(|_| !matches!(evidence, Evidence::NewLeg(_))) {
            return self.merge(call, survivor, join, Some(key), out);
        }
        if matches!(evidence, Evidence::Ended(_))
            && reason == CallReason::CONFERENCE
            && let Some(survivor) = self.conference_beside(call)
        {
            return self.merge(call, survivor, Join::Conference, Some(key), out);
        }
        let called = leg.parties.called().number.clone();
        if joins
            && matches!(evidence, Evidence::Parties(_))
            && let Some(loser) = self.joining(call, called.as_deref())
        {
            let join = self.join_of(loser, reason, None);
            return self.merge(loser, call, join, Some(key), out);
        }
        self.feature(key, evidence, out);
    }

    /// The leg's global call id changed. When that id is a call that we know, the two are one; else its call is known by the new id too.
    pub(super) fn global_call_changed(&mut self, key: LegKey, global_call: HandlePair, raw: &RawParties<'_>, out: &mut Output<'_>) {
        let changed = self.learn_parties(key, raw, out.at);
        let Some(leg) = self.legs.get_mut(&key) else { return };
        let (before, from) = (std::mem::replace(&mut leg.global_call, global_call), leg.call);
        if before != global_call {
            self.follow_global_call(key, from, global_call, raw.reason, out);
        }
        self.evidence(key, Evidence::Parties(raw), out);
        self.tell_parties(key, changed, out);
    }

    fn follow_global_call(&mut self, key: LegKey, from: CallKey, global_call: HandlePair, reason: CallReason, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&from) else { return };
        let source = Arc::clone(&call.source);
        let Some(to) = self.global_calls.get(&(Arc::clone(&source), global_call)).copied() else {
            call.global_call = global_call;
            if call.aliases.len() < super::call::REMEMBERED {
                call.aliases.push(global_call);
                self.global_calls.insert((source, global_call), from);
            }
            return;
        };
        if to == from {
            return;
        }
        let announced = |call: CallKey| {
            let call = self.calls.get(&call)?;
            call.aliases.iter().find_map(|alias| self.announced.get(&call.source, *alias))
        };
        let (leaves, stays) = (announced(from), announced(to));
        // Without an announcement the elder goes on: it is the conversation, the other was made to get at it.
        let from_survives = match (leaves, stays) {
            (Some(_), None) => false,
            (None, Some(_)) => true,
            _ => from < to,
        };
        let is_conference = leaves.or(stays).map(|join| join.is_conference);
        let (loser, survivor) = if from_survives { (to, from) } else { (from, to) };
        let join = self.join_of(loser, reason, is_conference);
        self.merge(loser, survivor, join, Some(key), out);
        if let Some(call) = self.calls.get_mut(&survivor) {
            call.global_call = global_call;
        }
    }

    /// One call becomes part of another. `shown_by`: the leg whose message showed it, which is told next.
    pub(super) fn merge(&mut self, loser_key: CallKey, survivor_key: CallKey, join: Join, shown_by: Option<LegKey>, out: &mut Output<'_>) {
        let Some(survivor_id) = self.calls.get(&survivor_key).filter(|_| survivor_key != loser_key).map(|call| call.id) else { return };
        let Some(mut loser) = self.calls.remove(&loser_key) else { return };
        let announced = loser.aliases.iter().find_map(|alias| self.announced.get(&loser.source, *alias));
        let controller = announced.map(|join| join.controller.clone()).unwrap_or_default();
        if let Some(join) = announced
            && let Some(survivor) = self.calls.get_mut(&survivor_key)
        {
            survivor.global_call = join.surviving;
        }
        out.push(EventType::CallMerged, &loser.source, loser.body(out.at, Detail::Merged(survivor_id)));
        for alias in &loser.aliases {
            let known_as = (Arc::clone(&loser.source), *alias);
            if self.global_calls.get(&known_as) == Some(&loser_key) {
                self.global_calls.insert(known_as, survivor_key);
            }
        }
        if let Some(parked) = &loser.parked {
            self.parked.insert((Arc::clone(&loser.source), parked.number.clone()), survivor_key);
        }
        let legs = std::mem::take(&mut loser.legs);
        let pops = std::mem::take(&mut loser.pops);
        for (key, line) in legs {
            let Some(leg) = self.leg_mut(key) else { continue };
            leg.call = survivor_key;
            let (state, ringing) = (leg.state, leg.is_ringing());
            if let Some(survivor) = self.calls.get_mut(&survivor_key) {
                survivor.join(out.at, key, &line, state);
                if ringing {
                    survivor.rings(&line);
                }
            }
        }
        if let Some(survivor) = self.calls.get_mut(&survivor_key) {
            survivor.absorb(&mut loser);
        }
        let merged = Merged { loser: &loser, survivor: survivor_key, controller, shown_by };
        self.tell_join(join, merged, out);
        self.pops_move(pops, loser.id, survivor_key, out);
        self.end_call_if_over(survivor_key, out);
    }
}
