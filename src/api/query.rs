//! What stands behind the `?` of an address: read by the table of parameters that the route has, which is also what OpenAPI shows.

use std::time::UNIX_EPOCH;

use hyper::{Response, StatusCode};
use thiserror::Error;
use url::form_urlencoded;

use super::respond::{self, Body};
use crate::time::Timestamp;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 512;
/// Items of a page when nobody says how many.
pub const DEFAULT_LIMIT: usize = 100;
/// The most items of a page.
pub const MAX_LIMIT: usize = 1000;
/// A token may stand in the address where `access.token_in_url` allows it; it is no parameter of any route.
const TOKEN: &str = "access_token";

/// A parameter of a route.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What it does, for people.
    pub text: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// One of these.
    Word(fn() -> Vec<&'static str>),
    /// RFC 3339.
    Time,
    /// How many.
    Limit,
    /// Where the page before ended.
    Page,
}

impl Parameter {
    /// A parameter.
    pub const fn new(name: &'static str, kind: Kind, text: &'static str) -> Self {
        Self { name, kind, text }
    }
}

/// What is wrong with a query.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum BadQuery {
    #[error("there is no parameter {name:?} here; did you mean {nearest:?}? There are {known}")]
    Unknown { name: String, nearest: &'static str, known: String },
    #[error("there is no parameter {name:?} here: this address takes none")]
    TakesNone { name: String },
    #[error("{name:?} is given twice: give it once")]
    Repeated { name: &'static str },
    #[error("{name:?} has {length} bytes; the limit is {MAX_VALUE}")]
    TooLong { name: &'static str, length: usize },
    #[error("{name:?} is empty: give a value, or leave it out")]
    Empty { name: &'static str },
    #[error("{name:?} is {value:?}; it is true or false")]
    Flag { name: &'static str, value: String },
    #[error("{name:?} is {value:?}; did you mean {nearest:?}? It is one of {known}")]
    Word { name: &'static str, value: String, nearest: &'static str, known: String },
    #[error("{name:?} is {value:?}; it is a time as 2026-11-23T08:15:30Z or 2026-11-23T08:15:30%2B01:00 (RFC 3339)")]
    Time { name: &'static str, value: String },
    #[error("\"limit\" is {value:?}; it is a number from 1 to {MAX_LIMIT}")]
    Limit { value: String },
    #[error("\"page\" is not what an answer gave as \"next\": begin again without it")]
    Page,
}

impl BadQuery {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::TakesNone { .. } => "unknown_parameter",
            Self::Repeated { .. } => "repeated_parameter",
            Self::TooLong { .. } => "too_long",
            Self::Empty { .. } => "empty_parameter",
            Self::Flag { .. } => "bad_flag",
            Self::Word { .. } => "bad_word",
            Self::Time { .. } => "bad_time",
            Self::Limit { .. } => "bad_limit",
            Self::Page => "bad_page",
        }
    }

    /// 400, and why.
    pub fn response(&self) -> Response<Body> {
        respond::problem(StatusCode::BAD_REQUEST, self.code(), &self.to_string())
    }
}

/// A query whose values are what their parameters say.
#[derive(Debug, Default)]
pub struct Query(Vec<(&'static str, Value)>);

#[derive(Debug)]
enum Value {
    Text(String),
    Flag(bool),
    Time(Timestamp),
    Number(usize),
}

impl Query {
    /// Reads the query of an address.
    ///
    /// # Errors
    /// When it has what the route does not know, or values that are none.
    pub fn parse(query: Option<&str>, parameters: &[Parameter]) -> Result<Self, BadQuery> {
        let mut values: Vec<(&'static str, Value)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()).filter(|(name, _)| name != TOKEN) {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
                return Err(unknown(&name, parameters));
            };
            if values.iter().any(|(known, _)| *known == parameter.name) {
                return Err(BadQuery::Repeated { name: parameter.name });
            }
            values.push((parameter.name, parameter.read(&value)?));
        }
        Ok(Self(values))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|(known, value)| (*known == name).then_some(value))
    }

    /// A text or word.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True or false.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A time.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        match self.get(name)? {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// Items of a page.
    pub fn limit(&self) -> usize {
        match self.get("limit") {
            Some(Value::Number(limit)) => *limit,
            _ => DEFAULT_LIMIT,
        }
    }

    /// Where the page before ended.
    pub fn page(&self) -> Option<&str> {
        self.text("page")
    }
}

impl Parameter {
    fn read(&self, value: &str) -> Result<Value, BadQuery> {
        let name = self.name;
        if value.len() > MAX_VALUE {
            return Err(BadQuery::TooLong { name, length: value.len() });
        }
        if value.is_empty() {
            return Err(BadQuery::Empty { name });
        }
        match self.kind {
            Kind::Text | Kind::Page => Ok(Value::Text(value.to_owned())),
            Kind::Flag => value.parse().map(Value::Flag).map_err(|_| BadQuery::Flag { name, value: excerpt(value) }),
            Kind::Time => time(value).map(Value::Time).ok_or_else(|| BadQuery::Time { name, value: excerpt(value) }),
            Kind::Limit => match value.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(Value::Number(limit)),
                _ => Err(BadQuery::Limit { value: excerpt(value) }),
            },
            Kind::Word(words) => {
                let words = words();
                if words.contains(&value) {
                    return Ok(Value::Text(value.to_owned()));
                }
                Err(BadQuery::Word { name, value: excerpt(value), nearest: nearest(value, &words), known: words.join(", ") })
            }
        }
    }
}

fn unknown(name: &str, parameters: &[Parameter]) -> BadQuery {
    let known: Vec<&'static str> = parameters.iter().map(|parameter| parameter.name).collect();
    let name = excerpt(name);
    match known.as_slice() {
        [] => BadQuery::TakesNone { name },
        known => BadQuery::Unknown { nearest: nearest(&name, known), known: known.join(", "), name },
    }
}

/// RFC 3339 with `Z` or with a distance from UTC. A `+` that was not escaped came as a space.
pub fn time(text: &str) -> Option<Timestamp> {
    let upper = text.to_ascii_uppercase();
    let (local, offset) = match upper.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let at = upper.len().checked_sub("+01:00".len())?;
            let (local, offset) = upper.split_at_checked(at)?;
            (local, seconds(offset)?)
        }
    };
    let time = humantime::parse_rfc3339(&format!("{local}Z")).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let micros = i128::try_from(time.as_micros()).ok()? - i128::from(offset) * 1_000_000;
    u64::try_from(micros).ok().map(Timestamp)
}

