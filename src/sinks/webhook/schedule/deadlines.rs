//! When events are worth nothing any more, the earliest first.
//!
//! Nearly all events are done long before that. What is done is not looked for here: it goes when its time comes, or with others of its kind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::journal::Sequence;
use crate::time::Timestamp;

/// Deadlines of events that are done which are kept in any case.
const SPARE: usize = 64;

/// The deadlines of events, and of some that are done.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Timestamp, Sequence)>>);

impl Deadlines {
    /// Adds one.
    pub(super) fn push(&mut self, deadline: Timestamp, sequence: Sequence) {
        self.0.push(Reverse((deadline, sequence)));
    }

    /// The earliest; it may be of an event that is done.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Takes an event out whose deadline is there.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Sequence> {
        self.first().filter(|deadline| *deadline <= now)?;
        self.0.pop().map(|Reverse((_, sequence))| sequence)
    }

    /// Says that `left` events are not done: what is done goes if it is the most.
    pub(super) fn tidy(&mut self, left: usize, is_left: impl Fn(Sequence) -> bool) {
        if left == 0 {
            self.0.clear();
        } else if self.0.len() > 2 * left + SPARE {
            self.0.retain(|Reverse((_, sequence))| is_left(*sequence));
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(deadlines: impl IntoIterator<Item = (u64, Sequence)>) -> Deadlines {
        let mut all = Deadlines::default();
        deadlines.into_iter().for_each(|(deadline, sequence)| all.push(Timestamp(deadline), sequence));
        all
    }

    #[test]
    fn the_earliest_comes_first_and_none_too_soon() {
        let mut deadlines = of([(9, 1), (5, 2), (7, 3)]);
        assert_eq!(deadlines.first(), Some(Timestamp(5)));
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop(Timestamp(8))).collect();
        assert_eq!((due, deadlines.first()), (vec![2, 3], Some(Timestamp(9))));
    }

    #[test]
    fn of_those_that_are_done_few_are_kept() {
        let mut deadlines = Deadlines::default();
        for sequence in 0..10_000 {
            deadlines.push(Timestamp(100), sequence);
            deadlines.tidy(10, |other| other + 10 > sequence);
            assert!(deadlines.len() <= 2 * 10 + SPARE);
        }
        assert_eq!(std::iter::from_fn(|| deadlines.pop(Timestamp(100))).filter(|sequence| *sequence >= 9_990).count(), 10);
    }

    #[test]
    fn with_nothing_left_to_do_there_are_none() {
        let mut deadlines = of([(9, 1), (5, 2)]);
        deadlines.tidy(0, |_| false);
        assert_eq!(deadlines.first(), None);
    }
}
