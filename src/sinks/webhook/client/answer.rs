//! What is taken from an answer, and what is said when there is none.

use std::error::Error;
use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use hyper::{Response, StatusCode};

use crate::sinks::webhook::Answer;

/// So many bytes may come before an answer's head is whole, those of heads before it (1xx) included.
pub(super) const HEAD: u64 = 64 * 1024;
/// So much of an answer's body is read, so that its connection can be used again.
pub(super) const BODY: u64 = 64 * 1024;

/// What counts of it.
pub(super) fn of<B>(response: &Response<B>) -> Answer {
    Answer { status: response.status().as_u16(), retry_after: retry_after(response.status(), response.headers()) }
}

/// What `Retry-After` asks for: seconds, or a time by the clock of who answers.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status.is_success() {
        return None;
    }
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|digit| digit.is_ascii_digit()) && !value.is_empty() {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = |name: HeaderName| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let now = date(DATE).unwrap_or_else(SystemTime::now);
    Some(date(RETRY_AFTER)?.duration_since(now).unwrap_or_default())
}

/// An error and what caused it, down to the first cause.
pub(super) fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

/// What went wrong, down to its cause. hyper names no URL in it.
pub(super) fn explain(error: &hyper::Error) -> String {
    format!("no answer: {}", causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
