//! One line's part in a call.

use std::sync::Arc;

use crate::cti::{LineHandle, SessionId};
use crate::ctiqbe::names::{CallOrigin, CallState};
use crate::event::{Body, Cause, Direction, EventType, HandlePair, LegBody, LegState, LegSummary, Line, Parties};
use crate::numbers::Site;
use crate::time::Timestamp;

use super::call::{Call, CallKey};
use super::clock::{Clock, Doing};
use super::parties::Ends;
use super::words;

/// How a message names a leg: handles are given out per session and line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LegKey {
    pub session: SessionId,
    pub line: LineHandle,
    /// `callCallManagerID`, `callLegID`: stays while the global call id may change.
    pub leg: HandlePair,
}

/// A leg that is up.
#[derive(Debug)]
pub struct Leg {
    pub call: CallKey,
    pub global_call: HandlePair,
    pub line: Arc<Line>,
    /// By whose rules its numbers are read.
    pub site: Site,
    /// Of the message that brought it: it tells a consult call.
    pub origin: CallOrigin,
    /// From the origin; settled by the first party information, and then it never changes.
    pub direction: Direction,
    /// Whether a far party was named.
    pub settled: bool,
    pub state: LegState,
    /// Set when the leg is created, and again by the feature that moves it.
    pub reason: &'static str,
    pub parties: Arc<Parties>,
    pub ends: Ends,
    pub started: Timestamp,
    pub clock: Clock,
    /// Whether it ever was connected.
    pub answered: bool,
    /// The last message about it.
    pub touched: Timestamp,
    pub recovered: bool,
    /// Known from what an earlier run told of it, and not seen by this one.
    pub revived: bool,
}

impl Leg {
    /// The event that tells of the leg as it is now.
    pub fn body(&self, leg: HandlePair, call: &Call, previous_state: Option<LegState>, cause: Option<Cause>, unobserved: bool) -> Body {
        Body::Leg(LegBody {
            call_id: call.id,
            global_call: self.global_call,
            leg,
            line: Arc::clone(&self.line),
            direction: self.direction,
            state: self.state,
            previous_state,
            reason: self.reason,
            cause,
            parties: Arc::clone(&self.parties),
            shared_with: call.sharing(&self.line),
            recovered: self.recovered,
            unobserved,
        })
    }

    /// It comes into a state; the one before.
    pub fn enter(&mut self, at: Timestamp, state: LegState) -> LegState {
        self.clock.turn(at, Doing::of(state));
        self.answered |= state == LegState::Connected;
        std::mem::replace(&mut self.state, state)
    }

    /// What the summary of its call says of it.
    pub fn summary(&self, leg: HandlePair, ended: Timestamp, cause: Option<Cause>) -> LegSummary {
        LegSummary {
            leg,
            line: Arc::clone(&self.line),
            direction: self.direction,
            started: self.started,
            ended,
            durations: self.clock.read(ended),
            answered: self.answered,
            cause,
        }
    }

    /// Whether it rings here.
    pub fn is_ringing(&self) -> bool {
        self.direction == Direction::Inbound && matches!(self.state, LegState::Offered | LegState::Alerting)
    }
}

/// The event of a leg that goes from one state to another; `None` where there is nothing to tell.
pub fn transition(previous: LegState, next: LegState) -> Option<EventType> {
    if previous == next {
        return None;
    }
    entered(next).map(|kind| if (previous, next) == (LegState::Held, LegState::Connected) { EventType::LegResumed } else { kind })
}

/// The state in which a leg is first seen; `None` when it is over already.
pub fn first_state(state: CallState, remote_in_use: bool) -> Option<LegState> {
    let first = words::leg_state(state, remote_in_use).unwrap_or(LegState::Initiated);
    (first != LegState::Disconnected).then_some(first)
}

/// The event of a leg that comes into a state.
pub fn entered(state: LegState) -> Option<EventType> {
    Some(match state {
        LegState::Initiated => EventType::LegInitiated,
        LegState::Dialing => EventType::LegDialing,
        LegState::Offered => EventType::LegOffered,
        LegState::Alerting => EventType::LegAlerting,
        LegState::Ringback => EventType::LegRingback,
        LegState::Connected => EventType::LegConnected,
        LegState::Held => EventType::LegHeld,
        LegState::RemoteInUse => EventType::LegRemoteInUse,
        LegState::Disconnected => EventType::LegDisconnected,
        // The leg goes on to its end; the cause of that says busy.
        LegState::Busy => return None,
    })
}
