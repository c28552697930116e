//! Webhooks, and what was done about events, as answers tell them.

use serde::Serialize;

use crate::journal::Sequence;
use crate::sinks::webhook::control::{Attempted, Breaker, Disabled, Paused, State, Status, Tested};
use crate::sinks::webhook::records::{Listed, Place};
use crate::sinks::webhook::store::{Source, Stored};
use crate::sinks::webhook::{Attempt, Config, Registry, origin};
use crate::time::Timestamp;

/// A webhook.
#[derive(Debug, Serialize)]
pub struct Told {
    name: String,
    source: Source,
    file: Option<String>,
    origin: Option<String>,
    paused: Option<Paused>,
    disabled: Option<Disabled>,
    status: Option<ToldStatus>,
    /// Secrets write themselves as masks.
    config: Config,
}

/// How it stands.
#[derive(Debug, Serialize)]
pub struct ToldStatus {
    state: State,
    breaker: Breaker,
    opened_at: Option<String>,
    next_probe: Option<String>,
    lag_events: u64,
    lag_seconds: f64,
    in_flight: usize,
    waiting: usize,
    parked: usize,
    delivered: u64,
    failed: u64,
    dead: u64,
    last_success: Option<ToldLast>,
    last_failure: Option<ToldLast>,
}

#[derive(Debug, Serialize)]
struct ToldLast {
    at: String,
    status: Option<u16>,
    fault: Option<&'static str>,
    text: String,
}

/// All of them.
#[derive(Debug, Serialize)]
pub struct ToldList {
    pub webhooks: Vec<Told>,
}

/// How a test went.
#[derive(Debug, Serialize)]
pub struct ToldTest {
    delivered: bool,
    status: Option<u16>,
    fault: Option<&'static str>,
    text: String,
    seconds: f64,
}

/// An attempt.
#[derive(Debug, Serialize)]
pub struct ToldAttempt {
    at: String,
    event: String,
    attempt: u16,
    outcome: &'static str,
    status: Option<u16>,
    fault: Option<&'static str>,
    seconds: f64,
}

/// A page of them.
#[derive(Debug, Serialize)]
pub struct ToldAttempts {
    pub attempts: Vec<ToldAttempt>,
    pub next: Option<String>,
}

/// A dead letter.
#[derive(Debug, Serialize)]
pub struct ToldDead {
    at: String,
    event: String,
    reason: &'static str,
    status: Option<u16>,
    attempts: u16,
    redelivered: Option<String>,
}

/// A page of them.
#[derive(Debug, Serialize)]
pub struct ToldDeadList {
    pub dead: Vec<ToldDead>,
    pub next: Option<String>,
}

impl Told {
    pub fn of(registry: &Registry, Stored { endpoint, source }: &Stored) -> Self {
        let config = endpoint.config.clone();
        let file = (*source == Source::File).then(|| registry.store().configuration().display().to_string());
        Self {
            name: config.name.clone(),
            source: *source,
            file,
            origin: origin(&config),
            paused: endpoint.paused.clone(),
            disabled: endpoint.disabled.clone(),
            status: registry.control().status(&config.name).map(Into::into),
            config,
        }
    }
}

impl From<Status> for ToldStatus {
    fn from(status: Status) -> Self {
        Self {
            state: status.state,
            breaker: status.breaker,
            opened_at: text(status.opened_at),
            next_probe: text(status.next_probe),
            lag_events: status.lag_events,
            lag_seconds: status.lag_seconds,
            in_flight: status.in_flight,
            waiting: status.waiting,
            parked: status.parked,
            delivered: status.delivered,
            failed: status.failed,
            dead: status.dead,
            last_success: status.last_success.map(Into::into),
            last_failure: status.last_failure.map(Into::into),
        }
    }
}

impl From<Attempted> for ToldLast {
    fn from(Attempted { at, status, fault, text }: Attempted) -> Self {
        Self { at: at.to_string(), status, fault: fault.map(|fault| fault.as_str()), text }
    }
}

impl From<Tested> for ToldTest {
    fn from(Tested { status, fault, text, took }: Tested) -> Self {
        let delivered = status.is_some_and(|status| (200..300).contains(&status));
        Self { delivered, status, fault: fault.map(|fault| fault.as_str()), text, seconds: took.as_secs_f64() }
    }
}

impl From<&Attempt> for ToldAttempt {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: attempt.at.to_string(),
            event: event_id(attempt.epoch, attempt.sequence),
            attempt: attempt.number,
            outcome: attempt.outcome.as_str(),
            status: came_back(attempt.status),
            fault: attempt.fault.map(|fault| fault.as_str()),
            seconds: attempt.took.as_secs_f64(),
        }
    }
}

impl From<&Listed> for ToldDead {
    fn from(Listed { letter, redelivered }: &Listed) -> Self {
        Self {
            at: letter.at.to_string(),
            event: event_id(letter.epoch, letter.sequence),
            reason: letter.death.as_str(),
            status: came_back(letter.status),
            attempts: letter.attempts,
            redelivered: text(*redelivered),
        }
    }
}

/// The id of an event.
pub fn event_id(epoch: u64, sequence: Sequence) -> String {
    format!("{epoch}-{sequence}")
}

/// The status; none when nothing came back.
pub fn came_back(status: u16) -> Option<u16> {
    Some(status).filter(|status| *status != 0)
}

/// A page's place, as the text that `next` is.
pub fn page_of(Place { file, index }: Place) -> String {
    crate::api::paging::hide(&format!("{file}.{index}"))
}

/// The place that was hidden; none for what is not one of ours.
pub fn place_of(page: &str) -> Option<Place> {
    let text = crate::api::paging::reveal(page)?;
    let (file, index) = text.split_once('.')?;
    Some(Place { file: file.parse().ok()?, index: index.parse().ok()? })
}

fn text(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}
