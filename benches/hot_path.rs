//! From the cluster's bytes to an event's bytes, on one core and from memory.
//!
//! `decode` takes the frames of a basic call apart: every length and boolean checked, every field that the call model reads touched.
//! `pipeline` runs whole calls through decoding, call model, log, state table and CloudEvents JSON; it prints events and bytes out per message.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // as in tests
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use callcast::calls::{CallModel, Ids};
use callcast::cti::{Device, DeviceChange, DeviceKind, Line, LineChange, LineHandle, Notice, Observer, SessionId};
use callcast::ctiqbe::messages::{CallPartyInfoChangedEvent, CallStateChangedEvent_V2, NewCallEvent, PartyDNInfo};
use callcast::ctiqbe::names::{CallOrigin, CallReason, CallState, CallStateCause, DestinationType};
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message, Text, VERSION_12_5, Wide, encode};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Lines in the pipeline: calls go from each odd one to the even one after it.
const LINES: i32 = 1000;
/// Messages of a basic call: two NewCallEvent, one CallPartyInfoChangedEvent, ten CallStateChangedEvent_V2.
const MESSAGES: usize = 13;

fn text(text: &str) -> Text<'_> {
    Text::new(text.as_bytes())
}

fn info(partition: &str) -> PartyDNInfo<'_> {
    PartyDNInfo { partition: text(partition), ..Default::default() }
}

/// The frames of a call from line `a` to line `b`, answered and ended, as the recorded one has them.
fn call(a: i32, b: i32, global: i32, out: &mut Vec<u8>) {
    let (calling, called) = ((100_000 + a).to_string(), (100_000 + b).to_string());
    let (calling_name, called_name) = (format!("User {a}"), format!("User {b}"));
    let (leg_a, leg_b) = (global * 2, global * 2 + 1);
    let new = |line: i32, leg, state, origin| NewCallEvent {
        line_call_manager_id: 1,
        line_id: line,
        call_call_manager_id: 1,
        call_leg_id: leg,
        global_call_manager_id: 1,
        call_id: global,
        calling_party: text(&calling),
        un_modified_calling_party: text(&calling),
        calling_party_name: text(&calling_name),
        unicode_calling_party_name: Wide::Str(&calling_name),
        state,
        origin,
        reason: CallReason::DIRECTCALL,
        far_endpoint_type: DestinationType::IN_CLUSTER,
        call_presentable: true,
        calling_party_pi: true,
        calling_party_name_pi: true,
        called_party_pi: true,
        called_party_name_pi: true,
        original_called_party_pi: true,
        original_called_party_name_pi: true,
        calling_party_dn_info: info("Internal-PT"),
        called_party_dn_info: info("Internal-PT"),
        ..Default::default()
    };
    let with_called = |m| NewCallEvent {
        called_party: text(&called),
        original_called_party: text(&called),
        called_party_name: text(&called_name),
        unicode_called_party_name: Wide::Str(&called_name),
        ..m
    };
    let states = |line, leg, states: &[CallState], out: &mut Vec<u8>| {
        for state in states {
            let cause = if *state == CallState::DISCONNECTED { CallStateCause::NORMALCALLCLEARING } else { CallStateCause::NOERROR };
            let message = CallStateChangedEvent_V2 {
                line_call_manager_id: 1,
                line_id: line,
                call_call_manager_id: 1,
                call_leg_id: leg,
                state: *state,
                cause,
                reason: CallReason::DIRECTCALL,
                ..Default::default()
            };
            encode(&message, VERSION_12_5, out);
        }
    };
    encode(&new(a, leg_a, CallState::DIALTONE, CallOrigin::OUTBOUND), VERSION_12_5, out);
    states(a, leg_a, &[CallState::DIALING], out);
    let party = CallPartyInfoChangedEvent {
        line_call_manager_id: 1,
        line_id: a,
        call_call_manager_id: 1,
        call_leg_id: leg_a,
        calling_party_changed: true,
        called_party_changed: true,
        calling_party: text(&calling),
        called_party: text(&called),
        original_called_party: text(&called),
        calling_party_pi: true,
        called_party_pi: true,
        original_called_party_pi: true,
        calling_party_dn_info: info("Internal-PT"),
        called_party_dn_info: info("Internal-PT"),
        ..Default::default()
    };
    encode(&party, VERSION_12_5, out);
    states(a, leg_a, &[CallState::PROCEEDING], out);
    encode(&with_called(new(b, leg_b, CallState::OFFERING, CallOrigin::INBOUNDINTERNAL)), VERSION_12_5, out);
    states(b, leg_b, &[CallState::ACCEPTED], out);
    states(a, leg_a, &[CallState::RINGBACK, CallState::CONNECTED], out);
    states(b, leg_b, &[CallState::CONNECTED], out);
    states(a, leg_a, &[CallState::DISCONNECTED, CallState::IDLE], out);
    states(b, leg_b, &[CallState::DISCONNECTED, CallState::IDLE], out);
}

fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let frame = Frame::split(rest, FRAME_LIMIT).unwrap()?;
        rest = &rest[frame.len()..];
        Some(frame)
    })
}

