//! The whole conversation: its legs, and what was found out about it.

use std::sync::Arc;

use uuid::Uuid;

use crate::event::{
    Body, CallBody, Cause, Detail, Direction, Diversion, FirstParties, HandlePair, LegState, LegSummary, Line, Parties, Party, Purpose,
    Transfer,
};
use crate::time::Timestamp;

use super::clock::{Clock, Doing};
use super::conference::Conference;
use super::leg::{Leg, LegKey};
use super::pops::Pop;

/// Lists that a call keeps of its past are no longer than this: a conference may last for days.
pub const REMEMBERED: usize = 100;
/// Lines that stop ringing within this time of each other were given up on together, in microseconds.
const TOGETHER: u64 = 500_000;

/// How much later than the caller's leg the called one may be told to be connected, in microseconds.
const LATE: u64 = 2_000_000;

/// Our own key of a call: the cluster's id of it may change. Later calls have greater keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub u64);

/// A line that rang.
#[derive(Clone, Debug)]
struct Rung {
    line: Arc<Line>,
    /// When it stopped, unanswered.
    stopped: Option<Timestamp>,
    /// The call went on to somebody else from here: nobody missed anything.
    passed_on: bool,
}

/// A party that waits at a park number.
#[derive(Clone, Debug)]
pub struct Parked {
    pub number: String,
    pub partition: String,
}

/// A call that has a leg, or may get one again.
#[derive(Debug)]
pub struct Call {
    pub id: Uuid,
    pub global_call: HandlePair,
    /// All global ids by which it is known.
    pub aliases: Vec<HandlePair>,
    /// The CloudEvents source: which cluster.
    pub source: Arc<str>,
    pub purpose: Purpose,
    /// Who takes part now, as the leg that learnt last sees it.
    pub parties: Arc<Parties>,
    pub(super) first: Arc<FirstParties>,
    /// Every line that takes or took part.
    pub(super) lines: Vec<Arc<Line>>,
    /// Legs that are up, with their lines.
    pub legs: Vec<(LegKey, Arc<Line>)>,
    pub started: Timestamp,
    pub answered: Option<Timestamp>,
    pub answered_by: Option<Arc<Line>>,
    /// When the caller's leg was connected: the call was answered although no called line said so.
    talked: Option<Timestamp>,
    /// When a called line answered last: it may have been handed over and rung again since.
    pub last_answer: Option<Timestamp>,
    rung: Vec<Rung>,
    pub(super) missed_by: Vec<Arc<Line>>,
    /// How many of its legs ring, talk and hold.
    doing: [u32; 3],
    clock: Clock,
    cause: Option<Cause>,
    pub diversions: Vec<Diversion>,
    pub transfers: Vec<Transfer>,
    /// Who is in it, once it is a conference.
    pub conference: Option<Conference>,
    pub parked: Option<Parked>,
    /// Who handed it over blindly, while nobody knows to whom.
    pub blind: Option<Party>,
    /// Calls that were made to ask somebody about this one.
    pub consults: Vec<CallKey>,
    /// The call about which this one was made to ask.
    pub asks_about: Option<CallKey>,
    pub pops: Vec<Pop>,
    past: Vec<LegSummary>,
    /// The ids of calls that became part of it: what is written of its legs may stand under them.
    pub absorbed: Vec<Uuid>,
    /// When the last leg was gone, while the call may go on elsewhere.
    pub left: Option<Timestamp>,
    /// Whether the last leg that ended was taken out by a feature.
    pub split: bool,
    pub recovered: bool,
    pub unobserved: bool,
}

impl Call {
    pub fn new(id: Uuid, global_call: HandlePair, source: Arc<str>, leg: &Leg, purpose: Purpose) -> Self {
        Self::told(id, global_call, source, Arc::clone(&leg.parties), leg.started, purpose, leg.recovered)
    }

