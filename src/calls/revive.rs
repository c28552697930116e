//! Calls of an earlier run go on: a gateway that was killed knows from its log which calls were up.
//!
//! [`Revival`] reads the story of a call; [`CallModel::revive`] takes what stood at its end. Its legs wait to be found again, as after a
//! break. Which session they belong to no event says: a leg waits under its cluster's name until a session opens its line, and is that
//! session's from then on. When every session has told what stands, whoever waits still is over, as far as can be known.

mod story;
mod told;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

pub use story::{Revival, Revived};

use crate::cti::{self, LineHandle, SessionId};
use crate::event::{Body, EventType, PopBody, Withdrawal};
use crate::time::Timestamp;

use super::call::CallKey;
use super::leg::{self, Leg, LegKey};
use super::parted::Parted;
use super::{CallModel, Output, words};

/// How long a call without a leg is kept after a restart, in microseconds, unless all that stands is told before: its next leg may have
/// come while nobody looked.
const HELD: u64 = 60_000_000;
/// The same after all that stands was told.
const HELD_THEN: u64 = 5_000_000;

/// Legs of an earlier run that no session has taken yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By the CloudEvents source: device names are unique within a cluster.
    legs: HashMap<Arc<str>, Parted>,
    /// Sessions that have not yet told all that stands.
    unheard: BTreeSet<SessionId>,
    /// Calls without a leg.
    without_leg: Vec<CallKey>,
}

impl Waiting {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.legs.values().map(Parted::len).sum()
    }

    /// The leg that waits under this key.
    pub fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.legs.values_mut().find_map(|parted| parted.get_mut(key))
    }

    fn take_at(&mut self, source: &str, line: &cti::Line) -> Vec<(LegKey, Leg)> {
        let Some(parted) = self.legs.get_mut(source) else { return Vec::new() };
        let taken = parted.take_at(&line.device.name, Some((&line.dn, &line.partition)));
        if parted.len() == 0 {
            self.legs.remove(source);
        }
        taken
    }
}

impl CallModel {
    /// Takes calls of an earlier run, which was last heard of at `lost`. `sessions`: how many there are now, each of which will tell
    /// what stands.
    pub fn revive(&mut self, revived: Vec<Revived>, sessions: usize, lost: Timestamp, now: Timestamp) {
        let mut revived = revived;
        revived.sort_by_key(|revived| (revived.call.started, revived.call.id));
        self.sessions.waiting.unheard = (0..).map(SessionId).take(sessions).collect();
        for Revived { mut call, legs } in revived {
            let key = CallKey(self.next_call);
            self.next_call += 1;
            for (before, mut leg) in legs {
                self.next_revived += 1;
                let line = LineHandle { call_manager: i32::MIN, line: self.next_revived };
                let waits_as = LegKey { line, ..before };
                leg.call = key;
                leg.clock.hide(lost);
                call.hide(lost, leg.state);
                call.rename(before, waits_as, &leg.line);
                self.sessions.waiting.legs.entry(Arc::clone(&call.source)).or_default().keep(waits_as, leg);
            }
            for alias in &call.aliases {
                self.global_calls.insert((Arc::clone(&call.source), *alias), key);
            }
            if let Some(parked) = &call.parked {
                self.parked.insert((Arc::clone(&call.source), parked.number.clone()), key);
            }
            if call.legs.is_empty() {
                call.left.get_or_insert(lost);
                self.sessions.waiting.without_leg.push(key);
                let held = Timestamp(now.0 + HELD);
                self.deadlines.insert((call.kept_until().map_or(held, |until| until.max(held)), key));
            }
            if call.pops.iter().any(|pop| !call.legs.iter().any(|(leg, _)| *leg == pop.leg)) {
                self.stray_pops.push(key);
            }
            self.calls.insert(key, call);
        }
    }

    /// The calls that are up, each with those that became part of it: their stories tell a later run how all stood.
    pub fn live_calls(&self) -> impl Iterator<Item = (Uuid, &[Uuid])> {
        self.calls.values().map(|call| (call.id, call.absorbed.as_slice()))
    }

