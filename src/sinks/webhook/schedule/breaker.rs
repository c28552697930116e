//! The circuit breaker: an endpoint that only fails is left alone, and tried with one request now and then.

use std::time::Duration;

use super::super::config::BreakerConfig;
use super::LoadId;
use crate::time::Timestamp;

/// Where it stands.
#[derive(Clone, Debug)]
pub struct Circuit {
    config: BreakerConfig,
    failures: u32,
    /// The first failure since something was taken.
    failing_since: Option<Timestamp>,
    open: Option<Open>,
    is_given_up: bool,
}

#[derive(Clone, Debug)]
struct Open {
    since: Timestamp,
    until: Timestamp,
    pause: Duration,
    probe: Option<LoadId>,
}

impl Circuit {
    /// A closed one.
    pub fn new(config: &BreakerConfig) -> Self {
        Self { config: config.clone(), failures: 0, failing_since: None, open: None, is_given_up: false }
    }

    /// Whether requests go out as they come.
    pub fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// Whether one request is out to find out.
    pub fn is_probing(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.probe.is_some())
    }

    /// Since when it is open.
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.since)
    }

    /// When one request is tried; none while it is closed or one is on its way.
    pub fn next_probe(&self) -> Option<Timestamp> {
        self.open.as_ref().filter(|open| open.probe.is_none()).map(|open| open.until)
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The first failure since something was taken.
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }

    pub(super) fn may_probe(&self, now: Timestamp) -> bool {
        self.next_probe().is_some_and(|until| until <= now)
    }

    pub(super) fn probe(&mut self, load: LoadId) {
        if let Some(open) = &mut self.open {
            open.probe = Some(load);
        }
    }

    /// The endpoint answers: whether that closes it.
    pub(super) fn answered(&mut self) -> bool {
        self.failures = 0;
        self.failing_since = None;
        self.open.take().is_some()
    }

    /// What was on its way says nothing about the endpoint.
    pub(super) fn undecided(&mut self, load: LoadId) {
        if let Some(open) = self.open.as_mut().filter(|open| open.probe == Some(load)) {
            open.probe = None;
        }
    }

    /// Another failure; `at_once` for one that says that all others will fail too. Whether that opens it.
    pub(super) fn failed(&mut self, load: LoadId, at_once: bool, now: Timestamp) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        let (first, longest) = (self.config.pause_seconds, self.config.pause_max_seconds);
        match &mut self.open {
            Some(open) if open.probe == Some(load) => {
                open.pause = (open.pause * 2).min(Duration::from_secs(longest.max(first)));
                (open.probe, open.until) = (None, after(now, open.pause));
                false
            }
            Some(_) => false,
            None if at_once || self.failures >= self.config.failures.max(1) => {
                let pause = Duration::from_secs(first);
                self.open = Some(Open { since: now, until: after(now, pause), pause, probe: None });
                true
            }
            None => false,
        }
    }

    /// The endpoint is given up; whether that is news.
    pub(super) fn give_up(&mut self) -> bool {
        !std::mem::replace(&mut self.is_given_up, true)
    }

    /// Whether it failed for so long that the endpoint is given up.
    pub(super) fn is_hopeless(&self, now: Timestamp) -> bool {
        let limit = Duration::from_secs(u64::from(self.config.disable_after_hours) * 3600);
        !limit.is_zero() && self.failing_since.is_some_and(|since| now.since(since) >= limit)
    }
}

pub(super) fn after(time: Timestamp, pause: Duration) -> Timestamp {
    Timestamp(time.0.saturating_add(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX)))
}
