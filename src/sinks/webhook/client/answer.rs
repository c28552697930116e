//! What is taken from an answer, and what is said when there is none.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::tls;
use crate::sinks::webhook::{Answer, Failed, Fault};

/// So many bytes may come before an answer's head is whole, those of heads before it (1xx) included.
pub(super) const HEAD: u64 = 64 * 1024;
/// So much of an answer's body is read, so that its connection can be used again.
pub(super) const BODY: u64 = 64 * 1024;

/// So many characters of what the other side says are repeated.
const SAID: usize = 300;

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

/// Why there is no answer. hyper names no URL in it.
pub(super) fn failed(error: &hyper::Error) -> Failed {
    // With TLS 1.3 a client's certificate is refused after the handshake.
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    if let Some(io) = io.filter(|io| tls::is_of_tls(io)) {
        return Failed { fault: Fault::Tls, text: tls::explain(io) };
    }
    Failed { fault: Fault::Broken, text: explain(error) }
}

/// What went wrong, down to its cause.
pub(super) fn explain(error: &hyper::Error) -> String {
    let text = |cause: &(dyn Error + 'static)| match cause.downcast_ref::<h2::Error>().and_then(h2::Error::reason) {
        // Behind the reason it would tell what the other side sent along, up to a whole frame.
        Some(reason) => reason.to_string(),
        None => cause.to_string(),
    };
    cut(&format!("no answer: {}", causes(error).map(text).collect::<Vec<_>>().join(": ")))
}

/// As much of a text as is repeated of what the other side says.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(status: StatusCode, headers: &[(HeaderName, &str)]) -> Option<Duration> {
        retry_after(status, &headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect())
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_as_a_time() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(asked(busy, &[(RETRY_AFTER, "120")]), Some(Duration::from_secs(120)));
        assert_eq!(asked(busy, &[(RETRY_AFTER, "0")]), Some(Duration::ZERO));
        let past = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(asked(busy, &[(RETRY_AFTER, past)]), Some(Duration::ZERO));
        assert_eq!(asked(busy, &[(RETRY_AFTER, past), (DATE, "Sun, 06 Nov 1994 08:49:07 GMT")]), Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_the_other_side_says_is_cut() {
        assert_eq!(cut("é"), "é");
        assert_eq!(cut(&"é".repeat(SAID)), "é".repeat(SAID));
        assert_eq!(cut(&"é".repeat(SAID + 1)), "é".repeat(SAID) + "…");
    }

    #[test]
    fn what_is_no_pause_is_passed_over() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        for value in ["", "soon", "-1", "1.5", "1e9"] {
            assert_eq!(asked(busy, &[(RETRY_AFTER, value)]), None, "{value}");
        }
        assert_eq!(asked(busy, &[]), None);
        assert_eq!(asked(StatusCode::OK, &[(RETRY_AFTER, "120")]), None);
    }

    #[test]
    fn a_pause_too_long_for_a_number_is_a_long_one() {
        let pause = asked(StatusCode::TOO_MANY_REQUESTS, &[(RETRY_AFTER, "99999999999999999999999999")]);
        assert!(pause.is_some_and(|pause| pause > Duration::from_secs(86_400)));
    }
}
