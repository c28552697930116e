//! How calls stood, from what was told of them.
//!
//! The events of a call, and of those that became part of it, are gone through in their order, and what the model knew when it told them
//! is made again by the same functions. Some of it no event says: who asked about whom, what a conference is told by its bridge. That is
//! found out anew when the legs are.

use std::sync::Arc;

use uuid::Uuid;

use crate::calls::call::{Call, CallKey, Parked, REMEMBERED, add};
use crate::calls::clock::Clock;
use crate::calls::conference::Conference;
use crate::calls::leg::{Leg, LegKey};
use crate::calls::parties::{self, Ends};
use crate::calls::pops::Pop;
use crate::calls::words;
use crate::cti::{LineHandle, SessionId};
use crate::ctiqbe::names::{CallOrigin, CallReason, CallStateCause};
use crate::event::{Direction, FirstParties, HandlePair, LegState, Line, Party, PopId, Purpose, TransferKind};
use crate::numbers::Site;
use crate::time::Timestamp;

use super::told::{Data, NO_SESSION, Told};

/// A call that had not ended when its story broke off, with its legs.
#[derive(Debug)]
pub struct Revived {
    pub(in crate::calls) call: Call,
    pub(in crate::calls) legs: Vec<(LegKey, Leg)>,
}

impl Revived {
    /// Its id.
    pub fn id(&self) -> Uuid {
        self.call.id
    }
}

/// Calls, as far as their story was read. Calls that became part of one another have to be read together.
#[derive(Debug, Default)]
pub struct Revival {
    /// A call's place is its key while the story is read; one that is over leaves it empty.
    calls: Vec<Option<Call>>,
    ids: Vec<Uuid>,
    legs: Vec<(LegKey, Leg)>,
    lines: Vec<Arc<Line>>,
    next: i32,
}

