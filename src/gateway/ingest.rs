//! From notices to encoded events: the call model, and the frames that clients get.
//!
//! This runs in the task that reads a CTI session, under one lock for all sessions. Nothing in it waits for a disk or a client.

use bytes::{Bytes, BytesMut};

use crate::calls::CallModel;
use crate::event::{Encoder, Event};
use crate::journal::{Cursor, Sequence};

/// How much room the encoder asks for at once, in bytes: events are cut from it without copying.
const ARENA: usize = 64 * 1024;

/// Events of one read, with their places and frames.
#[derive(Debug, Default)]
pub struct Batch {
    /// The place of the first event; the others follow it.
    pub first: Sequence,
    /// The events.
    pub events: Vec<Event>,
    /// Of each, the frame for clients, `{"op":"event","cursor":"…","event":{…}}`.
    pub frames: Vec<Bytes>,
    /// Where in its frame each event begins; it ends before the last byte.
    pub starts: Vec<usize>,
    /// The event of a gap: with it the log begins again after it failed.
    pub is_recovery: bool,
}

impl Batch {
    /// The event at a place, in its CloudEvents form.
    pub fn encoded(&self, at: usize) -> &[u8] {
        let (Some(frame), Some(start)) = (self.frames.get(at), self.starts.get(at)) else { return &[] };
        frame.get(*start..frame.len() - 1).unwrap_or_default()
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.events.clear();
        self.frames.clear();
        self.starts.clear();
        self.is_recovery = false;
    }
}

/// The model and the encoder.
#[derive(Debug)]
pub struct Ingest {
    /// The calls that are up.
    pub calls: CallModel,
    /// What the model said and was not yet encoded; kept from batch to batch, so that the hot path does not allocate.
    pub events: Vec<Event>,
    /// The place of the next event.
    pub next: Sequence,
    /// Bytes of all events in CloudEvents form.
    pub bytes_told: u64,
    encoder: Encoder,
    /// `{"op":"event","cursor":"0000002a.6922c4d2.`
    opening: Vec<u8>,
    scratch: Vec<u8>,
    arena: BytesMut,
}

impl Ingest {
    /// The events after `newest`.
    pub fn new(calls: CallModel, newest: Cursor) -> Self {
        // The text of the position is the cursor's last part.
        let text = Cursor { sequence: 0, ..newest }.to_string();
        let opening = format!("{{\"op\":\"event\",\"cursor\":\"{}", text.strip_suffix('0').unwrap_or_default());
        Self {
            calls,
            events: Vec::new(),
            next: newest.sequence + 1,
            bytes_told: 0,
            encoder: Encoder::new(newest.epoch),
            opening: opening.into_bytes(),
            scratch: Vec::new(),
            arena: BytesMut::new(),
        }
    }

    /// Gives the events that the model said their places and frames.
    pub fn encode(&mut self, batch: &mut Batch) {
        batch.first = self.next;
        std::mem::swap(&mut batch.events, &mut self.events);
        for event in &batch.events {
            let sequence = self.next;
            self.next += 1;
            self.scratch.clear();
            self.scratch.extend_from_slice(&self.opening);
            push_hex(&mut self.scratch, sequence);
            self.scratch.extend_from_slice(b"\",\"event\":");
            let start = self.scratch.len();
            self.encoder.encode(event, sequence, &mut self.scratch);
            self.bytes_told += (self.scratch.len() - start) as u64;
            self.scratch.push(b'}');
            if self.arena.capacity() < self.scratch.len() {
                self.arena.reserve(ARENA.max(self.scratch.len()));
            }
            self.arena.extend_from_slice(&self.scratch);
            batch.frames.push(self.arena.split().freeze());
            batch.starts.push(start);
        }
    }
}

fn push_hex(out: &mut Vec<u8>, number: u64) {
    let digits = (16 - number.leading_zeros() / 4).max(1);
    for digit in (0..digits).rev() {
        let nibble = (number >> (digit * 4)) as u8 & 15;
        out.push(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_as_everybody_writes_it() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 0xDEAD_BEEF, u64::MAX] {
            let mut out = Vec::new();
            push_hex(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number:x}"));
        }
    }
}
