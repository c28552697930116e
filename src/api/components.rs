//! The schemas that OpenAPI and AsyncAPI share: events as [`crate::schemas`] has them, and what the API makes of them.
//!
//! Both documents keep them under `#/components/schemas/`, flat: tools that do not know `$id` and `$defs` find everything.

use serde_json::{Map, Value as Json, json};

use super::{calls, devices, webhooks};
use crate::schemas::{self, ENVELOPE, SCHEMAS};

/// Schemas by name.
pub type Components = Map<String, Json>;

/// A reference to one of them.
pub fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object that has all of these members, each with what it says, and no others that this version knows.
pub fn object(text: &str, members: &[(&str, Json, &str)]) -> Json {
    with_optional(text, members, &[])
}

/// An object that has all of the first and may have the second.
pub fn with_optional(text: &str, members: &[(&str, Json, &str)], optional: &[(&str, Json, &str)]) -> Json {
    let described = |(name, schema, text): &(&str, Json, &str)| {
        let mut schema = schema.clone();
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".into(), json!(text));
        }
        ((*name).to_owned(), schema)
    };
    let properties: Components = members.iter().chain(optional).map(described).collect();
    let required: Vec<&str> = members.iter().map(|(name, ..)| *name).collect();
    json!({"type": "object", "description": text, "properties": properties, "required": required, "additionalProperties": true})
}

/// Any number of these.
pub fn list(of: &Json) -> Json {
    json!({"type": "array", "items": of})
}

