//! From the cluster's bytes to an event's bytes, on one core and from memory.
//!
//! `decode` takes the frames of a basic call apart: every length and boolean checked, every field that the call model reads touched.
//! `pipeline` runs whole calls through decoding, call model, log, state table and CloudEvents JSON; it prints events and bytes out per message.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::hint::black_box;
use std::sync::Arc;

use callcast::calls::{CallModel, Ids};
use callcast::cti::{Notice, Observer, SessionId};
use callcast::ctiqbe::messages::{CallPartyInfoChangedEvent, CallStateChangedEvent_V2, NewCallEvent};
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message, Text};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::load::basic::{MESSAGES, call, lines};
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines in the pipeline: calls go from each odd one to the even one after it.
const LINES: i32 = 1000;

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
    lines(LINES, |notice| gateway.observe(SessionId(0), Timestamp::now(), &[notice]));
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
