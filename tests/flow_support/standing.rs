//! What a cluster still has of the legs that it told of: what it would tell as existing calls to a session that is new.

use std::collections::{BTreeMap, BTreeSet};

use callcast::ctiqbe::messages::{
    CallClosedEvent, CallPartyInfoChangedEvent, CallStateChangedEvent_V2, DeviceOutOfServiceEvent, ExistingCallCompletedEvent,
    ExistingCallEvent, GlobalCallHandleChangedEvent, LineOutOfServiceEvent, NewCallEvent,
};
use callcast::ctiqbe::names::CallState;
use callcast::ctiqbe::schema::{MessageSpec, message};
use callcast::ctiqbe::value::{self, Value};
use callcast::ctiqbe::{Message as _, VERSION_12_5};
use callcast::sim::flow::{Message, set_handles};

use super::bench::Step;

/// Where a leg is: the flow, the place in it, and the leg's handle.
pub type Whose = (usize, usize, [i32; 2]);

/// The legs that are up.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    legs: BTreeMap<Whose, BTreeMap<&'static str, Value>>,
    /// Those that went out of service: what is still up when it is back is told again.
    doubted: BTreeSet<Whose>,
}

fn int(fields: &Value, name: &str) -> i32 {
    match fields.get(name) {
        Some(Value::Int(number, _)) => *number,
        _ => 0,
    }
}

impl Standing {
    /// The cluster sends a message.
    pub fn take(&mut self, step: &Step) {
        let Message { place: Some(place), spec, fields, .. } = &step.message else { return };
        let whose = (step.flow, *place, [int(fields, "callCallManagerID"), int(fields, "callLegID")]);
        let Value::Structure(all) = fields else { return };
        if [LineOutOfServiceEvent::ID, DeviceOutOfServiceEvent::ID].contains(&spec.id) {
            self.doubted.extend(self.legs.keys().filter(|(flow, at, _)| (*flow, *at) == (step.flow, *place)));
        }
        if spec.id == ExistingCallCompletedEvent::ID {
            let doubted = std::mem::take(&mut self.doubted);
            self.legs.retain(|whose, _| !doubted.contains(whose));
        }
        let over = |state: i32| [CallState::DISCONNECTED.0, CallState::IDLE.0].contains(&state);
        if [NewCallEvent::ID, ExistingCallEvent::ID].contains(&spec.id) {
            if !over(int(fields, "state")) {
                self.doubted.remove(&whose);
                self.legs.insert(whose, all.iter().cloned().collect());
            }
        } else if spec.id == CallClosedEvent::ID || spec.id == CallStateChangedEvent_V2::ID && over(int(fields, "state")) {
            self.legs.remove(&whose);
        } else if let Some(leg) = self.legs.get_mut(&whose) {
            let wanted = |name: &str| match spec.id {
                CallStateChangedEvent_V2::ID => matches!(name, "state" | "bRemoteInUse"),
                CallPartyInfoChangedEvent::ID | GlobalCallHandleChangedEvent::ID => !matches!(name, "reason" | "bRemoteInUse"),
                _ => false,
            };
            for (name, value) in all.iter().filter(|(name, _)| wanted(name)) {
                let name = match *name {
                    "newGlobalCallManagerID" => "globalCallManagerID",
                    "newGlobalCallID" => "callID",
                    "originalParty" => "originalCalledParty",
                    "originalPartyName" => "originalCalledPartyName",
                    "farEndPointType" => "farEndpointType",
                    name => name,
                };
                leg.insert(name, value.clone());
            }
        }
    }

    /// The legs, by where they are.
    pub fn legs(&self) -> impl Iterator<Item = &Whose> {
        self.legs.keys()
    }

    /// The cluster keeps some of them only.
    pub fn retain(&mut self, keep: impl Fn(&Whose) -> bool) {
        self.legs.retain(|whose, _| keep(whose));
    }

    /// The legs of a place as frames of `ExistingCallEvent`, for a client that has the line open under this handle.
    pub fn existing(&self, flow: usize, place: usize, line: i32) -> Vec<Vec<u8>> {
        let spec: &MessageSpec = message(ExistingCallEvent::ID).unwrap();
        let here = self.legs.iter().filter(|((of, at, _), _)| (*of, *at) == (flow, place));
        let frame = |(_, known): (_, &BTreeMap<&'static str, Value>)| {
            let known = |name: &str| known.iter().find(|(of, _)| **of == name);
            // The name of the original called party is another field in `NewCallEvent`.
            let name = |name| known(name).or_else(|| known("originalPartyName").filter(|_| name == "originalCalledPartyName"));
            let fields = spec.structure.fields.iter().filter_map(|field| Some((field.name, name(field.name)?.1.clone()))).collect();
            let (mut fields, mut bytes) = (Value::Structure(fields), Vec::new());
            set_handles(&mut fields, 0, line);
            value::encode(spec, &fields, VERSION_12_5, &mut bytes).unwrap();
            bytes
        };
        here.map(frame).collect()
    }
}
