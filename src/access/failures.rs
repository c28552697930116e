//! How many tokens of each address were refused in the last minute.
//!
//! What is limited is what failures cost: a line in the log, a fetch of an issuer's keys. Nobody is kept from showing a good token because
//! a neighbour behind the same proxy shows a bad one: a token has 256 random bits or a signature, and is not found by trying.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// How long failures count.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered; what is beyond is forgotten, whoever it is.
const REMEMBERED: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    failures: u32,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is one among few.
    Within,
    /// It is the first one too many.
    Reached,
    /// There were too many already.
    Beyond,
}

/// Counts failures by address.
#[derive(Debug)]
pub(super) struct Failures {
    limit: u32,
    windows: Mutex<HashMap<IpAddr, Window>>,
}

impl Failures {
    /// Nobody failed yet; `limit` failures in a minute are few.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, windows: Mutex::default() }
    }

    /// Whether an address had too many refused.
    pub(super) fn is_beyond(&self, address: IpAddr, now: Timestamp) -> bool {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.get(&network(address)).is_some_and(|window| now.since(window.began) < WINDOW && window.failures > self.limit)
    }

    /// Counts one more.
    pub(super) fn count(&self, address: IpAddr, now: Timestamp) -> Standing {
        let address = network(address);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= REMEMBERED && !windows.contains_key(&address) {
            windows.retain(|_, window| now.since(window.began) < WINDOW);
            if windows.len() >= REMEMBERED
                && let Some(any) = windows.keys().next().copied()
            {
                windows.remove(&any);
            }
        }
        let window = windows.entry(address).or_insert(Window { began: now, failures: 0 });
        if now.since(window.began) >= WINDOW {
            *window = Window { began: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
        match window.failures.checked_sub(self.limit) {
            None | Some(0) => Standing::Within,
            Some(1) => Standing::Reached,
            Some(_) => Standing::Beyond,
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn so_many_are_few_and_after_a_minute_all_is_forgotten() {
        let failures = Failures::new(2);
        let (address, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let counted: Vec<_> = (0..4).map(|i| failures.count(address, at(100 + i))).collect();
        assert_eq!(counted, [Standing::Within, Standing::Within, Standing::Reached, Standing::Beyond]);
        assert!(failures.is_beyond(address, at(150)) && !failures.is_beyond(other, at(150)));
        assert!(!failures.is_beyond(address, at(160)));
        assert_eq!(failures.count(address, at(160)), Standing::Within);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let failures = Failures::new(1);
        failures.count("2001:db8::1".parse().unwrap(), at(1));
        assert_eq!(failures.count("2001:db8::ffff".parse().unwrap(), at(1)), Standing::Reached);
        assert_eq!(failures.count("2001:db8:0:1::1".parse().unwrap(), at(1)), Standing::Within);
    }

    #[test]
    fn no_more_than_so_many_addresses_are_remembered() {
        let failures = Failures::new(1);
        (0..20_000_u32).for_each(|i| {
            failures.count(IpAddr::V4(i.into()), at(1));
        });
        assert_eq!(failures.windows.lock().unwrap().len(), REMEMBERED);
    }
}