/// That, or `null`.
pub fn or_null(schema: &Json) -> Json {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// One of these words.
pub fn words(words: &[&str]) -> Json {
    json!({"type": "string", "enum": words})
}

/// Text.
pub fn text() -> Json {
    json!({"type": "string"})
}

/// True or false.
pub fn flag() -> Json {
    json!({"type": "boolean"})
}

/// A number that is not negative.
pub fn count() -> Json {
    json!({"type": "integer", "minimum": 0})
}

/// A time.
pub fn time() -> Json {
    json!({"type": "string", "format": "date-time"})
}

/// A `call_id`.
pub fn uuid() -> Json {
    json!({"type": "string", "format": "uuid"})
}

/// Text or `null`.
pub fn text_or_null() -> Json {
    json!({"type": ["string", "null"]})
}

const CURSOR: &str = "The last event that this knows of: go on from there with `after`. Opaque.";
const NEXT: &str =
    "What to ask for as `page` next; `null` when nothing is left. A page that is short, or empty, and has one is not the last.";
const LEGS: &str = "The last event of each leg that is up.";

/// What a token may see.
pub fn scope() -> Json {
    object(
        "What may be seen: everything, or what concerns any of these.",
        &[
            ("everything", flag(), "No limit."),
            ("users", list(&text()), "Ids of users: what happens on devices while they are theirs."),
            ("devices", list(&text()), "Names of devices."),
            ("lines", list(&text()), "Directory numbers."),
        ],
    )
}

/// Everything that events are made of: the envelope, the data of each type, and what these have in common.
pub fn events() -> Components {
    let mut components = Components::new();
    let all = SCHEMAS.iter().map(|object| (object.name, schemas::data_schema(object))).chain([(ENVELOPE.name, schemas::envelope())]);
    for (name, schema) in all {
        let Json::Object(mut schema) = schema else { continue };
        if let Some(Json::Object(defined)) = schema.remove("$defs") {
            // The envelope has the data's schemas in it, which are here already.
            let objects = defined.into_iter().filter(|(_, schema)| schema.get("$id").is_none());
            components.extend(objects.map(|(name, schema)| (name, flat(schema))));
        }
        for about_itself in ["$id", "$schema", "title"] {
            schema.remove(about_itself);
        }
        components.insert(name.into(), flat(schema.into()));
    }
    components
}

/// A schema whose references lead to the components.
fn flat(schema: Json) -> Json {
    match schema {
        Json::Object(members) => {
            members.into_iter().map(|(name, value)| (name.clone(), if name == "$ref" { moved(value) } else { flat(value) })).collect()
        }
        Json::Array(items) => items.into_iter().map(flat).collect(),
        other => other,
    }
}

fn moved(reference: Json) -> Json {
    let Json::String(text) = reference else { return reference };
    let name = text.strip_prefix("#/$defs/").or_else(|| text.strip_prefix("urn:callcast:schema:")?.strip_suffix(":1"));
    json!(name.map_or_else(|| text.clone(), |name| format!("#/components/schemas/{name}")))
}

/// What the HTTP API answers.
pub fn answers() -> Components {
    let mut components = events();
    let call = components.get("call").cloned().unwrap_or_default();
    let made = [
        ("error", error()),
        ("device_state", device_state()),
        ("live_call", live_call(&call)),
        ("ended_call", ended_call(call)),
        ("device", device()),
        ("device_list", page("devices", "device_state", "Devices as they stand now, by name.")),
        ("user", user()),
        ("call_list", call_list()),
        ("call_story", call_story()),
        ("me", me()),
        ("scope", scope()),
        ("config", config()),
        ("alive", object("The process answers.", &[("alive", json!({"const": true}), "It does.")])),
        ("readiness", readiness()),
        ("schema_index", schema_index()),
        ("cursor", cursor()),
        ("cursor_list", cursor_list()),
        ("cursor_place", cursor_place()),
        ("erase_request", erase_request()),
        ("erased", erased()),
    ];
    components.extend(webhooks::schemas::all().into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    // `device`, `user` and `call` are the names of what events have: those of the API are told apart.
    components
        .extend(made.map(|(name, schema)| (if components_of_events(name) { format!("api_{name}") } else { name.to_owned() }, schema)));
    components
}

fn components_of_events(name: &str) -> bool {
    matches!(name, "device" | "user")
}

/// Why a request is refused.
fn error() -> Json {
    let inside =
        object("What is wrong.", &[("code", text(), "A word for programs."), ("message", text(), "What is wrong, where, and what to do.")]);
    object("A request that is refused.", &[("error", inside, "What is wrong.")])
}

fn device_members() -> Vec<(&'static str, Json, &'static str)> {
    let restriction = object(
        "Why the cluster refuses to have it observed.",
        &[
            ("reason", text(), "The name of the result code."),
            ("result", text(), "The result code."),
            ("cure", text(), "What to do about it, in words."),
        ],
    );
    vec![
        ("device", reference("named_device"), "Which."),
        ("user", or_null(&reference("user")), "Whose it is now."),
        ("lines", list(&reference("directory_number")), "Its lines that were seen in service."),
        ("registered", flag(), "It is registered with the cluster."),
        ("in_service", flag(), "It is observed."),
        ("restricted", flag(), "The cluster refuses to have it observed."),
        ("restriction", or_null(&restriction), "Why."),
        ("state", words(&devices::states()), "The sum of its calls: the most urgent of them."),
        ("calls", count(), "How many calls it has."),
        ("since", or_null(&time()), "Since when the state is what it is; `null` for always."),
        ("sequence", count(), "The sequence of the last event that concerned it; 0 for none."),
        ("time", or_null(&time()), "When that was."),
        ("legs", list(&reference("event")), LEGS),
    ]
}

/// A device, as a snapshot and the API have it.
pub fn device_state() -> Json {
    object("A device as it stands now.", &device_members())
}

fn device() -> Json {
    let mut members = vec![("cursor", text(), CURSOR)];
    members.extend(device_members());
    object("A device as it stands now.", &members)
}

/// A page of a list.
fn page(name: &str, of: &str, said: &str) -> Json {
    object(said, &[("cursor", text(), CURSOR), (name, list(&reference(of)), said), ("next", text_or_null(), NEXT)])
}

fn user() -> Json {
    object(
        "A user's devices and live calls.",
        &[
            ("cursor", text(), CURSOR),
            ("id", text(), "The user id."),
            ("devices", list(&reference("device_state")), "The devices that are theirs now."),
            ("calls", list(&reference("live_call")), "The calls that are up on their devices."),
        ],
    )
}

/// What of a call's own members a schema of `call.*` describes.
fn members_of(call: &Json, names: &[&'static str]) -> Vec<(&'static str, Json)> {
    names.iter().filter_map(|name| Some((*name, call.get("properties")?.get(*name)?.clone()))).collect()
}

fn live_call(call: &Json) -> Json {
    let parties = members_of(call, &["calling", "called", "original_called", "last_redirecting", "remote"]);
    let state = json!({"oneOf": calls::live::STATES.map(|(word, meaning)| json!({"const": word, "description": meaning}))});
    let mut members = vec![
        ("call_id", uuid(), "The conversation."),
        ("live", json!({"const": true}), "It is up."),
        ("state", state, "What it is doing, by its legs that may be seen."),
        ("since", time(), "When the first of these legs was seen."),
    ];
    members.extend(parties.into_iter().map(|(name, schema)| (name, schema, "As the line of the first leg sees it.")));
    members.push(("legs", list(&reference("event")), LEGS));
    object("A call that is up.", &members)
}

/// The data of `call.ended`, and that it is not live.
fn ended_call(mut call: Json) -> Json {
    let only_of_others = ["transfer", "conference", "diversion", "park", "merged_into"];
    if let Some(properties) = call.get_mut("properties").and_then(Json::as_object_mut) {
        properties.retain(|name, _| !only_of_others.contains(&name.as_str()));
        properties.insert("live".into(), json!({"const": false, "description": "It is over."}));
    }
    if let Some(required) = call.get_mut("required").and_then(Json::as_array_mut) {
        required.extend(["live", "outcome", "legs"].map(Json::from));
    }
    if let Some(call) = call.as_object_mut() {
        call.insert("description".into(), json!("A call that is over: the data of its `call.ended`."));
    }
    call
}

fn call_list() -> Json {
    let either = json!({"anyOf": [reference("live_call"), reference("ended_call")]});
    let said = "Those that are up first, the newest before the others; then those that are over, the last one first.";
    object("Calls.", &[("cursor", text(), CURSOR), ("calls", list(&either), said), ("next", text_or_null(), NEXT)])
}

fn call_story() -> Json {
    object(
        "What was told of a call, in order, as far as it may be seen.",
        &[
            ("call_id", uuid(), "The conversation."),
            ("live", flag(), "It is not over yet."),
            ("merged_into", or_null(&uuid()), "The call that it became part of."),
            ("merged_from", list(&uuid()), "Calls that became part of it."),
            ("summary", or_null(&reference("call")), "The data of its `call.ended`; `null` as long as there is none."),
            ("truncated", flag(), "The beginning is left out: there is too much of it."),
            ("events", list(&reference("event")), "The events, the oldest first."),
        ],
    )
}

fn me() -> Json {
    object(
        "Whose token this is.",
        &[
            ("account", text(), "The `sub` of a JWT, or the name of an API token."),
            ("scope", reference("scope"), "What it may see."),
            ("admin", flag(), "Whether it may use the admin endpoints."),
            ("expires", or_null(&time()), "When the token ends; `null` for never."),
        ],
    )
}

fn config() -> Json {
    let access = object("Who may ask.", &[("required", flag(), "A token is needed.")]);
    object(
        "What the page has to know.",
        &[
            ("url_template", text(), "What a screen-pop opens, until the user says otherwise; empty for nothing."),
            ("url_schemes", list(&text()), "Schemes that a template may have beside `http` and `https`."),
            ("access", access, "Who may ask."),
        ],
    )
}

fn readiness() -> Json {
    let session = object(
        "A CTI session.",
        &[
            ("session", count(), "Its place in the configuration, from 0."),
            ("manager", text_or_null(), "The CTIManager that it is with."),
            ("state", text(), "A word, as `in_service`."),
            ("reason", text_or_null(), "Why it is not in service, and what to do about it."),
        ],
    );
    let refused = object(
        "Devices and lines that are refused for one cause.",
        &[
            ("cause", text(), "The name of the result code."),
            ("cure", text(), "What to do about it."),
            ("count", count(), "How many."),
            ("examples", list(&text()), "The names of a few."),
        ],
    );
    let devices = object(
        "The devices of all sessions, by number.",
        &[
            ("total", count(), "In the inventory."),
            ("in_service", count(), "Observed."),
            ("refused", list(&refused), "Refused by the cluster, by cause."),
        ],
    );
    let journal = object(
        "The log of events.",
        &[
            ("failing", flag(), "It takes no events: they are told as not durable."),
            ("since", or_null(&time()), "Since when."),
            ("reason", text_or_null(), "Why, and what to do about it."),
        ],
    );
    object(
        "How things stand with the gateway.",
        &[
            ("ready", flag(), "Sessions are in service, and enough devices are."),
            ("sessions", list(&session), "Every CTI session."),
            ("devices", devices, "The devices of all sessions."),
            ("journal", journal, "The log of events."),
        ],
    )
}

fn schema_index() -> Json {
    let schema = object(
        "A schema.",
        &[
            ("name", text(), "Its name."),
            ("path", text(), "Where it is."),
            ("id", text(), "Its `$id`, the `dataschema` of events."),
            ("description", text(), "What it describes."),
        ],
    );
    let kind = object(
        "A type of event.",
        &[("type", text(), "The type."), ("dataschema", text(), "The schema of its data."), ("description", text(), "When it is told.")],
    );
    object(
        "The schemas of events, and which type has which.",
        &[("schemas", list(&schema), "The schemas."), ("types", list(&kind), "The types of events.")],
    )
}

/// A durable cursor.
fn cursor() -> Json {
    let gap = object(
        "Events that are no longer kept.",
        &[
            ("first", count(), "The first of them."),
            ("last", count(), "The last."),
            ("count", count(), "How many, less those among them that the consumer was done with."),
        ],
    );
    let behind = json!({"type": ["integer", "null"], "minimum": 0});
    object(
        "Where a consumer stands.",
        &[
            ("name", text(), "Its name."),
            ("reached", text(), "The last event that it looked at. Opaque."),
            ("parked", list(&count()), "Sequences of events up to there that it set aside to try again."),
            (
                "behind",
                behind,
                "How many events it has before it; `null` when `reached` is of another log, or of a time that is not known.",
            ),
            ("gap", or_null(&gap), "What it will never get; `null` for nothing."),
        ],
    )
}

fn cursor_list() -> Json {
    let damaged = object("A cursor that cannot be read.", &[("name", text(), "Its name."), ("message", text(), "Why, and what to do.")]);
    object(
        "The durable cursors.",
        &[
            ("cursors", list(&reference("cursor")), "Those that can be read, by name."),
            ("damaged", list(&damaged), "Those that cannot."),
            ("oldest", count(), "The sequence of the oldest event that is kept."),
            ("next", count(), "The sequence that the next event gets."),
        ],
    )
}

fn cursor_place() -> Json {
    let mut place = with_optional(
        "Where a cursor is to be.",
        &[],
        &[
            ("reached", text_or_null(), "A cursor, or the id of an event: what comes after it is told."),
            ("from", json!({"type": ["string", "null"], "format": "date-time"}), "A time: what was told since is told again."),
        ],
    );
    if let Some(place) = place.as_object_mut() {
        let only = |name: &str| json!({"required": [name], "properties": {name: {"type": "string"}}});
        place.insert("oneOf".into(), json!([only("reached"), only("from")]));
        place.insert("additionalProperties".into(), json!(false));
    }
    place
}

fn erase_request() -> Json {
    let texts = || json!({"type": "array", "items": {"type": "string", "minLength": 1}});
    let mut request = with_optional(
        "Persons. One text at least.",
        &[],
        &[
            ("numbers", texts(), "As events have them: `0123401000`, and `+33123401000` for their E.164 form."),
            ("users", texts(), "Ids of users."),
            ("names", texts(), "Display names of parties."),
        ],
    );
    if let Some(request) = request.as_object_mut() {
        request.insert("additionalProperties".into(), json!(false));
    }
    request
}

fn erased() -> Json {
    object(
        "What was erased.",
        &[
            ("looked_at", count(), "Events that were looked at."),
            ("events", count(), "Events that were erased, or would be."),
            ("segments", count(), "Files that they are in."),
            ("dry_run", flag(), "They were only counted."),
        ],
    )
}
