//! `/v1/devices`: how devices stand now, as in a WebSocket's snapshot.

use std::cmp::Ordering;
use std::sync::Arc;

use hyper::{Response, StatusCode};

use super::paging;
use super::query::{BadQuery, Kind, Parameter, Query};
use super::respond::{self, Body};
use super::routes::Call;
use crate::access::Scope;
use crate::event::Filter;
use crate::gateway::Gateway;
use crate::gateway::views::{Seen, all_of, seen};
use crate::state::{Aggregate, DeviceState, push_device};

/// What the list may be asked for.
pub const PARAMETERS: &[Parameter] = &[
    Parameter::new("state", Kind::Word(states), "Only devices whose calls come to this."),
    Parameter::new("registered", Kind::Flag, "Only devices that are, or are not, registered with the cluster."),
    Parameter::new("in_service", Kind::Flag, "Only devices that are, or are not, observed."),
    Parameter::new("user", Kind::Text, "Only devices that are this user's now."),
    Parameter::new("line", Kind::Text, "Only devices with this directory number."),
    Parameter::new("q", Kind::Text, "Only devices that have this text in their name, user or directory numbers; case does not matter."),
    Parameter::new("limit", Kind::Limit, "Devices of a page."),
    Parameter::new("page", Kind::Page, "Where the page before ended: its `next`."),
];

/// The words of a device's state.
pub fn states() -> Vec<&'static str> {
    [Aggregate::Idle, Aggregate::Held, Aggregate::Active, Aggregate::Alerting].map(Aggregate::as_str).into()
}

/// `/v1/devices`
pub async fn list(call: Call) -> Response<Body> {
    let after = match call.query.page().map(Place::read).transpose() {
        Ok(after) => after,
        Err(bad) => return bad.response(),
    };
    let Call { context, principal, .. } = &call;
    let (gateway, scope) = (Arc::clone(&context.gateway), Arc::clone(&principal.scope));
    let wanted = Wanted::new(&call.query);
    call.blocking(move || respond::made(page(&gateway, &scope, &wanted, after))).await.unwrap_or_else(|failed| failed)
}

/// `/v1/devices/{name}`
pub async fn one(call: Call) -> Response<Body> {
    let gateway = &call.context.gateway;
    let cursor = gateway.cursor();
    let named = Filter { devices: vec![call.name.clone()], ..Filter::default() };
    let found = gateway.devices(&named, |state| !state.removed).into_iter().filter_map(|device| seen(&call.principal.scope, device));
    // Of two sessions that know it, one observes it.
    let Some((view, state)) = found.max_by_key(|(_, state)| (state.in_service, state.time)) else { return no_such_device(&call.name) };
    let mut json = format!("{{\"cursor\":\"{cursor}\"").into_bytes();
    let head = json.len();
    push_device(&mut json, &view, state);
    // One object of both.
    if let Some(brace) = json.get_mut(head) {
        *brace = b',';
    }
    respond::made(json)
}

fn no_such_device(name: &str) -> Response<Body> {
    let message = format!("there is no device {name:?} that you may see; /v1/devices lists those that you may");
    respond::problem(StatusCode::NOT_FOUND, "no_such_device", &message)
}

/// What is asked for beside a place and a number.
struct Wanted {
    state: Option<String>,
    registered: Option<bool>,
    in_service: Option<bool>,
    user: Option<String>,
    line: Option<String>,
    /// In lower case.
    text: Option<String>,
    limit: usize,
}

impl Wanted {
    fn new(query: &Query) -> Self {
        let text = |name| query.text(name).map(str::to_owned);
        Self {
            state: text("state"),
            registered: query.flag("registered"),
            in_service: query.flag("in_service"),
            user: text("user"),
            line: text("line"),
            text: query.text("q").map(str::to_lowercase),
            limit: query.limit(),
        }
    }

    /// What can be told without a lock; the state of the calls only where the whole device is seen.
    fn has_state(&self, state: &DeviceState) -> bool {
        !state.removed
            && self.registered.is_none_or(|registered| registered == state.registered)
            && self.in_service.is_none_or(|in_service| in_service == state.in_service)
    }

    fn has(&self, (view, state): &Seen) -> bool {
        let device = &view.device;
        let user = device.user.as_deref();
        self.state.as_deref().is_none_or(|wanted| wanted == state.calls_state.as_str())
            && self.user.as_deref().is_none_or(|wanted| user == Some(wanted))
            && self.line.as_deref().is_none_or(|wanted| view.lines.iter().any(|line| line.dn == wanted))
            && self.text.as_deref().is_none_or(|text| {
                let mut texts = [Some(&*device.name), user].into_iter().flatten().chain(view.lines.iter().map(|line| line.dn.as_str()));
                texts.any(|known| known.to_lowercase().contains(text))
            })
    }

    /// Where to look: the fewest devices that can be it.
    fn filter(&self, scope: &Scope) -> Filter {
        match (&self.user, &self.line) {
            (Some(user), _) => Filter { users: vec![user.clone()], ..Filter::default() },
            (None, Some(line)) => Filter { lines: vec![line.clone()], ..Filter::default() },
            (None, None) => all_of(scope),
        }
    }
}

/// A device's place in the list: by its name, and where two sessions know it, by the session.
#[derive(PartialEq, Eq)]
struct Place {
    name: String,
    session: u16,
}

impl Place {
    fn of((view, _): &Seen) -> String {
        paging::hide(&format!("{}/{}", view.device.session, view.device.name))
    }

    fn read(token: &str) -> Result<Self, BadQuery> {
        let place = paging::reveal(token).ok_or(BadQuery::Page)?;
        let (session, name) = place.split_once('/').ok_or(BadQuery::Page)?;
        Ok(Self { name: name.to_owned(), session: session.parse().map_err(|_| BadQuery::Page)? })
    }

    fn is_before(&self, (view, _): &Seen) -> bool {
        (self.name.as_str(), self.session) < (&*view.device.name, view.device.session)
    }
}

fn order((one, _): &Seen, (other, _): &Seen) -> Ordering {
    one.device.name.cmp(&other.device.name).then(one.device.session.cmp(&other.device.session))
}

fn page(gateway: &Gateway, scope: &Scope, wanted: &Wanted, after: Option<Place>) -> Vec<u8> {
    let cursor = gateway.cursor();
    let found =
        gateway.devices(&wanted.filter(scope), |state| wanted.has_state(state)).into_iter().filter_map(|device| seen(scope, device));
    let mut devices: Vec<Seen> =
        found.filter(|device| wanted.has(device) && after.as_ref().is_none_or(|after| after.is_before(device))).collect();
    let more = devices.len() > wanted.limit;
    if more {
        // Of tens of thousands only a page has to be sorted.
        devices.select_nth_unstable_by(wanted.limit, order);
        devices.truncate(wanted.limit);
    }
    devices.sort_unstable_by(order);
    let mut json = format!("{{\"cursor\":\"{cursor}\",\"devices\":[").into_bytes();
    for (i, (view, state)) in devices.iter().enumerate() {
        if i > 0 {
            json.push(b',');
        }
        push_device(&mut json, view, *state);
    }
    json.extend_from_slice(b"],\"next\":");
    match devices.last().filter(|_| more) {
        Some(last) => json.extend_from_slice(format!("\"{}\"}}", Place::of(last)).as_bytes()),
        None => json.extend_from_slice(b"null}"),
    }
    json
}
