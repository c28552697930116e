//! What one client is still to be sent: bounded, filled by the publisher, emptied by the client's own task.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::journal::Sequence;

/// A bounded queue to one client. It allocates nothing while it is empty and has never been filled.
#[derive(Debug)]
pub struct Mailbox<P> {
    limit: usize,
    queue: Mutex<Queue<P>>,
    filled: Notify,
}

#[derive(Debug)]
struct Queue<P> {
    waiting: VecDeque<P>,
    /// The last event that was put in: the next subscription that matches it too adds nothing.
    last: Sequence,
    overflowed: bool,
}

/// What a drain left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is waiting any more: [`Mailbox::filled`] tells of the next.
    Empty,
    /// More is waiting.
    More,
    /// The client fell further behind than the limit, and events were not kept for it: it has to be told.
    Overflowed,
}

impl<P: Clone> Mailbox<P> {
    /// An empty mailbox that keeps at most `limit` payloads.
    pub fn new(limit: usize) -> Self {
        Self { limit, queue: Mutex::new(Queue { waiting: VecDeque::new(), last: 0, overflowed: false }), filled: Notify::new() }
    }

    /// Puts the payload of an event in, unless it is there already. Never waits for the client.
    pub(super) fn deliver(&self, sequence: Sequence, payload: &P) {
        let mut queue = self.lock();
        if queue.overflowed || queue.last == sequence {
            return;
        }
        let was_empty = queue.waiting.is_empty();
        if queue.waiting.len() >= self.limit {
            queue.overflowed = true;
            // What could not be sent in time is not sent late: the client is told to begin again.
            queue.waiting = VecDeque::new();
        } else {
            queue.last = sequence;
            queue.waiting.push_back(payload.clone());
        }
        let wake = was_empty || queue.overflowed;
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    /// Moves at most `limit` payloads to `into`.
    pub fn drain(&self, into: &mut Vec<P>, limit: usize) -> Drained {
        let mut queue = self.lock();
        if queue.overflowed {
            return Drained::Overflowed;
        }
        let taken = queue.waiting.len().min(limit);
        into.extend(queue.waiting.drain(..taken));
        if !queue.waiting.is_empty() {
            return Drained::More;
        }
        // An idle client is not to keep the room of its busiest moment.
        if queue.waiting.capacity() > 64 {
            queue.waiting = VecDeque::new();
        }
        Drained::Empty
    }

    /// Waits until something was put in since the mailbox was drained to [`Drained::Empty`]. May return for nothing.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// How many payloads are waiting.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<P>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
