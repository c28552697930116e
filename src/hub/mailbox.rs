//! What one client is still to be sent: bounded, filled by the publisher, emptied by the client's own task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::access::Scope;
use crate::event::{Event, Types};
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
    /// The first event that found no room. From there on the client has to read the log.
    behind: Option<Sequence>,
    /// What the client may see; none for everything.
    scope: Option<Arc<Scope>>,
}

/// What a drain left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is waiting any more: [`Mailbox::filled`] tells of the next.
    Empty,
    /// More is waiting.
    More,
    /// Nothing is waiting, and the client fell further behind than the limit: this event and those after it were not kept for it.
    Behind(Sequence),
}

/// Events on their way to clients: their places follow each other.
#[derive(Debug)]
pub struct Publication<'a, P> {
    /// The events.
    pub events: &'a [Event],
    /// The place of the first.
    pub first: Sequence,
    /// What clients are sent for each.
    pub payloads: &'a [P],
}

impl<P> Clone for Publication<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Publication<'_, P> {}

impl<'a, P> Publication<'a, P> {
    /// Each event with its place and what is sent for it.
    pub fn iter(self) -> impl Iterator<Item = (&'a Event, Sequence, &'a P)> {
        self.events.iter().zip(self.first..).zip(self.payloads).map(|((event, sequence), payload)| (event, sequence, payload))
    }
}

impl<P: Clone> Mailbox<P> {
    /// An empty mailbox that keeps at most `limit` payloads, of a client that may see everything.
    pub fn new(limit: usize) -> Self {
        let queue = Queue { waiting: VecDeque::new(), last: 0, behind: None, scope: None };
        Self { limit, queue: Mutex::new(queue), filled: Notify::new() }
    }

    /// From now on only what `scope` allows is put in.
    pub fn limit_to(&self, scope: &Arc<Scope>) {
        self.lock().scope = (!scope.everything).then(|| Arc::clone(scope));
    }

    /// Puts in what is of these types and allowed, unless it is there already. Never waits for the client.
    pub(super) fn deliver<'e>(&self, types: Types, told: impl Iterator<Item = (&'e Event, Sequence, &'e P)>)
    where
        P: 'e,
    {
        let mut queue = self.lock();
        let (was_empty, was_behind) = (queue.waiting.is_empty(), queue.behind.is_some());
        for (event, sequence, payload) in told {
            if queue.behind.is_some() {
                break;
            }
            let allowed = || queue.scope.as_ref().is_none_or(|scope| scope.allows(event));
            if sequence <= queue.last || !types.has(event.kind) || !allowed() {
                continue;
            }
            if queue.waiting.len() >= self.limit {
                queue.behind = Some(sequence);
            } else {
                queue.last = sequence;
                queue.waiting.push_back(payload.clone());
            }
        }
        let wake = (was_empty && !queue.waiting.is_empty()) || (!was_behind && queue.behind.is_some());
        drop(queue);
        if wake {
            self.filled.notify_one();
        }
    }

    /// The client read the log to `last`, and gets what comes after it here again.
    pub fn rejoin(&self, last: Sequence) {
        let mut queue = self.lock();
        queue.behind = None;
        queue.last = queue.last.max(last);
    }

    /// Moves at most `limit` payloads to `into`.
    pub fn drain(&self, into: &mut Vec<P>, limit: usize) -> Drained {
        let mut queue = self.lock();
        let taken = queue.waiting.len().min(limit);
        into.extend(queue.waiting.drain(..taken));
        if !queue.waiting.is_empty() {
            return Drained::More;
        }
        // An idle client is not to keep the room of its busiest moment.
        if queue.waiting.capacity() > 64 {
            queue.waiting = VecDeque::new();
        }
        queue.behind.map_or(Drained::Empty, Drained::Behind)
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
