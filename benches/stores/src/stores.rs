//! The stores behind one trait.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Instant;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{Durability, ReadableDatabase, TableDefinition};

use crate::SYNC;

pub trait Store {
    /// One batch, its first event at `first`.
    fn append(&mut self, first: u64, events: &[&[u8]]);
    /// Reads `from..until`; the bytes of the events.
    fn read(&self, from: u64, until: u64) -> usize;
    /// Everything is on the disk afterwards, and nothing runs any more.
    fn close(self);
}

/// Syncs at the interval, in a thread of its own.
struct Syncer(Arc<AtomicBool>, JoinHandle<()>);

impl Syncer {
    fn start(sync: impl Fn() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                sleep(SYNC);
                sync();
            }
        });
        Self(stop, thread)
    }

    fn stop(self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.join().unwrap();
    }
}

pub struct Segment {
    folder: PathBuf,
    files: Vec<(u64, Arc<File>)>,
    current: Arc<std::sync::Mutex<Arc<File>>>,
    length: usize,
    buffer: Vec<u8>,
    /// Of every 64th event: its place.
    places: Vec<(u64, u32, u64)>,
    syncer: Syncer,
}

const SEGMENT: usize = 64 << 20;

impl Segment {
    pub fn open(folder: &Path) -> Self {
        let file = Arc::new(create(folder, 0));
        let current = Arc::new(std::sync::Mutex::new(Arc::clone(&file)));
        let syncing = Arc::clone(&current);
        let syncer = Syncer::start(move || {
            let file = Arc::clone(&syncing.lock().unwrap());
            file.sync_data().unwrap();
        });
        Self { folder: folder.into(), files: vec![(0, file)], current, length: 0, buffer: Vec::new(), places: Vec::new(), syncer }
    }
}

fn create(folder: &Path, first: u64) -> File {
    File::options().create_new(true).read(true).append(true).open(folder.join(format!("{first:020}.log"))).unwrap()
}

impl Store for Segment {
    fn append(&mut self, first: u64, events: &[&[u8]]) {
        if self.length > SEGMENT {
            self.files.last().unwrap().1.sync_data().unwrap();
            let file = Arc::new(create(&self.folder, first));
            *self.current.lock().unwrap() = Arc::clone(&file);
            self.files.push((first, file));
            self.length = 0;
        }
        self.buffer.clear();
        for (sequence, event) in (first..).zip(events) {
            if sequence % 64 == 0 {
                self.places.push((sequence, self.files.len() as u32 - 1, (self.length + self.buffer.len()) as u64));
            }
            let mut crc = crc32fast::Hasher::new();
            crc.update(&sequence.to_le_bytes());
            crc.update(event);
            self.buffer.extend_from_slice(&(event.len() as u32).to_le_bytes());
            self.buffer.extend_from_slice(&crc.finalize().to_le_bytes());
            self.buffer.extend_from_slice(&sequence.to_le_bytes());
            self.buffer.extend_from_slice(event);
        }
        let (_, file) = self.files.last().unwrap();
        (&**file).write_all(&self.buffer).unwrap();
        self.length += self.buffer.len();
    }

    fn read(&self, from: u64, until: u64) -> usize {
        let (mut sequence, mut file, mut offset) = self.places[self.places.partition_point(|(at, ..)| *at <= from) - 1];
        let (mut buffer, mut at, mut read) = (Vec::new(), 0usize, 0);
        loop {
            if buffer.len() - at < 16 || buffer.len() - at < 16 + u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap()) as usize {
                offset += at as u64;
                buffer.resize(256 * 1024, 0);
                let n = self.files[file as usize].1.read_at(&mut buffer, offset).unwrap();
                (buffer.truncate(n), at = 0).0;
                if n == 0 {
                    (file += 1, offset = 0).0;
                    continue;
                }
            }
            let length = u32::from_le_bytes(buffer[at..at + 4].try_into().unwrap()) as usize;
            let mut crc = crc32fast::Hasher::new();
            crc.update(&buffer[at + 8..at + 16 + length]);
            assert_eq!(crc.finalize().to_le_bytes(), buffer[at + 4..at + 8]);
            if sequence >= until {
                return read;
            }
            if sequence >= from {
                read += std::hint::black_box(&buffer[at + 16..at + 16 + length]).len();
            }
            at += 16 + length;
            sequence += 1;
        }
    }

    fn close(self) {
        self.files.last().unwrap().1.sync_data().unwrap();
        self.syncer.stop();
    }
}

pub struct Fjall {
    database: Database,
    events: Keyspace,
    syncer: Syncer,
}

impl Fjall {
    pub fn open(folder: &Path, lz4: bool) -> Self {
        let compression = if lz4 { CompressionType::Lz4 } else { CompressionType::None };
        let database = Database::builder(folder).manual_journal_persist(true).journal_compression(compression).open().unwrap();
        let fifo = Arc::new(fjall::compaction::Fifo::new(8 << 30, None));
        let options = || {
            KeyspaceCreateOptions::default()
                .manual_journal_persist(true)
                .data_block_compression_policy(CompressionPolicy::all(compression))
                .compaction_strategy(Arc::clone(&fifo) as _)
        };
        let events = database.keyspace("events", options).unwrap();
        let syncing = database.clone();
        Self { database, events, syncer: Syncer::start(move || syncing.persist(PersistMode::SyncData).unwrap()) }
    }
}

impl Store for Fjall {
    fn append(&mut self, first: u64, events: &[&[u8]]) {
        let mut batch = self.database.batch();
        for (sequence, event) in (first..).zip(events) {
            batch.insert(&self.events, sequence.to_be_bytes(), *event);
        }
        batch.commit().unwrap();
        // To the operating system, so that a killed process loses nothing.
        self.database.persist(PersistMode::Buffer).unwrap();
    }

    fn read(&self, from: u64, until: u64) -> usize {
        self.events.range(from.to_be_bytes()..until.to_be_bytes()).map(|entry| entry.value().unwrap().len()).sum()
    }

    fn close(self) {
        self.syncer.stop();
        self.events.rotate_memtable_and_wait().unwrap();
        self.database.persist(PersistMode::SyncAll).unwrap();
    }
}

const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");

pub struct Redb {
    database: redb::Database,
    synced: Instant,
}

impl Redb {
    pub fn open(folder: &Path) -> Self {
        Self { database: redb::Database::create(folder.join("redb")).unwrap(), synced: Instant::now() }
    }
}

impl Store for Redb {
    fn append(&mut self, first: u64, events: &[&[u8]]) {
        let mut transaction = self.database.begin_write().unwrap();
        let due = self.synced.elapsed() >= SYNC;
        transaction.set_durability(if due { Durability::Immediate } else { Durability::None }).unwrap();
        {
            let mut table = transaction.open_table(EVENTS).unwrap();
            for (sequence, event) in (first..).zip(events) {
                table.insert(sequence, *event).unwrap();
            }
        }
        transaction.commit().unwrap();
        if due {
            self.synced = Instant::now();
        }
    }

    fn read(&self, from: u64, until: u64) -> usize {
        let table = self.database.begin_read().unwrap().open_table(EVENTS).unwrap();
        table.range(from..until).unwrap().map(|entry| entry.unwrap().1.value().len()).sum()
    }

    fn close(self) {
        self.database.begin_write().unwrap().commit().unwrap();
    }
}
