//! What the readers found and the writer has not yet told: a queue between the tasks that read CTI sessions and the thread that writes
//! the log.
//!
//! A disk that hangs must not stop the readers, and a thread that is inside the operating system cannot be called back. So while a write
//! takes too long, or more waits than ever should, what waits is taken away from the writer and told as not durable.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::yield_now;
use std::time::{Duration, Instant};

use super::ingest::Batch;

/// Events that the writer takes at once.
const AT_ONCE: usize = 2048;
/// Batches that are kept for use again.
const SPARE: usize = 32;
/// Events that may wait for the writer: some 300 MB.
const MOST_WAITING: usize = 250_000;
/// How long a writer that was roused looks out for the batch: it is being encoded.
const LOOK_OUT: Duration = Duration::from_micros(100);
/// How long a write may take.
pub const LONGEST_WRITE: Duration = Duration::from_secs(2);

/// What the writer has in hand.
type Taken = Arc<Vec<Batch>>;

/// The queue.
#[derive(Debug, Default)]
pub struct Handover {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    /// Events in them.
    events: usize,
    writing: Option<(Taken, Instant)>,
    /// What the writer has in hand was told by somebody else.
    taken_over: bool,
    spare: VecDeque<Batch>,
    /// A thread of its own writes; else whoever observes does.
    has_writer: bool,
    sleeps: bool,
    stopping: bool,
}

/// Who has to go on after a batch was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The writer's thread.
    Writer,
    /// There is none: whoever put it in.
    Caller,
    /// The writer hangs, or does not keep up: whoever put it in tells it as not durable.
    TakeOver,
}

impl Handover {
    /// An empty batch: the one that was told first, whose frames are the first to have been sent.
    pub fn spare(&self) -> Batch {
        self.lock().spare.pop_front().unwrap_or_default()
    }

    /// Wakes the writer for a batch that is about to be put in; whether it slept.
    pub fn rouse(&self) -> bool {
        let slept = std::mem::take(&mut self.lock().sleeps);
        if slept {
            self.filled.notify_one();
        }
        slept
    }

    /// Puts a batch in. Never waits for the writer.
    pub fn put(&self, batch: Batch) -> Next {
        let mut state = self.lock();
        state.events += batch.events.len();
        state.waiting.push_back(batch);
        if !state.has_writer {
            return Next::Caller;
        }
        if state.taken_over || (state.events > MOST_WAITING && state.writing.is_some()) {
            return Next::TakeOver;
        }
        let sleeps = std::mem::take(&mut state.sleeps);
        drop(state);
        if sleeps {
            self.filled.notify_one();
        }
        Next::Writer
    }

    /// What waits, for the writer: it has it in hand until [`Handover::done`].
    pub fn take(&self) -> Option<Taken> {
        Self::hand_out(&mut self.lock())
    }

    /// The same; waits until there is something. `None` when nothing is left and the thread has to end.
    pub fn wait(&self) -> Option<Taken> {
        let mut state = self.lock();
        let mut look_out = None;
        loop {
            if let Some(taken) = Self::hand_out(&mut state) {
                return Some(taken);
            }
            if state.stopping {
                return None;
            }
            if look_out.is_some_and(|until| Instant::now() < until) {
                drop(state);
                yield_now();
                state = self.lock();
                continue;
            }
            state.sleeps = true;
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            look_out = Some(Instant::now() + LOOK_OUT);
        }
    }

    fn hand_out(state: &mut State) -> Option<Taken> {
        let mut batches = Vec::new();
        let mut events = 0;
        while events < AT_ONCE {
            let Some(batch) = state.waiting.pop_front() else { break };
            events += batch.events.len();
            batches.push(batch);
        }
        if batches.is_empty() {
            return None;
        }
        state.events -= events;
        let taken = Arc::new(batches);
        state.writing = Some((Arc::clone(&taken), Instant::now()));
        Some(taken)
    }

    /// The writer is out of the operating system. Says whether what it has in hand was told meanwhile.
    pub fn returned(&self) -> bool {
        let mut state = self.lock();
        state.writing = None;
        std::mem::take(&mut state.taken_over)
    }

    /// Whether a write takes too long.
    pub fn hangs(&self) -> bool {
        self.lock().writing.as_ref().is_some_and(|(_, since)| since.elapsed() > LONGEST_WRITE)
    }

    /// Takes everything away from the writer: what it has in hand, unless that was taken before, and what waits.
    pub fn take_over(&self) -> (Option<Taken>, Vec<Batch>) {
        let mut state = self.lock();
        let Some((in_hand, _)) = &state.writing else { return (None, Vec::new()) };
        let in_hand = (!state.taken_over).then(|| Arc::clone(in_hand));
        state.taken_over = true;
        state.events = 0;
        (in_hand, state.waiting.drain(..).collect())
    }

    /// Takes batches back that were told.
    pub fn done(&self, taken: Taken) {
        // Whoever took over may still have it: then it goes with that.
        let Ok(batches) = Arc::try_unwrap(taken) else { return };
        let mut state = self.lock();
        for mut batch in batches {
            if state.spare.len() >= SPARE {
                break;
            }
            batch.clear();
            state.spare.push_back(batch);
        }
    }

    /// A thread will write.
    pub fn has_writer(&self) {
        self.lock().has_writer = true;
    }

    /// The thread ends when nothing is left.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.filled.notify_all();
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.lock().events
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_sleeps_is_roused_once_and_takes_what_is_put_in_then() {
        let handover = Handover::default();
        handover.has_writer();
        assert!(!handover.rouse(), "nobody sleeps yet");
        let limit = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| handover.wait().map(|taken| taken.len()));
            while !handover.rouse() {
                assert!(Instant::now() < limit);
                yield_now();
            }
            assert_eq!(handover.put(Batch::default()), Next::Writer);
            assert_eq!(writing.join().unwrap(), Some(1));
        });
    }

    #[test]
    fn a_writer_that_was_roused_for_nothing_sleeps_again_and_can_be_stopped() {
        let handover = Handover::default();
        let limit = Instant::now() + Duration::from_secs(60);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| handover.wait().is_none());
            for _ in 0..2 {
                while !handover.rouse() {
                    assert!(Instant::now() < limit);
                    yield_now();
                }
            }
            handover.stop();
            assert!(writing.join().unwrap());
        });
    }
}
