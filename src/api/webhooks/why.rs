//! `/admin/v1/webhooks/{name}/why`: why was this event not sent? For programs by members, for people by a sentence.

use hyper::{Response, StatusCode};
use serde::Serialize;

use super::history::id_of;
use super::on_disk;
use super::refused::Refused;
use super::told::{ToldAttempt, ToldDead, came_back, event_id};
use crate::api::query::{Kind, Parameter};
use crate::api::respond::{self, Body};
use crate::api::routes::Call;
use crate::gateway::{Gateway, type_of};
use crate::journal::{Entry, Sequence};
use crate::sinks::webhook::control::{Breaker, Standing, Status};
use crate::sinks::webhook::records::OfEvent;
use crate::sinks::webhook::{Attempt, Endpoint, Outcome, Registry};
use crate::time::Timestamp;

/// What may be asked.
pub const WHY: &[Parameter] = &[Parameter::new("event", Kind::Text, "The event: its `id`. It has to be given.")];

const ERASED: &str = "The event was erased: there is nothing to send.";
/// Attempts that are told of one event.
const ATTEMPTS: usize = 100;

/// How one event stands with a webhook.
#[derive(Debug, Serialize)]
struct Why {
    event: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    wanted: Option<bool>,
    unwanted_by: Option<&'static str>,
    standing: &'static str,
    behind: Option<String>,
    next: Option<String>,
    attempts: Vec<ToldAttempt>,
    dead: Option<ToldDead>,
    text: String,
}

/// `GET /admin/v1/webhooks/{name}/why`
pub async fn why(call: Call) -> Response<Body> {
    let event = match call.query.text("event").ok_or(Refused::NoEvent).and_then(id_of) {
        Ok(event) => event,
        Err(refused) => return refused.response(),
    };
    let name = call.name.clone();
    on_disk(&call, move |registry, gateway| Ok(respond::json(StatusCode::OK, &found(registry, gateway, &name, event)?))).await
}

fn found(registry: &Registry, gateway: &Gateway, name: &str, event: (u64, Sequence)) -> Result<Why, Refused> {
    let stored = registry.store().get(name)?;
    let (epoch, sequence) = event;
    let entry = gateway.reader().get(sequence)?.filter(|entry| entry.epoch == epoch);
    let known = registry.records().endpoint(name)?.of_event(event, ATTEMPTS, Timestamp::now())?;
    if entry.is_none() && known == OfEvent::default() {
        return Err(Refused::NoSuchEvent(event_id(epoch, sequence)));
    }
    let standing = entry.as_ref().and_then(|entry| registry.control().why(name, entry));
    let about = About {
        endpoint: &stored.endpoint,
        entry: entry.as_ref(),
        known: &known,
        standing,
        status: registry.control().status(name),
        kind: entry.as_ref().map(|entry| type_of(&entry.event)).filter(|kind| !kind.is_empty()),
        behind: match standing {
            Some(Standing::Parked { behind }) => gateway.reader().get(behind)?.map(|entry| event_id(entry.epoch, behind)),
            _ => None,
        },
    };
    let text = about.text();
    let wanted = match standing {
        Some(Standing::Unwanted(_)) => Some(false),
        // What was done about it shows that it was wanted; else, what is over may have been too early for anybody to look at it.
        Some(Standing::Done | Standing::NotReadYet) | None if known == OfEvent::default() => None,
        _ => Some(true),
    };
    let next = match standing {
        Some(Standing::Retrying { next, .. }) => Some(next.to_string()),
        _ => None,
    };
    let unwanted_by = match standing {
        Some(Standing::Unwanted(by)) => Some(by),
        _ => None,
    };
    Ok(Why {
        event: event_id(epoch, sequence),
        kind: about.kind.map(str::to_owned),
        wanted,
        unwanted_by,
        standing: word(standing),
        behind: about.behind.clone(),
        next,
        attempts: known.attempts.iter().map(Into::into).collect(),
        dead: known.dead.as_ref().map(Into::into),
        text,
    })
}

/// All words for how an event can stand.
pub const STANDINGS: [(&str, &str); 8] = [
    ("unwanted", "Its filter does not want it."),
    ("not_read_yet", "The webhook has not come to it yet."),
    ("waiting", "It waits for its turn."),
    ("parked", "It waits for an earlier event of its call."),
    ("in_flight", "It is on its way."),
    ("retrying", "It failed, and is tried again."),
    ("done", "Nothing more is done about it."),
    ("gone", "It is no longer in the journal."),
];

fn word(standing: Option<Standing>) -> &'static str {
    match standing {
        Some(Standing::Unwanted(_)) => "unwanted",
        Some(Standing::NotReadYet) => "not_read_yet",
        Some(Standing::Waiting) => "waiting",
        Some(Standing::Parked { .. }) => "parked",
        Some(Standing::InFlight) => "in_flight",
        Some(Standing::Retrying { .. }) => "retrying",
        Some(Standing::Done) => "done",
        None => "gone",
    }
}

