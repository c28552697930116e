//! What an endpoint is sent: which events, and what request is made of each.
//!
//! - `filter`: which events
//! - `target`: method, URL and headers; `body`: what it says; `presets`: ready templates
//! - `template`: how templates are limited, and what they see; `written`: how they write it; `names` and `scan`: names that are none
//! - `sign`: signatures; `deadlines`: how long an event is worth it
//!
//! All of it is checked when a plan is made, so that nothing but a template that does not fit an event can go wrong later.

mod body;
mod deadlines;
mod error;
mod filter;
#[cfg(test)]
mod material;
mod names;
mod presets;
mod scan;
mod sign;
mod target;
mod template;
#[cfg(test)]
mod tests;
mod written;

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use super::config::Config;
use super::delivery::Prepared;
use super::endpoint;
use crate::journal::Entry;
use crate::time::Timestamp;
use body::Body;
use deadlines::Deadlines;
use filter::Filter;
use sign::Signer;
use target::Target;
use template::Context;

pub use error::{PlanError, PlanFault};
pub use filter::Verdict;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// Who we say that we are.
const WE: HeaderValue = HeaderValue::from_static(concat!("callcast/", env!("CARGO_PKG_VERSION")));

const NONE: HeaderValue = HeaderValue::from_static("");

/// What an endpoint is sent.
pub struct Plan {
    filter: Filter,
    target: Target,
    /// Those of every request, with room for those that are made for each.
    headers: HeaderMap,
    body: Body,
    signer: Signer,
    deadlines: Deadlines,
    dead_statuses: &'static [u16],
}

/// It shows nothing of what it has: URL, headers and secrets.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl Plan {
    /// The plan for an endpoint.
    ///
    /// # Errors
    /// All that is wrong with its name, URL, method, headers, filter, body, signing and deadlines.
    pub fn new(config: &Config) -> Result<Self, Vec<PlanError>> {
        let mut problems = Vec::new();
        problems.extend(endpoint::check_name(&config.name).err().map(PlanError::Name));
        let target = Target::new(config, &mut problems);
        let body = Body::new(&config.body, &mut problems);
        let preset = presets::named(&config.body.preset);
        let filter = Filter::new(&config.filter, preset.map(|preset| preset.types), &mut problems);
        let signer = Signer::new(&config.signing, &mut problems);
        let deadlines = Deadlines::new(&config.delivery.deadlines_seconds, preset.and_then(|preset| preset.deadline), &mut problems);
        if config.body.mode == super::config::Mode::Batch && target.as_ref().is_some_and(Target::is_templated) {
            let problem = "url, method and headers cannot be templates then: a batch is of several events".into();
            problems.push(PlanError::Body { place: "body.mode", problem });
        }
        match (target, body) {
            (Some(target), Some(body)) if problems.is_empty() => {
                let headers = headers(&target, &body, &signer);
                let dead_statuses = preset.map_or(&[][..], |preset| preset.dead_statuses);
                Ok(Self { filter, target, headers, body, signer, deadlines, dead_statuses })
            }
            _ => Err(problems),
        }
    }

    /// Whether the endpoint gets this event. It is read only when direction or an expression is asked for.
    pub fn wants(&self, entry: &Entry) -> Verdict {
        self.filter.wants(entry)
    }

    /// How often the filter's expression failed of an event, which was not wanted then.
    pub fn expression_failures(&self) -> u64 {
        self.filter.failed()
    }

    /// Whether several events go into one request.
    pub fn is_batch(&self) -> bool {
        self.body.is_batch()
    }

    /// How long an event of this type is worth delivering.
    pub fn deadline(&self, kind: &str) -> Duration {
        self.deadlines.of(kind)
    }

    /// Statuses by which the product of a ready template says that it will never take this one event, besides those of the configuration.
    pub fn dead_statuses(&self) -> &'static [u16] {
        self.dead_statuses
    }

    /// What receivers check `v1a` signatures with: `whpk_…`.
    pub fn public_keys(&self) -> Vec<String> {
        self.signer.public_keys()
    }

    /// The request for an event, or for several in batch mode, signed as of `now`. The same events give the same `webhook-id`.
    ///
    /// # Errors
    /// [`PlanFault::Nothing`] when the template makes nothing of it; else when a template fails of it, it is no event, or it cannot be signed.
    pub fn prepare<E: Borrow<Entry>>(&self, entries: &[E], now: Timestamp) -> Result<Prepared, PlanFault> {
        let Some(first) = entries.first().map(Borrow::borrow) else { return Err(PlanFault::Count(0)) };
        if let Some(erased) = entries.iter().map(Borrow::borrow).find(|entry| entry.event.is_empty()) {
            return Err(PlanFault::Event(id(erased)));
        }
        let context = if self.target.is_templated() || self.body.is_templated() {
            Some(Context::new(&first.event).map_err(|_| PlanFault::Event(id(first)))?)
        } else {
            None
        };
        let mut headers = self.headers.clone();
        let (method, to) = self.target.of(context.as_ref(), &mut headers)?;
        let mut body = self.body.of(entries, context.as_ref(), &mut headers)?;
        if method == Method::GET {
            // A body has no meaning in it, and many receivers refuse one: all is in the URL and the headers.
            body.clear();
            headers.remove(CONTENT_TYPE);
        }
        let last = entries.last().map_or(first, Borrow::borrow);
        let Head { signed, id, seconds } = Head::new(first, last, entries.len(), now).ok_or(PlanFault::Unsigned)?;
        if let Some(value) = signature(self.signer.sign(&signed, &body))? {
            headers.insert(WEBHOOK_SIGNATURE, value);
        }
        headers.insert(WEBHOOK_ID, id);
        headers.insert(WEBHOOK_TIMESTAMP, seconds);
        Ok(Prepared { method, to, headers, body })
    }
}

