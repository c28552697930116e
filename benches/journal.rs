//! What the log costs: events a second on one core, and bytes written to the device per byte of JSON.
//!
//! `cargo bench --bench journal [-- events [folder]]`. The events are those that a simulated cluster's calls make, appended as the gateway does
//! it, synced each 50 ms. CPU is that of the whole process: index, sealing and the thread behind the log are in it, and so is what closing takes.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callcast::calls::{CallModel, Ids};
use callcast::cti::inventory::DeviceList;
use callcast::cti::{Config, Observer, SessionId};
use callcast::gateway::{Gateway, keys};
use callcast::journal::{Entry, Journal, Key, Limit, Options, Record, Selection, SyncMode};
use callcast::load::lockstep::Lockstep;
use callcast::sim;
use callcast::telemetry::Metrics;
use callcast::time::Timestamp;

const DEVICES: u32 = 500;
const MADE: Duration = Duration::from_secs(600);
const ALL: Limit = Limit { entries: usize::MAX, bytes: usize::MAX };

/// The events of ten minutes.
fn events() -> Vec<Entry> {
    let calls = sim::CallMix { per_second: 20.0, ..sim::CallMix::default() };
    let cluster = sim::Config { devices: DEVICES, shared_lines: 50, calls, ..sim::Config::default() };
    let mut session = Config::new(vec!["cucm".into()], cluster.accounts[0].user.clone());
    session.pace.devices_per_second = 0;
    let inventory = "device,user\n".to_owned() + &(1..=DEVICES).map(|i| format!("{},user{i}\n", sim::phone_name(i))).collect::<String>();
    let mut lockstep =
        Lockstep::new(&cluster, session, DeviceList::from_csv(&inventory).unwrap(), Timestamp(1_800_000_000_000_000)).unwrap();
    let gateway = Arc::new(Gateway::new(CallModel::new(Ids::seeded(1), false), Journal::temporary().unwrap(), Metrics::new().unwrap()));
    while lockstep.now() < MADE {
        lockstep.step(MADE, |at, notices| gateway.observe(SessionId(0), at, notices)).unwrap();
    }
    gateway.reader().read(&Selection::Everything, 1, u64::MAX, ALL).unwrap().entries
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let count: u64 = arguments.first().map_or(1_000_000, |count| count.parse().unwrap());
    let folder = arguments.get(1).map_or("target", String::as_str);
    let events = events();
    let bytes: usize = events.iter().map(|entry| entry.event.len()).sum();
    let of_keys: usize = events.iter().map(|entry| entry.keys.iter().count()).sum();
    let mean = |sum: usize| sum as f64 / events.len() as f64;
    println!("{} events of the simulator, {:.0} bytes and {:.1} keys each", events.len(), mean(bytes), mean(of_keys));
    println!("| batch | events/s | CPU µs/event | events/s on one core | device bytes per byte of JSON | files' bytes per byte of JSON |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for batch in [1, 10, 100] {
        append(&events, batch, count, Path::new(folder));
    }
    reading(&events, Path::new(folder));
}

fn append(events: &[Entry], batch: usize, count: u64, folder: &Path) {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = Options { sync: SyncMode::Interval(Duration::from_millis(50)), max_age: Duration::MAX, ..Options::new(folder.path()) };
    let journal = Journal::open(options).unwrap();
    let (began, cpu, written) = (Instant::now(), cpu_seconds(), bytes_written());
    let (mut sequence, mut bytes, mut entries) = (0u64, 0u64, events.iter().cycle());
    while sequence < count {
        let records = entries.by_ref().take(batch).map(|Entry { time, keys, event, .. }| {
            sequence += 1;
            bytes += event.len() as u64;
            Record { sequence, time: *time, keys, event }
        });
        journal.append(records).unwrap();
    }
    let wall = began.elapsed().as_secs_f64();
    drop(journal);
    let per_event = (cpu_seconds() - cpu) / count as f64;
    let device = (bytes_written() - written) as f64 / bytes as f64;
    let files: u64 = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!(
        "| {batch} | {:.0} | {:.2} | {:.0} | {device:.2} | {:.2} |",
        count as f64 / wall,
        per_event * 1e6,
        1.0 / per_event,
        files as f64 / bytes as f64
    );
}

/// What resume reads: 300,000 events, and of each device what concerned it.
fn reading(events: &[Entry], folder: &Path) {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let journal = Journal::open(Options { max_age: Duration::MAX, ..Options::new(folder.path()) }).unwrap();
    let mut entries = events.iter().cycle();
    for batch in 0..3000u64 {
        let records = (batch * 100 + 1..).zip(entries.by_ref().take(100));
        let records = records.map(|(sequence, Entry { time, keys, event, .. })| Record { sequence, time: *time, keys, event });
        journal.append(records).unwrap();
    }
    journal.sync().unwrap();
    std::thread::sleep(Duration::from_secs(2)); // indexes are put beside the segments
    let reader = journal.reader();
    let (began, mut found) = (Instant::now(), 0);
    for device in 1..=DEVICES {
        let wanted = Selection::Any(vec![Key::new(keys::DEVICE, sim::phone_name(device)), Key::new(keys::EVERYBODY, "")]);
        found += reader.read(&wanted, 1, u64::MAX, ALL).unwrap().entries.len();
    }
    let each = began.elapsed().as_secs_f64();
    println!(
        "one device's events of 300,000: {:.2} ms for {:.0} of them",
        each * 1e3 / f64::from(DEVICES),
        found as f64 / f64::from(DEVICES)
    );
    let (began, mut from) = (Instant::now(), 1);
    loop {
        let page = reader.read(&Selection::Everything, from, u64::MAX, Limit { entries: 1024, bytes: 1 << 20 }).unwrap();
        from = page.next;
        if page.done {
            break;
        }
    }
    println!("all 300,000 in their order: {:.2} µs an event", began.elapsed().as_secs_f64() * 1e6 / 300_000.0);
    let began = Instant::now();
    for device in 1..=DEVICES {
        reader.previous(150_000, &Key::new(keys::DEVICE, sim::phone_name(device))).unwrap().unwrap();
    }
    println!("from an event to the one before of the same device: {:.1} µs", began.elapsed().as_secs_f64() * 1e6 / f64::from(DEVICES));
}

/// CPU seconds of the process with all its threads, also those that ended.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}
