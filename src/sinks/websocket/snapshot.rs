//! A snapshot as frames of bounded size.
//!
//! ```json
//! { "device": {"name": "SEP001122334455", "model": "Cisco 8861", "kind": "phone"}, "user": {"id": "bsmith"},
//!   "lines": [{"dn": "2000", "partition": "Internal-PT"}], "registered": true, "in_service": true, "restricted": false, "restriction": null,
//!   "state": "alerting", "calls": 1, "since": "2026-11-23T08:15:30.123456Z", "sequence": 123, "time": "…", "legs": [{…CloudEvent…}] }
//! ```
//! `restriction` is `{"reason": …, "result": …, "cure": …}` of a device that the cluster refuses. `since` and `time` are null before
//! the first event. `legs` are the last events of the calls that are up.

use std::io::Write as _;
use std::sync::Arc;

use super::protocol;
use crate::access::Scope;
use crate::event::push_escaped;
use crate::gateway::{Lost, Snapshot};
use crate::state::{DeviceState, DeviceView, Restriction};
use crate::time::Timestamp;

/// Devices in one frame: about 200 KB when none of them has a call.
const PIECE: usize = 500;
/// A frame is ended early when it has grown past this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// The frames of a snapshot that are still to be sent, made one at a time.
#[derive(Debug)]
pub struct Pieces<'a> {
    id: &'a str,
    snapshot: Snapshot,
    scope: &'a Scope,
    lost: Option<Lost>,
    next: usize,
    begun: bool,
}

impl<'a> Pieces<'a> {
    /// The answer to the subscription `id` of a client that may see what `scope` allows.
    pub fn new(id: &'a str, mut snapshot: Snapshot, scope: &'a Scope, lost: Option<Lost>) -> Self {
        snapshot.devices.retain(|(_, state)| !state.removed);
        Self { id, snapshot, scope, lost, next: 0, begun: false }
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
            push_device(&mut out, view, *state, self.scope);
            self.next += 1;
        }
        out.extend_from_slice(b"],\"more\":");
        drop(write!(out, "{}}}", self.next < self.snapshot.devices.len()));
        // Made of strings alone.
        Some(String::from_utf8(out).unwrap_or_default())
    }
}

fn push_device(out: &mut Vec<u8>, view: &Arc<DeviceView>, state: DeviceState, scope: &Scope) {
    out.push(b'{');
    out.extend_from_slice(view.device.json().as_bytes());
    out.extend_from_slice(b",\"lines\":[");
    for (i, line) in view.lines.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",{\"dn\":\"" } else { b"{\"dn\":\"" });
        push_escaped(out, &line.dn);
        out.extend_from_slice(b"\",\"partition\":\"");
        push_escaped(out, &line.partition);
        out.extend_from_slice(b"\"}");
    }
    let DeviceState { registered, in_service, restricted, calls_state, calls, sequence, .. } = state;
    drop(write!(out, "],\"registered\":{registered},\"in_service\":{in_service},\"restricted\":{restricted},\"restriction\":"));
    push_restriction(out, view.restriction.as_ref());
    drop(write!(out, ",\"state\":\"{}\",\"calls\":{calls},\"since\":", calls_state.as_str()));
    push_time(out, state.since);
    drop(write!(out, ",\"sequence\":{sequence},\"time\":"));
    push_time(out, state.time);
    out.extend_from_slice(b",\"legs\":[");
    for (i, leg) in view.legs(scope).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(leg);
    }
    out.extend_from_slice(b"]}");
}

fn push_restriction(out: &mut Vec<u8>, restriction: Option<&Restriction>) {
    let Some(Restriction { reason, result, cure }) = restriction else { return out.extend_from_slice(b"null") };
    out.extend_from_slice(b"{\"reason\":\"");
    push_escaped(out, reason.unwrap_or("unknown"));
    drop(write!(out, "\",\"result\":\"{result:#010x}\",\"cure\":\""));
    push_escaped(out, cure);
    out.extend_from_slice(b"\"}");
}

fn push_time(out: &mut Vec<u8>, time: Timestamp) {
    if time == Timestamp::default() {
        out.extend_from_slice(b"null");
    } else {
        drop(write!(out, "\"{time}\""));
    }
}
