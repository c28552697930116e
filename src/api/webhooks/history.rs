//! What was done about events: attempts and dead letters; and events that are sent once more.

use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::told::{ToldAttempts, ToldDeadList, event_id, page_of, place_of};
use super::{on_disk, registry};
use crate::api::body;
use crate::api::query::{self, BadQuery, Kind, Parameter, Query};
use crate::api::respond::{self, Body};
use crate::api::routes::Call;
use crate::gateway::Gateway;
use crate::journal::{Cursor, JournalError, Sequence};
use crate::sinks::webhook::Outcome;
use crate::sinks::webhook::records::{Place, Wanted};
use crate::time::Timestamp;

/// What the list of attempts may be asked for.
pub const ATTEMPTS: &[Parameter] = &[
    Parameter::new("event", Kind::Text, "Only attempts at this event: its `id`."),
    Parameter::new("outcome", Kind::Word(outcomes), "Only attempts of which this became."),
    Parameter::new("limit", Kind::Limit, "Attempts of a page."),
    Parameter::new("page", Kind::Page, "Where the page before ended: its `next`."),
];

/// What the list of dead letters may be asked for.
pub const DEAD: &[Parameter] = &[
    Parameter::new("limit", Kind::Limit, "Dead letters of a page."),
    Parameter::new("page", Kind::Page, "Where the page before ended: its `next`."),
];

const REPLAY: &str = "{\"from\":\"2026-11-23T08:00:00Z\",\"until\":\"2026-11-23T09:00:00Z\"}, of which \"until\" may be left out";
const REDELIVER: &str = "{\"events\":[\"1795420000-123\"]} or {\"all\":true}";
/// Events that are sent once more by one request.
const MOST: usize = 1000;

/// All outcomes.
pub fn outcomes() -> Vec<&'static str> {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()
}

/// Which events are sent once more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: String,
    until: Option<String>,
}

#[derive(Debug, Serialize)]
struct Replayed {
    from: Sequence,
    until: Sequence,
    events: u64,
}

/// Which dead letters are sent once more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Letters {
    events: Option<Vec<String>>,
    all: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Redelivered {
    redelivered: usize,
    gone: Vec<String>,
    left: bool,
}

/// `GET /admin/v1/webhooks/{name}/attempts`
pub async fn attempts(call: Call) -> Response<Body> {
    let (event, outcome) = (call.query.text("event").map(id_of).transpose(), call.query.text("outcome"));
    let wanted = event.map(|event| Wanted { event, outcome: Outcome::ALL.iter().copied().find(|known| outcome == Some(known.as_str())) });
    let (wanted, before, limit) = match (wanted, place(&call.query)) {
        (Ok(wanted), Ok(before)) => (wanted, before, call.query.limit()),
        (Err(refused), _) | (_, Err(refused)) => return refused.response(),
    };
    let name = call.name.clone();
    on_disk(&call, move |registry, _| {
        registry.store().get(&name)?;
        let page = registry.records().endpoint(&name)?.attempts(wanted, before, limit, Timestamp::now())?;
        let attempts = page.items.iter().map(Into::into).collect();
        Ok(respond::json(StatusCode::OK, &ToldAttempts { attempts, next: page.next.map(page_of) }))
    })
    .await
}

/// `GET /admin/v1/webhooks/{name}/dead`
pub async fn dead(call: Call) -> Response<Body> {
    let (before, limit) = match place(&call.query) {
        Ok(before) => (before, call.query.limit()),
        Err(refused) => return refused.response(),
    };
    let name = call.name.clone();
    on_disk(&call, move |registry, _| {
        registry.store().get(&name)?;
        let page = registry.records().endpoint(&name)?.dead_letters(before, limit, Timestamp::now())?;
        let dead = page.items.iter().map(Into::into).collect();
        Ok(respond::json(StatusCode::OK, &ToldDeadList { dead, next: page.next.map(page_of) }))
    })
    .await
}

