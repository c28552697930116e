//! What a client wants, said by the query of a URL: `device=SEP1&device=SEP2&line=2000&user=bsmith&all=true&type=leg.*&after=CURSOR`.

use thiserror::Error;

use crate::event::{Filter, Types};
use crate::journal::Cursor;

/// What may stand in it.
pub const KEYS: [&str; 6] = ["device", "line", "user", "all", "type", "after"];
/// Texts that a URL may name: what is longer does not fit into a request's head anyway.
const MOST: usize = 1000;

/// What is wanted, and the last event that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What is wanted.
    pub filter: Filter,
    /// The last event that was seen.
    pub after: Option<Cursor>,
}

/// A query that asks for nothing that there is.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AskedError {
    /// A key that is not known.
    #[error("there is no parameter {key:?}; did you mean {nearest:?}?")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known one that it is nearest to.
        nearest: &'static str,
    },
    /// A flag that is none.
    #[error("all={0:?} is neither true nor false")]
    Flag(String),
    /// A pattern that names no type.
    #[error("there is no type of events {pattern:?}; did you mean {nearest:?}? A family is \"leg.*\"")]
    UnknownType {
        /// The pattern.
        pattern: String,
        /// The type that it is nearest to.
        nearest: String,
    },
    /// A place that is none.
    #[error("after: {0}")]
    Cursor(String),
    /// Nothing is asked for.
    #[error("this asks for nothing: give device, line or user, each as often as needed, or all=true")]
    Nothing,
    /// Too much is named.
    #[error("more than {MOST} devices, lines and users: ask for all=true, or use the operations of callcast.v1")]
    TooMuch,
}

impl Asked {
    /// Reads a query.
    ///
    /// # Errors
    /// When it asks for what there is not.
    pub fn parse(query: &str) -> Result<Self, AskedError> {
        let mut asked = Self::default();
        let mut types = Vec::new();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "device" => asked.filter.devices.push(value.into_owned()),
                "line" => asked.filter.lines.push(value.into_owned()),
                "user" => asked.filter.users.push(value.into_owned()),
                "all" => asked.filter.all = value.parse().map_err(|_| AskedError::Flag(excerpt(&value)))?,
                "type" => types.push(value.into_owned()),
                "after" => asked.after = Some(value.parse().map_err(|e: crate::journal::JournalError| AskedError::Cursor(e.to_string()))?),
                key => {
                    let distance = |known: &&&'static str| strsim::damerau_levenshtein(&excerpt(key), known);
                    let nearest = KEYS.iter().min_by_key(distance).copied().unwrap_or_default();
                    return Err(AskedError::UnknownKey { key: excerpt(key), nearest });
                }
            }
        }
        asked.filter.types = Types::named(&types).map_err(|(pattern, nearest)| AskedError::UnknownType { pattern, nearest })?;
        if asked.filter.is_empty() {
            return Err(AskedError::Nothing);
        }
        if asked.filter.len() > MOST {
            return Err(AskedError::TooMuch);
        }
        Ok(asked)
    }
}

/// As much of a client's text as an answer repeats.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_can_be_asked_for_is_read() {
        let asked = Asked::parse("device=SEP1&device=SEP2&line=%2B33&user=b+smith&all=false&type=pop.*&after=7-31").unwrap();
        let filter = Filter {
            devices: vec!["SEP1".into(), "SEP2".into()],
            lines: vec!["+33".into()],
            users: vec!["b smith".into()],
            all: false,
            types: Types::named(&["pop.*".to_owned()]).unwrap(),
        };
        assert_eq!(asked, Asked { filter, after: Some(Cursor { journal: 0, epoch: 7, sequence: 31 }) });
    }

    #[test]
    fn each_mistake_is_told() {
        let nearest = |key: &str, nearest| AskedError::UnknownKey { key: key.into(), nearest };
        for (query, error) in [
            ("devices=SEP1", nearest("devices", "device")),
            ("all=yes", AskedError::Flag("yes".into())),
            ("", AskedError::Nothing),
            ("all=true&type=leg", AskedError::UnknownType { pattern: "leg".into(), nearest: "leg.held".into() }),
        ] {
            assert_eq!(Asked::parse(query), Err(error), "{query}");
        }
        assert!(matches!(Asked::parse("all=true&after=x"), Err(AskedError::Cursor(_))));
        assert_eq!(Asked::parse(&"user=a&".repeat(MOST + 1)), Err(AskedError::TooMuch));
    }
}
