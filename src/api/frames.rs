//! The frames of the WebSocket as schemas: what AsyncAPI shows, and tests hold real frames to.

use serde_json::{Value as Json, json};

use super::components::{
    Components, count, device_state, events, flag, list, object, or_null, reference, scope, text, text_or_null, time, with_optional, words,
};

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A client.
    Client,
    /// The gateway, as the answer to an operation of a client.
    Answer(&'static str),
    /// The gateway, by itself.
    Gateway,
}

/// A frame.
pub struct Frame {
    /// Its `op`.
    pub op: &'static str,
    /// Who sends it.
    pub from: From,
    /// When, for people.
    pub text: &'static str,
    schema: fn(&str) -> Json,
}

impl Frame {
    /// The name of its schema.
    pub fn name(&self) -> String {
        format!("frame_{}", self.op)
    }
}

/// All of them.
pub const FRAMES: &[Frame] = &[
    Frame { op: "authenticate", from: From::Client, text: "Says who this is, or renews the token before it ends.", schema: authenticate },
    Frame { op: "authenticated", from: From::Answer("authenticate"), text: "The token is taken.", schema: authenticated },
    Frame {
        op: "subscribe",
        from: From::Client,
        text: "Asks for what concerns any of these, from now on or from a cursor on.",
        schema: subscribe,
    },
    Frame {
        op: "subscribed",
        from: From::Answer("subscribe"),
        text: "How things stand, or that what was missed follows.",
        schema: subscribed,
    },
    Frame { op: "snapshot", from: From::Answer("subscribe"), text: "More of how things stand.", schema: snapshot },
    Frame {
        op: "live",
        from: From::Answer("subscribe"),
        text: "What was missed is told: from now on events come as they happen.",
        schema: live,
    },
    Frame { op: "unsubscribe", from: From::Client, text: "Asks for no more of it.", schema: unsubscribe },
    Frame { op: "unsubscribed", from: From::Answer("unsubscribe"), text: "Nothing more comes of it.", schema: unsubscribed },
    Frame { op: "ping", from: From::Client, text: "Asks whether the gateway is there.", schema: bare },
    Frame { op: "pong", from: From::Answer("ping"), text: "It is.", schema: bare },
    Frame { op: "event", from: From::Gateway, text: "Something happened.", schema: event },
    Frame { op: "gap", from: From::Gateway, text: "Events are missing: they are no longer kept.", schema: gap },
    Frame { op: "error", from: From::Gateway, text: "A request is refused; the socket stays open unless a close follows.", schema: error },
];

/// The schemas of all frames, and of what is in them.
pub fn schemas() -> Components {
    let mut components = events();
    components.insert("device_state".into(), device_state());
    components.insert("scope".into(), scope());
    components.extend(FRAMES.iter().map(|frame| {
        let mut schema = (frame.schema)(frame.text);
        if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
            properties.insert("op".into(), json!({"const": frame.op}));
        }
        if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
            required.insert(0, json!("op"));
        }
        (frame.name(), schema)
    }));
    components
}

const ID: &str = "The client's own name for the subscription.";

fn id() -> Json {
    json!({"type": "string", "minLength": 1, "maxLength": 128})
}

fn authenticate(said: &str) -> Json {
    object(said, &[("token", text(), "A JWT or an API token.")])
}

fn authenticated(said: &str) -> Json {
    object(
        said,
        &[
            ("account", text(), "Whose token it is."),
            ("expires", or_null(&time()), "When it ends: the socket is closed then, unless another one came; `null` for never."),
            ("scope", reference("scope"), "What it may see."),
            ("admin", flag(), "Whether it may use the admin endpoints."),
        ],
    )
}

fn subscribe(said: &str) -> Json {
    with_optional(
        said,
        &[("id", id(), ID)],
        &[
            ("devices", list(&text()), "Names of devices."),
            ("lines", list(&text()), "Directory numbers."),
            ("users", list(&text()), "Ids of users."),
            ("all", flag(), "All that may be seen."),
            ("types", list(&text()), "Only events of these types, as `leg.alerting`, or families, as `leg.*`; all when none is named."),
            ("after", text_or_null(), "The last cursor that was seen, or the id of an event: what was missed since is told first."),
        ],
    )
}

fn subscribed(said: &str) -> Json {
    let reasons = words(&["trimmed", "unknown", "future", "unreadable"]);
    let mut schema = with_optional(
        said,
        &[("id", id(), ID), ("cursor", text(), "The last event that the snapshot knows of, or the cursor that was given.")],
        &[
            ("snapshot", list(&reference("device_state")), "How the devices that are asked for stand; not with `recovered` true."),
            ("more", flag(), "Another frame follows with more of the snapshot."),
            ("recovered", flag(), "Whether what was missed follows; only when `after` was given."),
            (
                "reason",
                reasons,
                "Why it does not: it is no longer kept, the cursor is of another log or past the newest event, or the log cannot be read.",
            ),
        ],
    );
    if let Some(schema) = schema.as_object_mut() {
        let recovered = json!({"properties": {"recovered": {"const": true}}, "required": ["recovered"]});
        let with_snapshot = json!({"required": ["snapshot", "more"]});
        schema.insert("anyOf".into(), json!([recovered, with_snapshot]));
    }
    schema
}

fn snapshot(said: &str) -> Json {
    object(
        said,
        &[
            ("id", id(), ID),
            ("snapshot", list(&reference("device_state")), "More devices."),
            ("more", flag(), "Another frame follows with more of the snapshot."),
        ],
    )
}

fn live(said: &str) -> Json {
    object(said, &[("id", id(), ID), ("cursor", text(), "The last event that was told.")])
}

fn unsubscribe(said: &str) -> Json {
    object(said, &[("id", id(), ID)])
}

fn unsubscribed(said: &str) -> Json {
    object(said, &[("id", id(), ID)])
}

fn bare(said: &str) -> Json {
    object(said, &[])
}

fn event(said: &str) -> Json {
    let mut schema = with_optional(
        said,
        &[("event", reference("event"), "What happened, as a CloudEvent.")],
        &[
            ("cursor", text(), "Where to go on, once this was dealt with. Opaque."),
            ("durable", json!({"const": false}), "It is in no log: the disk takes nothing. There is no cursor then."),
        ],
    );
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("oneOf".into(), json!([{"required": ["cursor"]}, {"required": ["durable"]}]));
    }
    schema
}

fn gap(said: &str) -> Json {
    object(said, &[("count", count(), "How many events are missing."), ("cursor", text(), "Where it goes on.")])
}

fn error(said: &str) -> Json {
    with_optional(
        said,
        &[("code", text(), "A word for programs."), ("message", text(), "What is wrong, and what to do.")],
        &[("id", text_or_null(), "The id of the request; `null` where it had none. Not in a stream of server-sent events.")],
    )
}
