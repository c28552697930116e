//! What is counted of webhooks: a handful of metrics with the endpoint's name as a label, behind handles that cost nothing to look up.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::sinks::webhook::{Attempt, DeadLetter, Death, Fault, Outcome};
use crate::time::Timestamp;

/// The classes of statuses, before the faults.
const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
/// How often a dead letter of one endpoint is worth a line in the log.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// Why an event was not sent although it was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Its template made nothing of it.
    Empty,
    /// The filter's expression failed on it.
    Expression,
    /// The log no longer had it when its turn came.
    Gone,
}

impl Skip {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Empty, Self::Expression, Self::Gone];

    /// A word for the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Expression => "expression",
            Self::Gone => "gone",
        }
    }
}

/// The metrics of all endpoints.
#[derive(Debug)]
pub(super) struct Family {
    attempts: IntCounterVec,
    seconds: HistogramVec,
    delivered: IntCounterVec,
    dead: IntCounterVec,
    skipped: IntCounterVec,
    unrecorded: IntCounterVec,
    lag_seconds: GaugeVec,
    lag_events: IntGaugeVec,
    in_flight: IntGaugeVec,
    breaker_open: IntGaugeVec,
    enabled: IntGaugeVec,
}

impl Family {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let gauges = |name: &str, help: &str| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &["webhook"])?;
            registry.register(Box::new(gauges.clone())).map(|()| gauges)
        };
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "callcast_webhook_attempt_seconds",
                "How long an attempt took, from its beginning to the end of the answer.",
            )
            .buckets(vec![0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0]),
            &["webhook"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let lag_seconds =
            GaugeVec::new(Opts::new("callcast_webhook_lag_seconds", "How old the oldest event is that is not done."), &["webhook"])?;
        registry.register(Box::new(lag_seconds.clone()))?;
        Ok(Self {
            attempts: counters(
                "callcast_webhook_attempts_total",
                "Attempts, by what became of them and by what came back.",
                &["webhook", "outcome", "class"],
            )?,
            seconds,
            delivered: counters("callcast_webhook_delivered_events_total", "Events that were taken.", &["webhook"])?,
            dead: counters("callcast_webhook_dead_total", "Events that are not tried any more, by reason.", &["webhook", "reason"])?,
            skipped: counters(
                "callcast_webhook_skipped_total",
                "Events that were wanted and not sent, by reason: there was nothing to send.",
                &["webhook", "reason"],
            )?,
            unrecorded: counters(
                "callcast_webhook_unrecorded_total",
                "Attempts that nothing is known of later: the disk did not keep up.",
                &["webhook"],
            )?,
            lag_seconds,
            lag_events: gauges("callcast_webhook_lag_events", "Events that are not done.")?,
            in_flight: gauges("callcast_webhook_in_flight", "Requests that are on their way.")?,
            breaker_open: gauges("callcast_webhook_breaker_open", "1 while the endpoint is left alone after failures.")?,
            enabled: gauges("callcast_webhook_enabled", "1 while the endpoint is neither paused nor disabled.")?,
        })
    }

    pub(super) fn of(&self, name: &str) -> WebhookMetrics {
        let outcomes = Outcome::ALL.len() * classes();
        WebhookMetrics {
            name: name.into(),
            attempts: self.attempts.clone(),
            by_class: std::iter::repeat_with(OnceLock::new).take(outcomes).collect(),
            seconds: self.seconds.with_label_values(&[name]),
            delivered: self.delivered.with_label_values(&[name]),
            dead: Death::ALL.iter().map(|death| self.dead.with_label_values(&[name, death.as_str()])).collect(),
            skipped: Skip::ALL.iter().map(|skip| self.skipped.with_label_values(&[name, skip.as_str()])).collect(),
            unrecorded: self.unrecorded.with_label_values(&[name]),
            lag_seconds: self.lag_seconds.with_label_values(&[name]),
            lag_events: self.lag_events.with_label_values(&[name]),
            in_flight: self.in_flight.with_label_values(&[name]),
            breaker_open: self.breaker_open.with_label_values(&[name]),
            enabled: self.enabled.with_label_values(&[name]),
            line: Mutex::default(),
        }
    }

    /// What was never counted has no label to remove, and that is no mistake.
    pub(super) fn remove(&self, name: &str) {
        for outcome in Outcome::ALL {
            for class in (0..classes()).map(class_name) {
                let _ = self.attempts.remove_label_values(&[name, outcome.as_str(), class]);
            }
        }
        Death::ALL.iter().for_each(|death| drop(self.dead.remove_label_values(&[name, death.as_str()])));
        Skip::ALL.iter().for_each(|skip| drop(self.skipped.remove_label_values(&[name, skip.as_str()])));
        for counters in [&self.delivered, &self.unrecorded] {
            let _ = counters.remove_label_values(&[name]);
        }
        for gauges in [&self.lag_events, &self.in_flight, &self.breaker_open, &self.enabled] {
            let _ = gauges.remove_label_values(&[name]);
        }
        let _ = self.seconds.remove_label_values(&[name]);
        let _ = self.lag_seconds.remove_label_values(&[name]);
    }
}

