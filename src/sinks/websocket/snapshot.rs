//! A snapshot as frames of bounded size.
//!
//! A device in it is what [`push_device`] writes.

use std::io::Write as _;

use super::protocol;
use crate::event::push_escaped;
use crate::gateway::{Lost, Snapshot};
use crate::state::push_device;

/// Devices in one frame: about 200 KB when none of them has a call.
const PIECE: usize = 500;
/// A frame is ended early when it has grown past this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// The frames of a snapshot that are still to be sent, made one at a time.
#[derive(Debug)]
pub struct Pieces<'a> {
    id: &'a str,
    snapshot: Snapshot,
    lost: Option<Lost>,
    next: usize,
    begun: bool,
}

impl<'a> Pieces<'a> {
    /// The answer to the subscription `id`.
    pub fn new(id: &'a str, mut snapshot: Snapshot, lost: Option<Lost>) -> Self {
        snapshot.devices.retain(|(_, state)| !state.removed);
        Self { id, snapshot, lost, next: 0, begun: false }
    }
}

impl Iterator for Pieces<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.begun && self.next >= self.snapshot.devices.len() {
            return None;
        }
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(if self.begun { b"{\"op\":\"snapshot\",\"id\":\"" } else { b"{\"op\":\"subscribed\",\"id\":\"" });
        push_escaped(&mut out, self.id);
        out.push(b'"');
        if !self.begun {
            // A `Vec` takes every write, here and below.
            drop(write!(out, ",\"cursor\":\"{}\"", self.snapshot.cursor));
            out.extend(self.lost.map(protocol::lost).iter().flat_map(|text| text.bytes()));
        }
        self.begun = true;
        out.extend_from_slice(b",\"snapshot\":[");
        let first = self.next;
        for (view, state) in self.snapshot.devices.iter().skip(first).take(PIECE) {
            if self.next > first {
                if out.len() > PIECE_BYTES {
                    break;
                }
                out.push(b',');
            }
            push_device(&mut out, view, *state);
            self.next += 1;
        }
        out.extend_from_slice(b"],\"more\":");
        drop(write!(out, "{}}}", self.next < self.snapshot.devices.len()));
        // Made of strings alone.
        Some(String::from_utf8(out).unwrap_or_default())
    }
}
