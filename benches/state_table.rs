//! The state table of 40,000 devices against the maps that one would take instead: reads alone, beside a writer, and by two readers.
//!
//! Nanoseconds per read are printed for each, with the median of the runs; a reader walks the devices in a random order.

#![expect(clippy::unwrap_used, clippy::indexing_slicing)] // a bench that cannot run is to stop

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Instant;

use callcast::state::{DeviceIndex, DeviceState, Table};
use callcast::time::Timestamp;
use dashmap::DashMap;

const DEVICES: u32 = 40_000;
/// Reads of one run of one reader.
const READS: usize = 2_000_000;
const RUNS: usize = 9;

/// What is compared. A key is a device's dense index: looking a name up costs all of them the same.
trait Store: Sync {
    fn read(&self, device: u32) -> DeviceState;
    fn write(&self, device: u32, state: DeviceState);
}

impl Store for Table {
    fn read(&self, device: u32) -> DeviceState {
        Table::read(self, DeviceIndex(device)).unwrap()
    }
    fn write(&self, device: u32, state: DeviceState) {
        Table::write(self, DeviceIndex(device), state);
    }
}

impl Store for DashMap<u32, DeviceState> {
    fn read(&self, device: u32) -> DeviceState {
        *self.get(&device).unwrap()
    }
    fn write(&self, device: u32, state: DeviceState) {
        self.insert(device, state);
    }
}

impl Store for papaya::HashMap<u32, DeviceState> {
    fn read(&self, device: u32) -> DeviceState {
        *self.pin().get(&device).unwrap()
    }
    fn write(&self, device: u32, state: DeviceState) {
        self.pin().insert(device, state);
    }
}

impl Store for RwLock<HashMap<u32, DeviceState>> {
    fn read(&self, device: u32) -> DeviceState {
        self.read().unwrap()[&device]
    }
    fn write(&self, device: u32, state: DeviceState) {
        self.write().unwrap().insert(device, state);
    }
}

fn state(sequence: u64) -> DeviceState {
    DeviceState { in_service: true, sequence, time: Timestamp(sequence), ..DeviceState::default() }
}

/// Nanoseconds per read of one reader.
fn read_all(store: &dyn Store, order: &[u32]) -> f64 {
    let began = Instant::now();
    let mut sum = 0u64;
    for i in 0..READS {
        sum = sum.wrapping_add(store.read(order[i % order.len()]).sequence);
    }
    black_box(sum);
    began.elapsed().as_nanos() as f64 / READS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn beside_a_writer(store: &dyn Store, order: &[u32]) -> (f64, u64) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut writes = 0u64;
            while !stop.load(Ordering::Relaxed) {
                store.write(order[writes as usize % order.len()], state(writes));
                writes += 1;
            }
            writes
        });
        let nanos = read_all(store, order);
        stop.store(true, Ordering::Relaxed);
        (nanos, writer.join().unwrap())
    })
}

/// Reads a second of two readers at once, over those of one.
fn two_readers_over_one(store: &dyn Store, order: &[u32]) -> f64 {
    let one = read_all(store, order);
    let pair = std::thread::scope(|scope| {
        let other = scope.spawn(|| read_all(store, order));
        let mine = read_all(store, order);
        [mine, other.join().unwrap()]
    });
    pair.iter().map(|nanos| one / nanos).sum()
}

fn main() {
    let table = Table::default();
    for device in 0..DEVICES {
        table.intern(0, &format!("SEP{device:012X}").into()).unwrap();
    }
    let stores: [(&str, Arc<dyn Store + Send>); 4] = [
        ("callcast table", Arc::new(table)),
        ("DashMap", Arc::new(DashMap::<u32, DeviceState>::new())),
        ("papaya", Arc::new(papaya::HashMap::<u32, DeviceState>::new())),
        ("RwLock<HashMap>", Arc::new(RwLock::new(HashMap::<u32, DeviceState>::new()))),
    ];
    let mut order: Vec<u32> = (0..DEVICES).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    println!("{DEVICES} devices, {READS} reads a run, median of {RUNS} interleaved runs");
    let mut alone = vec![vec![]; stores.len()];
    let mut beside = vec![vec![]; stores.len()];
    let mut pairs = vec![vec![]; stores.len()];
    for (_, store) in &stores {
        (0..DEVICES).for_each(|device| store.write(device, state(0)));
    }
    for _ in 0..RUNS {
        for (i, (_, store)) in stores.iter().enumerate() {
            alone[i].push(read_all(&**store, &order));
            beside[i].push(beside_a_writer(&**store, &order).0);
            pairs[i].push(two_readers_over_one(&**store, &order));
        }
    }
    println!("{:<18}{:>14}{:>20}{:>22}", "", "alone", "beside a writer", "two readers/one");
    for (i, (name, _)) in stores.iter().enumerate() {
        let [alone, beside, pairs] = [&alone[i], &beside[i], &pairs[i]].map(|runs| median(runs.clone()));
        println!("{name:<18}{alone:>11.1} ns{beside:>17.1} ns{pairs:>21.2}x");
    }
}