/// `POST /admin/v1/webhooks/{name}/dead/redeliver`
pub async fn redeliver(mut call: Call) -> Response<Body> {
    let asked = body::json::<Letters>(&mut call, REDELIVER).await.map_err(Refused::from).and_then(Letters::checked);
    let events = match asked {
        Ok(events) => events,
        Err(refused) => return refused.response(),
    };
    let name = call.name.clone();
    on_disk(&call, move |registry, gateway| {
        registry.store().get(&name)?;
        let records = registry.records().endpoint(&name)?;
        let now = Timestamp::now();
        let (events, left) = match events {
            Some(mut events) => {
                let left = events.len() > MOST;
                events.truncate(MOST);
                (events, left)
            }
            None => records.not_redelivered(MOST, now)?,
        };
        let (mut there, mut gone) = (Vec::new(), Vec::new());
        for (epoch, sequence) in events {
            let found = gateway.reader().get(sequence)?;
            let is_there = found.is_some_and(|entry| entry.epoch == epoch && !entry.event.is_empty());
            if is_there { there.push((epoch, sequence)) } else { gone.push(event_id(epoch, sequence)) }
        }
        registry.control().redeliver(&name, there.iter().map(|(_, sequence)| *sequence).collect())?;
        records.redelivered(now, &there);
        Ok(respond::json(StatusCode::ACCEPTED, &Redelivered { redelivered: there.len(), gone, left }))
    })
    .await
}

/// `POST /admin/v1/webhooks/{name}/replay`
pub async fn replay(mut call: Call) -> Response<Body> {
    let range: Range = match body::json(&mut call, REPLAY).await {
        Ok(range) => range,
        Err(bad) => return Refused::from(bad).response(),
    };
    let name = call.name.clone();
    if let Err(refused) = registry(&call).and_then(|registry| Ok(registry.store().get(&name)?)) {
        return refused.response();
    }
    on_disk(&call, move |registry, gateway| {
        let (from, until) = range.places(gateway)?;
        let events = (until + 1).saturating_sub(from);
        if events > 0 {
            registry.control().replay(&name, from, until)?;
        }
        Ok(respond::json(StatusCode::ACCEPTED, &Replayed { from, until, events }))
    })
    .await
}

impl Letters {
    /// Which events; none for all dead letters.
    fn checked(self) -> Result<Option<Vec<(u64, Sequence)>>, Refused> {
        match (self.events, self.all) {
            (None, Some(true)) => Ok(None),
            (Some(events), None | Some(false)) if !events.is_empty() => {
                events.iter().map(|id| id_of(id)).collect::<Result<_, _>>().map(Some)
            }
            _ => Err(Refused::NotOne),
        }
    }
}

impl Range {
    /// The first event and the last. What is no longer kept is left out.
    fn places(&self, gateway: &Gateway) -> Result<(Sequence, Sequence), Refused> {
        let (range, newest) = (gateway.reader().range(), gateway.newest());
        let from = match Edge::read("from", &self.from, gateway)? {
            Edge::Time(at) | Edge::Event(at) => at,
            Edge::Cursor(seen) => seen + 1,
        };
        let until = self.until.as_deref().map(|until| Edge::read("until", until, gateway)).transpose()?;
        let until = match until {
            // Up to that time, without what is of just that time.
            Some(Edge::Time(at)) => at.saturating_sub(1),
            Some(Edge::Event(at) | Edge::Cursor(at)) => at,
            None => newest,
        };
        Ok((from.max(range.oldest), until.min(newest)))
    }
}

/// One end of a range.
enum Edge {
    /// The first event of a time.
    Time(Sequence),
    /// An event.
    Event(Sequence),
    /// The last event that somebody saw.
    Cursor(Sequence),
}

impl Edge {
    fn read(key: &'static str, text: &str, gateway: &Gateway) -> Result<Self, Refused> {
        let reader = gateway.reader();
        if let Some(time) = query::time(text) {
            return Ok(Self::Time(reader.at(time)?));
        }
        let cursor: Cursor = text.parse().map_err(|_| Refused::Place { key, value: query::excerpt(text) })?;
        match reader.after(cursor) {
            // It begins, or ends, with what is still kept.
            Ok(_) | Err(JournalError::Trimmed { .. }) => {}
            Err(error) => return Err(Refused::Cursor { key, error }),
        }
        Ok(if cursor.journal == 0 { Self::Event(cursor.sequence) } else { Self::Cursor(cursor.sequence) })
    }
}

/// The epoch and the place in the id of an event.
pub fn id_of(id: &str) -> Result<(u64, Sequence), Refused> {
    let parts = id.split_once('-').and_then(|(epoch, sequence)| Some((epoch.parse().ok()?, sequence.parse().ok()?)));
    parts.ok_or_else(|| Refused::EventId(query::excerpt(id)))
}

fn place(query: &Query) -> Result<Option<Place>, Refused> {
    query.page().map(|page| place_of(page).ok_or(Refused::Query(BadQuery::Page))).transpose()
}
