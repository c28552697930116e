//! An endpoint that runs, as its runner and whoever asks about it see it.

use std::sync::{Arc, Mutex, MutexGuard};

use super::runner::lock;
use crate::gateway::type_of;
use crate::journal::{Entry, Reader};
use crate::sinks::webhook::control::{Breaker, Endpoint, Standing, State, Status};
use crate::sinks::webhook::records::EndpointRecords;
use crate::sinks::webhook::schedule::{Offer, Schedule};
use crate::sinks::webhook::{Client, Plan, Verdict};
use crate::telemetry::WebhookMetrics;
use crate::time::Timestamp;

/// An endpoint that runs.
pub struct Live {
    /// What it is told.
    pub endpoint: Arc<Endpoint>,
    /// What it is sent.
    pub plan: Plan,
    /// How.
    pub client: Client,
    /// What it counts.
    pub metrics: WebhookMetrics,
    /// What is kept of its attempts.
    pub records: Arc<EndpointRecords>,
    /// What is sent when.
    pub schedule: Mutex<Schedule>,
}

impl Live {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.endpoint.config.name
    }

    /// What is sent when.
    pub fn schedule(&self) -> MutexGuard<'_, Schedule> {
        lock(&self.schedule)
    }

    /// An event as it is offered to the schedule, if it is wanted. It may be read for that: any thread can do it.
    pub fn offer(&self, entry: Arc<Entry>, since: Timestamp) -> Option<Offer> {
        if entry.event.is_empty() || self.plan.wants(&entry) != Verdict::Wanted {
            return None;
        }
        let deadline = self.deadline(&entry, since);
        Some(Offer::new(entry, deadline))
    }

    /// Until when an event is worth delivering: deadlines count from there or from `since`, whichever is later.
    pub fn deadline(&self, entry: &Entry, since: Timestamp) -> Timestamp {
        let worth = self.plan.deadline(type_of(&entry.event));
        Timestamp(entry.time.max(since).0.saturating_add(u64::try_from(worth.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How it stands.
    pub fn status(&self, reader: &Reader, now: Timestamp) -> Status {
        let schedule = self.schedule();
        let circuit = schedule.circuit();
        let counts = schedule.counts();
        let (events, oldest) = schedule.lag(reader.range().next);
        let (waiting, parked) = schedule.waiting();
        Status {
            state: state_of(&self.endpoint),
            breaker: match (circuit.is_closed(), circuit.is_probing()) {
                (true, _) => Breaker::Closed,
                (false, false) => Breaker::Open,
                (false, true) => Breaker::HalfOpen,
            },
            opened_at: circuit.opened_at(),
            next_probe: circuit.next_probe(),
            lag_events: events,
            lag_seconds: oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64()),
            in_flight: schedule.in_flight(),
            waiting,
            parked,
            delivered: counts.delivered,
            failed: counts.failed,
            dead: counts.dead,
            last_success: counts.last_success.clone(),
            last_failure: counts.last_failure.clone(),
        }
    }

    /// How an event stands.
    pub fn standing(&self, event: &Entry) -> Standing {
        if let Verdict::Unwanted(by) = self.plan.wants(event) {
            return Standing::Unwanted(by);
        }
        let schedule = self.schedule();
        if event.sequence > schedule.reached().sequence { Standing::NotReadYet } else { schedule.standing(event.sequence) }
    }

    /// Tells metrics what is only looked at now and then.
    pub fn set_gauges(&self, reader: &Reader, now: Timestamp) {
        let status = self.status(reader, now);
        self.metrics.lag(status.lag_events, status.lag_seconds);
        self.metrics.in_flight(status.in_flight);
        self.metrics.breaker_open(status.breaker != Breaker::Closed);
        self.metrics.enabled(status.state == State::Running);
    }
}

/// Whether it gets anything.
pub fn state_of(endpoint: &Endpoint) -> State {
    match (&endpoint.disabled, &endpoint.paused) {
        (Some(_), _) => State::Disabled,
        (None, Some(_)) => State::Paused,
        (None, None) => State::Running,
    }
}
