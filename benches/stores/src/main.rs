//! Which embedded store should hold the journal: fjall, redb and a plain segment file, each appending the same events.
//!
//! `cargo run --release [-- events [folder]]` prints a table. Each store runs in a process of its own, so that its CPU seconds (all threads,
//! background work and closing included) and the bytes that it made the kernel write (`/proc/self/io`) are its own.

mod events;
mod stores;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use stores::{Fjall, Redb, Segment, Store};

/// How old what was appended may grow before it is synced.
const SYNC: Duration = Duration::from_millis(50);
const STORES: [&str; 4] = ["segment", "fjall", "fjall-lz4", "redb"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = |i: usize| arguments.get(i).map(String::as_str);
    if text(0) == Some("one") {
        return one(&arguments[1], arguments[2].parse().unwrap(), arguments[3].parse().unwrap(), Path::new(&arguments[4]));
    }
    let (count, folder) = (text(0).unwrap_or("1000000"), text(1).unwrap_or("target"));
    println!("| store | batch | events/s | CPU µs/event | events/s on one core | device bytes per byte of JSON | read range µs/event |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for store in STORES {
        for batch in ["10", "100"] {
            Command::new(std::env::current_exe().unwrap()).args(["one", store, batch, count, folder]).status().unwrap();
        }
    }
}

fn one(store: &str, batch: usize, count: usize, folder: &Path) {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let pool = events::pool(20_000);
    match store {
        "segment" => measure(store, Segment::open(folder.path()), &pool, batch, count),
        "fjall" => measure(store, Fjall::open(folder.path(), false), &pool, batch, count),
        "fjall-lz4" => measure(store, Fjall::open(folder.path(), true), &pool, batch, count),
        "redb" => measure(store, Redb::open(folder.path()), &pool, batch, count),
        other => panic!("no store {other}"),
    }
}

fn measure<S: Store>(name: &str, mut store: S, pool: &[Vec<u8>], batch: usize, count: usize) {
    let (began, cpu, written) = (Instant::now(), cpu_seconds(), bytes_written());
    let (mut sequence, mut bytes) = (0u64, 0u64);
    let mut events = pool.iter().cycle();
    while sequence < count as u64 {
        let events: Vec<&[u8]> = events.by_ref().take(batch).map(Vec::as_slice).collect();
        store.append(sequence, &events);
        sequence += batch as u64;
        bytes += events.iter().map(|event| event.len() as u64).sum::<u64>();
    }
    let wall = began.elapsed().as_secs_f64();
    // A range of the middle, while it is all open: what a resume reads.
    let (from, range) = (sequence / 2, (sequence / 10).min(100_000));
    let paused = cpu_seconds();
    let (reading, read) = (Instant::now(), store.read(from, from + range));
    assert_eq!(read, (from..from + range).map(|at| pool[at as usize % pool.len()].len()).sum::<usize>());
    let reading = reading.elapsed().as_secs_f64() * 1e6 / range as f64;
    let resumed = cpu_seconds();
    store.close();
    let per_event = (cpu_seconds() - resumed + paused - cpu) / sequence as f64;
    let amplification = (bytes_written() - written) as f64 / bytes as f64;
    println!(
        "| {name} | {batch} | {:.0} | {:.2} | {:.0} | {amplification:.2} | {reading:.2} |",
        sequence as f64 / wall,
        per_event * 1e6,
        1.0 / per_event
    );
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
