//! From notices to encoded events: the call model, and the frames that clients get.
//!
//! This runs in the task that reads a CTI session, under one lock for all sessions. Nothing in it waits for a disk or a client.

use std::sync::Arc;

use super::outgoing::{Frames, Outgoing};
use crate::calls::CallModel;
use crate::event::{Encoder, Event};
use crate::journal::{Cursor, Sequence};

/// Room for an event in its frame, in bytes: what most need.
const FRAME: usize = 1400;
/// The most room for frames that is kept for the next batch, in bytes.
const ROOM: usize = 1 << 20;

/// Events of one read, with their places and frames.
#[derive(Debug, Default)]
pub struct Batch {
    /// The place of the first event; the others follow it.
    pub first: Sequence,
    /// The events.
    pub events: Vec<Event>,
    /// Of each, the frame for clients.
    pub outgoing: Vec<Outgoing>,
    /// The event of a gap: with it the log begins again after it failed.
    pub is_recovery: bool,
    /// Where the frames lie; kept for its room.
    together: Arc<Vec<u8>>,
}

impl Batch {
    /// Each event with its place and its CloudEvents form.
    pub fn iter(&self) -> impl Iterator<Item = (&Event, Sequence, &[u8])> {
        self.events.iter().zip(&self.outgoing).map(|(event, outgoing)| (event, outgoing.sequence, outgoing.event()))
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.events.clear();
        self.outgoing.clear();
        self.is_recovery = false;
        if self.together.capacity() > ROOM {
            self.together = Arc::default();
        }
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
    epoch: u64,
    frames: Frames,
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
            epoch: newest.epoch,
            frames: Frames::default(),
        }
    }

    /// Gives the events that the model said their places and frames.
    pub fn encode(&mut self, batch: &mut Batch) {
        batch.first = self.next;
        std::mem::swap(&mut batch.events, &mut self.events);
        let Self { frames, encoder, opening, .. } = self;
        frames.instead(&mut batch.together, batch.events.len() * FRAME);
        for event in &batch.events {
            let sequence = self.next;
            let before = |out: &mut Vec<u8>| {
                out.extend_from_slice(opening);
                push_hex(out, sequence);
                out.extend_from_slice(b"\",\"event\":");
            };
            let bytes = frames.push((sequence, event.time), before, |out| encoder.encode(event, sequence, out));
            self.bytes_told += bytes as u64;
            self.next += 1;
        }
        let epoch = self.epoch;
        let (together, outgoing) = frames.finish(|_| Some(epoch));
        batch.outgoing.extend(outgoing);
        batch.together = together;
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
