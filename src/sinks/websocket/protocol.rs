//! The words between a client and us, without any I/O.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::config::Config;
use crate::access::{Principal, Scope};
use crate::event::{Filter, Types};
use crate::gateway::Lost;
use crate::journal::{Cursor, JournalError};
use crate::sinks::feed;
use crate::time::Timestamp;

/// The longest id of a subscription, in bytes: it is repeated in every answer.
const MAX_ID: usize = 128;

const OPS: [&str; 4] = ["authenticate", "ping", "subscribe", "unsubscribe"];
const SUBSCRIBE_KEYS: [&str; 8] = ["op", "id", "devices", "lines", "users", "all", "types", "after"];

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Send me what this filter asks for.
    Subscribe {
        /// The client's name for the subscription.
        id: String,
        /// What it wants.
        filter: Filter,
        /// The last event that it has seen.
        after: Option<Cursor>,
    },
    /// This is who I am, or still am.
    Authenticate(Token),
    /// Are you there? A browser cannot see the pings of WebSocket itself.
    Ping,
    /// No longer.
    Unsubscribe {
        /// The name that it subscribed with.
        id: String,
    },
}

/// A token that nobody has looked at. It is never logged.
#[derive(PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum Refused {
    #[error("this is not JSON: {0}; send one JSON object per text frame")]
    NotJson(String),
    #[error("a request is a JSON object such as {{\"op\":\"subscribe\",\"id\":\"1\",\"users\":[\"bsmith\"]}}")]
    NotAnObject,
    #[error("requests are text frames of JSON; this was a binary frame")]
    Binary,
    #[error("the message has {length} bytes and the limit is {limit} (max_message_bytes): split it into several subscriptions")]
    TooLong { length: usize, limit: usize },
    #[error("\"op\" is missing or not a string; it is \"authenticate\", \"subscribe\", \"unsubscribe\" or \"ping\"")]
    MissingOp,
    #[error("there is no op {op:?}; did you mean {nearest:?}?")]
    UnknownOp { op: String, nearest: &'static str },
    #[error("\"id\" is missing or not a string of 1 to {MAX_ID} bytes; it is your name for the subscription")]
    MissingId,
    #[error("there is no member {key:?} in a subscription; did you mean {nearest:?}?")]
    UnknownKey { key: String, nearest: &'static str },
    #[error("{0}; devices, lines, users and types are lists of strings, all is true or false, after is a cursor")]
    Malformed(String),
    #[error("the subscription asks for nothing: give devices, lines or users, or \"all\": true")]
    EmptyFilter,
    #[error("there is no type of events {pattern:?}; did you mean {nearest:?}? A family is \"leg.*\"")]
    UnknownType { pattern: String, nearest: String },
    #[error("\"after\": {0}")]
    Cursor(String),
    #[error(transparent)]
    Feed(#[from] feed::Refused),
    #[error("\"token\" is missing or not a string: {{\"op\":\"authenticate\",\"token\":\"…\"}}")]
    MissingToken,
    #[error("say who you are first: {{\"op\":\"authenticate\",\"token\":\"…\"}}")]
    Unauthenticated,
    #[error("{0}")]
    Denied(String),
    #[error("this connection is {known:?}'s, and the token is {other:?}'s: open another connection for it")]
    OtherAccount { known: String, other: String },
    #[error("{account:?} has {limit} connections, the limit (api.websocket.max_clients_per_account): close one that is not needed")]
    TooManyConnections { account: String, limit: usize },
}

impl Refused {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::Binary => "not_text",
            Self::TooLong { .. } => "too_long",
            Self::MissingOp => "missing_op",
            Self::UnknownOp { .. } => "unknown_op",
            Self::MissingId => "missing_id",
            Self::UnknownKey { .. } => "unknown_key",
            Self::Malformed(_) => "malformed",
            Self::EmptyFilter => "empty_filter",
            Self::UnknownType { .. } => "unknown_type",
            Self::Cursor(_) => "cursor",
            Self::Feed(feed::Refused::DuplicateId { .. }) => "duplicate_id",
            Self::Feed(feed::Refused::UnknownId { .. }) => "unknown_id",
            Self::Feed(feed::Refused::TooManySubscriptions { .. }) => "too_many_subscriptions",
            Self::Feed(feed::Refused::TooManyTexts { .. }) => "too_many_texts",
            Self::Feed(feed::Refused::Forbidden(_)) => "forbidden",
            Self::MissingToken => "missing_token",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied(_) => "denied",
            Self::OtherAccount { .. } => "other_account",
            Self::TooManyConnections { .. } => "too_many_connections",
        }
    }
}

