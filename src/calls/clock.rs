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
    /// What it did when it went out of sight.
    hidden: Option<Doing>,
}

impl Clock {
    /// From now on it does this.
    pub fn turn(&mut self, at: Timestamp, doing: Doing) {
        self.counted = self.read(at);
        self.doing = doing;
        self.since = at;
    }

    /// When it last began something else.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// It is out of sight from now on: nobody knows what it does.
    pub fn hide(&mut self, at: Timestamp) {
        let doing = self.doing;
        self.turn(at, Doing::Nothing);
        self.hidden = Some(doing);
    }

    /// It is in sight again. What it does as before, it did meanwhile: says for how long, in microseconds.
    pub fn show(&mut self, at: Timestamp, doing: Doing) -> u64 {
        let meanwhile = if self.hidden.take() == Some(doing) { at.since(self.since).as_micros() as u64 } else { 0 };
        self.turn(at, doing);
        self.add(doing, meanwhile);
        meanwhile
    }

    /// It did this for so long, in microseconds, out of sight.
    pub fn add(&mut self, doing: Doing, micros: u64) {
        match doing {
            Doing::Nothing => {}
            Doing::Ringing => self.counted.ring += micros,
            Doing::Talking => self.counted.talk += micros,
            Doing::Holding => self.counted.hold += micros,
        }
    }

    /// What was counted up to `at`.
    pub fn read(&self, at: Timestamp) -> Durations {
        let mut clock = *self;
        clock.add(self.doing, at.since(self.since).as_micros() as u64);
        clock.counted
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
    fn what_is_the_same_after_a_break_was_so_in_it() {
        let mut clock = Clock::default();
        clock.turn(Timestamp(10), Doing::Talking);
        clock.hide(Timestamp(20));
        assert_eq!(clock.read(Timestamp(90)).talk, 10);
        assert_eq!(clock.show(Timestamp(100), Doing::Talking), 80);
        assert_eq!(clock.read(Timestamp(101)).talk, 91);
    }

    #[test]
    fn a_clock_that_is_set_back_counts_nothing() {
        let mut clock = Clock::default();
        clock.turn(Timestamp(10), Doing::Talking);
        assert_eq!(clock.read(Timestamp(5)), Durations::default());
    }
}
