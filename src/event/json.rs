//! The CloudEvents 1.0 form of an event.
//!
//! ```json
//! { "specversion": "1.0", "id": "<epoch>-<sequence>", "source": "/cucm/StandAloneCluster", "type": "callcast.leg.alerting",
//!   "subject": "SEP001122334455/2000", "time": "2026-11-23T08:15:30.123456Z", "sequence": "00000000000000000123",
//!   "partitionkey": "<call_id>", "datacontenttype": "application/json", "dataschema": "urn:callcast:schema:leg:1", "data": { … } }
//! ```
//! Written by hand, because it is the most expensive step between the cluster's bytes and a client: what does not change from
//! event to event (device, line, parties) was turned into JSON when it last changed, and is only copied here.

use std::io::Write as _;
use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::call::{push_conference, push_diversion, push_park, push_transfer};
use super::{
    Body, CallBody, Cause, Detail, DeviceBody, Durations, Event, HandlePair, JournalBody, LegBody, LegSummary, Line, LineBody, PopBody,
    SessionBody, WebhookBody,
};
use crate::time::Timestamp;

/// Turns events into JSON.
#[derive(Debug)]
pub struct Encoder {
    epoch: u64,
    /// The second that `prefix` is the text of: most events fall into the same second as the one before.
    second: u64,
    /// `2026-11-23T08:15:30.`
    prefix: Vec<u8>,
}

impl Encoder {
    /// An encoder for the events of one epoch: the first part of their ids.
    pub fn new(epoch: u64) -> Self {
        Self { epoch, second: u64::MAX, prefix: Vec::new() }
    }