/// All that a sentence is made of.
struct About<'a> {
    endpoint: &'a Endpoint,
    entry: Option<&'a Entry>,
    known: &'a OfEvent,
    standing: Option<Standing>,
    status: Option<Status>,
    kind: Option<&'a str>,
    behind: Option<String>,
}

impl About<'_> {
    fn text(&self) -> String {
        let last = self.known.attempts.first();
        let delivered = self.known.attempts.iter().find(|attempt| attempt.outcome == Outcome::Delivered);
        let mut text = match self.standing {
            Some(Standing::Unwanted(by)) => self.unwanted(by),
            Some(Standing::NotReadYet) => "The webhook has not come to this event yet.".into(),
            Some(Standing::Waiting) => "It waits for its turn: for a free request, or until the rate allows it.".into(),
            Some(Standing::Parked { .. }) => match &self.behind {
                Some(behind) => format!("It waits for the event {behind} of the same call, which comes first."),
                None => "It waits for an earlier event of the same call.".into(),
            },
            Some(Standing::InFlight) => "It is on its way now.".into(),
            Some(Standing::Retrying { attempts, next }) => {
                let answer = last.map(|last| format!("; the last time {}", outcome_of(last))).unwrap_or_default();
                format!("It failed {}{answer}. It is tried again at {next}.", times(attempts))
            }
            Some(Standing::Done) | None => self.over(delivered),
        };
        if matches!(self.standing, Some(Standing::Unwanted(_) | Standing::Done) | None) {
            return text;
        }
        text.extend(delivered.map(|earlier| format!(" It was delivered before, at {}.", earlier.at)));
        text.extend(self.held_up());
        text
    }

    fn unwanted(&self, by: &str) -> String {
        let kind = self.kind.unwrap_or("its type");
        match by {
            "type" => format!("The webhook does not want it: its filter's `types` do not name {kind}."),
            "user" | "device" | "line" => format!("The webhook does not want it: no {by} that it concerns is among its filter's `{by}s`."),
            "erased" => ERASED.into(),
            "direction" => "The webhook does not want it: it is of the other `direction`.".into(),
            _ => format!("The webhook does not want it: its filter's `{by}` is not true of it."),
        }
    }

    fn over(&self, delivered: Option<&Attempt>) -> String {
        let gone = if self.entry.is_none() { " The event itself is no longer in the journal." } else { "" };
        if let Some(delivered) = delivered {
            let (at, status, number) = (delivered.at, delivered.status, delivered.number);
            return format!("It was delivered at {at}: the answer was {status}, at attempt {number}.{gone}");
        }
        if let Some(dead) = self.known.dead {
            let letter = dead.letter;
            let why = match letter.death.as_str() {
                "deadline" => "its deadline passed",
                "refused" => "the receiver refused this one event",
                _ => "the request could not be made of it",
            };
            let answer = came_back(letter.status).map(|status| format!(", the last answer was {status}")).unwrap_or_default();
            let again = dead.redelivered.map(|at| format!(" It was sent once more at {at}.")).unwrap_or_default();
            return format!(
                "It is a dead letter since {}: {why}; it was tried {}{answer}.{again}{gone}",
                letter.at,
                times(letter.attempts)
            );
        }
        if let Some(last) = self.known.attempts.first() {
            return format!("The last that is known is an attempt at {}: {}.{gone}", last.at, outcome_of(last));
        }
        if self.entry.is_some_and(|entry| entry.event.is_empty()) {
            return ERASED.into();
        }
        "Nothing more is done about it, and no attempt is known: it was told before the webhook began, there was nothing to send, or its attempts are no longer kept.".into()
    }

    /// What holds the whole webhook up.
    fn held_up(&self) -> Option<String> {
        if let Some(paused) = &self.endpoint.paused {
            return Some(format!(" The webhook is paused since {} by {:?}.", paused.since, paused.by));
        }
        if let Some(disabled) = &self.endpoint.disabled {
            return Some(format!(" The webhook is disabled since {}: {}.", disabled.since, disabled.reason));
        }
        let status = self.status.as_ref().filter(|status| status.breaker != Breaker::Closed)?;
        let next = status.next_probe.map(|next| format!(", and tried again at {next}")).unwrap_or_default();
        Some(format!(" The webhook is left alone because it failed so often{next}."))
    }
}

fn times(number: u16) -> String {
    if number == 1 { "once".into() } else { format!("{number} times") }
}

fn outcome_of(attempt: &Attempt) -> String {
    attempt.fault.map_or_else(|| format!("the answer was {}", attempt.status), |fault| format!("the fault was {}", fault.as_str()))
}