/// `+01:00` in seconds.
fn seconds(offset: &str) -> Option<i64> {
    let sign = match offset.get(..1)? {
        "+" | " " => 1,
        "-" => -1,
        _ => return None,
    };
    let number = |text: &str, limit: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number < limit)
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    Some(sign * (number(hours, 24)? * 3600 + number(minutes, 60)? * 60))
}

/// The known word that is nearest to an unknown one.
pub fn nearest(word: &str, known: &[&'static str]) -> &'static str {
    let distance = |name: &&&'static str| strsim::damerau_levenshtein(&excerpt(word), name);
    known.iter().min_by_key(distance).copied().unwrap_or_default()
}

/// As much of a client's text as an answer repeats.
pub fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter::new("state", Kind::Word(|| vec!["alerting", "active"]), ""),
        Parameter::new("user", Kind::Text, ""),
        Parameter::new("live", Kind::Flag, ""),
        Parameter::new("from", Kind::Time, ""),
        Parameter::new("limit", Kind::Limit, ""),
        Parameter::new("page", Kind::Page, ""),
    ];

    fn code(query: &str) -> &'static str {
        Query::parse(Some(query), PARAMETERS).unwrap_err().code()
    }

    #[test]
    fn values_are_read_by_their_kind() {
        let query = Query::parse(Some("state=active&user=zo%C3%AB+m&live=true&from=2026-11-23T08:15:30Z&limit=7"), PARAMETERS).unwrap();
        assert_eq!((query.text("state"), query.text("user"), query.flag("live")), (Some("active"), Some("zoë m"), Some(true)));
        assert_eq!((query.time("from").unwrap().to_string().as_str(), query.limit()), ("2026-11-23T08:15:30.000000Z", 7));
        assert_eq!(Query::parse(None, PARAMETERS).unwrap().limit(), DEFAULT_LIMIT);
    }

    #[test]
    fn each_mistake_has_its_code() {
        let long = format!("user={}", "x".repeat(MAX_VALUE + 1));
        for (query, expected) in [
            ("stat=active", "unknown_parameter"),
            ("state=ringing", "bad_word"),
            ("live=yes", "bad_flag"),
            ("from=yesterday", "bad_time"),
            ("limit=0", "bad_limit"),
            ("limit=1001", "bad_limit"),
            ("limit=-1", "bad_limit"),
            ("user=a&user=b", "repeated_parameter"),
            ("user=", "empty_parameter"),
            (long.as_str(), "too_long"),
        ] {
            assert_eq!(code(query), expected, "{query}");
        }
    }

    #[test]
    fn an_unknown_parameter_names_the_nearest() {
        let message = Query::parse(Some("usr=ann"), PARAMETERS).unwrap_err().to_string();
        assert!(message.contains("did you mean \"user\"?"), "{message}");
        assert_eq!(Query::parse(Some("usr=ann"), &[]).unwrap_err().code(), "unknown_parameter");
    }

    #[test]
    fn a_token_in_the_address_is_no_parameter() {
        Query::parse(Some("access_token=secret"), &[]).unwrap();
    }

    #[test]
    fn times_may_have_a_distance_from_utc() {
        let zulu = time("2026-11-23T08:15:30Z").unwrap();
        for text in ["2026-11-23T09:15:30+01:00", "2026-11-23T09:15:30 01:00", "2026-11-23T02:45:30-05:30", "2026-11-23t08:15:30.000z"] {
            assert_eq!(time(text), Some(zulu), "{text}");
        }
        for text in
            ["", "Z", "2026-11-23", "2026-11-23T08:15:30", "2026-11-23T08:15:30+1:00", "2026-11-23T08:15:30+25:00", "1969-01-01T00:00:00Z"]
        {
            assert_eq!(time(text), None, "{text}");
        }
        assert_eq!(time("éééééé"), None);
    }
}
