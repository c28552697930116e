//! The call model: what CTI messages mean.
//!
//! Sans-I/O and deterministic: notices of the CTI sessions and the time go in, normalized events come out; new ids come from
//! outside. The same input gives the same events. Several sessions may feed it: a call that two of them see is one call.
//!
//! A leg is known by (session, line handle, leg handle); a call by its cluster's global call ids while it lasts. Messages may come in
//! any order, come twice or not at all: one that makes no sense changes nothing.
//!
//! - `legs`: a leg comes, changes its state or parties, and goes
//! - `merging`: two calls turn out to be one conversation
//! - `features`: what moved a call: transfer, diversion, park; `conference`: who is in one
//! - `pops`: what a user's screen has to show
//! - `ending`: when a call is over, and its summary
//! - `reconcile`: what a break left unknown, and legs that the cluster seems to have forgotten
//! - `revive`: calls of an earlier run, from what it told of them
//! - `call`, `leg`, `clock`, `parties`, `sessions`: what is known; `words`: the cluster's numbers in the words of our events

mod call;
mod clock;
mod conference;
mod ending;
mod features;
mod ids;
mod leg;
mod legs;
mod merging;
mod parted;
mod parties;
mod pops;
mod reconcile;
pub mod revive;
mod sessions;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

pub use ids::Ids;
pub use words::{causes, diversions, reasons};

use crate::cti::{LineHandle, Notice, SessionId};
use crate::ctiqbe::messages::*;
use crate::ctiqbe::{DecodeError, Frame, Message as _};
use crate::event::{Body, Event, EventType, HandlePair};
use crate::numbers::NumberPlan;
use crate::time::Timestamp;
use call::{Call, CallKey};
use leg::{Leg, LegKey};
use legs::{NewLeg, StateChange};
use merging::Announcements;
use parties::RawParties;
use sessions::Sessions;

/// Where events go.
struct Output<'o> {
    at: Timestamp,
    events: &'o mut Vec<Event>,
}

impl Output<'_> {
    fn push(&mut self, kind: EventType, source: &Arc<str>, body: Body) {
        self.events.push(Event { time: self.at, kind, source: Arc::clone(source), body });
    }
}

/// The state of all calls that are up.
#[derive(Debug)]
pub struct CallModel {
    ids: Ids,
    /// Withheld numbers and names are told all the same.
    reveal_withheld: bool,
    sessions: Sessions,
    legs: HashMap<LegKey, Leg, RandomState>,
    calls: HashMap<CallKey, Call, RandomState>,
    /// By source, because two clusters may give the same global call id.
    global_calls: HashMap<(Arc<str>, HandlePair), CallKey, RandomState>,
    /// Calls that wait at a park number.
    parked: HashMap<(Arc<str>, String), CallKey, RandomState>,
    /// Joins of calls that were announced and have not been seen yet.
    announced: Announcements,
    /// Calls without a leg, which end at these times unless they get one.
    deadlines: BTreeSet<(Timestamp, CallKey)>,
    /// Calls whose pops moved to them, until that is told.
    moved_pops: Vec<(Timestamp, CallKey)>,
    /// Calls of an earlier run with pops that have to go.
    stray_pops: Vec<CallKey>,
    next_call: u64,
    /// Tells legs of earlier runs apart until they are found again.
    next_revived: i32,
}

/// The two messages that bring a leg have the same fields, each in a struct of its own.
macro_rules! new_leg {
    ($message:expr, $key:ident, $recovered:literal) => {{
        let message = $message;
        NewLeg {
            key: $key(message.line_call_manager_id, message.line_id, message.call_call_manager_id, message.call_leg_id),
            global_call: HandlePair(message.global_call_manager_id, message.call_id),
            state: message.state,
            origin: message.origin,
            reason: message.reason,
            kind: message.cti_call_type,
            remote_in_use: message.b_remote_in_use,
            parties: RawParties::from(&message),
            recovered: $recovered,
        }
    }};
}

impl CallModel {
    /// A model without any call. `reveal_withheld` tells withheld numbers and names all the same.
    pub fn new(ids: Ids, reveal_withheld: bool) -> Self {
        Self {
            ids,
            reveal_withheld,
            sessions: Sessions::default(),
            legs: HashMap::default(),
            calls: HashMap::default(),
            global_calls: HashMap::default(),
            parked: HashMap::default(),
            announced: Announcements::default(),
            deadlines: BTreeSet::new(),
            moved_pops: Vec::new(),
            stray_pops: Vec::new(),
            next_call: 0,
            next_revived: 0,
        }
    }

    /// The same model, which reads numbers as E.164 by this plan.
    #[must_use]
    pub fn with_numbers(mut self, numbers: Arc<NumberPlan>) -> Self {
        self.sessions.numbers = numbers;
        self
    }

    /// How many calls are up.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// How many legs are up.
    pub fn legs(&self) -> usize {
        self.legs.len() + self.sessions.parted() + self.sessions.waiting.len()
    }

    /// Takes what a session found, and appends what it means to `events`. Times do not go back.
    ///
    /// # Errors
    /// When a message is not what it claims to be: it is passed over, and nothing else is harmed.
    pub fn observe(&mut self, session: SessionId, at: Timestamp, notice: &Notice<'_>, events: &mut Vec<Event>) -> Result<(), DecodeError> {
        self.advance(at, events);
        let mut out = Output { at, events };
        match notice {
            Notice::Message(frame) => self.message(session, frame, &mut out),
            notice => {
                self.session_notice(session, notice, &mut out);
                Ok(())
            }
        }
    }

