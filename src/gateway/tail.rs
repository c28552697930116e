//! The end of the log as it grows, for sinks that read the log: what was just written is handed to them, so that who keeps up reads no disk.
//!
//! An event that comes after a pause wakes the writer, which wakes the reader of its tail: each costs as long as sending it does. So the reader is
//! woken together with the writer, and looks out for the event while that is written.
//!
//! It is bounded. Who does not keep up finds it begins later than where they are, and reads the log up to there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Gateway, keys};
use crate::event::Event;
use crate::journal::{Entry, Keys, Sequence};

/// How long a reader looks out for what is being written: a thread is woken and a page copied meanwhile, or the disk is slow.
const LOOK_OUT: Duration = Duration::from_micros(150);
/// How often it does at most. What comes more often finds threads awake.
const EVERY: Duration = Duration::from_millis(1);

/// An entry, and what stands before it.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The entry, as the log has it.
    pub entry: Arc<Entry>,
    /// The place of the entry before it: nothing is between them.
    pub after: Sequence,
}

/// The newest entries that one reader has not taken yet.
#[derive(Debug)]
pub struct Tail {
    limit: usize,
    waiting: Mutex<VecDeque<Appended>>,
    filled: Notify,
    roused: Mutex<Roused>,
}

/// When its reader was last woken before there was anything.
#[derive(Debug, Default)]
struct Roused {
    at: Option<Instant>,
    /// It has not looked out since.
    anew: bool,
}

impl Tail {
    /// Takes what was appended since.
    pub fn take(&self) -> VecDeque<Appended> {
        std::mem::take(&mut self.lock())
    }

    /// Waits until something was appended since [`Tail::take`]. May return for nothing.
    pub async fn filled(&self) {
        self.filled.notified().await;
        let mut roused = lock(&self.roused);
        let until = roused.at.filter(|_| std::mem::take(&mut roused.anew)).map(|at| at + LOOK_OUT);
        drop(roused);
        if let Some(until) = until {
            self.look_out(until);
        }
    }

    fn look_out(&self, until: Instant) {
        while self.lock().is_empty() && Instant::now() < until {
            yield_now();
        }
    }

    fn rouse(&self, now: Instant) {
        let mut roused = lock(&self.roused);
        if roused.at.is_none_or(|at| now.duration_since(at) >= EVERY) {
            *roused = Roused { at: Some(now), anew: true };
            drop(roused);
            self.filled.notify_one();
        }
    }

    fn push(&self, appended: &[Appended]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        if waiting.len() + appended.len() > self.limit {
            // Whoever is this far behind reads the log anyway: they may as well read all of it there.
            waiting.clear();
        }
        waiting.extend(appended.iter().rev().take(self.limit).rev().cloned());
        drop(waiting);
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Appended>> {
        lock(&self.waiting)
    }
}

/// All tails.
#[derive(Debug, Default)]
pub struct Tails(Mutex<Vec<Weak<Tail>>>);

impl Tails {
    /// Wakes the readers for what is about to be written.
    pub(super) fn rouse(&self) {
        let tails = self.lock();
        if !tails.is_empty() {
            let now = Instant::now();
            tails.iter().filter_map(Weak::upgrade).for_each(|tail| tail.rouse(now));
        }
    }

    /// Hands over what is in the log now; `before` is the place of the last entry before it.
    pub(super) fn append<'a>(&self, epoch: u64, before: Sequence, told: impl Iterator<Item = (&'a Event, Sequence, &'a [u8])>) {
        let mut tails = self.lock();
        if tails.is_empty() {
            return;
        }
        let mut after = before;
        let appended: Vec<Appended> = told
            .map(|(event, sequence, bytes)| {
                let mut keys = Keys::default();
                keys::push(event, &mut keys);
                let entry = Entry { epoch, sequence, time: event.time, keys, event: bytes::Bytes::copy_from_slice(bytes) };
                Appended { entry: Arc::new(entry), after: std::mem::replace(&mut after, sequence) }
            })
            .collect();
        tails.retain(|tail| {
            tail.upgrade().is_some_and(|tail| {
                tail.push(&appended);
                true
            })
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Tail>>> {
        lock(&self.0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gateway {
    /// A tail that keeps at most `limit` entries for its reader. It ends when it is dropped.
    pub fn tail(&self, limit: usize) -> Arc<Tail> {
        let tail = Arc::new(Tail { limit, waiting: Mutex::default(), filled: Notify::new(), roused: Mutex::default() });
        self.tails.lock().push(Arc::downgrade(&tail));
        tail
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::event::{Body, EventType, JournalBody};
    use crate::time::Timestamp;

    fn event() -> Event {
        let body = Body::Journal(JournalBody { first: 1, last: 2, reason: "not_written" });
        Event { time: Timestamp(7), kind: EventType::JournalGap, source: "/callcast".into(), body }
    }

    fn tail(tails: &Tails, limit: usize) -> Arc<Tail> {
        let tail = Arc::new(Tail { limit, waiting: Mutex::default(), filled: Notify::new(), roused: Mutex::default() });
        tails.lock().push(Arc::downgrade(&tail));
        tail
    }

    fn append(tails: &Tails, before: Sequence, places: &[Sequence]) {
        let event = event();
        tails.append(3, before, places.iter().map(|place| (&event, *place, b"{}".as_slice())));
    }

    fn places(tail: &Tail) -> Vec<(Sequence, Sequence)> {
        tail.take().iter().map(|one| (one.after, one.entry.sequence)).collect()
    }

    #[test]
    fn each_entry_says_what_stands_before_it() {
        let tails = Tails::default();
        let tail = tail(&tails, 10);
        append(&tails, 4, &[5, 6]);
        append(&tails, 6, &[9]);
        assert_eq!(places(&tail), [(4, 5), (5, 6), (6, 9)]);
        assert_eq!(places(&tail), []);
    }

    #[test]
    fn a_reader_that_does_not_take_keeps_the_newest_alone() {
        let tails = Tails::default();
        let tail = tail(&tails, 2);
        append(&tails, 0, &[1, 2]);
        append(&tails, 2, &[3]);
        assert_eq!(places(&tail), [(2, 3)]);
        append(&tails, 3, &[4, 5, 6]);
        assert_eq!(places(&tail), [(4, 5), (5, 6)]);
    }

    #[test]
    fn a_reader_is_woken_for_what_is_about_to_be_written_but_not_all_the_time() {
        let tails = Tails::default();
        let tail = tail(&tails, 10);
        let is_woken = || tail.filled().now_or_never().is_some();
        assert!(!is_woken());
        tails.rouse();
        assert!(is_woken() && !is_woken());
        let first = lock(&tail.roused).at.unwrap();
        tail.rouse(first + EVERY / 2);
        assert!(!is_woken());
        tail.rouse(first + EVERY);
        assert!(is_woken());
    }

    #[test]
    fn a_reader_that_looks_out_sees_what_is_written_then() {
        let tails = Tails::default();
        let tail = tail(&tails, 10);
        let limit = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| tail.look_out(limit));
            append(&tails, 4, &[5]);
            looking.join().unwrap();
        });
        assert!(Instant::now() < limit);
        assert_eq!(places(&tail), [(4, 5)]);
    }

    #[test]
    fn a_tail_that_was_dropped_is_forgotten() {
        let tails = Tails::default();
        drop(tail(&tails, 2));
        append(&tails, 0, &[1]);
        assert!(tails.lock().is_empty());
    }
}
