//! How an endpoint is to be treated, from its configuration.

use std::time::Duration;

use super::super::Config;
use super::super::config::{BreakerConfig, Mode, RetryConfig};

/// What the schedule goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Requests at a time.
    pub in_flight: usize,
    /// Events and bytes of a batch; none where each event has a request of its own.
    pub batch: Option<(usize, usize)>,
    /// After a failure.
    pub retry: RetryConfig,
    /// When it is left alone.
    pub breaker: BreakerConfig,
}

impl Rules {
    /// The rules of an endpoint; `dead` are statuses with which a ready template's product says what others say with 422.
    pub fn new(config: &Config, dead: &[u16]) -> Self {
        let delivery = &config.delivery;
        let mut retry = config.retry.clone();
        retry.dead_statuses.extend(dead);
        Self {
            in_flight: delivery.in_flight.max(1),
            batch: (config.body.mode == Mode::Batch).then(|| (delivery.batch_events.max(1), delivery.batch_bytes.max(1))),
            retry,
            breaker: config.breaker.clone(),
        }
    }

    /// The pause after so many attempts; `random` is from 0 to 1.
    pub fn pause(&self, attempts: u16, random: f64) -> Duration {
        let at = usize::from(attempts.saturating_sub(1));
        let seconds = self.retry.pauses_seconds.get(at).or(self.retry.pauses_seconds.last()).copied().unwrap_or(60);
        let factor = 1.0 + self.retry.jitter.clamp(0.0, 1.0) * (2.0 * random - 1.0);
        Duration::from_secs(seconds).mul_f64(factor)
    }
}