    /// Time went on: calls whose legs are gone, and which got none elsewhere, are over.
    pub fn advance(&mut self, at: Timestamp, events: &mut Vec<Event>) {
        while let Some(call) = self.stray_pops.pop() {
            self.withdraw_stray_pops(call, &mut Output { at, events });
        }
        while let Some((moved, call)) = self.moved_pops.pop_if(|(moved, _)| *moved < at) {
            self.tell_moved_pops(call, &mut Output { at: moved, events });
        }
        while let Some((due, call)) = self.deadlines.first().copied().filter(|(due, _)| *due <= at) {
            self.deadlines.remove(&(due, call));
            self.end_call_if_due(call, &mut Output { at: due, events });
        }
        self.announced.forget(at);
    }

    fn message(&mut self, session: SessionId, frame: &Frame<'_>, out: &mut Output<'_>) -> Result<(), DecodeError> {
        let key = |line_manager, line, manager, leg| LegKey {
            session,
            line: LineHandle { call_manager: line_manager, line },
            leg: HandlePair(manager, leg),
        };
        match frame.id {
            CallStateChangedEvent_V2::ID => {
                let m: CallStateChangedEvent_V2<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                let change = StateChange {
                    state: m.state,
                    cause: m.cause,
                    reason: m.reason,
                    remote_in_use: m.b_remote_in_use,
                    by_hunt_list: m.b_call_cleared_by_hunt_list,
                    called_member: m.cdpn_hunt_member_dn,
                };
                self.state_changed(key, &change, out);
            }
            NewCallEvent::ID => self.new_leg(&new_leg!(frame.decode::<NewCallEvent<'_>>()?, key, false), out),
            ExistingCallEvent::ID => self.new_leg(&new_leg!(frame.decode::<ExistingCallEvent<'_>>()?, key, true), out),
            CallPartyInfoChangedEvent::ID => {
                let m: CallPartyInfoChangedEvent<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                self.parties_changed(key, &RawParties::from(&m), out);
            }
            GlobalCallHandleChangedEvent::ID => {
                let m: GlobalCallHandleChangedEvent<'_> = frame.decode()?;
                let key = key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id);
                self.global_call_changed(key, HandlePair(m.new_global_call_manager_id, m.new_global_call_id), &RawParties::from(&m), out);
            }
            CallClosedEvent::ID => {
                let m: CallClosedEvent = frame.decode()?;
                self.leg_closed(key(m.line_call_manager_id, m.line_id, m.call_call_manager_id, m.call_leg_id), out);
            }
            ExistingCallCompletedEvent::ID => {
                let m: ExistingCallCompletedEvent = frame.decode()?;
                self.existing_calls_told(session, LineHandle { call_manager: m.line_call_manager_id, line: m.line_id }, out);
            }
            _ => return self.feature_message(session, frame, out),
        }
        Ok(())
    }

    /// Messages that tell of features rather than of legs. Those that mean nothing here are passed over.
    fn feature_message(&mut self, session: SessionId, frame: &Frame<'_>, out: &mut Output<'_>) -> Result<(), DecodeError> {
        match frame.id {
            LineTransferStartedEvent::ID => self.transfer_started(session, &frame.decode()?, out.at),
            LineTransferEndedEvent::ID => {
                let m: LineTransferEndedEvent<'_> = frame.decode()?;
                self.join_ended(session, m.transaction_id, m.success, out);
            }
            LineConferenceStartedEvent::ID => self.conference_started(session, &frame.decode()?, out.at),
            LineConferenceEndedEvent::ID => {
                let m: LineConferenceEndedEvent<'_> = frame.decode()?;
                self.join_ended(session, m.transaction_id, m.success, out);
            }
            LineCBargeStartedEvent::ID => self.cbarge_started(session, &frame.decode()?, out.at),
            LineCBargeEndedEvent::ID => {
                let m: LineCBargeEndedEvent = frame.decode()?;
                self.join_ended(session, m.transaction_id, m.success, out);
            }
            CallConferenceStateChangedEvent::ID => self.conference_changed(session, &frame.decode()?, out),
            LineParkStatusEvent::ID => self.park_status(session, &frame.decode()?, out),
            LineForwardEvent::ID => {
                let m: LineForwardEvent<'_> = frame.decode()?;
                let line = LineHandle { call_manager: m.line_call_manager_id, line: m.line_id };
                let to = m.forward_array.iter().map(|f| f.call_fwd_destination.to_string()).find(|to| !to.is_empty());
                self.sessions.tell_forward(session, line, to.unwrap_or_default(), out);
            }
            _ => {}
        }
        Ok(())
    }

    /// A leg, up or waiting to be found again.
    fn leg_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        match self.legs.get_mut(&key) {
            Some(leg) => Some(leg),
            None => self.sessions.parted_mut(key),
        }
    }

    /// The call that is known by this global id.
    fn call_of(&self, source: &Arc<str>, global_call: HandlePair) -> Option<CallKey> {
        self.global_calls.get(&(Arc::clone(source), global_call)).copied()
    }
}

#[cfg(test)]
mod tests;
