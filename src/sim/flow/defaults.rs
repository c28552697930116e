//! The one rule for what a message line leaves out.
//!
//! - Handles come from the label, with `deviceName` and `deviceInfo.name`; every `…CallManagerID` is 1.
//! - A field has the value that the last message about the same leg gave to a field of the same name. `NewCallEvent` begins a leg anew.
//! - Else `reason` is DIRECTCALL, every `…Pi` and `callPresentable` true, and the rest 0, false or empty.
//! - From the number of a party follow, unless they are named, its `unModified…` number and, for a declared phone, its display name
//!   and partition. `farEndpointType` is IN_CLUSTER when the far party is a declared phone, else EXTERNAL.

use std::collections::HashMap;

use super::Place;
use super::field::{Named, blank, field_mut};
use crate::ctiqbe::names::{CallReason, DestinationType};
use crate::ctiqbe::schema::StructureSpec;
use crate::ctiqbe::value::Value;

/// What the messages about one leg said last, by path.
pub type Memory = HashMap<String, Value>;

/// A party of a message or structure: the field of its number, and those that follow from it. Not every message has them all.
struct PartyFields {
    number: &'static str,
    unmodified: &'static [&'static str],
    names: &'static [&'static str],
    /// A field, or a structure with the field `partition`.
    partition: &'static str,
}

const PARTIES: &[PartyFields] = &[
    PartyFields {
        number: "callingParty",
        unmodified: &["unModifiedCallingParty"],
        names: &["callingPartyName", "unicodeCallingPartyName"],
        partition: "callingPartyDNInfo",
    },
    PartyFields {
        number: "calledParty",
        unmodified: &["unModifiedCalledParty"],
        names: &["calledPartyName", "unicodeCalledPartyName"],
        partition: "calledPartyDNInfo",
    },
    PartyFields {
        number: "originalCalledParty",
        unmodified: &["unModifiedOriginalCalledParty"],
        names: &["originalCalledPartyName", "originalPartyName", "unicodeOriginalCalledPartyName"],
        partition: "originalCalledPartyDNInfo",
    },
    PartyFields {
        number: "originalParty",
        unmodified: &["unModifiedOriginalCalledParty"],
        names: &["originalPartyName", "unicodeOriginalCalledPartyName"],
        partition: "originalCalledPartyDNInfo",
    },
    PartyFields {
        number: "lastRedirectingParty",
        unmodified: &["unModifiedLastRedirectingParty"],
        names: &["lastRedirectingPartyName", "unicodelastRedirectingPartyName"],
        partition: "lastRedirectingPartyDNInfo",
    },
    PartyFields {
        number: "controllerNumber",
        unmodified: &[],
        names: &["controllerName", "unicodeControllerName"],
        partition: "controllerPartyDNInfo",
    },
    PartyFields {
        number: "requestorNumber",
        unmodified: &[],
        names: &["requestorName", "unicodeRequestorName"],
        partition: "requestorPartyDNInfo",
    },
    PartyFields {
        number: "participantNumber",
        unmodified: &["unModifiedParticipantNumber"],
        names: &["participantName", "unModifiedPaticipantUnicodeDisplayName"],
        partition: "participantDNInfo",
    },
    PartyFields { number: "parkedParty", unmodified: &[], names: &[], partition: "parkedPartyPartition" },
    PartyFields { number: "farEndLineIdDN", unmodified: &[], names: &[], partition: "farEndLineIdPartition" },
    PartyFields { number: "cgpnHuntMemberDN", unmodified: &[], names: &[], partition: "cgpnHuntMemberPartition" },
    PartyFields { number: "cdpnHuntMemberDN", unmodified: &[], names: &[], partition: "cdpnHuntMemberPartition" },
];

/// A structure with every field at its default, without a memory.
pub fn fresh(spec: &StructureSpec) -> Value {
    let mut value = blank(spec);
    settle("", &mut value);
    value
}

/// What a field is by its name alone.
fn settle(name: &str, value: &mut Value) {
    match value {
        Value::Structure(fields) => fields.iter_mut().for_each(|(name, value)| settle(name, value)),
        Value::Int(number, _) if is_call_manager(name) => *number = 1,
        Value::Int(number, vocabulary) if name == "reason" && vocabulary.is_some_and(|v| v.name == CallReason::VOCABULARY.name) => {
            *number = CallReason::DIRECTCALL.0;
        }
        Value::Boolean(flag) => *flag = name.ends_with("Pi") || name.ends_with("PI") || name == "callPresentable",
        _ => {}
    }
}

/// `GCMID` is what messages about features call the `globalCallManagerID`.
fn is_call_manager(name: &str) -> bool {
    name.ends_with("CallManagerID") || name == "callManagerID" || name.ends_with("GCMID")
}

