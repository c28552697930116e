//! CTIManagers in order: their addresses, which is tried next, and when.
//!
//! A round tries each CTIManager once, one after the other without a wait. Between rounds there is a wait that doubles up to a
//! limit, with jitter, so that many gateways do not come back in step. A session that lasted resets the wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

/// The port of CTIManager in the clear.
const PORT: u16 = 2748;
/// The port of CTIManager over TLS.
const TLS_PORT: u16 = 2749;

/// Where a CTIManager listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerAddress {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// As configured: the name that it has in notices and logs.
    pub label: Arc<str>,
}

/// An address that is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is neither `host` nor `host:port` with a port from 1 to 65535; an IPv6 address with a port stands in brackets")]
pub struct ManagerError(String);

impl ManagerAddress {
    /// Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn parse(text: &str, tls: bool) -> Result<Self, ManagerError> {
        let default = if tls { TLS_PORT } else { PORT };
        let wrong = || ManagerError(text.to_owned());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(wrong)?) })
        } else if text.matches(':').count() > 1 {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port.map_or(Some(default), |p| p.parse().ok().filter(|p| *p > 0)).ok_or_else(wrong)?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port, label: text.into() })
    }
}

impl fmt::Display for ManagerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

/// Gives a number from 0 to 1, anew at each call.
pub type Randomness = Box<dyn FnMut() -> f64 + Send>;

/// Which CTIManager is tried next, and after what wait.
pub struct Failover {
    managers: Vec<ManagerAddress>,
    current: usize,
    /// CTIManagers tried in this round.
    tried: usize,
    /// Rounds without a session that lasted.
    rounds: u32,
    first: Duration,
    max: Duration,
    randomness: Randomness,
}

impl Failover {
    /// Begins with the first of `managers`; waits go from `first` to `max`.
    pub fn new(managers: Vec<ManagerAddress>, first: Duration, max: Duration, randomness: Randomness) -> Self {
        Self { managers, current: 0, tried: 0, rounds: 0, first, max, randomness }
    }

    /// The one to be tried, or in use; none when there is none at all.
    pub fn current(&self) -> Option<&ManagerAddress> {
        self.managers.get(self.current)
    }

    /// The current one failed: the next one is current. How long to wait before it is tried.
    pub fn failed(&mut self) -> Duration {
        self.current = (self.current + 1) % self.managers.len().max(1);
        self.tried += 1;
        if self.tried < self.managers.len() {
            return Duration::ZERO;
        }
        self.tried = 0;
        let wait = self.first.saturating_mul(1_u32.checked_shl(self.rounds).unwrap_or(u32::MAX)).min(self.max);
        self.rounds = self.rounds.saturating_add(1);
        wait.mul_f64(0.8 + 0.4 * (self.randomness)().clamp(0.0, 1.0))
    }

    /// A session with the current one was open for so long. One that outlasted the longest wait begins the waits anew.
    pub fn lasted(&mut self, duration: Duration) {
        self.tried = 0;
        if duration >= self.max {
            self.rounds = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failover(names: &[&str]) -> Failover {
        let managers = names.iter().map(|n| ManagerAddress::parse(n, false).unwrap()).collect();
        Failover::new(managers, Duration::from_secs(1), Duration::from_secs(30), Box::new(|| 0.5))
    }

    #[test]
    fn the_port_follows_from_tls_unless_it_is_given() {
        let port = |text: &str, tls| ManagerAddress::parse(text, tls).unwrap().port;
        assert_eq!((port("cucm", false), port("cucm", true), port("cucm:1", true), port("[::1]:7", false)), (2748, 2749, 1, 7));
        assert_eq!(ManagerAddress::parse("::1", false).unwrap().to_string(), "[::1]:2748");
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        for text in ["", ":2748", "cucm:0", "cucm:many", "https://cucm", "[::1", "[::1]2748"] {
            assert!(ManagerAddress::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn each_manager_is_tried_once_before_a_wait() {
        let mut managers = failover(&["a", "b"]);
        assert_eq!((managers.failed(), managers.current().unwrap().host.as_str()), (Duration::ZERO, "b"));
        assert_eq!((managers.failed(), managers.current().unwrap().host.as_str()), (Duration::from_secs(1), "a"));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut managers = failover(&["a"]);
        let waits: Vec<u64> = (0..40).map(|_| managers.failed().as_secs()).collect();
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(waits[39], 30);
    }

    #[test]
    fn only_a_session_that_lasted_begins_the_waits_anew() {
        let mut managers = failover(&["a"]);
        managers.failed();
        managers.lasted(Duration::from_secs(2));
        assert_eq!(managers.failed().as_secs(), 2);
        managers.lasted(Duration::from_secs(60));
        assert_eq!(managers.failed().as_secs(), 1);
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        for (random, expected) in [(0.0, 800), (1.0, 1200)] {
            let managers = vec![ManagerAddress::parse("a", false).unwrap()];
            let mut failover = Failover::new(managers, Duration::from_secs(1), Duration::from_secs(30), Box::new(move || random));
            assert_eq!(failover.failed().as_millis(), expected);
        }
    }
}
