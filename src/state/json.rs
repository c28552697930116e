//! A device as the API and snapshots show it.
//!
//! ```json
//! { "device": {"name": "SEP001122334455", "model": "Cisco 8861", "kind": "phone"}, "user": {"id": "bsmith"},
//!   "lines": [{"dn": "2000", "partition": "Internal-PT"}], "registered": true, "in_service": true, "restricted": false, "restriction": null,
//!   "state": "alerting", "calls": 1, "since": "2026-11-23T08:15:30.123456Z", "sequence": 123, "time": "…", "legs": [{…CloudEvent…}] }
//! ```
//! `restriction` is `{"reason": …, "result": …, "cure": …}` of a device that the cluster refuses. `since` and `time` are null before
//! the first event. `legs` are the last events of the calls that are up.

use std::io::Write as _;

use super::{DeviceState, DeviceView, Restriction};
use crate::event::push_escaped;
use crate::time::Timestamp;

/// Adds a device, with its state as the table had it.
pub fn push_device(out: &mut Vec<u8>, view: &DeviceView, state: DeviceState) {
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
    // A `Vec` takes every write, here and below.
    drop(write!(out, "],\"registered\":{registered},\"in_service\":{in_service},\"restricted\":{restricted},\"restriction\":"));
    push_restriction(out, view.restriction.as_ref());
    drop(write!(out, ",\"state\":\"{}\",\"calls\":{calls},\"since\":", calls_state.as_str()));
    push_time(out, state.since);
    drop(write!(out, ",\"sequence\":{sequence},\"time\":"));
    push_time(out, state.time);
    out.extend_from_slice(b",\"legs\":[");
    for (i, leg) in view.legs().iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&leg.event);
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
