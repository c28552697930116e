//! JSON Schemas (draft 2020-12) of all events, for who has to check or to generate code.
//!
//! One for each `dataschema`, by whose URN it is named; and `event`, the CloudEvents envelope, which says which type has which data
//! and has the others in it, so that it needs nothing else. They are built from the tables in [`data`] and [`objects`]: an event's JSON
//! is written by hand, and tests hold it to these tables. Vocabularies come from the code that writes them.
//!
//! Within a version members may be added, and words to the vocabularies that are the cluster's.

mod data;
mod envelope;
mod objects;
mod shape;

use serde_json::{Map, Value as Json, json};

pub use data::SCHEMAS;
pub use envelope::{ENVELOPE, envelope};
pub use objects::PARTY;
pub use shape::{Member, Object, Presence, Shape};

use crate::event::EventType;
use shape::Defined;

/// The dialect of all our schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The CloudEvents `dataschema` of a schema, which is its `$id` too.
pub fn urn(name: &str) -> String {
    format!("urn:callcast:schema:{name}:1")
}

/// The types of events that have this data.
pub fn types_of(name: &str) -> impl Iterator<Item = EventType> {
    let urn = urn(name);
    EventType::ALL.iter().copied().filter(move |kind| kind.schema() == urn)
}

/// The schema of the data of some types of events.
pub fn data_schema(object: &Object) -> Json {
    let mut defined = Defined::new();
    finished(object, object.schema(&mut defined), defined).into()
}

/// A schema with its name and the objects that it refers to.
fn finished(object: &Object, mut schema: Map<String, Json>, defined: Defined) -> Map<String, Json> {
    schema.insert("$schema".into(), DIALECT.into());
    schema.insert("$id".into(), urn(object.name).into());
    schema.insert("title".into(), format!("callcast {}", object.name).into());
    if !defined.is_empty() {
        schema.insert("$defs".into(), json!(defined));
    }
    schema
}