/// How many classes an attempt can have.
fn classes() -> usize {
    STATUSES.len() + Fault::ALL.len()
}

fn class_name(class: usize) -> &'static str {
    let fault = || Fault::ALL.get(class.checked_sub(STATUSES.len())?).map(|fault| fault.as_str());
    STATUSES.get(class).copied().or_else(fault).unwrap_or("other")
}

fn class_of(attempt: &Attempt) -> usize {
    match (attempt.fault, attempt.status / 100) {
        (Some(fault), _) => STATUSES.len() + fault as usize,
        (None, hundreds @ 1..=5) => usize::from(hundreds) - 1,
        (None, _) => STATUSES.len() - 1,
    }
}

/// The metrics of one endpoint.
#[derive(Debug)]
pub struct WebhookMetrics {
    name: Box<str>,
    attempts: IntCounterVec,
    /// By outcome and class. What never happens is not told.
    by_class: Vec<OnceLock<IntCounter>>,
    seconds: Histogram,
    delivered: IntCounter,
    dead: Vec<IntCounter>,
    skipped: Vec<IntCounter>,
    unrecorded: IntCounter,
    lag_seconds: Gauge,
    lag_events: IntGauge,
    in_flight: IntGauge,
    breaker_open: IntGauge,
    enabled: IntGauge,
    /// When the log last had a line of a dead letter, and how many there were since.
    line: Mutex<(Option<Timestamp>, u64)>,
}

impl WebhookMetrics {
    /// The endpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Counts a request, by what became of the first of its events.
    #[inline]
    pub fn attempt(&self, attempt: &Attempt) {
        let class = class_of(attempt);
        if let Some(counter) = self.by_class.get(attempt.outcome as usize * classes() + class) {
            let values = || [&*self.name, attempt.outcome.as_str(), class_name(class)];
            counter.get_or_init(|| self.attempts.with_label_values(&values())).inc();
        }
        self.seconds.observe(attempt.took.as_secs_f64());
    }

    /// Counts events that were taken.
    pub fn delivered(&self, events: u64) {
        self.delivered.inc_by(events);
    }

    /// Counts a dead letter. Whether it is worth a line in the log, and how many were not since the last that was.
    pub fn dead(&self, letter: &DeadLetter) -> Option<u64> {
        if let Some(counter) = self.dead.get(letter.death as usize) {
            counter.inc();
        }
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if line.0.is_some_and(|last| letter.at.since(last) < LINE_EVERY) {
            line.1 += 1;
            return None;
        }
        Some(std::mem::replace(&mut *line, (Some(letter.at), 0)).1)
    }