impl Revival {
    /// What stands at the end of a story: events in their order, each in CloudEvents form. What is no event of a call is passed over.
    pub fn from_story<'e>(events: impl IntoIterator<Item = &'e [u8]>) -> Vec<Revived> {
        let mut revival = Self::default();
        events.into_iter().for_each(|event| revival.take(event));
        revival.finish()
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &[u8]) {
        let Ok(told) = serde_json::from_slice::<Told>(event) else { return };
        match told.kind.strip_prefix("callcast.").and_then(|kind| kind.split_once('.')) {
            Some(("leg", kind)) => _ = self.leg(kind, &told),
            Some(("call", kind)) => _ = self.call(kind, &told),
            Some(("pop", kind)) => _ = self.pop(kind, &told.data),
            _ => {}
        }
    }

    /// The calls that are not over.
    pub fn finish(self) -> Vec<Revived> {
        let Self { calls, mut legs, .. } = self;
        let standing = calls.into_iter().zip(0..).filter_map(|(call, key)| Some((call?, CallKey(key))));
        let revived = standing.map(|(mut call, key)| {
            // An answered pop ends with its leg, and nobody is told.
            let legs_of_call = &call.legs;
            call.pops.retain(|pop| !pop.answered || legs_of_call.iter().any(|(leg, _)| *leg == pop.leg));
            call.split = !call.unobserved;
            Revived { call, legs: legs.extract_if(.., |(_, leg)| leg.call == key).collect() }
        });
        revived.collect()
    }

    fn place_of(&self, id: Uuid) -> Option<CallKey> {
        self.ids.iter().zip(0..).find(|(known, _)| **known == id).map(|(_, key)| CallKey(key))
    }

    fn call_at(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls.get_mut(usize::try_from(key.0).ok()?)?.as_mut()
    }

    /// The call of an event, which begins with it unless it is known; `None` when it is over.
    fn call_of(&mut self, told: &Told) -> Option<CallKey> {
        let id = told.data.call_id.0;
        if let Some(key) = self.place_of(id) {
            return self.call_at(key).map(|_| key);
        }
        let global_call = told.data.global_call_id.map(|id| id.0).unwrap_or_default();
        let started = told.data.started.unwrap_or(told.time).0;
        let purpose = told.data.purpose.map_or(Purpose::Conversation, |purpose| purpose.0);
        let parties = Arc::new(told.data.parties());
        let call = Call::told(id, global_call, told.source.as_ref().into(), parties, started, purpose, told.data.recovered);
        self.calls.push(Some(call));
        self.ids.push(id);
        Some(CallKey(self.ids.len() as u64 - 1))
    }

    /// The line, each once: so that it is the same one wherever it is kept.
    fn line(&mut self, line: Line) -> Arc<Line> {
        if let Some(known) = self.lines.iter().find(|known| ***known == line) {
            return Arc::clone(known);
        }
        let line = Arc::new(line);
        self.lines.push(Arc::clone(&line));
        line
    }

    /// A key that no other leg has, nor any line of the cluster.
    fn key(&mut self, leg: HandlePair) -> LegKey {
        self.next += 1;
        LegKey { session: SessionId(NO_SESSION), line: LineHandle { call_manager: i32::MIN, line: self.next }, leg }
    }

    fn leg_at(&self, line: &Line, leg: HandlePair) -> Option<usize> {
        self.legs.iter().position(|(key, known)| key.leg == leg && is_at(&known.line, line))
    }

    /// A leg that was found again after a break may have another handle than before.
    fn renamed(&mut self, call: CallKey, line: &Arc<Line>, data: &Data, leg: HandlePair) -> Option<usize> {
        if !data.recovered || data.previous_state.is_none() {
            return None;
        }
        let direction = data.direction.map(|direction| direction.0);
        let is_it = |(_, known): &(LegKey, Leg)| known.call == call && is_at(&known.line, line) && Some(known.direction) == direction;
        let at = self.legs.iter().position(is_it)?;
        let (key, _) = self.legs.get_mut(at)?;
        let (before, after) = (*key, LegKey { leg, ..*key });
        *key = after;
        self.call_at(call)?.rename(before, after, line);
        Some(at)
    }

    fn leg(&mut self, kind: &str, told: &Told) -> Option<()> {
        let (at, data) = (told.time.0, &told.data);
        let (handle, state) = (data.leg_id?.0, data.state?.0);
        let line = data.line()?;
        let line = self.line(line);
        let call = self.call_of(told)?;
        let known = self.leg_at(&line, handle).or_else(|| self.renamed(call, &line, data, handle));
        let (place, before) = match known {
            Some(place) => (place, Some(self.leg_moves(place, call, at)?)),
            None if state == LegState::Disconnected => return None,
            None => (self.leg_begins(call, line, handle, told)?, None),
        };
        let waits = self.called_waits(place, state);
        let (key, leg) = self.legs.get_mut(place)?;
        let call = self.calls.get_mut(usize::try_from(call.0).ok()?)?.as_mut()?;
        let reason_before = leg.reason;
        leg.tell(data);
        call.know_as(leg.global_call);
        if before.is_none() || kind == "party_changed" {
            call.learn(leg);
        }
        let previous = before.map(|_| leg.enter(at, state));
        if state == LegState::Disconnected {
            // The reason of a leg is that of what moved it last; only one that is new says why it ended.
            let ended_by = words::reason_of(leg.reason).filter(|_| leg.reason != reason_before);
            return self.leg_ends(place, previous?, ended_by.unwrap_or(CallReason::DIRECTCALL), told);
        }
        // One that is told of once more, as a leg that was found again is, did not change.
        if previous != Some(state) {
            call.leg_changed(at, leg, previous, waits);
        }
        let talks = matches!(state, LegState::Connected | LegState::Held);
        for pop in call.pops.iter_mut().filter(|pop| pop.leg == *key) {
            // Answered, and now somebody else's: it is gone, unless it is said to have moved.
            if state == LegState::RemoteInUse && pop.answered {
                pop.leg = LegKey { line: LineHandle { call_manager: i32::MIN, line: 0 }, ..*key };
            }
            pop.answered |= talks;
        }
        Some(())
    }

    fn leg_begins(&mut self, call_key: CallKey, line: Arc<Line>, handle: HandlePair, told: &Told) -> Option<usize> {
        let (at, data) = (told.time.0, &told.data);
        let (key, state) = (self.key(handle), data.state?.0);
        let mut leg = Leg {
            call: call_key,
            global_call: data.global_call_id?.0,
            line,
            site: Site::default(),
            origin: CallOrigin::default(),
            direction: data.direction?.0,
            settled: false,
            state,
            reason: "",
            parties: Arc::default(),
            ends: Ends::default(),
            started: at,
            clock: Clock::default(),
            answered: false,
            touched: at,
            recovered: data.recovered,
            revived: true,
        };
        leg.enter(at, state);
        self.call_at(call_key)?.join(at, key, &leg.line, state);
        self.legs.push((key, leg));
        Some(self.legs.len() - 1)
    }

    /// A leg is told of under this call: nearly always as before.
    fn leg_moves(&mut self, place: usize, to: CallKey, at: Timestamp) -> Option<()> {
        let (key, leg) = self.legs.get_mut(place)?;
        let (key, state, line) = (*key, leg.state, Arc::clone(&leg.line));
        let from = std::mem::replace(&mut leg.call, to);
        if from != to {
            if let Some(call) = self.call_at(from) {
                call.leave(at, key, state);
            }
            self.call_at(to)?.join(at, key, &line, state);
        }
        Some(())
    }

    /// See `CallModel::called_waits`.
    fn called_waits(&self, place: usize, next: LegState) -> bool {
        let Some((key, leg)) = self.legs.get(place).filter(|_| matches!(next, LegState::Connected | LegState::Held)) else { return false };
        let waits = |other: &Leg| other.direction == Direction::Inbound && !other.answered && other.state != LegState::RemoteInUse;
        self.legs.iter().any(|(other, of)| of.call == leg.call && other != key && waits(of))
    }

    fn leg_ends(&mut self, place: usize, previous: LegState, reason: CallReason, told: &Told) -> Option<()> {
        let at = told.time.0;
        if place >= self.legs.len() {
            return None;
        }
        let (key, leg) = self.legs.swap_remove(place);
        let cause = told.data.cause.as_ref().and_then(|cause| cause.cause());
        let was_ringing = leg.direction == Direction::Inbound && matches!(previous, LegState::Offered | LegState::Alerting);
        let call = self.call_at(leg.call)?;
        call.leave(at, key, previous);
        call.leg_ended(leg.summary(key.leg, at, cause), told.data.unobserved);
        if was_ringing {
            let cause = CallStateCause(cause.map_or(0, |cause| cause.code));
            call.stops_ringing(at, &leg.line, words::is_split(reason, cause));
        }
        if reason == CallReason::BLINDTRANSFER {
            let by = parties::own(&leg.line);
            let told = call.transfers.last().is_some_and(|last| last.kind == TransferKind::Blind && last.by.number == by.number);
            if !told || call.blind.is_some() {
                call.blind = Some(by);
            }
        }
        if call.conference.as_ref().is_some_and(|conference| conference.left(&call.legs) < 2) {
            call.conference = None;
        }
        if call.legs.is_empty() {
            call.left.get_or_insert(at);
        }
        Some(())
    }

    fn call(&mut self, kind: &str, told: &Told) -> Option<()> {
        let (at, data) = (told.time.0, &told.data);
        let key = self.call_of(told)?;
        let lines: Vec<Arc<Line>> = data.lines.iter().map(|place| self.line(place.line())).collect();
        let missed_by: Vec<Arc<Line>> = data.missed_by.iter().map(|place| self.line(place.line())).collect();
        let answered_by = data.answered_by.as_ref().map(|place| self.line(place.line()));
        let call = self.call_at(key)?;
        lines.iter().for_each(|line| add(&mut call.lines, line));
        call.missed_by = missed_by;
        call.first = Arc::new(FirstParties::new(data.first_calling.0.clone(), data.first_called.0.clone()));
        call.parties = Arc::new(data.parties());
        call.started = data.started.map_or(call.started, |time| time.0);
        call.answered = data.answered.map(|time| time.0).or(call.answered);
        call.answered_by = answered_by.or_else(|| call.answered_by.take());
        call.purpose = data.purpose.map_or(call.purpose, |purpose| purpose.0);
        call.recovered = data.recovered;
        call.diversions = data.diversions.iter().filter_map(super::told::DiversionTold::diversion).take(REMEMBERED).collect();
        call.transfers = data.transfers.iter().map(super::told::TransferTold::transfer).take(REMEMBERED).collect();
        if let Some(id) = data.global_call_id {
            call.know_as(id.0);
            call.global_call = id.0;
        }
        match kind {
            "transferred" => call.blind = None,
            "conferenced" => {
                let participants = data.conference.iter().flat_map(|told| &told.participants).map(|party| party.0.clone()).collect();
                call.conference = Conference::told(call.conference.as_ref(), participants, &call.legs);
            }
            "parked" => {
                let park = data.park.as_ref()?;
                let parked = Parked { number: park.number.to_string(), partition: park.partition.to_string() };
                call.set_parked(at, Some(parked));
            }
            "retrieved" => call.set_parked(at, None),
            "merged" => return self.merged(key, at, data.merged_into?.0),
            "ended" => return self.over(key),
            "diverted" if returns_from_park(call) => call.set_parked(at, None),
            _ => {}
        }
        Some(())
    }

    fn over(&mut self, key: CallKey) -> Option<()> {
        self.calls.get_mut(usize::try_from(key.0).ok()?)?.take()?;
        self.legs.retain(|(_, leg)| leg.call != key);
        Some(())
    }

    /// See `CallModel::merge`.
    fn merged(&mut self, loser_key: CallKey, at: Timestamp, into: Uuid) -> Option<()> {
        let survivor_key = self.place_of(into).filter(|survivor| *survivor != loser_key);
        let Some(survivor_key) = survivor_key.filter(|key| self.call_at(*key).is_some()) else { return self.over(loser_key) };
        let mut loser = self.calls.get_mut(usize::try_from(loser_key.0).ok()?)?.take()?;
        let survivor = self.calls.get_mut(usize::try_from(survivor_key.0).ok()?)?.as_mut()?;
        for (key, leg) in self.legs.iter_mut().filter(|(_, leg)| leg.call == loser_key) {
            leg.call = survivor_key;
            survivor.join(at, *key, &leg.line, leg.state);
            if leg.is_ringing() {
                survivor.rings(&leg.line);
            }
        }
        for mut pop in std::mem::take(&mut loser.pops) {
            pop.moved_from.get_or_insert(loser.id);
            // Whoever sees the surviving call already was told that this pop is gone, unless it was answered.
            if !survivor.pops.iter().any(|known| known.id.whose == pop.id.whose) {
                survivor.pops.push(pop);
            }
        }
        survivor.absorb(&mut loser);
        Some(())
    }

    fn pop(&mut self, kind: &str, data: &Data) -> Option<()> {
        let (call, whose) = data.pop_id.as_ref()?.split_once('/')?;
        let id = PopId { call: Uuid::try_parse(call).ok()?, whose: whose.into() };
        let (line, handle) = (data.line()?, data.leg_id?.0);
        let line = self.line(line);
        // It moves from call to call: wherever it was, it is there no longer.
        let mut up = None;
        for call in self.calls.iter_mut().flatten() {
            if let Some(at) = call.pops.iter().position(|pop| pop.id == id) {
                up = Some(call.pops.swap_remove(at));
            }
        }
        if kind == "withdrawn" {
            return Some(());
        }
        let leg = self.leg_at(&line, handle).and_then(|at| self.legs.get(at));
        let talks = leg.is_some_and(|(_, leg)| matches!(leg.state, LegState::Connected | LegState::Held));
        let leg = leg.map(|(key, _)| *key);
        let leg = leg.unwrap_or_else(|| self.key(handle));
        let answered = talks || up.is_some_and(|pop| pop.answered && kind == "moved");
        let call = self.place_of(data.call_id.0)?;
        let call = self.call_at(call)?;
        call.pops.push(Pop { id, leg, line, remote: data.remote.0.clone(), answered, moved_from: None });
        Some(())
    }
}