    /// A call of which as much is known as its first event says.
    pub fn told(
        id: Uuid,
        global_call: HandlePair,
        source: Arc<str>,
        parties: Arc<Parties>,
        started: Timestamp,
        purpose: Purpose,
        recovered: bool,
    ) -> Self {
        Self {
            id,
            global_call,
            aliases: vec![global_call],
            source,
            purpose,
            parties,
            first: Arc::new(FirstParties::unknown()),
            lines: Vec::new(),
            legs: Vec::new(),
            started,
            answered: None,
            answered_by: None,
            talked: None,
            last_answer: None,
            rung: Vec::new(),
            missed_by: Vec::new(),
            doing: [0; 3],
            clock: Clock::default(),
            cause: None,
            diversions: Vec::new(),
            transfers: Vec::new(),
            conference: None,
            parked: None,
            blind: None,
            consults: Vec::new(),
            asks_about: None,
            pops: Vec::new(),
            past: Vec::new(),
            absorbed: Vec::new(),
            left: None,
            split: false,
            recovered,
            unobserved: false,
        }
    }

    /// A leg of it is known to the cluster under this id.
    pub fn know_as(&mut self, global_call: HandlePair) {
        if !self.aliases.contains(&global_call) && self.aliases.len() < REMEMBERED {
            self.aliases.push(global_call);
            self.global_call = global_call;
        }
    }

    /// A leg joins.
    pub fn join(&mut self, at: Timestamp, key: LegKey, line: &Arc<Line>, state: LegState) {
        self.legs.push((key, Arc::clone(line)));
        add(&mut self.lines, line);
        self.left = None;
        self.count(at, Doing::Nothing, Doing::of(state));
    }

    /// A leg in this state is gone.
    pub fn leave(&mut self, at: Timestamp, key: LegKey, state: LegState) {
        self.legs.retain(|(k, _)| *k != key);
        self.count(at, Doing::of(state), Doing::Nothing);
    }

    /// A leg in this state is out of sight: what it does is not known.
    pub fn hide(&mut self, at: Timestamp, state: LegState) {
        self.count(at, Doing::of(state), Doing::Nothing);
    }

    /// A leg in this state is in sight again; it was in it for so long, in microseconds, meanwhile.
    pub fn show(&mut self, at: Timestamp, state: LegState, meanwhile: u64) {
        if self.doing == [0; 3] {
            self.clock.add(Doing::of(state), meanwhile);
        }
        self.count(at, Doing::Nothing, Doing::of(state));
    }

    /// Whether the caller's leg was in sight and is over.
    pub fn caller_left(&self) -> bool {
        self.past.iter().any(|leg| leg.direction == Direction::Outbound)
    }

    /// A leg is known by another key than before, and its line may be described anew.
    pub fn rename(&mut self, from: LegKey, to: LegKey, line: &Arc<Line>) {
        self.legs.iter_mut().filter(|(k, _)| *k == from).for_each(|leg| *leg = (to, Arc::clone(line)));
        self.pops.iter_mut().filter(|pop| pop.leg == from).for_each(|pop| pop.leg = to);
    }

    /// Other devices on which the same line has a leg of this call.
    pub fn sharing(&self, line: &Line) -> Vec<Arc<str>> {
        let shares = |other: &Line| other.dn == line.dn && other.partition == line.partition && other.device.name != line.device.name;
        // Nearly always there are one or two legs and nothing is shared: an empty list allocates nothing.
        self.legs.iter().filter(|(_, other)| shares(other)).map(|(_, other)| Arc::clone(&other.device.name)).collect()
    }

    /// Who called whom at the beginning.
    pub fn first(&self) -> &Arc<FirstParties> {
        &self.first
    }

    /// What a leg knows of the parties. In a conference they say nothing of the whole.
    pub fn learn(&mut self, leg: &Leg) {
        self.learn_first(&leg.parties);
        if self.conference.is_none() {
            self.parties = Arc::clone(&leg.parties);
        }
    }

    /// Who called whom, as soon as a leg knows: what was dialled first, before any diversion.
    fn learn_first(&mut self, parties: &Parties) {
        let (calling, called) = (self.first.calling(), self.first.called());
        if !calling.is_unknown() && !called.is_unknown() {
            return;
        }
        let dialled = if parties.original_called().is_unknown() { parties.called() } else { parties.original_called() };
        let or = |known: &Party, new: &Party| if known.is_unknown() { new.clone() } else { known.clone() };
        self.first = Arc::new(FirstParties::new(or(calling, parties.calling()), or(called, dialled)));
    }