/// A refusal, with the id of the request where it has one.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The request's id.
    pub id: Option<String>,
    /// What is wrong with it.
    pub refused: Refused,
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    all: bool,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    after: Option<String>,
}

impl Request {
    /// Reads a text frame.
    ///
    /// # Errors
    /// When it is no request, with what the client has to change.
    pub fn parse(text: &str, config: &Config) -> Result<Self, Rejection> {
        let anonymous = |refused| Rejection { id: None, refused };
        if text.len() > config.max_message_bytes {
            return Err(anonymous(Refused::TooLong { length: text.len(), limit: config.max_message_bytes }));
        }
        let object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(anonymous(Refused::NotAnObject)),
            Err(error) => return Err(anonymous(Refused::NotJson(error.to_string()))),
        };
        let id = object.get("id").and_then(Value::as_str).filter(|id| (1..=MAX_ID).contains(&id.len())).map(str::to_owned);
        Self::from_object(object, id.clone()).map_err(|refused| Rejection { id, refused })
    }

    fn from_object(object: Map<String, Value>, id: Option<String>) -> Result<Self, Refused> {
        let op = object.get("op").and_then(Value::as_str).ok_or(Refused::MissingOp)?;
        match op {
            "subscribe" => Self::subscribe(object, id.ok_or(Refused::MissingId)?),
            "authenticate" => {
                let token = object.get("token").and_then(Value::as_str).ok_or(Refused::MissingToken)?;
                Ok(Self::Authenticate(Token(token.to_owned())))
            }
            "ping" => Ok(Self::Ping),
            "unsubscribe" => Ok(Self::Unsubscribe { id: id.ok_or(Refused::MissingId)? }),
            op => Err(Refused::UnknownOp { op: excerpt(op), nearest: nearest(op, &OPS) }),
        }
    }

    fn subscribe(object: Map<String, Value>, id: String) -> Result<Self, Refused> {
        if let Some(key) = object.keys().find(|key| !SUBSCRIBE_KEYS.contains(&key.as_str())) {
            return Err(Refused::UnknownKey { key: excerpt(key), nearest: nearest(key, &SUBSCRIBE_KEYS) });
        }
        let wanted: Wanted = serde_json::from_value(Value::Object(object)).map_err(|error| Refused::Malformed(error.to_string()))?;
        let types = Types::named(&wanted.types).map_err(|(pattern, nearest)| Refused::UnknownType { pattern, nearest })?;
        let after = wanted.after.map(|text| text.parse()).transpose().map_err(|error: JournalError| Refused::Cursor(error.to_string()))?;
        let filter = Filter { devices: wanted.devices, lines: wanted.lines, users: wanted.users, all: wanted.all, types };
        if filter.is_empty() { Err(Refused::EmptyFilter) } else { Ok(Self::Subscribe { id, filter, after }) }
    }
}

