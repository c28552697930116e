//! Appends: one write for a batch, all of it or nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::{Disk, DiskFile};
use super::error::io;
use super::format::{HEAD, Head, LARGEST, PREFIX, Raw, VERSION, hashes, segment_name};
use super::segment::Segment;
use super::{JournalError, Record, Sequence};

/// A segment that is written, as the thread that syncs it shares it.
#[derive(Debug)]
pub(super) struct Output {
    pub segment: Arc<Segment>,
    pub file: Box<dyn DiskFile>,
    /// Something was appended since it was synced last.
    pub dirty: AtomicBool,
    /// Its name was not forced to the device yet.
    pub unnamed: AtomicBool,
    /// It could not be synced, and is not tried again: what the device has of it is not known any more.
    pub failed: AtomicBool,
}

/// The end of the log.
#[derive(Debug)]
pub(super) struct Writer {
    /// None after a failure: the next append begins another segment.
    pub output: Option<Arc<Output>>,
    /// One past the newest event.
    pub next: Sequence,
    pub epoch: u64,
    buffer: Vec<u8>,
    /// Of each record of the batch: place, time, offset, and where the hashes of its keys are.
    entries: Vec<(Sequence, u64, u32, std::ops::Range<usize>)>,
    /// Apart from the buffer, which has left the processor's cache by the time that they are used.
    hashes: Vec<u64>,
}

impl Writer {
    pub fn new(next: Sequence, epoch: u64) -> Self {
        Self { output: None, next, epoch, buffer: Vec::new(), entries: Vec::new(), hashes: Vec::new() }
    }

    /// Begins a segment whose first place is `first`.
    pub fn begin(&self, disk: &dyn Disk, folder: &std::path::Path, journal: u32, first: Sequence) -> Result<Output, JournalError> {
        let path = folder.join(segment_name(first, self.epoch));
        let file = disk.create(&path).map_err(io("create", &path))?;
        let head = Head { version: VERSION, journal, epoch: self.epoch, first };
        file.write_all(&head.encode()).map_err(io("write", &path))?;
        let segment = Arc::new(Segment::growing(folder, first, self.epoch, HEAD as u64));
        Ok(Output { segment, file, dirty: true.into(), unnamed: true.into(), failed: false.into() })
    }

    /// Whether the batch that was encoded has to go to another segment.
    pub fn full(&self, output: &Output, segment_bytes: u64) -> bool {
        let (bytes, distance) = (output.segment.end(), self.entries.last().map_or(0, |entry| entry.0 - output.segment.first));
        // Places and offsets in an index have 32 bits.
        let possible = bytes + self.buffer.len() as u64 <= u64::from(u32::MAX) && distance <= u64::from(u32::MAX);
        (bytes >= segment_bytes && !output.segment.is_empty()) || !possible
    }

    /// The place of the first record of the batch that was encoded.
    pub fn first(&self) -> Option<Sequence> {
        self.entries.first().map(|entry| entry.0)
    }

    /// Makes a batch of the records.
    pub fn encode<'r>(&mut self, records: impl IntoIterator<Item = Record<'r>>) -> Result<(), JournalError> {
        self.buffer.clear();
        self.entries.clear();
        self.hashes.clear();
        let mut next = self.next;
        for Record { sequence, time, keys, event } in records {
            let distance = sequence.saturating_sub(self.entries.first().map_or(sequence, |entry| entry.0));
            if sequence < next || sequence == Sequence::MAX || distance > u64::from(u32::MAX) {
                return Err(JournalError::Order { sequence, next });
            }
            let start = self.buffer.len();
            let keys = keys.as_bytes();
            if start > LARGEST || !Raw::encode(&mut self.buffer, sequence, time.0, keys, event) {
                return Err(JournalError::TooLarge { sequence, bytes: start + event.len() });
            }
            let first = self.hashes.len();
            self.hashes.extend(hashes(keys));
            self.entries.push((sequence, time.0, start as u32, first..self.hashes.len()));
            next = sequence + 1;
        }
        Ok(())
    }

    /// Writes the batch. When that fails, nothing of it is left behind.
    pub fn write(&mut self, output: &Output, durably: bool) -> Result<(), JournalError> {
        let start = output.segment.end();
        let path = || -> &PathBuf { &output.segment.path };
        if let Err(error) = output.file.write_all(&self.buffer) {
            if output.file.set_len(start).is_err() {
                // Half a batch stays behind: nothing may follow it.
                self.output = None;
            }
            return Err(io("write", path())(error));
        }
        if durably && let Err(error) = output.file.sync_data() {
            let _ = output.file.set_len(start);
            output.failed.store(true, Ordering::Relaxed);
            self.output = None;
            return Err(io("sync", path())(error));
        }
        Ok(())
    }

    /// Shows the batch to readers.
    pub fn publish(&mut self, output: &Output) {
        let start = output.segment.end();
        let all = &self.hashes;
        let entries = self
            .entries
            .iter()
            .map(|(sequence, time, offset, hashes)| (*sequence, *time, start as u32 + offset, all.get(hashes.clone()).unwrap_or_default()));
        output.segment.publish(entries, start + self.buffer.len() as u64);
        self.next = self.entries.last().map_or(self.next, |entry| entry.0 + 1);
        // A burst's buffer is not kept for good.
        if self.buffer.capacity() > 4 << 20 {
            self.buffer = Vec::new();
        }
    }
}

const _: () = assert!(PREFIX < HEAD);
