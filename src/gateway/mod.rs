//! From notice to client: the call model, the log, the state table and the hub, in that order.
//!
//! The task that reads a CTI session calls [`Gateway::observe`] for all that one read brought. What happens in it is bounded and waits
//! for no disk and no client: the call model runs, its events are encoded and handed over. Several sessions share one gateway, because a
//! call that two of them see must be one call; the lock between them is held for microseconds.
//!
//! A thread of its own writes what was handed over to the log, and then tells it: folds it into the table and puts it into mailboxes.
//! Without that thread (in tests and tools) whoever observes does that too, so that all is told when `observe` returns.
//!
//! - `ingest`: model and encoder; `outgoing`: what clients are sent; `handover`: the queue to the writer; `telling`: log, fold, publish
//! - `durability`: what happens while the log takes nothing
//! - `subscribing`: who may have what, and the cut at which a subscription begins
//! - `revive`: which calls were up when the run before ended
//! - `tail`: what was just written, for sinks that read the log
//! - `missed`: what a consumer missed, from the log; `keys`: by which it is found there

mod durability;
pub mod erasure;
mod handover;
mod ingest;
pub mod keys;
mod missed;
mod outgoing;
pub mod revive;
mod subscribing;
mod tail;
mod telling;
pub mod views;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Semaphore;

use crate::calls::CallModel;
use crate::cti::{Notice, Observer, SessionId};
use crate::ctiqbe::schema;
use crate::event::{Body, Event, EventType, WebhookBody};
use crate::hub::Hub;
use crate::journal::{Cursor, Journal, Keys, Reader, Sequence};
use crate::state::{Directory, Table};
use crate::telemetry::{Metrics, Occurrence};
use crate::time::Timestamp;
use handover::Handover;
use ingest::Ingest;
use telling::Told;

pub use durability::Failing;
pub use missed::{Missed, Wanted, type_of};
pub use outgoing::{Outgoing, push_text};
pub use subscribing::{Forbidden, Lost, Opening, Snapshot};
pub use tail::{Appended, Tail};

/// Everything between the CTI sessions and the sinks. Locks are taken in the order of the fields.
#[derive(Debug)]
pub struct Gateway {
    ingest: Mutex<Ingest>,
    /// Held by whoever writes the log; the keys are kept from batch to batch.
    writer: Mutex<Vec<Keys>>,
    told: Mutex<Told>,
    handover: Handover,
    journal: Journal,
    reader: Reader,
    /// Permits for those who read what they missed.
    readers: Semaphore,
    /// The last event that was told.
    newest: AtomicU64,
    /// Which calls were up at an event: written down once that is in the log.
    checkpoint: Mutex<Option<(Sequence, Vec<u8>)>>,
    /// The place of the first event of this run.
    first: Sequence,
    table: Arc<Table>,
    hub: Hub<Outgoing>,
    tails: tail::Tails,
    metrics: Arc<Metrics>,
}

/// The thread that writes the log. When it is dropped, all that waits is written first.
#[derive(Debug)]
pub struct Writer {
    gateway: Arc<Gateway>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.gateway.handover.stop();
        // A thread of ours does not panic.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Gateway {
    /// A gateway that tells what `calls` makes of the sessions, and keeps it in `journal`.
    pub fn new(calls: CallModel, journal: Journal, metrics: Arc<Metrics>) -> Self {
        let reader = journal.reader().clone();
        let next = reader.range().next;
        let newest = next - 1;
        Self {
            ingest: Mutex::new(Ingest::new(calls, reader.cursor(newest))),
            writer: Mutex::default(),
            told: Mutex::new(Told::after(newest)),
            handover: Handover::default(),
            journal,
            reader,
            readers: Semaphore::new(missed::READERS),
            newest: AtomicU64::new(newest),
            checkpoint: Mutex::default(),
            first: next,
            table: Arc::default(),
            hub: Hub::default(),
            tails: tail::Tails::default(),
            metrics,
        }
    }

