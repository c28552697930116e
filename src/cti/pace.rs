//! How many devices are begun in a second.

use std::time::Duration;

/// A token bucket that holds a tenth of a second's devices, so that they go out spread and not in bursts.
#[derive(Debug)]
pub struct DevicePace {
    /// Devices in a second; 0 for no limit.
    rate: f64,
    tokens: f64,
    filled_at: Duration,
}

impl DevicePace {
    /// For so many devices in a second; 0 for no limit.
    pub fn new(devices_per_second: u32) -> Self {
        let rate = f64::from(devices_per_second);
        Self { rate, tokens: Self::most(rate), filled_at: Duration::ZERO }
    }

    fn most(rate: f64) -> f64 {
        (rate / 10.0).max(1.0)
    }

    /// Whether a device may be begun now; it then counts.
    pub fn take(&mut self, now: Duration) -> bool {
        if self.rate == 0.0 {
            return true;
        }
        let gained = now.saturating_sub(self.filled_at).as_secs_f64() * self.rate;
        self.filled_at = self.filled_at.max(now);
        self.tokens = (self.tokens + gained).min(Self::most(self.rate));
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// When the next device may be begun, after [`take`](Self::take) said no.
    pub fn next(&self) -> Duration {
        let missing = if self.rate == 0.0 { 0.0 } else { (1.0 - self.tokens).max(0.0) / self.rate };
        // A millisecond more, so that rounding cannot make us come too early again and again.
        self.filled_at + Duration::from_secs_f64(missing) + Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_devices_than_the_rate_are_begun() {
        let mut pace = DevicePace::new(100);
        let begun = (0..=2000).filter(|ms| pace.take(Duration::from_millis(*ms))).count();
        assert!((200..=211).contains(&begun), "{begun}");
    }

    #[test]
    fn zero_is_no_limit() {
        let mut pace = DevicePace::new(0);
        assert!((0..10_000).all(|_| pace.take(Duration::ZERO)));
    }

    #[test]
    fn the_next_time_is_one_at_which_a_device_may_be_begun() {
        let mut pace = DevicePace::new(3);
        while pace.take(Duration::ZERO) {}
        let next = pace.next();
        assert!(!pace.take(Duration::from_millis(100)));
        assert!(pace.take(next));
    }
}