    /// Appends the event as the CloudEvent with this sequence number.
    pub fn encode(&mut self, event: &Event, sequence: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":\"");
        push_number(out, self.epoch, 0);
        out.push(b'-');
        push_number(out, sequence, 0);
        out.extend_from_slice(b"\",\"source\":");
        push_string(out, &event.source);
        out.extend_from_slice(b",\"type\":\"");
        out.extend_from_slice(event.kind.as_str().as_bytes());
        out.extend_from_slice(b"\",\"subject\":");
        push_subject(out, &event.body);
        out.extend_from_slice(b",\"time\":\"");
        self.push_time(out, event.time);
        out.extend_from_slice(b"\",\"sequence\":\"");
        push_number(out, sequence, 20);
        if let Some(call_id) = call_id(&event.body) {
            out.extend_from_slice(b"\",\"partitionkey\":\"");
            push_uuid(out, call_id);
        }
        out.extend_from_slice(b"\",\"datacontenttype\":\"application/json\",\"dataschema\":\"");
        out.extend_from_slice(event.kind.schema().as_bytes());
        out.extend_from_slice(b"\",\"data\":{");
        match &event.body {
            Body::Leg(leg) => push_leg(out, leg),
            Body::Call(call) => self.push_call(out, call),
            Body::Pop(pop) => push_pop(out, pop),
            Body::Device(device) => push_device(out, device),
            Body::Line(line) => push_line(out, line),
            Body::Session(session) => push_session(out, session),
            Body::Journal(journal) => push_journal(out, journal),
            Body::Webhook(webhook) => self.push_webhook(out, webhook),
        }
        out.extend_from_slice(b"}}");
    }

    fn push_time(&mut self, out: &mut Vec<u8>, time: Timestamp) {
        let (second, micros) = (time.0 / 1_000_000, time.0 % 1_000_000);
        if second != self.second {
            self.second = second;
            self.prefix = Timestamp(second * 1_000_000).to_string().into_bytes();
            self.prefix.truncate(self.prefix.len().saturating_sub("000000Z".len()));
        }
        out.extend_from_slice(&self.prefix);
        push_number(out, micros, 6);
        out.push(b'Z');
    }

    fn push_call(&mut self, out: &mut Vec<u8>, call: &CallBody) {
        push_ids(out, call.call_id, call.global_call);
        out.push(b',');
        out.extend_from_slice(call.parties.json().as_bytes());
        out.push(b',');
        out.extend_from_slice(call.first.json().as_bytes());
        push_name(out, "purpose");
        push_word(out, Some(call.purpose.as_str()));
        push_lines(out, b",\"lines\":[", &call.lines);
        for (name, time) in [("started", Some(call.started)), ("answered", call.answered), ("ended", call.ended)] {
            self.push_time_member(out, name, time);
        }
        out.extend_from_slice(b",\"answered_by\":");
        match &call.answered_by {
            Some(line) => push_braced(out, line.json()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"missed\":");
        push_bool(out, !call.missed_by.is_empty());
        push_lines(out, b",\"missed_by\":[", &call.missed_by);
        push_cause(out, call.cause);
        push_durations(out, call.durations);
        self.push_moves(out, b",\"diversions\":[", &call.diversions, |d| d.at, push_diversion);
        self.push_moves(out, b",\"transfers\":[", &call.transfers, |t| t.at, push_transfer);
        push_flags(out, call.recovered, call.unobserved);
        self.push_detail(out, &call.detail);
    }

    fn push_detail(&mut self, out: &mut Vec<u8>, detail: &Detail) {
        let mut object = |name: &str, push: &dyn Fn(&mut Vec<u8>)| {
            push_name(out, name);
            out.push(b'{');
            push(out);
            out.push(b'}');
        };
        match detail {
            Detail::None => {}
            Detail::Transfer(transfer) => object("transfer", &|out| push_transfer(out, transfer)),
            Detail::Conference(conference) => object("conference", &|out| push_conference(out, conference)),
            Detail::Diversion(diversion) => object("diversion", &|out| push_diversion(out, diversion)),
            Detail::Park(park) => object("park", &|out| push_park(out, park)),
            Detail::Merged(into) => {
                push_name(out, "merged_into");
                push_uuid_string(out, *into);
            }
            Detail::Ended { outcome, legs } => {
                push_member(out, "outcome", Some(outcome.as_str()));
                out.extend_from_slice(b",\"legs\":[");
                push_list(out, legs, |out, leg| self.push_leg_summary(out, leg));
                out.push(b']');
            }
        }
    }

    fn push_leg_summary(&mut self, out: &mut Vec<u8>, leg: &LegSummary) {
        out.extend_from_slice(b"{\"leg_id\":\"");
        push_pair(out, leg.leg);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(leg.line.json().as_bytes());
        push_member(out, "direction", Some(leg.direction.as_str()));
        self.push_time_member(out, "started", Some(leg.started));
        self.push_time_member(out, "ended", Some(leg.ended));
        push_durations(out, leg.durations);
        push_name(out, "answered");
        push_bool(out, leg.answered);
        push_cause(out, leg.cause);
        out.push(b'}');
    }

    /// A list of what happened to a call, each with its time.
    fn push_moves<T>(
        &mut self,
        out: &mut Vec<u8>,
        name: &[u8],
        moves: &[T],
        at: impl Fn(&T) -> Timestamp,
        push: impl Fn(&mut Vec<u8>, &T),
    ) {
        out.extend_from_slice(name);
        push_list(out, moves, |out, one| {
            out.push(b'{');
            push(out, one);
            self.push_time_member(out, "at", Some(at(one)));
            out.push(b'}');
        });
        out.push(b']');
    }

    fn push_webhook(&mut self, out: &mut Vec<u8>, body: &WebhookBody) {
        out.extend_from_slice(b"\"webhook\":");
        push_string(out, &body.webhook);
        push_member(out, "reason", Some(&body.reason));
        self.push_time_member(out, "since", body.since);
        push_name(out, "failures");
        push_number(out, body.failures, 0);
    }

    fn push_time_member(&mut self, out: &mut Vec<u8>, name: &str, time: Option<Timestamp>) {
        push_name(out, name);
        match time {
            Some(time) => {
                out.push(b'"');
                self.push_time(out, time);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
    }
}

fn call_id(body: &Body) -> Option<Uuid> {
    match body {
        Body::Leg(leg) => Some(leg.call_id),
        Body::Call(call) => Some(call.call_id),
        Body::Pop(pop) => Some(pop.call_id),
        Body::Device(_) | Body::Line(_) | Body::Session(_) | Body::Journal(_) | Body::Webhook(_) => None,
    }
}

fn push_subject(out: &mut Vec<u8>, body: &Body) {
    match body {
        Body::Leg(leg) => push_string(out, &leg.line.subject),
        Body::Pop(pop) => push_string(out, &pop.line.subject),
        Body::Line(line) => push_string(out, &line.line.subject),
        Body::Device(device) => push_string(out, &device.device.name),
        Body::Call(call) => {
            out.push(b'"');
            push_uuid(out, call.call_id);
            out.push(b'"');
        }
        Body::Session(session) => {
            out.extend_from_slice(b"\"session/");
            push_number(out, u64::from(session.session), 0);
            out.push(b'"');
        }
        Body::Journal(_) => push_string(out, "journal"),
        Body::Webhook(webhook) => {
            out.extend_from_slice(b"\"webhook/");
            push_escaped(out, &webhook.webhook);
            out.push(b'"');
        }
    }
}

fn push_leg(out: &mut Vec<u8>, leg: &LegBody) {
    push_ids(out, leg.call_id, leg.global_call);
    out.extend_from_slice(b",\"leg_id\":\"");
    push_pair(out, leg.leg);
    out.extend_from_slice(b"\",");
    out.extend_from_slice(leg.line.json().as_bytes());
    out.extend_from_slice(b",\"direction\":\"");
    out.extend_from_slice(leg.direction.as_str().as_bytes());
    out.extend_from_slice(b"\",\"state\":\"");
    out.extend_from_slice(leg.state.as_str().as_bytes());
    out.extend_from_slice(b"\",\"previous_state\":");
    push_word(out, leg.previous_state.map(super::LegState::as_str));
    out.extend_from_slice(b",\"reason\":");
    push_word(out, Some(leg.reason));
    push_cause(out, leg.cause);
    out.push(b',');
    out.extend_from_slice(leg.parties.json().as_bytes());
    out.extend_from_slice(b",\"shared_with\":[");
    push_list(out, &leg.shared_with, |out, name| push_string(out, name));
    out.push(b']');
    push_flags(out, leg.recovered, leg.unobserved);
}

fn push_pop(out: &mut Vec<u8>, pop: &PopBody) {
    out.extend_from_slice(b"\"pop_id\":\"");
    push_uuid(out, pop.id.call);
    out.push(b'/');
    push_escaped(out, &pop.id.whose);
    out.extend_from_slice(b"\",\"call_id\":");
    push_uuid_string(out, pop.call_id);
    if let Some(id) = pop.previous_call_id {
        push_name(out, "previous_call_id");
        push_uuid_string(out, id);
    }
    out.extend_from_slice(b",\"leg_id\":\"");
    push_pair(out, pop.leg);
    out.extend_from_slice(b"\",");
    out.extend_from_slice(pop.line.json().as_bytes());
    push_member(out, "reason", pop.reason.map(super::Withdrawal::as_str));
    out.push(b',');
    out.extend_from_slice(pop.parties.json().as_bytes());
    push_flags(out, pop.recovered, false);
}

fn push_device(out: &mut Vec<u8>, body: &DeviceBody) {
    out.extend_from_slice(body.device.json().as_bytes());
    push_refusal(out, body.reason, body.result, body.cure.as_deref());
    push_member(out, "login_user", body.login_user.as_deref());
    push_member(out, "state", body.state);
    if body.removed {
        out.extend_from_slice(b",\"removed\":true");
    }
}

fn push_line(out: &mut Vec<u8>, body: &LineBody) {
    out.extend_from_slice(body.line.json().as_bytes());
    push_refusal(out, body.reason, body.result, body.cure.as_deref());
    push_member(out, "forward_all", body.forward_all.as_deref());
}

fn push_session(out: &mut Vec<u8>, body: &SessionBody) {
    out.extend_from_slice(b"\"session\":");
    push_number(out, u64::from(body.session), 0);
    push_member(out, "manager", body.manager.as_deref());
    push_member(out, "previous_manager", body.previous_manager.as_deref());
    push_member(out, "reason", body.reason.as_deref());
    for (name, count) in [("devices_in_service", body.devices_in_service), ("refused", body.refused)] {
        if let Some(count) = count {
            push_name(out, name);
            push_number(out, count as u64, 0);
        }
    }
    if let Some(any) = body.control_any_device {
        push_name(out, "control_any_device");
        push_bool(out, any);
    }
}

fn push_journal(out: &mut Vec<u8>, body: &JournalBody) {
    out.extend_from_slice(b"\"first\":");
    push_number(out, body.first, 0);
    push_name(out, "last");
    push_number(out, body.last, 0);
    push_name(out, "count");
    push_number(out, (body.last + 1).saturating_sub(body.first), 0);
    push_member(out, "reason", Some(body.reason));
}

fn push_refusal(out: &mut Vec<u8>, reason: Option<&str>, result: Option<i32>, cure: Option<&str>) {
    push_member(out, "reason", reason);
    push_member(out, "result", result.map(|code| format!("{code:#010x}")).as_deref());
    push_member(out, "cure", cure);
}

/// `"call_id":…,"global_call_id":…`
fn push_ids(out: &mut Vec<u8>, call_id: Uuid, global_call: HandlePair) {
    out.extend_from_slice(b"\"call_id\":\"");
    push_uuid(out, call_id);
    out.extend_from_slice(b"\",\"global_call_id\":\"");
    push_pair(out, global_call);
    out.push(b'"');
}

fn push_cause(out: &mut Vec<u8>, cause: Option<Cause>) {
    out.extend_from_slice(b",\"cause\":");
    let Some(Cause { code, name }) = cause else {
        out.extend_from_slice(b"null");
        return;
    };
    // Codes are positive; one that is not is shown as the wire has it.
    out.extend_from_slice(b"{\"code\":");
    push_number(out, u64::from(code as u32), 0);
    out.extend_from_slice(b",\"name\":");
    push_string(out, name);
    out.push(b'}');
}

fn push_durations(out: &mut Vec<u8>, Durations { ring, talk, hold }: Durations) {
    for (name, micros) in [(&b",\"ring_ms\":"[..], ring), (b",\"talk_ms\":", talk), (b",\"hold_ms\":", hold)] {
        out.extend_from_slice(name);
        push_number(out, micros / 1000, 0);
    }
}

fn push_flags(out: &mut Vec<u8>, recovered: bool, unobserved: bool) {
    out.extend_from_slice(b",\"recovered\":");
    push_bool(out, recovered);
    if unobserved {
        out.extend_from_slice(b",\"unobserved\":true");
    }
}

fn push_lines(out: &mut Vec<u8>, name: &[u8], lines: &[Arc<Line>]) {
    out.extend_from_slice(name);
    push_list(out, lines, |out, line| push_braced(out, line.json()));
    out.push(b']');
}

pub(super) fn push_list<T>(out: &mut Vec<u8>, items: &[T], mut one: impl FnMut(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        one(out, item);
    }
}

fn push_braced(out: &mut Vec<u8>, members: &str) {
    out.push(b'{');
    out.extend_from_slice(members.as_bytes());
    out.push(b'}');
}

pub(super) fn push_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A member that is left out when there is no value.
fn push_member(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        push_name(out, name);
        push_string(out, value);
    }
}

pub(super) fn push_word(out: &mut Vec<u8>, word: Option<&str>) {
    match word {
        Some(word) => push_string(out, word),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn push_uuid_string(out: &mut Vec<u8>, id: Uuid) {
    out.push(b'"');
    push_uuid(out, id);
    out.push(b'"');
}

fn push_uuid(out: &mut Vec<u8>, id: Uuid) {
    let mut text = [0; Hyphenated::LENGTH];
    out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
}

fn push_pair(out: &mut Vec<u8>, HandlePair(manager, id): HandlePair) {
    // Handles are unsigned in traces although the wire's `int` is signed.
    push_number(out, u64::from(manager as u32), 0);
    out.push(b'/');
    push_number(out, u64::from(id as u32), 0);
}

/// A number in decimal, padded with zeros to `width`.
fn push_number(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut left = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
        used += 1;
        if left == 0 {
            break;
        }
    }
    out.extend(digits.iter().skip(digits.len() - used.max(width)));
}

/// A JSON string.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// The inside of a JSON string.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f;
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            // A `Vec` takes every write.
            byte if !plain(byte) => drop(write!(out, "\\u{byte:04x}")),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests;
