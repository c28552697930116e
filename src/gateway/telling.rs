//! Into the log, and only then into the state table and the mailboxes.

use std::sync::{Arc, PoisonError};

use super::durability::Durability;
use super::handover::Next;
use super::ingest::Batch;
use super::outgoing::Frames;
use super::{Gateway, keys};
use crate::event::{Body, Event, EventType, JournalBody};
use crate::hub::Publication;
use crate::journal::{Keys, Record, Sequence};
use crate::state::Directory;
use crate::telemetry::Occurrence;
use crate::time::Timestamp;

/// What stands before an event that is not in the log.
const NOT_DURABLE: &[u8] = b"{\"op\":\"event\",\"durable\":false,\"event\":";

/// What was told.
#[derive(Debug, Default)]
pub struct Told {
    /// What a snapshot needs.
    pub directory: Directory,
    /// The last event that was told.
    pub last: Sequence,
    /// The last that was told and is in the log.
    pub durable: Sequence,
    /// Whether the log takes what is told.
    pub durability: Durability,
    frames: Frames,
}

impl Told {
    /// Nothing was told since the event that is the newest in the log.
    pub fn after(newest: Sequence) -> Self {
        Self { last: newest, durable: newest, ..Self::default() }
    }
}

impl Gateway {
    /// Gives a batch to whoever writes, and does what is left to the caller.
    pub(super) fn hand_over(&self, next: Next) {
        match next {
            Next::Writer => {}
            Next::Caller => self.write_waiting(),
            Next::TakeOver => self.take_over("the disk does not keep up with the events"),
        }
    }

    /// Writes and tells what waits.
    fn write_waiting(&self) {
        let mut keys = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(taken) = self.handover.take() {
            self.write(taken, &mut keys);
        }
    }

    /// The writer's thread: ends after [`super::handover::Handover::stop`], when all is told.
    pub(super) fn write_until_stopped(&self) {
        let mut keys = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(taken) = self.handover.wait() {
            self.write(taken, &mut keys);
        }
    }

    fn write(&self, taken: Arc<Vec<Batch>>, keys: &mut Vec<Keys>) {
        let failing = self.told().durability.failing().is_some();
        // A log that fails is tried again with the event of the gap and what comes after it. A sound one needs no such event.
        let lost = if failing { taken.iter().position(|batch| batch.is_recovery).unwrap_or(taken.len()) } else { 0 };
        let (lost, rest) = taken.split_at(lost);
        let kept: Vec<&Batch> = rest.iter().filter(|batch| failing || !batch.is_recovery).collect();
        let written = if kept.is_empty() { Ok(()) } else { self.append(&kept, keys) };

        let mut told = self.told();
        if self.handover.returned() {
            // Somebody told all this while the disk hung. What was written of it is in the log, and may come twice; its ids are the same.
            let at = Timestamp::now();
            let missing = match &written {
                Ok(()) => kept.last().map_or(0, |batch| batch.first + batch.events.len() as u64),
                Err(_) => taken.first().map_or(0, |batch| batch.first),
            };
            told.durability.failed(missing, at, "a write to the log took too long");
            if let (Ok(()), Some(batch)) = (&written, kept.last()) {
                // Tails did not get it: what comes next does not follow what they have, and their readers look into the log.
                told.durable = batch.first + batch.events.len() as u64 - 1;
            }
        } else {
            lost.iter().for_each(|batch| self.tell(&mut told, batch, false));
            match written {
                Ok(()) => {
                    if failing && !kept.is_empty() {
                        told.durability.recovered(Timestamp::now());
                        self.metrics.emit(Occurrence::LogRecovered);
                    }
                    kept.iter().for_each(|batch| self.tell(&mut told, batch, true));
                }
                Err(error) => {
                    let first = kept.first().map_or(0, |batch| batch.first);
                    if told.durability.failed(first, Timestamp::now(), &error.to_string()) {
                        self.metrics.emit(Occurrence::LogFailed { error: &error });
                    }
                    kept.iter().filter(|batch| !batch.is_recovery).for_each(|batch| self.tell(&mut told, batch, false));
                }
            }
        }
        drop(told);
        self.handover.done(taken);
    }

    fn append(&self, batches: &[&Batch], keys: &mut Vec<Keys>) -> Result<(), crate::journal::JournalError> {
        let events: usize = batches.iter().map(|batch| batch.events.len()).sum();
        if keys.len() < events {
            keys.resize_with(events, Keys::default);
        }
        let all = || batches.iter().flat_map(|batch| batch.iter());
        for ((event, _, _), keys) in all().zip(keys.iter_mut()) {
            keys.clear();
            keys::push(event, keys);
        }
        let records =
            all().zip(keys.iter()).map(|((event, sequence, bytes), keys)| Record { sequence, time: event.time, keys, event: bytes });
        self.journal.append(records)
    }

    /// Tells as not durable what the writer does not get rid of.
    pub(super) fn take_over(&self, reason: &str) {
        let mut told = self.told();
        let (in_hand, waiting) = self.handover.take_over();
        let batches = || in_hand.iter().flat_map(|batches| batches.iter()).chain(&waiting).filter(|batch| !batch.is_recovery);
        let Some(first) = batches().next().map(|batch| batch.first) else { return };
        if told.durability.failed(first, Timestamp::now(), reason) {
            self.metrics.emit(Occurrence::LogHangs { reason });
        }
        batches().for_each(|batch| self.tell(&mut told, batch, false));
    }

    /// Tries a log that failed again, when it is time.
    pub(super) fn retry(&self, at: Timestamp) {
        let due = self.told().durability.retry(at);
        let Some(first) = due else { return };
        let ingest = &mut *self.ingest();
        let body = Body::Journal(JournalBody { first, last: ingest.next.saturating_sub(1), reason: "not_written" });
        let mut batch = self.handover.spare();
        ingest.events.push(Event { time: at, kind: EventType::JournalGap, source: "/callcast".into(), body });
        ingest.encode(&mut batch);
        batch.is_recovery = true;
        let next = self.handover.put(batch);
        self.hand_over(next);
    }

    /// Folds a batch into the table and puts it into mailboxes.
    fn tell(&self, told: &mut Told, batch: &Batch, durable: bool) {
        if durable {
            // First: whoever waits for it sends it on while we fold it.
            self.tails.append(self.reader.epoch(), told.durable, batch.iter());
        }
        for (event, sequence, bytes) in batch.iter() {
            self.metrics.event(event.kind);
            told.directory.fold(&self.table, event, sequence, bytes);
        }
        let (events, first) = (batch.events.as_slice(), batch.first);
        told.last = first + events.len() as u64 - 1;
        if durable {
            self.hub.publish(Publication { events, first, payloads: &batch.outgoing });
            told.durable = told.last;
        } else {
            for (event, sequence, bytes) in batch.iter() {
                told.frames.push((sequence, event.time), |out| out.extend_from_slice(NOT_DURABLE), |out| out.extend_from_slice(bytes));
            }
            let payloads: Vec<_> = told.frames.finish(|_| None).1.collect();
            self.hub.publish(Publication { events, first, payloads: &payloads });
            self.metrics.not_durable.inc_by(events.len() as u64);
        }
        self.newest.store(told.last, std::sync::atomic::Ordering::Release);
    }
}
