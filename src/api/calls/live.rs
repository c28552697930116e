//! Calls that are up: the legs of all devices, by the call that they are part of.

use std::collections::HashMap;
use std::io::Write as _;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::wanted::Wanted;
use crate::access::Scope;
use crate::event::LegState;
use crate::gateway::Gateway;
use crate::gateway::views::{all_of, seen};
use crate::state::LiveLeg;
use crate::time::Timestamp;

/// A call that is up, as far as it may be seen.
pub struct LiveCall {
    /// The conversation.
    pub call_id: Uuid,
    /// When the first of its legs began.
    pub since: Timestamp,
    /// The oldest first; there is one at least.
    pub legs: Vec<LiveLeg>,
}

/// What a call is doing: the words and their meanings, in the order in which they are looked for.
pub const STATES: [(&str, &str); 4] =
    [("active", "Somebody talks."), ("alerting", "It rings."), ("dialing", "It is on its way."), ("held", "It is on hold.")];

/// The calls of which a scope may see a leg, the newest first.
pub fn calls(gateway: &Gateway, scope: &Scope) -> Vec<LiveCall> {
    let mut by_id: HashMap<Uuid, Vec<LiveLeg>, RandomState> = HashMap::default();
    for device in gateway.devices(&all_of(scope), |state| state.calls > 0 && !state.removed) {
        let Some((view, _)) = seen(scope, device) else { continue };
        view.legs().iter().for_each(|leg| by_id.entry(leg.call_id).or_default().push(leg.clone()));
    }
    let mut calls: Vec<LiveCall> = by_id.into_iter().map(|(call_id, legs)| LiveCall::new(call_id, legs)).collect();
    calls.sort_unstable_by_key(|call| std::cmp::Reverse(call.place()));
    calls
}

impl LiveCall {
    fn new(call_id: Uuid, mut legs: Vec<LiveLeg>) -> Self {
        legs.sort_by(|one, other| (one.began, one.leg, &one.line.subject).cmp(&(other.began, other.leg, &other.line.subject)));
        Self { call_id, since: legs.first().map(|leg| leg.began).unwrap_or_default(), legs }
    }

    /// What the order of calls goes by.
    pub fn place(&self) -> (Timestamp, Uuid) {
        (self.since, self.call_id)
    }

    /// Whether one of its legs is what is asked for.
    pub fn is(&self, wanted: &Wanted) -> bool {
        self.legs.iter().any(|leg| {
            let device = &leg.line.device;
            wanted.user.as_deref().is_none_or(|user| device.user.as_deref() == Some(user))
                && wanted.device.as_deref().is_none_or(|name| *device.name == *name)
                && wanted.line.as_deref().is_none_or(|dn| leg.line.dn == dn)
                && wanted.direction.as_deref().is_none_or(|direction| leg.direction.as_str() == direction)
        })
    }

    fn state(&self) -> &'static str {
        let rank = |state: LegState| match state {
            LegState::Connected | LegState::RemoteInUse => 0,
            LegState::Offered | LegState::Alerting | LegState::Ringback => 1,
            LegState::Initiated | LegState::Dialing | LegState::Busy => 2,
            LegState::Held | LegState::Disconnected => 3,
        };
        let rank = self.legs.iter().map(|leg| rank(leg.state)).min().unwrap_or_default();
        STATES.get(rank).map_or("", |(word, _)| word)
    }

    /// Its JSON. The parties are those of the leg that began first.
    pub fn push(&self, json: &mut Vec<u8>) {
        // A `Vec` takes every write.
        drop(write!(
            json,
            "{{\"call_id\":\"{}\",\"live\":true,\"state\":\"{}\",\"since\":\"{}\",",
            self.call_id.hyphenated(),
            self.state(),
            self.since
        ));
        if let Some(first) = self.legs.first() {
            json.extend_from_slice(first.parties.json().as_bytes());
            json.push(b',');
        }
        json.extend_from_slice(b"\"legs\":[");
        for (i, leg) in self.legs.iter().enumerate() {
            if i > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&leg.event);
        }
        json.extend_from_slice(b"]}");
    }
}
