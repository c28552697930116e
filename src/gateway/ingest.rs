//! From notices to encoded events: the call model, and the frames that clients get.
//!
//! This runs in the task that reads a CTI session, under one lock for all sessions. Nothing in it waits for a disk or a client.

use bytes::Bytes;

use crate::calls::CallModel;
use crate::event::{Encoder, Event};
use crate::journal::{Cursor, Sequence};

/// Room for an event in its frame, in bytes: what most need.
const FRAME: usize = 1400;

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
    /// Where the frames of a batch end; kept for its room.
    ends: Vec<usize>,
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
            ends: Vec::new(),
        }
    }

    /// Gives the events that the model said their places and frames.
    pub fn encode(&mut self, batch: &mut Batch) {
        batch.first = self.next;
        std::mem::swap(&mut batch.events, &mut self.events);
        // One piece of memory for all: frames are cut from it without copying.
        let mut text = Vec::with_capacity(batch.events.len() * FRAME);
        let mut ends = std::mem::take(&mut self.ends);
        for event in &batch.events {
            let begin = text.len();
            text.extend_from_slice(&self.opening);
            push_hex(&mut text, self.next);
            text.extend_from_slice(b"\",\"event\":");
            let start = text.len();
            self.encoder.encode(event, self.next, &mut text);
            self.bytes_told += (text.len() - start) as u64;
            text.push(b'}');
            batch.starts.push(start - begin);
            ends.push(text.len());
            self.next += 1;
        }
        let text = Bytes::from(text);
        let mut begin = 0;
        for end in ends.drain(..) {
            batch.frames.push(text.slice(begin..end));
            begin = end;
        }
        self.ends = ends;
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