    /// Counts events that were not sent although they were wanted.
    pub fn skipped(&self, skip: Skip, events: u64) {
        if let Some(counter) = self.skipped.get(skip as usize) {
            counter.inc_by(events);
        }
    }

    /// Counts attempts that could not be written down.
    pub fn unrecorded(&self, attempts: u64) {
        self.unrecorded.inc_by(attempts);
    }

    /// Tells how far it is behind.
    pub fn lag(&self, events: u64, seconds: f64) {
        self.lag_events.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.lag_seconds.set(seconds);
    }

    /// Tells how many requests are on their way.
    pub fn in_flight(&self, requests: usize) {
        self.in_flight.set(i64::try_from(requests).unwrap_or(i64::MAX));
    }

    /// Tells whether it is left alone after failures.
    pub fn breaker_open(&self, open: bool) {
        self.breaker_open.set(open.into());
    }

    /// Tells whether it is neither paused nor disabled.
    pub fn enabled(&self, enabled: bool) {
        self.enabled.set(enabled.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;
    use super::*;

    fn attempt(outcome: Outcome, status: u16, fault: Option<Fault>) -> Attempt {
        Attempt { at: Timestamp(1), epoch: 1, sequence: 1, number: 1, status, fault, outcome, took: Duration::from_millis(2) }
    }

    fn letter(second: u64) -> DeadLetter {
        DeadLetter { at: Timestamp(second * 1_000_000), epoch: 1, sequence: second, death: Death::Refused, status: 422, attempts: 1 }
    }

    #[test]
    fn attempts_are_told_by_outcome_and_class() {
        let metrics = Metrics::new().unwrap();
        let crm = metrics.webhook("crm");
        crm.attempt(&attempt(Outcome::Delivered, 204, None));
        crm.attempt(&attempt(Outcome::Retry, 0, Some(Fault::Tls)));
        crm.attempt(&attempt(Outcome::Retry, 777, None));
        let text = metrics.text().unwrap();
        for line in [
            "callcast_webhook_attempts_total{class=\"2xx\",outcome=\"delivered\",webhook=\"crm\"} 1",
            "callcast_webhook_attempts_total{class=\"tls\",outcome=\"retry\",webhook=\"crm\"} 1",
            "callcast_webhook_attempts_total{class=\"other\",outcome=\"retry\",webhook=\"crm\"} 1",
            "callcast_webhook_attempt_seconds_count{webhook=\"crm\"} 3",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("outcome=\"dead\""), "what never happened is not told");
    }

    #[test]
    fn an_endpoint_that_is_gone_is_told_of_no_more() {
        let metrics = Metrics::new().unwrap();
        let (crm, other) = (metrics.webhook("crm"), metrics.webhook("other"));
        for one in [&crm, &other] {
            one.attempt(&attempt(Outcome::Dead, 422, None));
            one.dead(&letter(1));
            one.skipped(Skip::Empty, 1);
            one.delivered(1);
            one.unrecorded(1);
            one.lag(1, 1.0);
            one.enabled(true);
        }
        metrics.remove_webhook("crm");
        let text = metrics.text().unwrap();
        assert!(!text.contains("\"crm\"") && text.contains("\"other\""), "{text}");
    }

    #[test]
    fn dead_letters_are_worth_a_line_a_minute() {
        let metrics = Metrics::new().unwrap();
        let crm = metrics.webhook("crm");
        let lines: Vec<Option<u64>> = [0, 1, 59, 60, 61, 200].map(|second| crm.dead(&letter(second))).into();
        assert_eq!(lines, [Some(0), None, None, Some(2), None, Some(1)]);
    }

    #[test]
    fn every_number_has_its_class() {
        let names: Vec<&str> = (0..classes()).map(class_name).collect();
        assert_eq!(names.first().zip(names.last()), Some((&"1xx", &"template")));
        for fault in Fault::ALL {
            assert_eq!(class_name(class_of(&attempt(Outcome::Retry, 0, Some(*fault)))), fault.as_str());
        }
    }
}