/// Whether what was diverted last is a party that nobody took back from its park number in time.
fn returns_from_park(call: &Call) -> bool {
    let reason = call.diversions.last().map(|last| last.reason);
    call.parked.is_some()
        && reason.is_some_and(|reason| matches!(reason, "park_reminder" | "directed_park_reversion" | "forward_no_retrieve"))
}

fn is_at(known: &Line, line: &Line) -> bool {
    known.device.name == line.device.name && known.dn == line.dn && known.partition == line.partition
}

impl Leg {
    /// It is as an event of it says.
    fn tell(&mut self, data: &Data) {
        self.global_call = data.global_call_id.map_or(self.global_call, |id| id.0);
        self.direction = data.direction.map_or(self.direction, |direction| direction.0);
        if let Some(reason) = data.reason.as_deref().and_then(words::reason_of) {
            self.reason = words::reason(reason);
        }
        let parties = data.parties();
        self.settled |= !parties.remote().is_unknown();
        self.parties = Arc::new(parties);
        self.recovered = data.recovered;
    }
}

impl Conference {
    /// A conference of which this was told last; `None` when it has shrunk to a plain call.
    fn told(before: Option<&Self>, told: Vec<Party>, legs: &[(LegKey, Arc<Line>)]) -> Option<Self> {
        if told.len() <= 2 && before.is_some_and(|before| before.told.len() > told.len()) {
            return None;
        }
        // Whoever is not at a line of ours was named by the cluster, by a leg that no event tells.
        let is_ours = |party: &Party| party.number.as_ref().is_none_or(|number| legs.iter().any(|(_, line)| line.dn == *number));
        let others = told.iter().filter(|party| !is_ours(party)).cloned();
        let named = others.zip(1..).map(|(party, number)| (HandlePair(i32::MIN, number), party)).collect();
        Some(Self { named, told })
    }

    /// How many are left of it.
    fn left(&self, legs: &[(LegKey, Arc<Line>)]) -> usize {
        legs.len() + self.named.len()
    }
}
