//! `/v1/users/{id}`: a user's devices now, and the calls that are up on them.

use std::sync::Arc;

use hyper::{Response, StatusCode};

use super::calls::live;
use super::respond::{self, Body};
use super::routes::Call;
use crate::access::Scope;
use crate::event::{Filter, push_escaped};
use crate::gateway::views::{Seen, seen};
use crate::gateway::{Gateway, keys};
use crate::journal::{Key, Limit, Selection};
use crate::state::push_device;

/// `/v1/users/{id}`
pub async fn one(call: Call) -> Response<Body> {
    let (gateway, scope, id) = (Arc::clone(&call.context.gateway), Arc::clone(&call.principal.scope), call.name.clone());
    call.blocking(move || user(&gateway, &scope, &id).unwrap_or_else(|| no_such_user(&id))).await.unwrap_or_else(|failed| failed)
}

fn no_such_user(id: &str) -> Response<Body> {
    let message = format!("there is no user {id:?} that you may see: nobody of that id has a device, or is told of in the log");
    respond::problem(StatusCode::NOT_FOUND, "no_such_user", &message)
}

/// None for a user of whom nothing is known that may be seen.
fn user(gateway: &Gateway, scope: &Scope, id: &str) -> Option<Response<Body>> {
    let cursor = gateway.cursor();
    let theirs = Filter { users: vec![id.to_owned()], ..Filter::default() };
    let found = gateway.devices(&theirs, |state| !state.removed).into_iter().filter_map(|device| seen(scope, device));
    let mut devices: Vec<Seen> = found.filter(|(view, _)| view.device.user.as_deref() == Some(id)).collect();
    if devices.is_empty() && !is_known(gateway, scope, id) {
        return None;
    }
    devices.sort_unstable_by(|(one, _), (other, _)| one.device.name.cmp(&other.device.name));
    let mut json = format!("{{\"cursor\":\"{cursor}\",\"id\":\"").into_bytes();
    push_escaped(&mut json, id);
    json.extend_from_slice(b"\",\"devices\":[");
    for (i, (view, state)) in devices.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        push_device(&mut json, view, *state);
    }
    json.extend_from_slice(b"],\"calls\":[");
    let mut calls = live::calls(gateway, scope);
    calls.retain(|call| call.legs.iter().any(|leg| leg.line.device.user.as_deref() == Some(id)));
    for (i, call) in calls.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        call.push(&mut json);
    }
    json.extend_from_slice(b"]}");
    Some(respond::made(json))
}

/// Whether a user who has no device now may be told to be there: named by the scope itself, or told of in the log.
fn is_known(gateway: &Gateway, scope: &Scope, id: &str) -> bool {
    if scope.users.iter().any(|known| **known == *id) {
        return true;
    }
    let theirs = Selection::Any(vec![Key::new(keys::USER, id)]);
    let reader = gateway.reader();
    // Without a limit on what may be seen one event is enough; with one, users who are not in it are not looked for.
    scope.everything
        && reader.read_back(&theirs, reader.range().next, Limit { entries: 1, bytes: 1 }).is_ok_and(|page| !page.entries.is_empty())
}
