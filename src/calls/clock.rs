//! How long something rang, talked and was held: the time between its changes, sorted by what it did meanwhile.

use crate::event::{Durations, LegState};
use crate::time::Timestamp;

/// What a leg or call does, as far as time is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// Nothing that is counted.
    #[default]
    Nothing,
    /// Offered, ringing, or hearing the far end ring.
    Ringing,
    /// Connected.
    Talking,
    /// On hold.
    Holding,
}

impl Doing {
    /// What a leg in this state does. One that is in use on another device does nothing itself.
    pub fn of(state: LegState) -> Self {
        match state {
            LegState::Offered | LegState::Alerting | LegState::Ringback => Self::Ringing,
            LegState::Connected => Self::Talking,
            LegState::Held => Self::Holding,
            LegState::Initiated | LegState::Dialing | LegState::Busy | LegState::RemoteInUse | LegState::Disconnected => Self::Nothing,
        }
    }
}

/// Counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    counted: Durations,
    doing: Doing,
    since: Timestamp,
}

impl Clock {
    /// From now on it does this.
    pub fn turn(&mut self, at: Timestamp, doing: Doing) {
        self.counted = self.read(at);
        self.doing = doing;
        self.since = at;
    }

    /// What was counted up to `at`.
    pub fn read(&self, at: Timestamp) -> Durations {
        let mut counted = self.counted;
        let passed = at.since(self.since).as_micros() as u64;
        match self.doing {
            Doing::Nothing => {}
            Doing::Ringing => counted.ring += passed,
            Doing::Talking => counted.talk += passed,
            Doing::Holding => counted.hold += passed,
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_for_what_was_done_in_it() {
        let mut clock = Clock::default();
        for (at, doing) in [(10, Doing::Ringing), (14, Doing::Talking), (20, Doing::Holding), (21, Doing::Talking)] {
            clock.turn(Timestamp(at), doing);
        }
        assert_eq!(clock.read(Timestamp(30)), Durations { ring: 4, talk: 15, hold: 1 });
    }

    #[test]
    fn a_clock_that_is_set_back_counts_nothing() {
        let mut clock = Clock::default();
        clock.turn(Timestamp(10), Doing::Talking);
        assert_eq!(clock.read(Timestamp(5)), Durations::default());
    }
}
