//! Every real event is what its schema says, and the schemas say no more than that.

use std::collections::BTreeSet;

use callcast::event::EventType;
use callcast::schemas::{self, Member, Object, SCHEMAS, Shape};
use jsonschema::Validator;
use serde_json::{Value as Json, json};

use super::material::{everything, examples};
use super::stage::Told;

fn validator(schema: &Json) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// The schema, but for members and words that a later version may add: those are refused.
fn closed(mut schema: Json) -> Json {
    match &mut schema {
        Json::Object(members) => {
            if members.contains_key("additionalProperties") {
                members.insert("additionalProperties".into(), json!(false));
            }
            if let Some(Json::Array(either)) = members.get_mut("anyOf") {
                either.retain(|one| one.get("pattern").is_none());
            }
            members.values_mut().for_each(|member| *member = closed(member.take()));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = closed(item.take())),
        _ => {}
    }
    schema
}

fn schema_of(kind: EventType) -> &'static Object {
    SCHEMAS.iter().find(|object| schemas::urn(object.name) == kind.schema()).unwrap()
}

/// What is wrong with an event, by a schema.
fn faults(validator: &Validator, event: &Json) -> Vec<String> {
    validator.iter_errors(event).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

#[test]
fn every_event_is_what_the_schemas_say_and_has_nothing_else() {
    let (open, closed) = (validator(&schemas::envelope()), validator(&closed(schemas::envelope())));
    for Told { kind, text, json } in everything() {
        assert_eq!(faults(&open, &json), Vec::<String>::new(), "{text}");
        assert_eq!(faults(&closed, &json), Vec::<String>::new(), "described nowhere: {text}");
        for Member { name, presence, .. } in schema_of(kind).members {
            let there = json["data"].get(name).is_some();
            assert!(there || !presence.requires(kind), "{name} is missing: {text}");
            assert!(!there || presence.allows(kind), "{name} is not for {}: {text}", kind.as_str());
        }
    }
}

#[test]
fn the_schema_of_the_data_is_enough_to_check_the_data() {
    let alone: Vec<(&str, Validator)> = SCHEMAS.iter().map(|object| (object.name, validator(&schemas::data_schema(object)))).collect();
    for Told { kind, text, json } in examples() {
        let (_, schema) = alone.iter().find(|(name, _)| *name == schema_of(kind).name).unwrap();
        assert_eq!(faults(schema, &json["data"]), Vec::<String>::new(), "{text}");
        assert_eq!(json["dataschema"], kind.schema());
    }
}

#[test]
fn an_event_that_lacks_something_is_refused() {
    let validator = validator(&schemas::envelope());
    for told in examples() {
        let refused = |event: &Json, without: &str| assert!(!validator.is_valid(event), "valid without {without}: {}", told.text);
        for Member { name, .. } in schemas::ENVELOPE.members.iter().filter(|m| told.json.get(m.name).is_some()) {
            let mut event = told.json.clone();
            event.as_object_mut().unwrap().remove(*name);
            refused(&event, name);
        }
        for Member { name, .. } in schema_of(told.kind).members.iter().filter(|m| m.presence.requires(told.kind)) {
            let mut event = told.json.clone();
            event["data"].as_object_mut().unwrap().remove(*name);
            refused(&event, name);
        }
        let mut event = told.json.clone();
        event["dataschema"] = json!("urn:callcast:schema:other:1");
        refused(&event, "its dataschema");
    }
}

#[test]
fn every_type_of_event_has_a_schema_and_an_example() {
    let told: BTreeSet<&str> = examples().iter().map(|told| told.kind.as_str()).collect();
    let missing: Vec<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).filter(|kind| !told.contains(kind)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    EventType::ALL.iter().for_each(|kind| assert!(!schema_of(*kind).members.is_empty()));
}

/// The members that are described, and those of them that a value has, as `party.e164`.
#[derive(Default)]
struct Members {
    described: BTreeSet<String>,
    met: BTreeSet<String>,
}

impl Members {
    fn look(&mut self, object: &Object, value: &Json) {
        for Member { name, shape, .. } in object.members {
            let path = format!("{}.{name}", object.name);
            if let Some(value) = value.get(name).filter(|value| !value.is_null()) {
                self.met.insert(path.clone());
                self.look_inside(*shape, value);
            }
            self.described.insert(path);
        }
    }

    fn look_inside(&mut self, shape: Shape, value: &Json) {
        match shape {
            Shape::Object(object) => self.look(object, value),
            Shape::OrNull(shape) => self.look_inside(*shape, value),
            Shape::List(shape) => value.as_array().unwrap().iter().for_each(|item| self.look_inside(*shape, item)),
            _ => {}
        }
    }
}

#[test]
fn no_schema_describes_what_no_event_has() {
    let mut members = Members::default();
    for told in everything() {
        members.look(&schemas::ENVELOPE, &told.json);
        members.look(schema_of(told.kind), &told.json["data"]);
    }
    let never: Vec<&String> = members.described.difference(&members.met).collect();
    assert!(never.is_empty(), "{never:?}");
}

#[test]
fn the_schemas_are_schemas() {
    for schema in SCHEMAS.iter().map(schemas::data_schema).chain([schemas::envelope()]) {
        assert!(jsonschema::meta::is_valid(&schema), "{schema}");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