    /// From now on a thread of its own writes the log.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start_writer(self: &Arc<Self>) -> std::io::Result<Writer> {
        self.handover.has_writer();
        let gateway = Arc::clone(self);
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || gateway.write_until_stopped())?;
        Ok(Writer { gateway: Arc::clone(self), thread: Some(thread) })
    }

    /// The state table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The log.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What reads the log.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The metrics of everything behind it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The last event that was told.
    pub fn newest(&self) -> Sequence {
        self.newest.load(Ordering::Acquire)
    }

    /// The cursor of an event of this run.
    pub fn cursor_at(&self, sequence: Sequence) -> Cursor {
        self.reader.cursor(sequence)
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.hub.subscriptions()
    }

    /// How many events were found since the start, and how many bytes they are in CloudEvents form.
    pub fn told_since_start(&self) -> (u64, u64) {
        let ingest = self.ingest();
        (ingest.next - self.first, ingest.bytes_told)
    }

    /// How many events the log keeps.
    pub fn kept(&self) -> u64 {
        let range = self.reader.range();
        range.next - range.oldest
    }

    /// Events that wait for the writer.
    pub fn waiting(&self) -> usize {
        self.handover.waiting()
    }

    /// What is known of a log that takes nothing; `None` while all is well.
    pub fn failing(&self) -> Option<Failing> {
        self.told().durability.failing().cloned()
    }

    /// How many calls are up.
    pub fn calls(&self) -> usize {
        self.ingest().calls.calls()
    }

    /// Reads what is known of the devices, as far as it was told.
    pub fn view<R>(&self, look: impl FnOnce(&Directory, &Table) -> R) -> R {
        look(&self.told().directory, &self.table)
    }

    /// Tells what became of calls by `at` although no message says so: an end that had a deadline. Looks after the log too: one that
    /// hangs is left alone, one that failed is tried again.
    pub fn advance(&self, at: Timestamp) {
        self.change(|ingest| ingest.calls.advance(at, &mut ingest.events));
        if self.handover.hangs() {
            self.take_over("a write to the log takes too long");
        }
        self.retry(at);
    }

    /// Tells what became of a webhook: a type of `webhook.*`.
    pub fn webhook_changed(&self, kind: EventType, at: Timestamp, body: WebhookBody) {
        self.change(|ingest| ingest.events.push(Event { time: at, kind, source: "/callcast".into(), body: Body::Webhook(body) }));
    }

    /// Devices that have to be asked for their state: they have legs that the cluster may have forgotten.
    pub fn doubts(&self, at: Timestamp) -> Vec<(SessionId, Arc<str>)> {
        self.ingest().calls.doubts(at)
    }

    /// Changes the model, and hands over what it says.
    fn change(&self, change: impl FnOnce(&mut Ingest)) {
        let ingest = &mut *self.ingest();
        change(ingest);
        if ingest.events.is_empty() {
            return;
        }
        // A thread that slept takes as long to wake as this takes.
        if self.handover.rouse() {
            self.tails.rouse();
        }
        let mut batch = self.handover.spare();
        ingest.encode(&mut batch);
        // Under the lock, so that batches are handed over in the order of their places.
        let next = self.handover.put(batch);
        self.hand_over(next);
    }

    fn ingest(&self) -> MutexGuard<'_, Ingest> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Gateway {
    fn observe(&self, session: SessionId, at: Timestamp, notices: &[Notice<'_>]) {
        self.change(|ingest| {
            for notice in notices {
                if let Err(error) = ingest.calls.observe(session, at, notice, &mut ingest.events) {
                    let Notice::Message(frame) = notice else { continue };
                    let message = schema::message(frame.id).map_or("unknown", schema::MessageSpec::name);
                    self.metrics.emit(Occurrence::UndecodableMessage { session, message, error: &error });
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