/// Decodes one message and touches what the call model reads of it.
fn touch(frame: &Frame<'_>) -> usize {
    let parties = |numbers: [Text<'_>; 4], names: [Text<'_>; 4]| numbers.iter().chain(&names).map(|t| t.as_bytes().len()).sum::<usize>();
    match frame.id {
        CallStateChangedEvent_V2::ID => {
            let m: CallStateChangedEvent_V2<'_> = frame.decode().unwrap();
            (m.line_id ^ m.call_leg_id ^ m.state.0 ^ m.cause.0 ^ m.reason.0) as usize + usize::from(m.b_remote_in_use)
        }
        NewCallEvent::ID => {
            let m: NewCallEvent<'_> = frame.decode().unwrap();
            let names = [m.calling_party_name, m.called_party_name, m.original_party_name, m.last_redirecting_party_name];
            let wide = [m.unicode_calling_party_name, m.unicode_called_party_name];
            parties([m.calling_party, m.called_party, m.original_called_party, m.last_redirecting_party], names)
                + wide.iter().map(|w| usize::from(w.is_empty())).sum::<usize>()
                + (m.line_id ^ m.call_leg_id ^ m.call_id ^ m.state.0 ^ m.origin.0 ^ m.reason.0) as usize
                + m.calling_party_dn_info.partition.as_bytes().len()
                + usize::from(m.calling_party_pi && m.calling_party_name_pi && m.called_party_pi && m.called_party_name_pi)
        }
        CallPartyInfoChangedEvent::ID => {
            let m: CallPartyInfoChangedEvent<'_> = frame.decode().unwrap();
            let names = [m.calling_party_name, m.called_party_name, m.original_called_party_name, m.last_redirecting_party_name];
            parties([m.calling_party, m.called_party, m.original_called_party, m.last_redirecting_party], names)
                + (m.line_id ^ m.call_leg_id) as usize
                + usize::from(m.calling_party_pi && m.called_party_pi)
        }
        id => panic!("message {id}"),
    }
}

fn decode(c: &mut Criterion) {
    let mut bytes = Vec::new();
    call(1, 2, 500, &mut bytes);
    assert_eq!(frames(&bytes).count(), MESSAGES);
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    group.bench_function("basic call", |b| b.iter(|| frames(black_box(&bytes)).map(|f| touch(&f)).sum::<usize>()));
    group.finish();
}

/// A gateway that watches [`LINES`] lines.
fn gateway() -> Arc<Gateway> {
    let journal = Journal::temporary().unwrap();
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), journal, Metrics::new().unwrap()));
    let observe = |notice: Notice<'_>| gateway.observe(SessionId(0), Timestamp::now(), &[notice]);
    observe(Notice::Connected { manager: "cucm-pub", cluster: "StandAloneCluster" });
    for i in 1..=LINES {
        let device = Arc::new(Device {
            name: format!("SEP{i:012X}"),
            model: "Cisco 8861".into(),
            kind: DeviceKind::Phone,
            owner: Some(format!("user{i}")),
            login_user: None,
            device_pool: None,
        });
        observe(Notice::Device { device: &device, change: DeviceChange::InService });
        let line = Arc::new(Line { device, dn: (100_000 + i).to_string(), partition: "Internal-PT".into(), display_name: String::new() });
        observe(Notice::Line { line: &line, change: LineChange::Opened(LineHandle { call_manager: 1, line: i }) });
        observe(Notice::Line { line: &line, change: LineChange::InService });
    }
    gateway
}

fn pipeline(c: &mut Criterion) {
    let gateway = gateway();
    // As one read of the socket brings them: calls between all pairs of lines, message by message of all.
    let calls: Vec<Vec<u8>> = (1..LINES)
        .step_by(2)
        .map(|a| {
            let mut bytes = Vec::new();
            call(a, a + 1, 1000 + a, &mut bytes);
            bytes
        })
        .collect();
    let calls: Vec<Vec<Frame<'_>>> = calls.iter().map(|bytes| frames(bytes).collect()).collect();
    let notices: Vec<Notice<'_>> = (0..MESSAGES).flat_map(|i| calls.iter().map(move |call| Notice::Message(call[i]))).collect();
    let run = || notices.chunks(64).for_each(|batch| gateway.observe(SessionId(0), Timestamp::now(), batch));

    let before = gateway.told_since_start();
    run();
    let (events, bytes) = (gateway.told_since_start().0 - before.0, gateway.told_since_start().1 - before.1);
    assert_eq!(gateway.calls(), 0);
    let per_message = |n: u64| n as f64 / notices.len() as f64;
    println!("pipeline: {:.2} events and {:.0} bytes out per message", per_message(events), per_message(bytes));

    let mut group = c.benchmark_group("pipeline");
    group.throughput(Throughput::Elements(notices.len() as u64));
    group.bench_function("basic calls", |b| b.iter(run));
    group.finish();
}

criterion_group!(benches, decode, pipeline);
criterion_main!(benches);