    fn count(&mut self, at: Timestamp, from: Doing, to: Doing) {
        if from == to {
            return;
        }
        if let Some(count) = place(from).and_then(|i| self.doing.get_mut(i)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = place(to).and_then(|i| self.doing.get_mut(i)) {
            *count += 1;
        }
        self.turn(at);
    }

    /// Held before talking before ringing: what a caller would say of the whole call.
    fn turn(&mut self, at: Timestamp) {
        let [ringing, talking, holding] = self.doing.map(|legs| legs > 0);
        let doing = match (holding || self.parked.is_some(), talking, ringing) {
            (true, _, _) => Doing::Holding,
            (_, true, _) => Doing::Talking,
            (_, _, true) => Doing::Ringing,
            (false, false, false) => Doing::Nothing,
        };
        self.clock.turn(at, doing);
    }

    /// A party waits at a park number, or no longer.
    pub fn set_parked(&mut self, at: Timestamp, parked: Option<Parked>) {
        self.parked = parked;
        self.left = self.left.map(|_| at);
        self.turn(at);
    }

    /// A leg went from one state to another. Says whether the call was answered by that. `called_waits`: a called line that is observed
    /// has not answered yet.
    pub fn leg_changed(&mut self, at: Timestamp, leg: &Leg, previous: Option<LegState>, called_waits: bool) -> bool {
        let (state, line) = (leg.state, &leg.line);
        if state != LegState::Disconnected {
            self.count(at, previous.map_or(Doing::of(state), Doing::of), Doing::of(state));
        }
        if leg.is_ringing() {
            self.rings(line);
        }
        if state == LegState::Connected && leg.direction == Direction::Inbound && previous != Some(LegState::Held) {
            self.last_answer = Some(at);
            self.stops_ringing(at, line, false);
        }
        if state == LegState::RemoteInUse {
            self.stops_ringing(at, line, true);
        }
        if let Some(answered) = self.answered {
            // The called line may be told after its caller: who answered is in the summary then.
            let is_late = self.answered_by.is_none() && at.0 <= answered.0 + LATE;
            if is_late && state == LegState::Connected && leg.direction == Direction::Inbound {
                self.answered_by = Some(Arc::clone(line));
            }
            return false;
        }
        // The called side says who answered; the caller's leg says so only while no called line that is observed is asked.
        let answers = match (state, leg.direction) {
            (LegState::Connected, Direction::Inbound) => {
                self.answered_by = Some(Arc::clone(line));
                true
            }
            (LegState::Connected, Direction::Outbound) => {
                self.talked.get_or_insert(at);
                !called_waits
            }
            // Found standing: nobody saw it being connected.
            (LegState::Held, _) => leg.recovered,
            (LegState::RemoteInUse, _) => !self.legs.iter().any(|(_, other)| other.device.name != line.device.name && other.dn == line.dn),
            _ => false,
        };
        if answers {
            self.answered = Some(at);
        }
        answers
    }

    pub fn rings(&mut self, line: &Arc<Line>) {
        // Whoever stopped ringing before passed the call on.
        self.rung.iter_mut().filter(|rung| rung.stopped.is_some() && !is_same(&rung.line, line)).for_each(|r| r.passed_on = true);
        if let Some(rung) = self.rung.iter_mut().find(|rung| is_same(&rung.line, line)) {
            rung.stopped = None;
        } else if self.rung.len() < REMEMBERED {
            self.rung.push(Rung { line: Arc::clone(line), stopped: None, passed_on: false });
        }
    }

    /// A leg stopped ringing, unanswered. `passed_on`: a feature took the call elsewhere.
    pub fn stops_ringing(&mut self, at: Timestamp, line: &Arc<Line>, passed_on: bool) {
        for rung in self.rung.iter_mut().filter(|rung| is_same(&rung.line, line)) {
            rung.stopped = Some(at);
            rung.passed_on |= passed_on;
        }
    }

    /// Whether the leg's end is a call that its line missed although the conversation goes on. Said once a line.
    pub fn misses(&mut self, line: &Arc<Line>) -> bool {
        let is_new = self.purpose == Purpose::Conversation && !self.missed_by.iter().any(|known| is_same(known, line));
        if is_new {
            add(&mut self.missed_by, line);
        }
        is_new
    }

    /// A leg ended.
    pub fn leg_ended(&mut self, summary: LegSummary, unobserved: bool) {
        self.cause = summary.cause.or(self.cause);
        self.unobserved = unobserved;
        if self.past.len() < REMEMBERED {
            self.past.push(summary);
        }
    }

    /// Whether somebody answered, as far as any leg shows.
    pub fn was_answered(&self) -> bool {
        self.answered.or(self.talked).is_some()
    }

    /// Whether it rang anywhere.
    pub fn has_rung(&self, at: Timestamp) -> bool {
        !self.rung.is_empty() || self.clock.read(at).ring > 0
    }

    /// Now that it is over: the lines that missed it and were not told so yet. Those from which it was passed on missed nothing.
    pub fn settle_missed(&mut self) -> bool {
        if self.was_answered() || self.unobserved || self.purpose != Purpose::Conversation {
            return false;
        }
        let last = self.rung.iter().filter_map(|rung| rung.stopped).max().unwrap_or_default();
        let missed = |rung: &&Rung| !rung.passed_on && rung.stopped.is_none_or(|at| at.0 + TOGETHER >= last.0);
        let lines: Vec<Arc<Line>> = self.rung.iter().filter(missed).map(|rung| Arc::clone(&rung.line)).collect();
        lines.iter().fold(false, |told, line| self.misses(line) | told)
    }

    /// Which lines missed it so far.
    pub fn missed_by(&self) -> &[Arc<Line>] {
        &self.missed_by
    }

    /// Why it ended.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Its legs that are over, in the order of their start.
    pub fn past_legs(&mut self) -> Vec<LegSummary> {
        let mut legs = std::mem::take(&mut self.past);
        legs.sort_by_key(|leg| (leg.started, leg.leg));
        legs
    }

    /// What another call that became part of this one brings along.
    pub fn absorb(&mut self, loser: &mut Self) {
        loser.lines.iter().for_each(|line| add(&mut self.lines, line));
        self.consults.append(&mut loser.consults);
        let ids = std::iter::once(loser.id).chain(loser.absorbed.drain(..));
        self.absorbed.extend(ids.take(REMEMBERED.saturating_sub(self.absorbed.len())));
        let room = REMEMBERED.saturating_sub(self.aliases.len());
        self.aliases.extend(loser.aliases.drain(..).take(room));
        if self.parked.is_none() {
            self.parked = loser.parked.take();
        }
    }

    /// The event that tells of the call as it is now.
    pub fn body(&self, at: Timestamp, detail: Detail) -> Body {
        let ended = matches!(detail, Detail::Ended { .. });
        let over = self.left.unwrap_or(at);
        Body::Call(Box::new(CallBody {
            call_id: self.id,
            global_call: self.global_call,
            parties: Arc::clone(&self.parties),
            first: Arc::clone(&self.first),
            purpose: self.purpose,
            lines: self.lines.clone(),
            started: self.started,
            answered: if ended { self.answered.or(self.talked) } else { self.answered },
            answered_by: self.answered_by.clone(),
            ended: ended.then_some(over),
            missed_by: self.missed_by.clone(),
            // While it is up, nothing ended it.
            cause: if self.legs.is_empty() { self.cause } else { None },
            // What was counted after the last leg was gone is told nowhere.
            durations: self.clock.read(if ended { over } else { at }),
            diversions: self.diversions.clone(),
            transfers: self.transfers.clone(),
            detail,
            recovered: self.recovered,
            unobserved: self.unobserved,
        }))
    }
}

fn place(doing: Doing) -> Option<usize> {
    match doing {
        Doing::Nothing => None,
        Doing::Ringing => Some(0),
        Doing::Talking => Some(1),
        Doing::Holding => Some(2),
    }
}

/// Whether it is the same line of the same user. A session that is opened again describes its lines anew.
fn is_same(one: &Arc<Line>, other: &Arc<Line>) -> bool {
    let is_described_alike = || {
        let (device, of) = (&one.device, &other.device);
        one.dn == other.dn && one.partition == other.partition && device.name == of.name && device.user == of.user
    };
    Arc::ptr_eq(one, other) || is_described_alike()
}

pub(super) fn add(lines: &mut Vec<Arc<Line>>, line: &Arc<Line>) {
    if lines.len() < REMEMBERED && !lines.iter().any(|known| is_same(known, line)) {
        lines.push(Arc::clone(line));
    }
}