/// What the specification has signed before the body, `<id>.<seconds>.`, and the headers that lie in it.
struct Head {
    signed: Bytes,
    id: HeaderValue,
    seconds: HeaderValue,
}

impl Head {
    /// None when it cannot be put in headers.
    fn new(first: &Entry, last: &Entry, count: usize, now: Timestamp) -> Option<Self> {
        let mut number = itoa::Buffer::new();
        let mut text = Vec::with_capacity(64);
        text.extend_from_slice(number.format(first.epoch).as_bytes());
        text.push(b'-');
        text.extend_from_slice(number.format(first.sequence).as_bytes());
        // After a restart another batch may begin with the event of one that was taken: who had that one has not had this.
        if count > 1 {
            text.push(b'-');
            text.extend_from_slice(number.format(last.sequence).as_bytes());
            text.push(b'-');
            text.extend_from_slice(number.format(count).as_bytes());
        }
        let at = text.len();
        text.push(b'.');
        text.extend_from_slice(number.format(now.0 / 1_000_000).as_bytes());
        text.push(b'.');
        let signed = Bytes::from(text);
        let value = |range| HeaderValue::from_maybe_shared(signed.slice(range)).ok();
        Some(Self { id: value(0..at)?, seconds: value(at + 1..signed.len() - 1)?, signed: signed.clone() })
    }
}

/// The header of what a signer made, if there was anything to sign with.
fn signature(made: Option<String>) -> Result<Option<HeaderValue>, PlanFault> {
    let value = |made: String| HeaderValue::try_from(made).ok().filter(|value| !value.is_empty()).ok_or(PlanFault::Unsigned);
    made.map(value).transpose()
}

/// The headers of every request. Those that are made for each have their places, so that a copy need not grow.
fn headers(target: &Target, body: &Body, signer: &Signer) -> HeaderMap {
    let mut headers = target.headers().clone();
    headers.entry(USER_AGENT).or_insert(WE);
    headers.insert(CONTENT_TYPE, body.media_type());
    headers.extend([(WEBHOOK_ID, NONE), (WEBHOOK_TIMESTAMP, NONE)]);
    headers.extend(signer.signs().then_some((WEBHOOK_SIGNATURE, NONE)));
    headers
}

/// The id of an event: the same on every attempt.
fn id(entry: &Entry) -> String {
    format!("{}-{}", entry.epoch, entry.sequence)
}
