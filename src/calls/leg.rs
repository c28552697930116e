//! One line's part in a call.

use std::sync::Arc;

use crate::cti::{LineHandle, SessionId};
use crate::ctiqbe::names::CallState;
use crate::event::{Body, Cause, Direction, EventType, HandlePair, LegBody, LegState, Line, Parties};

use super::call::{Call, CallKey};
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
    /// From the origin of its first event; it never changes.
    pub direction: Direction,
    pub state: LegState,
    /// Set when the leg is created, and again by the feature that moves it.
    pub reason: &'static str,
    pub parties: Arc<Parties>,
    pub recovered: bool,
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
