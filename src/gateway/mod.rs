//! From notice to client: the call model, the log, the state table and the hub, in that order.
//!
//! The task that reads a CTI session calls [`Gateway::observe`] for all that one read brought. What happens in it is bounded and waits
//! for no disk and no client: an event is appended to the log, folded into the table and put into mailboxes. Several sessions
//! share one gateway, because a call that two of them see must be one call; the lock between them is held for microseconds.

pub mod keys;
pub mod revive;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::calls::CallModel;
use crate::cti::{Notice, Observer, SessionId};
use crate::ctiqbe::schema;
use crate::event::{Encoder, Event, Filter};
use crate::hub::{Hub, Mailbox};
use crate::journal::{Cursor, Journal, Keys, Reader, Record, Sequence};
use crate::state::{DeviceIndex, DeviceState, DeviceView, Directory, Table};
use crate::telemetry::{Metrics, Occurrence};
use crate::time::Timestamp;

/// How much room the encoder asks for at once, in bytes: events are cut from it without copying.
const ARENA: usize = 64 * 1024;

/// An event on its way to a client: the frame `{"op":"event",…}`, made once for all.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The frame.
    pub text: Utf8Bytes,
    /// When the event was read from the cluster.
    pub time: Timestamp,
}

/// What a subscription begins with: a cut at `cursor`.
#[derive(Debug)]
pub struct Snapshot {
    /// The last event that the snapshot knows of.
    pub cursor: Cursor,
    /// The devices that the filter asks for.
    pub devices: Vec<(Arc<DeviceView>, DeviceState)>,
}

/// Everything between the CTI sessions and the sinks.
#[derive(Debug)]
pub struct Gateway {
    ingest: Mutex<Ingest>,
    reader: Reader,
    table: Arc<Table>,
    hub: Hub<Outgoing>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Ingest {
    calls: CallModel,
    journal: Journal,
    /// The place of the first event of this run, and of the next one.
    first: Sequence,
    next: Sequence,
    keys: Vec<Keys>,
    encoder: Encoder,
    directory: Directory,
    /// These are kept from batch to batch, so that the hot path does not allocate: the events of a batch, their frames for clients,
    /// and the events inside those.
    events: Vec<Event>,
    frames: Vec<Bytes>,
    encoded: Vec<Bytes>,
    scratch: Vec<u8>,
    arena: BytesMut,
    /// Bytes of all events in CloudEvents form.
    bytes_told: u64,
}

impl Gateway {
    /// A gateway that tells what `calls` makes of the sessions, and keeps it in `journal`.
    pub fn new(calls: CallModel, journal: Journal, metrics: Arc<Metrics>) -> Self {
        let reader = journal.reader().clone();
        let (epoch, next) = (reader.epoch(), reader.range().next);
        let ingest = Ingest {
            calls,
            journal,
            first: next,
            next,
            keys: Vec::new(),
            encoder: Encoder::new(epoch),
            directory: Directory::default(),
            events: Vec::new(),
            frames: Vec::new(),
            encoded: Vec::new(),
            scratch: Vec::new(),
            arena: BytesMut::new(),
            bytes_told: 0,
        };
        Self { ingest: Mutex::new(ingest), reader, table: Arc::new(Table::default()), hub: Hub::default(), metrics }
    }

    /// The state table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// What reads the log.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The metrics of everything behind it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How many subscriptions there are.
    pub fn subscriptions(&self) -> usize {
        self.hub.subscriptions()
    }

    /// How many events were told, and how many bytes they are in CloudEvents form.
    pub fn told(&self) -> (u64, u64) {
        let ingest = self.lock();
        (ingest.next - ingest.first, ingest.bytes_told)
    }

    /// How many events the log keeps.
    pub fn kept(&self) -> u64 {
        let range = self.reader.range();
        range.next - range.oldest
    }

    /// Tells what became of calls by `at` although no message says so: an end that had a deadline.
    pub fn advance(&self, at: Timestamp) {
        let ingest = &mut *self.lock();
        ingest.calls.advance(at, &mut ingest.events);
        if !ingest.events.is_empty() {
            ingest.tell(&self.table, &self.hub, &self.metrics);
        }
    }

    /// Devices that have to be asked for their state: they have legs that the cluster may have forgotten.
    pub fn doubts(&self, at: Timestamp) -> Vec<(SessionId, Arc<str>)> {
        self.lock().calls.doubts(at)
    }

