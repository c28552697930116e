//! `/v1/calls`: calls that are up, from the state of devices, and calls that are over, from the log; `/v1/calls/{call_id}`: one call's story.

pub mod live;
mod recent;
mod story;
mod wanted;

use std::sync::Arc;

use hyper::{Response, StatusCode};
use uuid::Uuid;

use super::respond::{self, Body};
use super::routes::Call;
use crate::access::Scope;
use crate::gateway::Gateway;
use crate::journal::JournalError;
use crate::telemetry::Occurrence;
use crate::time::Timestamp;
use recent::Recent;
pub use wanted::PARAMETERS;
use wanted::{Place, Wanted};

/// `/v1/calls`
pub async fn list(call: Call) -> Response<Body> {
    let wanted = match Wanted::read(&call.query) {
        Ok(wanted) => wanted,
        Err(bad) => return bad.response(),
    };
    let (gateway, scope) = (Arc::clone(&call.context.gateway), Arc::clone(&call.principal.scope));
    let made = move || page(&gateway, &scope, &wanted).map_or_else(|error| unreadable(&gateway, &error), respond::made);
    call.blocking(made).await.unwrap_or_else(|failed| failed)
}

/// `/v1/calls/{call_id}`
pub async fn one(call: Call) -> Response<Body> {
    let Ok(id) = call.name.parse::<Uuid>() else {
        let message = format!("{:?} is no call_id; it is a UUID, as events have it in `data.call_id`", super::query::excerpt(&call.name));
        return respond::problem(StatusCode::BAD_REQUEST, "bad_call_id", &message);
    };
    let (gateway, scope) = (Arc::clone(&call.context.gateway), Arc::clone(&call.principal.scope));
    let made = move || match story::call(&gateway, &scope, id) {
        Ok(Some(json)) => respond::made(json),
        Ok(None) => no_such_call(id),
        Err(error) => unreadable(&gateway, &error),
    };
    call.blocking(made).await.unwrap_or_else(|failed| failed)
}

fn no_such_call(id: Uuid) -> Response<Body> {
    let message = format!("there is no call {id} that you may see; it may be older than what is kept");
    respond::problem(StatusCode::NOT_FOUND, "no_such_call", &message)
}

/// The message tells no path of this machine.
fn unreadable(gateway: &Gateway, error: &JournalError) -> Response<Body> {
    gateway.metrics().emit(Occurrence::LogUnreadable { error });
    let message = "the log of events cannot be read now; /readyz says more, and so does the gateway's own log";
    respond::problem(StatusCode::SERVICE_UNAVAILABLE, "log_unreadable", message)
}

fn page(gateway: &Gateway, scope: &Scope, wanted: &Wanted) -> Result<Vec<u8>, JournalError> {
    let cursor = gateway.cursor();
    let mut json = format!("{{\"cursor\":\"{cursor}\",\"calls\":[").into_bytes();
    let empty = json.len();
    let mut left = wanted.limit;
    let mut next = None;
    if !matches!(wanted.begin, Place::Ended(_)) && wanted.wants_live(Timestamp::now()) {
        let after = match wanted.begin {
            Place::Live(since, id) => Some((since, id)),
            _ => None,
        };
        let mut calls = live::calls(gateway, scope);
        calls.retain(|call| after.is_none_or(|after| call.place() < after) && call.is(wanted));
        for call in calls.iter().take(left) {
            comma(&mut json, empty);
            call.push(&mut json);
        }
        if let Some(last) = calls.get(..left).filter(|_| calls.len() > left).and_then(<[_]>::last) {
            next = Some(Place::Live(last.since, last.call_id));
        }
        left = left.saturating_sub(calls.len());
    }
    if next.is_none() && wanted.live != Some(true) {
        let before = match wanted.begin {
            Place::Ended(before) => Some(before),
            _ => None,
        };
        let reader = gateway.reader();
        // A page that is full of calls that are up says where those begin that are over.
        let Recent { entries, next: rest } = match left {
            0 => Recent { entries: Vec::new(), next: Some(before.unwrap_or_else(|| reader.range().next)) },
            left => recent::calls(reader, scope, wanted, before, left)?,
        };
        for entry in &entries {
            comma(&mut json, empty);
            recent::push(&mut json, entry);
        }
        next = rest.map(Place::Ended);
    }
    let next = next.map_or_else(|| "null".to_owned(), |next| format!("\"{}\"", next.token()));
    json.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    Ok(json)
}

fn comma(json: &mut Vec<u8>, empty: usize) {
    if json.len() > empty {
        json.push(b',');
    }
}