    /// A session opened a line: legs of an earlier run that were on it are the session's from now on.
    pub(super) fn adopt(&mut self, session: SessionId, line: &cti::Line) {
        if self.sessions.waiting.legs.is_empty() {
            return;
        }
        let Some(source) = self.sessions.source(session) else { return };
        let waiting = self.sessions.waiting.take_at(&source, line);
        let Some(line) = self.sessions.known_line(session, line).filter(|_| !waiting.is_empty()) else { return };
        for (key, mut leg) in waiting {
            let adopted = LegKey { session, ..key };
            leg.line = Arc::clone(&line);
            if let Some(call) = self.calls.get_mut(&leg.call) {
                call.rename(key, adopted, &line);
            }
            self.sessions.keep(adopted, leg);
        }
    }

    /// A session has told what stands. After the last of them nobody is left who could find a leg that waits.
    pub(super) fn heard(&mut self, session: SessionId, out: &mut Output<'_>) {
        let waiting = &mut self.sessions.waiting;
        if !waiting.unheard.remove(&session) || !waiting.unheard.is_empty() {
            return;
        }
        let mut legs: Vec<(LegKey, Leg)> = waiting.legs.drain().flat_map(|(_, mut parted)| parted.take_where(|_| true)).collect();
        legs.sort_unstable_by_key(|(key, _)| key.line.line);
        for call in std::mem::take(&mut waiting.without_leg) {
            self.deadlines.insert((Timestamp(out.at.0 + HELD_THEN), call));
        }
        self.close_unobserved(legs, out);
    }

    /// A leg of an earlier run was found again. It is told of once more as it is now, unless that was done since so many events: nobody
    /// who asks only this run would know of it otherwise.
    pub(super) fn tell_revived(&mut self, key: LegKey, since: usize, out: &mut Output<'_>) {
        let Some(leg) = self.legs.get(&key) else { return };
        let Some(call) = self.calls.get(&leg.call) else { return };
        let is_of_it = |body: &Body| matches!(body, Body::Leg(told) if told.leg == key.leg && Arc::ptr_eq(&told.line, &leg.line));
        if out.events.iter().skip(since).any(|event| is_of_it(&event.body)) {
            return;
        }
        let kind = leg::entered(leg.state).unwrap_or(EventType::LegPartyChanged);
        out.push(kind, &call.source, leg.body(key.leg, call, Some(leg.state), None, false));
    }

    /// Who asked about which call no event says: a consult call is known by the origin that the cluster gives it.
    pub(super) fn consults_again(&mut self, key: LegKey) {
        let Some(leg) = self.legs.get(&key) else { return };
        let asks = |other: &&LegKey| {
            let leg = self.legs.get(other).filter(|leg| words::is_consult(leg.origin));
            // One that was joined to what it asked about is no question any more.
            leg.and_then(|leg| self.calls.get(&leg.call)).is_some_and(|call| call.asks_about.is_none() && call.absorbed.is_empty())
        };
        let consults: Vec<LegKey> = self.sessions.legs_on(key.session, &leg.line.device.name).iter().filter(asks).copied().collect();
        consults.into_iter().for_each(|consult| self.consult_begins(consult));
    }

    /// Pops of an earlier run whose leg ended, and of which nothing more was written: they have to go.
    pub(super) fn withdraw_stray_pops(&mut self, call: CallKey, out: &mut Output<'_>) {
        let Some(call) = self.calls.get_mut(&call) else { return };
        let legs = &call.legs;
        let stray: Vec<_> = call.pops.extract_if(.., |pop| !legs.iter().any(|(leg, _)| *leg == pop.leg)).collect();
        for pop in stray {
            let body = PopBody {
                id: pop.id,
                call_id: call.id,
                previous_call_id: pop.moved_from,
                leg: pop.leg.leg,
                line: pop.line,
                parties: Arc::new(call.parties.with_remote(pop.remote)),
                reason: Some(Withdrawal::Unobserved),
                recovered: true,
            };
            out.push(EventType::PopWithdrawn, &call.source, Body::Pop(Box::new(body)));
        }
    }
}