    /// How many calls are up.
    pub fn calls(&self) -> usize {
        self.lock().calls.calls()
    }

    /// From now on the mailbox gets what the filter asks for; the snapshot is how things stand at that moment.
    ///
    /// The cut is made under the lock, and so holds the readers up: by the copying of a few words per device that is asked for, about a
    /// millisecond for everything in a cluster of 40,000.
    pub fn subscribe(&self, mailbox: &Arc<Mailbox<Outgoing>>, filter: &Filter) -> Snapshot {
        let ingest = self.lock();
        self.hub.subscribe(mailbox, filter);
        let cursor = self.reader.cursor(ingest.next - 1);
        let view = |index: DeviceIndex| Some((Arc::clone(ingest.directory.get(index)?), self.table.read(index)?));
        let devices = ingest.directory.matching(filter).into_iter().filter_map(view).collect();
        Snapshot { cursor, devices }
    }

    /// Takes back one [`Gateway::subscribe`] of the same filter.
    pub fn unsubscribe(&self, mailbox: &Arc<Mailbox<Outgoing>>, filter: &Filter) {
        self.hub.unsubscribe(mailbox, filter);
    }

    fn lock(&self) -> MutexGuard<'_, Ingest> {
        self.ingest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Gateway {
    fn observe(&self, session: SessionId, at: Timestamp, notices: &[Notice<'_>]) {
        let ingest = &mut *self.lock();
        for notice in notices {
            if let Err(error) = ingest.calls.observe(session, at, notice, &mut ingest.events) {
                let Notice::Message(frame) = notice else { continue };
                let message = schema::message(frame.id).map_or("unknown", schema::MessageSpec::name);
                self.metrics.emit(Occurrence::UndecodableMessage { session, message, error: &error });
            }
        }
        ingest.tell(&self.table, &self.hub, &self.metrics);
    }
}

impl Ingest {
    /// Appends the events of a batch to the log, and only then shows them.
    fn tell(&mut self, table: &Table, hub: &Hub<Outgoing>, metrics: &Metrics) {
        let mut events = std::mem::take(&mut self.events);
        let first = self.next;
        for (event, sequence) in events.iter().zip(first..) {
            self.encode(event, sequence);
        }
        self.next = first + events.len() as u64;
        self.keys.resize_with(events.len().max(self.keys.len()), Keys::default);
        for (event, keys) in events.iter().zip(&mut self.keys) {
            keys.clear();
            keys::push(event, keys);
        }
        let records = events.iter().zip(first..).zip(self.keys.iter().zip(&self.encoded));
        let records = records.map(|((event, sequence), (keys, encoded))| Record { sequence, time: event.time, keys, event: encoded });
        match self.journal.append(records) {
            Ok(()) => {
                for ((event, sequence), (frame, encoded)) in events.iter().zip(first..).zip(self.frames.iter().zip(&self.encoded)) {
                    metrics.event(event.kind);
                    self.directory.fold(table, event, sequence, encoded);
                    // Made of UTF-8 strings alone.
                    let Ok(text) = Utf8Bytes::try_from(frame.clone()) else { continue };
                    hub.publish(event, sequence, &Outgoing { text, time: event.time });
                }
            }
            // Not reachable with the log in memory; an event that is not in the log is not shown.
            Err(error) => metrics.emit(Occurrence::LogRefused { events: events.len(), error: &error }),
        }
        events.clear();
        self.frames.clear();
        self.encoded.clear();
        self.events = events;
    }

    /// Makes the frame that clients are sent, and the event inside it.
    fn encode(&mut self, event: &Event, sequence: Sequence) {
        let cursor = self.journal.reader().cursor(sequence);
        self.scratch.clear();
        // A `Vec` takes every write.
        drop(std::io::Write::write_fmt(&mut self.scratch, format_args!("{{\"op\":\"event\",\"cursor\":\"{cursor}\",\"event\":")));
        let start = self.scratch.len();
        self.encoder.encode(event, sequence, &mut self.scratch);
        let end = self.scratch.len();
        self.scratch.push(b'}');
        if self.arena.capacity() < self.scratch.len() {
            self.arena = BytesMut::with_capacity(ARENA.max(self.scratch.len()));
        }
        self.arena.extend_from_slice(&self.scratch);
        let frame = self.arena.split().freeze();
        self.bytes_told += (end - start) as u64;
        self.encoded.push(frame.slice(start..end));
        self.frames.push(frame);
    }
}
