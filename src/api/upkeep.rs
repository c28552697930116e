//! What admins do to the log while the gateway runs: durable cursors are looked at, set and forgotten; persons are erased.
//!
//! To set a cursor back is how a consumer is sent everything again.

use std::sync::Arc;

use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::body::{self, BadBody};
use super::query::{self, Kind, Parameter};
use super::respond::{self, Body};
use super::routes::Call;
use crate::gateway::Gateway;
use crate::gateway::erasure::Person;
use crate::journal::{Cursor, Gap, JournalError, Position, Range, Sequence};
use crate::sinks::webhook::engine::webhook_of_cursor;
use crate::telemetry::Occurrence;

/// What may stand behind the `?` of `/admin/v1/erase`.
pub const ERASE: &[Parameter] = &[Parameter::new("dry_run", Kind::Flag, "Only count what would be erased.")];

/// Why an admin is refused.
#[derive(Debug, Error)]
enum Refused {
    #[error(transparent)]
    Body(#[from] BadBody),
    #[error("give \"reached\", a cursor, or \"from\", a time, and not both")]
    NotOne,
    #[error("\"reached\": {0}")]
    Cursor(JournalError),
    #[error("\"from\" is {0:?}; it is a time as 2026-11-23T08:15:30Z or 2026-11-23T08:15:30+01:00 (RFC 3339)")]
    Time(String),
    #[error("{0:?} is the cursor of a webhook that runs: POST /admin/v1/webhooks/NAME/replay sends its events again")]
    OfWebhook(String),
    #[error("there is no cursor {0:?}; GET /admin/v1/cursors lists those that there are")]
    NoSuchCursor(String),
    #[error("nothing to erase: give \"numbers\", \"users\" or \"names\", each a list of texts")]
    Nobody,
    #[error("{0:?} has an empty text in it, which would be found in events of everybody: leave it out")]
    EmptyText(&'static str),
    #[error("something is being erased now: try again when that is done")]
    Busy,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Refused {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Body(bad) => bad.status_and_code(),
            Self::NotOne => (StatusCode::BAD_REQUEST, "not_one"),
            Self::Cursor(_) => (StatusCode::BAD_REQUEST, "cursor"),
            Self::Time(_) => (StatusCode::BAD_REQUEST, "bad_time"),
            Self::OfWebhook(_) => (StatusCode::CONFLICT, "of_webhook"),
            Self::NoSuchCursor(_) => (StatusCode::NOT_FOUND, "no_such_cursor"),
            Self::Nobody => (StatusCode::BAD_REQUEST, "nobody"),
            Self::EmptyText(_) => (StatusCode::BAD_REQUEST, "empty_text"),
            Self::Busy => (StatusCode::CONFLICT, "busy"),
            Self::Journal(JournalError::CursorName(_)) => (StatusCode::BAD_REQUEST, "bad_name"),
            Self::Journal(JournalError::CursorFile { .. } | JournalError::Newer { .. }) => (StatusCode::CONFLICT, "damaged"),
            // An admin may know where the log is: the text says it.
            Self::Journal(_) => (StatusCode::SERVICE_UNAVAILABLE, "log"),
        }
    }

    fn response(&self) -> Response<Body> {
        let (status, code) = self.status_and_code();
        respond::problem(status, code, &self.to_string())
    }
}

/// A durable cursor, as it is told.
#[derive(Debug, Serialize)]
struct Told {
    name: String,
    reached: String,
    parked: Vec<Sequence>,
    behind: Option<u64>,
    gap: Option<ToldGap>,
}

#[derive(Debug, Serialize)]
struct ToldGap {
    first: Sequence,
    last: Sequence,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Listed {
    cursors: Vec<Told>,
    damaged: Vec<Damaged>,
    oldest: Sequence,
    next: Sequence,
}

#[derive(Debug, Serialize)]
struct Damaged {
    name: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct Erased {
    looked_at: u64,
    events: u64,
    segments: usize,
    dry_run: bool,
}

/// Where a cursor is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    reached: Option<String>,
    from: Option<String>,
}

const WANTED: &str = "{\"reached\":\"CURSOR\"} or {\"from\":\"2026-11-23T08:15:30Z\"}";
const PERSON: &str = "{\"numbers\":[\"0123401000\"],\"users\":[\"bsmith\"],\"names\":[\"Bob Smith\"]}, of which any may be left out";

/// `GET /admin/v1/cursors`
pub async fn list(call: Call) -> Response<Body> {
    on_disk(&call, |gateway| Ok(respond::json(StatusCode::OK, &listed(gateway)?))).await
}

/// `GET /admin/v1/cursors/{name}`
pub async fn one(call: Call) -> Response<Body> {
    let name = call.name.clone();
    on_disk(&call, move |gateway| match gateway.journal().cursors().get(&name)? {
        Some(position) => Ok(respond::json(StatusCode::OK, &told(gateway, name, &position, gateway.reader().range()))),
        None => Err(Refused::NoSuchCursor(name)),
    })
    .await
}

/// `PUT /admin/v1/cursors/{name}`
pub async fn set(mut call: Call) -> Response<Body> {
    let wanted: Wanted = match body::json(&mut call, WANTED).await {
        Ok(wanted) => wanted,
        Err(bad) => return Refused::from(bad).response(),
    };
    if let Err(refused) = is_free(&call) {
        return refused.response();
    }
    let name = call.name.clone();
    on_disk(&call, move |gateway| {
        let position = Position::new(wanted.place(gateway)?);
        gateway.journal().cursors().set(&name, &position)?;
        Ok(respond::json(StatusCode::OK, &told(gateway, name, &position, gateway.reader().range())))
    })
    .await
}

/// Whether nobody holds the cursor: a webhook would write its own place over it.
fn is_free(call: &Call) -> Result<(), Refused> {
    let webhook = webhook_of_cursor(&call.name);
    let held = webhook.zip(call.context.webhooks.as_ref()).is_some_and(|(webhook, webhooks)| webhooks.store().get(webhook).is_ok());
    if held { Err(Refused::OfWebhook(call.name.clone())) } else { Ok(()) }
}

/// `DELETE /admin/v1/cursors/{name}`
pub async fn delete(call: Call) -> Response<Body> {
    if let Err(refused) = is_free(&call) {
        return refused.response();
    }
    let name = call.name.clone();
    on_disk(&call, move |gateway| {
        if !gateway.journal().cursors().delete(&name)? {
            return Err(Refused::NoSuchCursor(name));
        }
        Ok(respond::gone())
    })
    .await
}

/// `POST /admin/v1/erase`
pub async fn erase(mut call: Call) -> Response<Body> {
    let person = match body::json(&mut call, PERSON).await.map_err(Refused::from).and_then(checked) {
        Ok(person) => person,
        Err(refused) => return refused.response(),
    };
    let dry_run = call.query.flag("dry_run").unwrap_or_default();
    let account = Arc::clone(&call.principal.account);
    // Each takes a while, and a thread that answers are made on: one at a time leaves the others to the API.
    let Ok(permit) = Arc::clone(&call.context.erasing).try_acquire_owned() else { return Refused::Busy.response() };
    on_disk(&call, move |gateway| {
        let erased = gateway.journal().erase(&person, dry_run);
        drop(permit);
        let crate::journal::Erased { looked_at, events, segments, .. } = erased?;
        if !dry_run {
            gateway.metrics().emit(Occurrence::Erased { account: &account, events });
        }
        Ok(respond::json(StatusCode::OK, &Erased { looked_at, events, segments, dry_run }))
    })
    .await
}

/// Does what touches the disk on a thread for that.
async fn on_disk(call: &Call, work: impl FnOnce(&Gateway) -> Result<Response<Body>, Refused> + Send + 'static) -> Response<Body> {
    let gateway = Arc::clone(&call.context.gateway);
    call.blocking(move || work(&gateway).unwrap_or_else(|refused| refused.response())).await.unwrap_or_else(|failed| failed)
}

fn checked(person: Person) -> Result<Person, Refused> {
    if person.is_empty() {
        return Err(Refused::Nobody);
    }
    let lists = [("numbers", &person.numbers), ("users", &person.users), ("names", &person.names)];
    let empty = lists.iter().find_map(|(name, texts)| texts.iter().any(String::is_empty).then_some(*name));
    empty.map_or(Ok(person), |name| Err(Refused::EmptyText(name)))
}

impl Wanted {
    /// The last event that is not told again.
    fn place(self, gateway: &Gateway) -> Result<Cursor, Refused> {
        let reader = gateway.reader();
        match (self.reached, self.from) {
            (Some(reached), None) => {
                let mut cursor: Cursor = reached.parse().map_err(Refused::Cursor)?;
                match reader.after(cursor) {
                    // What is no longer kept is its gap.
                    Ok(_) | Err(JournalError::Trimmed { .. }) => {}
                    Err(error) => return Err(Refused::Cursor(error)),
                }
                // The id of an event does not say which log it is of.
                cursor.journal = reader.id();
                Ok(cursor)
            }
            (None, Some(from)) => {
                let time = query::time(&from).ok_or_else(|| Refused::Time(query::excerpt(&from)))?;
                let at = reader.at(time)?;
                let before = at.saturating_sub(1);
                // An epoch that events have: one that ends without any is forgotten with the next start.
                let near = match reader.get(at)? {
                    None => reader.get(before)?,
                    first => first,
                };
                let epoch = near.map_or_else(|| reader.epoch(), |entry| entry.epoch);
                Ok(Cursor { journal: reader.id(), epoch, sequence: before })
            }
            _ => Err(Refused::NotOne),
        }
    }
}

fn listed(gateway: &Gateway) -> Result<Listed, Refused> {
    let cursors = gateway.journal().cursors();
    let (mut good, mut damaged) = (Vec::new(), Vec::new());
    let names = cursors.names()?;
    let range = gateway.reader().range();
    for name in names {
        match cursors.get(&name) {
            Ok(Some(position)) => good.push(told(gateway, name, &position, range)),
            // It was deleted meanwhile.
            Ok(None) => {}
            // One that makes no sense does not hide the others.
            Err(error @ (JournalError::CursorFile { .. } | JournalError::Newer { .. })) => {
                damaged.push(Damaged { name, message: error.to_string() });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Listed { cursors: good, damaged, oldest: range.oldest, next: range.next })
}

fn told(gateway: &Gateway, name: String, position: &Position, range: Range) -> Told {
    let waiting = match gateway.reader().after(position.reached) {
        Ok(next) => Some(range.next.saturating_sub(next)),
        Err(JournalError::Trimmed { .. }) => Some(range.next - range.oldest),
        // Of another log, or of a time that this one knows nothing of.
        Err(_) => None,
    };
    let parked = position.parked.range(range.oldest..).count() as u64;
    let gap = waiting.and(position.gap(range)).map(|Gap { first, last, count }| ToldGap { first, last, count });
    Told {
        name,
        reached: position.reached.to_string(),
        parked: position.parked.iter().copied().collect(),
        behind: waiting.map(|waiting| waiting + parked),
        gap,
    }
}
