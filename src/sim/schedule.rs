//! What shall happen when, on the model's clock. Two things at the same time happen in the order in which they were scheduled.

use std::collections::BTreeMap;
use std::time::Duration;

/// Things to do, by time since the start.
#[derive(Debug)]
pub struct Schedule<T> {
    tasks: BTreeMap<(Duration, u64), T>,
    next: u64,
}

impl<T> Schedule<T> {
    /// Nothing to do.
    pub fn new() -> Self {
        Self { tasks: BTreeMap::new(), next: 0 }
    }

    /// Adds something.
    pub fn add(&mut self, at: Duration, task: T) {
        self.tasks.insert((at, self.next), task);
        self.next += 1;
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<Duration> {
        self.tasks.keys().next().map(|(at, _)| *at)
    }

    /// The next thing that is due at `now`, with the time when it was.
    pub fn pop(&mut self, now: Duration) -> Option<(Duration, T)> {
        if self.next_due()? > now {
            return None;
        }
        self.tasks.pop_first().map(|((at, _), task)| (at, task))
    }

    /// Takes away what is not wanted any more.
    pub fn retain(&mut self, wanted: impl Fn(&T) -> bool) {
        self.tasks.retain(|_, task| wanted(task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_of_time_then_of_scheduling() {
        let mut schedule = Schedule::new();
        let at = Duration::from_secs;
        schedule.add(at(2), "c");
        schedule.add(at(1), "a");
        schedule.add(at(1), "b");
        schedule.add(at(3), "later");
        let due: Vec<_> = std::iter::from_fn(|| schedule.pop(at(2))).collect();
        assert_eq!(due, [(at(1), "a"), (at(1), "b"), (at(2), "c")]);
        assert_eq!(schedule.next_due(), Some(at(3)));
    }
}