/// Gives every field that is not named what the messages before said of the leg.
pub fn remember(value: &mut Value, path: &str, named: &Named, memory: &Memory) {
    let Value::Structure(fields) = value else { return };
    for (name, value) in fields {
        let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        if let Value::Structure(_) = value {
            // Another participant than the last time: nothing of that one is his.
            if !named.has(&format!("{path}.participantNumber")) {
                remember(value, &path, named, memory);
            }
        } else if !named.reaches_into(&path) {
            take_over(value, memory.get(&path));
        }
    }
}

/// Two messages may call different things by one name: a value of another type is none.
fn take_over(value: &mut Value, before: Option<&Value>) {
    match (value, before) {
        (Value::Int(number, _), Some(Value::Int(before, _))) => *number = *before,
        (value, Some(before)) if std::mem::discriminant(value) == std::mem::discriminant(before) => value.clone_from(before),
        _ => {}
    }
}

/// Keeps what a message says of a leg.
pub fn memorize(value: &Value, path: &str, memory: &mut Memory) {
    let Value::Structure(fields) = value else { return };
    for (name, value) in fields {
        let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Structure(_) => memorize(value, &path, memory),
            value => _ = memory.insert(path, value.clone()),
        }
    }
}

/// Fills in what follows from the numbers of parties.
pub fn follow(value: &mut Value, path: &str, named: &Named, memory: &Memory, places: &[Place]) {
    for party in PARTIES {
        let Some(number) = text(value, party.number).map(str::to_owned) else { continue };
        let phone = places.iter().find(|p| p.dn == number);
        let known = memory.get(&join(path, party.number));
        let told = named.has(&join(path, party.number)) && known != Some(&Value::Text(number.clone()));
        let mut set = |field: &str, text: &str| {
            // Of a number that stays what it was, what was said before still holds.
            let before = !told && memory.contains_key(&join(path, field));
            if !named.has(&join(path, field)) && !before {
                set_text(value, field, text);
            }
        };
        party.unmodified.iter().for_each(|field| set(field, &number));
        party.names.iter().for_each(|field| set(field, phone.map_or("", |p| &p.display)));
        let partition = phone.map_or("", |p| &p.partition);
        set(party.partition, partition);
        set(&format!("{}.partition", party.partition), partition);
    }
    let Value::Structure(fields) = value else { return };
    let is_participant = fields.iter().any(|(name, _)| *name == "participantNumber");
    for (name, value) in fields.iter_mut() {
        let path = join(path, name);
        match value {
            Value::Structure(_) => follow(value, &path, named, memory, places),
            // One of which nothing is named stands as it was.
            Value::Array(elements) if named.reaches_into(&path) => {
                for (at, element) in elements.iter_mut().enumerate() {
                    follow(element, &format!("{path}[{at}]"), named, memory, places);
                }
            }
            _ => {}
        }
    }
    let endpoint = join(path, "endpointType");
    if is_participant && !named.has(&endpoint) {
        let in_cluster = text(value, "participantNumber").is_some_and(|number| places.iter().any(|p| p.dn == number));
        set_endpoint(value, "endpointType", in_cluster);
    }
}

/// Whether the far party of a leg is in the cluster.
pub fn far_end(value: &mut Value, named: &Named, own: &Place, places: &[Place]) {
    let (calling, called) = (text(value, "callingParty"), text(value, "calledParty"));
    let far = if calling == Some(own.dn.as_str()) { called } else { calling };
    let in_cluster = far.is_some_and(|number| places.iter().any(|p| p.dn == number));
    for field in ["farEndpointType", "farEndPointType"] {
        if !named.has(field) {
            set_endpoint(value, field, in_cluster);
        }
    }
}

/// What the label says beside the handles.
pub fn name_device(value: &mut Value, named: &Named, device: &str) {
    for field in ["deviceName", "deviceInfo.name"] {
        if !named.has(field) {
            set_text(value, field, device);
        }
    }
    if let Some(Value::Boolean(specified)) = field_mut(value, "lineHandleSpecified") {
        *specified = true;
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    match value.get(field) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Sets a text, also one in a structure; nothing happens when there is no such field.
fn set_text(value: &mut Value, path: &str, text: &str) {
    let place = path.split('.').try_fold(value, |place, field| field_mut(place, field));
    if let Some(Value::Text(place)) = place {
        text.clone_into(place);
    }
}

fn set_endpoint(value: &mut Value, field: &str, in_cluster: bool) {
    if let Some(Value::Int(number, _)) = field_mut(value, field) {
        *number = if in_cluster { DestinationType::IN_CLUSTER.0 } else { DestinationType::EXTERNAL.0 };
    }
}
