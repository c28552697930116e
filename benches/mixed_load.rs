//! From the cluster's bytes to an event's bytes, with calls of all kinds: transferred, conferred, parked, picked up, forwarded, hunted.
//!
//! A simulated cluster makes the calls on a clock of its own; what a session reads of them is kept, and then told to a gateway again and
//! again: decoding, call model, log, state table and CloudEvents JSON, on one core.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::sync::Arc;
use std::time::Duration;

use callcast::calls::{CallModel, Ids};
use callcast::cti::inventory::DeviceList;
use callcast::cti::{Config, Device, DeviceChange, Notice, Observer, SessionId};
use callcast::ctiqbe::{FRAME_LIMIT, Frame};
use callcast::gateway::Gateway;
use callcast::journal::Journal;
use callcast::load::lockstep::Lockstep;
use callcast::sim;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DEVICES: u32 = 500;
const CALLS_PER_SECOND: f64 = 20.0;
/// How long calls are made, and how long they may last after that.
const MADE: Duration = Duration::from_secs(600);
const AFTERWARDS: Duration = Duration::from_secs(900);
const BEGAN: Timestamp = Timestamp(1_800_000_000_000_000);

/// What one read of the socket brought.
struct Read {
    at: Timestamp,
    messages: Vec<Message>,
}

enum Message {
    Call(Vec<u8>),
    Device(Arc<Device>, DeviceChange<'static>),
}

/// The gateway with all lines open, and what the cluster tells of the calls.
fn record() -> (Arc<Gateway>, Vec<Read>) {
    let calls = sim::CallMix { per_second: CALLS_PER_SECOND, ..sim::CallMix::default() };
    let cluster = sim::Config { devices: DEVICES, shared_lines: 50, calls, ..sim::Config::default() };
    let mut session = Config::new(vec!["cucm".into()], cluster.accounts[0].user.clone());
    session.pace.devices_per_second = 0;
    let inventory = "device,user\n".to_owned() + &(1..=DEVICES).map(|i| format!("{},user{i}\n", sim::phone_name(i))).collect::<String>();
    let mut lockstep = Lockstep::new(&cluster, session, DeviceList::from_csv(&inventory).unwrap(), BEGAN).unwrap();
    lockstep.simulation.set_paused(true);

    let calls = CallModel::new(Ids::seeded(1), false);
    let gateway = Arc::new(Gateway::new(calls, Journal::temporary().unwrap(), Metrics::new().unwrap()));
    while lockstep.now() < Duration::from_secs(5) {
        lockstep.step(Duration::from_secs(5), |at, notices| gateway.observe(SessionId(0), at, notices)).unwrap();
    }
    let mut reads = Vec::new();
    let keep = |at, notices: &[Notice<'_>]| {
        let message = |notice: &Notice<'_>| match notice {
            Notice::Message(frame) => Some(Message::Call(frame.bytes().to_vec())),
            Notice::Device { device, change: DeviceChange::State { state, asked } } => {
                Some(Message::Device(Arc::clone(device), DeviceChange::State { state: *state, asked: *asked }))
            }
            _ => None,
        };
        let messages = notices.iter().filter_map(message).collect();
        reads.push(Read { at, messages });
    };
    let mut keep = keep;
    lockstep.simulation.set_paused(false);
    while lockstep.now() < MADE {
        lockstep.step(MADE, &mut keep).unwrap();
    }
    lockstep.simulation.set_paused(true);
    while lockstep.now() < MADE + AFTERWARDS {
        lockstep.step(MADE + AFTERWARDS, &mut keep).unwrap();
    }
    (gateway, reads)
}

fn mixed(c: &mut Criterion) {
    let (gateway, reads) = record();
    let frame = |message: &'static Message| match message {
        Message::Call(bytes) => Notice::Message(Frame::split(bytes, FRAME_LIMIT).unwrap().unwrap()),
        Message::Device(device, change) => Notice::Device { device, change: *change },
    };
    // They live as long as the process.
    let reads: &'static [Read] = reads.leak();
    let batches: Vec<(Timestamp, Vec<Notice<'_>>)> =
        reads.iter().filter(|r| !r.messages.is_empty()).map(|r| (r.at, r.messages.iter().map(frame).collect())).collect();
    let messages: usize = batches.iter().map(|(_, notices)| notices.len()).sum();
    // Time goes on from one round to the next, past everything that waits for time.
    let mut round = 0;
    let mut run = || {
        round += 1;
        let later = round * (MADE + AFTERWARDS).as_micros() as u64;
        for (at, notices) in &batches {
            gateway.observe(SessionId(0), Timestamp(at.0 + later), notices);
        }
        gateway.advance(Timestamp(BEGAN.0 + later + (MADE + AFTERWARDS).as_micros() as u64 - 1));
    };

    let before = gateway.told_since_start();
    run();
    let (events, bytes) = (gateway.told_since_start().0 - before.0, gateway.told_since_start().1 - before.1);
    assert_eq!(gateway.calls(), 0, "all calls are over");
    let per_message = |n: u64| n as f64 / messages as f64;
    println!("mixed: {messages} messages; {:.2} events and {:.0} bytes out per message", per_message(events), per_message(bytes));

    let mut group = c.benchmark_group("mixed");
    group.throughput(Throughput::Elements(messages as u64));
    group.sample_size(20);
    group.bench_function("pipeline", |b| b.iter(&mut run));
    group.finish();
}

criterion_group!(benches, mixed);
criterion_main!(benches);
