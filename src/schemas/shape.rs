//! The words in which the tables of this module describe JSON, and what they are in JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use crate::event::EventType;

/// A closed vocabulary: words with their meanings.
pub type Words = fn() -> Vec<(&'static str, &'static str)>;

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any text.
    Text,
    /// Text that matches this regular expression.
    Pattern(&'static str),
    /// A UUID.
    Uuid,
    /// RFC 3339 with microseconds.
    Time,
    /// A number that is not negative.
    Count,
    /// True or false.
    Flag,
    /// One of these words; another one would be another version of the schema.
    Word(Words),
    /// One of these words, which are made of the cluster's: later versions of callcast may know more.
    OpenWord(fn() -> BTreeSet<&'static str>),
    /// An object.
    Object(&'static Object),
    /// An object that the schema of the event's data describes.
    Data,
    /// Any number of them.
    List(&'static Self),
    /// That, or `null`.
    OrNull(&'static Self),
}

/// An object.
#[derive(Debug)]
pub struct Object {
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub text: &'static str,
    /// Its members, in the order in which events write them.
    pub members: &'static [Member],
}

/// A member of an object.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// When it is there.
    pub presence: Presence,
    /// What it says, for people.
    pub text: &'static str,
}

/// When a member is there.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// Always.
    Always,
    /// When there is something to say.
    Sometimes,
    /// Always in events of these types, and never in others.
    Of(&'static [EventType]),
    /// When there is something to say in events of these types, and never in others.
    SometimesOf(&'static [EventType]),
}

impl Presence {
    /// The only types that have the member; none when all may have it.
    pub fn only(self) -> Option<&'static [EventType]> {
        match self {
            Self::Of(types) | Self::SometimesOf(types) => Some(types),
            Self::Always | Self::Sometimes => None,
        }
    }

    /// Whether an event of this type may have the member.
    pub fn allows(self, kind: EventType) -> bool {
        self.only().is_none_or(|types| types.contains(&kind))
    }

    /// Whether an event of this type has the member whatever happened.
    pub fn requires(self, kind: EventType) -> bool {
        self.allows(kind) && matches!(self, Self::Always | Self::Of(_))
    }
}

impl Member {
    /// A member that is always there.
    pub const fn always(name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self { name, shape, presence: Presence::Always, text }
    }

    /// A member that is there when it has something to say.
    pub const fn sometimes(name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self { name, shape, presence: Presence::Sometimes, text }
    }

    /// A member that these types always have and no others.
    pub const fn of(types: &'static [EventType], name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self { name, shape, presence: Presence::Of(types), text }
    }

    /// A member that only these types have, when it has something to say.
    pub const fn sometimes_of(types: &'static [EventType], name: &'static str, shape: Shape, text: &'static str) -> Self {
        Self { name, shape, presence: Presence::SometimesOf(types), text }
    }

    fn schema(&self, defined: &mut Defined) -> Json {
        let mut schema = self.shape.schema(defined);
        let only = self.presence.only().map(|types| types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "));
        let text = only.map_or_else(|| self.text.to_owned(), |types| format!("{} Only in {types}.", self.text));
        schema.insert("description".into(), text.into());
        schema.into()
    }
}

/// The objects that a schema refers to, by name.
pub type Defined = BTreeMap<&'static str, Json>;

impl Object {
    /// Its schema. The objects that it refers to are added to `defined`.
    pub fn schema(&self, defined: &mut Defined) -> Map<String, Json> {
        let properties: Map<String, Json> = self.members.iter().map(|member| (member.name.to_owned(), member.schema(defined))).collect();
        let required: Vec<&str> = self.members.iter().filter(|m| matches!(m.presence, Presence::Always)).map(|m| m.name).collect();
        let mut schema = Map::new();
        schema.insert("type".into(), json!("object"));
        schema.insert("description".into(), json!(self.text));
        schema.insert("properties".into(), properties.into());
        schema.insert("required".into(), json!(required));
        // Said although it is the default: members may be added within a version.
        schema.insert("additionalProperties".into(), json!(true));
        schema
    }
}

impl Shape {
    fn schema(self, defined: &mut Defined) -> Map<String, Json> {
        let schema = match self {
            Self::Text => json!({"type": "string"}),
            Self::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
            Self::Uuid => json!({"type": "string", "format": "uuid"}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Count => json!({"type": "integer", "minimum": 0}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Word(words) => {
                let word = |(word, meaning)| json!({"const": word, "description": meaning});
                json!({"oneOf": words().into_iter().map(word).collect::<Vec<_>>()})
            }
            Self::OpenWord(words) => json!({"type": "string", "anyOf": [{"enum": words()}, {"pattern": "^[a-z0-9_]+$"}]}),
            Self::Data => json!({"type": "object"}),
            Self::Object(object) => {
                if !defined.contains_key(object.name) {
                    let schema = object.schema(defined);
                    defined.insert(object.name, schema.into());
                }
                json!({"$ref": format!("#/$defs/{}", object.name)})
            }
            Self::List(of) => json!({"type": "array", "items": of.schema(defined)}),
            Self::OrNull(of) => or_null(of.schema(defined)),
        };
        // Each of these is an object.
        match schema {
            Json::Object(schema) => schema,
            _ => Map::new(),
        }
    }
}

/// Patterns and formats say nothing of what is no string: there a second type does. The rest gets an alternative.
fn or_null(mut schema: Map<String, Json>) -> Json {
    match schema.get("type").cloned() {
        Some(only) if !schema.contains_key("anyOf") => {
            schema.insert("type".into(), json!([only, "null"]));
            schema.into()
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}
