//! Times as events carry them.

use serde_json::Value as Json;

/// A time of an event, in microseconds.
pub fn micros(time: &Json) -> i64 {
    let time = humantime::parse_rfc3339(time.as_str().unwrap_or("1970-01-01T00:00:00Z")).unwrap();
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()).unwrap()
}