fn nearest(word: &str, known: &[&'static str]) -> &'static str {
    let distance = |name: &&&'static str| strsim::damerau_levenshtein(&excerpt(word), name);
    known.iter().min_by_key(distance).copied().unwrap_or_default()
}

/// As much of a client's text as an answer repeats.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[derive(Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Answer<'a> {
    Subscribed { id: &'a str, cursor: String, recovered: bool },
    Unsubscribed { id: &'a str },
    Pong,
    Live { id: &'a str, cursor: String },
    Gap { count: u64, cursor: String },
    Authenticated { account: &'a str, expires: Option<String>, scope: ScopeAnswer<'a>, admin: bool },
    Error { id: Option<&'a str>, code: &'static str, message: String },
}

/// What a token may see, as clients are told it.
#[derive(Serialize)]
struct ScopeAnswer<'a> {
    everything: bool,
    users: &'a [Box<str>],
    devices: &'a [Box<str>],
    lines: &'a [Box<str>],
}

/// The answer to a `subscribe` that goes on where it was.
pub fn resumed(id: &str, after: Cursor) -> String {
    text(&Answer::Subscribed { id, cursor: after.to_string(), recovered: true })
}

/// What a snapshot says of an `after` that cannot be honoured.
pub fn lost(lost: Lost) -> String {
    format!(",\"recovered\":false,\"reason\":\"{}\"", lost.as_str())
}

/// The answer to an `unsubscribe`.
pub fn unsubscribed(id: &str) -> String {
    text(&Answer::Unsubscribed { id })
}

/// The answer to a `ping`.
pub fn pong() -> String {
    text(&Answer::Pong)
}

/// A subscription is up to date.
pub fn live(id: &str, cursor: Cursor) -> String {
    text(&Answer::Live { id, cursor: cursor.to_string() })
}

/// Events are missing.
pub fn gap(count: u64, cursor: Cursor) -> String {
    text(&Answer::Gap { count, cursor: cursor.to_string() })
}

/// The answer to an `authenticate`.
pub fn authenticated(Principal { account, scope, admin, expires, .. }: &Principal) -> String {
    let Scope { everything, users, devices, lines } = &**scope;
    let scope = ScopeAnswer { everything: *everything, users, devices, lines };
    text(&Answer::Authenticated { account, expires: expires.map(|at: Timestamp| at.to_string()), scope, admin: *admin })
}

/// The answer to a request that is refused.
pub fn error(Rejection { id, refused }: &Rejection) -> String {
    text(&Answer::Error { id: id.as_deref(), code: refused.code(), message: refused.to_string() })
}

/// Strings, numbers and lists of them always have a JSON form.
fn text(answer: &Answer<'_>) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (Option<String>, &'static str) {
        let rejection = Request::parse(text, &Config::default()).unwrap_err();
        (rejection.id, rejection.refused.code())
    }

    #[test]
    fn a_subscription_is_read() {
        let text = r#"{"op":"subscribe","id":"1","devices":["SEP1"],"lines":["2000"],"users":["zoe"],"all":true}"#;
        let filter = Filter { devices: vec!["SEP1".into()], lines: vec!["2000".into()], users: vec!["zoe".into()], ..Filter::everything() };
        assert_eq!(Request::parse(text, &Config::default()), Ok(Request::Subscribe { id: "1".into(), filter, after: None }));
    }

    #[test]
    fn a_subscription_may_name_types_and_a_place_to_go_on_from() {
        let text = r#"{"op":"subscribe","id":"1","all":true,"types":["pop.*"],"after":"0000002a.7.1f"}"#;
        let Ok(Request::Subscribe { filter, after, .. }) = Request::parse(text, &Config::default()) else { panic!() };
        assert_eq!(filter.types, Types::named(&["pop.*".to_owned()]).unwrap());
        assert_eq!(after, Some(Cursor { journal: 42, epoch: 7, sequence: 31 }));
    }

    #[test]
    fn a_token_is_not_in_what_is_printed_of_a_request() {
        let request = Request::parse(r#"{"op":"authenticate","token":"geheim"}"#, &Config::default()).unwrap();
        assert!(!format!("{request:?}").contains("geheim"));
    }

    #[test]
    fn each_mistake_has_its_code_and_keeps_the_id() {
        for (text, id, code) in [
            ("{", None, "not_json"),
            ("[1]", None, "not_an_object"),
            (r#"{"id":"7"}"#, Some("7"), "missing_op"),
            (r#"{"op":"subscribe","all":true}"#, None, "missing_id"),
            (r#"{"op":"subscribe","id":7,"all":true}"#, None, "missing_id"),
            (r#"{"op":"subscribe","id":"7"}"#, Some("7"), "empty_filter"),
            (r#"{"op":"subscribe","id":"7","devices":[]}"#, Some("7"), "empty_filter"),
            (r#"{"op":"subscribe","id":"7","devices":"SEP1"}"#, Some("7"), "malformed"),
            (r#"{"op":"subscribe","id":"7","device":["SEP1"]}"#, Some("7"), "unknown_key"),
            (r#"{"op":"subscribe","id":"7","all":true,"types":["leg"]}"#, Some("7"), "unknown_type"),
            (r#"{"op":"subscribe","id":"7","all":true,"after":"yesterday"}"#, Some("7"), "cursor"),
            (r#"{"op":"authenticate"}"#, None, "missing_token"),
        ] {
            assert_eq!(refusal(text), (id.map(str::to_owned), code), "{text}");
        }
    }

    #[test]
    fn an_unknown_op_names_the_nearest() {
        let rejection = Request::parse(r#"{"op":"subscrbe","id":"1"}"#, &Config::default()).unwrap_err();
        assert_eq!(rejection.refused, Refused::UnknownOp { op: "subscrbe".into(), nearest: "subscribe" });
    }

    #[test]
    fn a_message_past_the_limit_is_not_looked_at() {
        let config = Config { max_message_bytes: 10, ..Config::default() };
        let rejection = Request::parse("{\"op\":\"subscribe\"}", &config).unwrap_err();
        assert_eq!(rejection.refused, Refused::TooLong { length: 18, limit: 10 });
    }

    #[test]
    fn a_hostile_id_is_repeated_as_json() {
        let rejection = Rejection { id: Some("\"\n<".into()), refused: Refused::EmptyFilter };
        let value: Value = serde_json::from_str(&error(&rejection)).unwrap();
        assert_eq!(value.get("id"), Some(&Value::from("\"\n<")));
    }
}
