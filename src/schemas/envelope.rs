//! The CloudEvents envelope, and which type of event has which data.

use serde_json::{Value as Json, json};

use super::objects::word;
use super::shape::{Defined, Member, Object, Presence, Shape};
use super::{SCHEMAS, data_schema, finished, types_of, urn};
use crate::event::EventType;

/// All that an event has around its data.
pub const ENVELOPE: Object = Object {
    name: "event",
    text: "An event of callcast: a CloudEvents 1.0 object in JSON.",
    members: &[
        Member::always("specversion", Shape::Word(|| vec![("1.0", "CloudEvents 1.0.")]), "The version of CloudEvents."),
        Member::always("id", Shape::Pattern("^[0-9]+-[0-9]+$"), "Unique with `source`: the log's epoch and the event's sequence."),
        Member::always("source", Shape::Text, "The cluster, as `/cucm/StandAloneCluster`."),
        Member::always("type", word!(EventType), "What happened."),
        Member::always("subject", Shape::Text, "To what: `device/number`, a device, a call's id or a session."),
        Member::always("time", Shape::Time, "When it was read from the cluster."),
        Member::always("sequence", Shape::Pattern("^[0-9]{20}$"), "Orders events; its text sorts as its number does."),
        Member::sometimes("partitionkey", Shape::Uuid, "The call: within one the order holds. Events that concern no call have none."),
        Member::always("datacontenttype", Shape::Word(|| vec![("application/json", "JSON.")]), "The media type of `data`."),
        Member::always("dataschema", Shape::Word(dataschemas), "The schema of `data`, which follows from `type`."),
        Member::always("data", Shape::Data, "What there is to say."),
    ],
};

/// The values of `dataschema`, each with what it describes.
fn dataschemas() -> Vec<(&'static str, &'static str)> {
    SCHEMAS.iter().filter_map(|object| Some((types_of(object.name).next()?.schema(), object.text))).collect()
}

/// The schema of a whole event. The schemas of the data are in it.
pub fn envelope() -> Json {
    let mut defined = Defined::new();
    let schema = ENVELOPE.schema(&mut defined);
    defined.extend(SCHEMAS.iter().map(|object| (object.name, data_schema(object))));
    let mut schema = finished(&ENVELOPE, schema, defined);
    let rules = SCHEMAS.iter().flat_map(|object| std::iter::once(which_data(object)).chain(what_else(object)));
    schema.insert("allOf".into(), rules.collect());
    schema.into()
}

/// Which types have this data.
fn which_data(object: &Object) -> Json {
    let then = json!({"dataschema": {"const": urn(object.name)}, "data": {"$ref": urn(object.name)}});
    let about_a_call = object.members.iter().any(|member| member.name == "call_id");
    let required: &[&str] = if about_a_call { &["partitionkey"] } else { &[] };
    rule(types_of(object.name), &json!({"properties": then, "required": required}))
}

/// What only some of these types say, and always.
fn what_else(object: &Object) -> impl Iterator<Item = Json> {
    object.members.iter().filter_map(|member| match member.presence {
        Presence::Of(types) => Some(rule(types.iter().copied(), &json!({"properties": {"data": {"required": [member.name]}}}))),
        Presence::Always | Presence::Sometimes | Presence::SometimesOf(_) => None,
    })
}

/// What holds of events of these types.
fn rule(types: impl Iterator<Item = EventType>, then: &Json) -> Json {
    let types: Vec<&str> = types.map(EventType::as_str).collect();
    json!({"if": {"properties": {"type": {"enum": types}}, "required": ["type"]}, "then": then})
}
