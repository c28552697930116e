//! Heartbeats both ways: when ours is due, and when the peer is dead.
//!
//! CTIManager names both intervals. Any message counts as life. A peer is dead after two of its intervals and 0.6 s of silence,
//! which is when Cisco's client gives up.

use std::time::Duration;

/// Beyond two intervals.
const GRACE: Duration = Duration::from_millis(600);
/// What CTIManager may name, in seconds; what lies outside would flood it or never find it dead.
const BOUNDS: std::ops::RangeInclusive<i32> = 1..=3600;

/// The heartbeats of an open provider.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeats {
    ours: Duration,
    theirs: Duration,
    due: Duration,
    heard: Duration,
}

impl Heartbeats {
    /// From the intervals of `ProviderOpenResponse` in seconds; `wished` takes the place of one that is 0 or less.
    pub fn new(client: i32, server: i32, wished: u32, now: Duration) -> Self {
        let interval = |named: i32| {
            let seconds = if named > 0 { named } else { i32::try_from(wished).unwrap_or(i32::MAX) };
            Duration::from_secs(seconds.clamp(*BOUNDS.start(), *BOUNDS.end()).unsigned_abs().into())
        };
        let ours = interval(client);
        Self { ours, theirs: interval(server), due: now + ours, heard: now }
    }

    /// Something came from the peer.
    #[inline]
    pub fn heard(&mut self, now: Duration) {
        self.heard = now;
    }

    /// Whether to send a heartbeat now.
    pub fn due(&mut self, now: Duration) -> bool {
        if now < self.due {
            return false;
        }
        self.due = now + self.ours;
        true
    }

    /// How long the peer has been silent, when that is too long.
    pub fn dead(&self, now: Duration) -> Option<Duration> {
        (now >= self.dead_at()).then(|| now.saturating_sub(self.heard))
    }

    /// When either has to be looked at again.
    pub fn deadline(&self) -> Duration {
        self.due.min(self.dead_at())
    }

    fn dead_at(&self) -> Duration {
        self.heard + 2 * self.theirs + GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn ours_goes_out_at_our_interval() {
        let mut beats = Heartbeats::new(10, 60, 30, s(0));
        assert!(!beats.due(s(9)) && beats.due(s(10)) && !beats.due(s(11)) && beats.due(s(20)));
    }

    #[test]
    fn two_intervals_of_silence_and_a_little_are_death() {
        let mut beats = Heartbeats::new(10, 20, 30, s(0));
        beats.heard(s(5));
        assert_eq!(beats.dead(s(45)), None);
        assert_eq!(beats.dead(s(46)), Some(s(41)));
    }

    #[test]
    fn absurd_intervals_are_bounded() {
        let beats = Heartbeats::new(0, i32::MAX, 30, s(0));
        assert_eq!((beats.ours, beats.theirs), (s(30), s(3600)));
    }
}
