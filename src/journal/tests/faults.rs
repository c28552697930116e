//! Disks that are full, broken or slow.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::super::*;
use super::support::*;

#[test]
fn a_full_disk_refuses_a_batch_and_keeps_nothing_of_it() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(options(&folder));
    append(&journal, 1..=3).unwrap();
    // Room for a part of the batch, with whole records among it.
    for room in [0, 1, 100, 500] {
        disk.0.room.store(room, SeqCst);
        let error = append(&journal, 4..=9).unwrap_err();
        assert!(matches!(&error, JournalError::Io { action: "write", .. }), "{error}");
        assert_eq!(all(journal.reader()), [1, 2, 3]);
        assert!(journal.health().failing.is_some());
    }
    disk.0.room.store(u64::MAX, SeqCst);
    append(&journal, 11..=12).unwrap();
    assert_eq!(journal.health().failing, None);
    assert_eq!(all(journal.reader()), [1, 2, 3, 11, 12]);
    drop(journal);
    let journal = open(&folder);
    assert_eq!(all(journal.reader()), [1, 2, 3, 11, 12]);
    assert_eq!((journal.recovery().torn, journal.recovery().damaged.len()), (0, 0));
}

#[test]
fn a_disk_that_does_not_even_cut_gets_another_segment() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(options(&folder));
    append(&journal, 1..=3).unwrap();
    *disk.0.no_cutting.lock().unwrap() = true;
    disk.0.room.store(500, SeqCst);
    append(&journal, 4..=9).unwrap_err();
    disk.0.room.store(u64::MAX, SeqCst);
    let before = journal.rolled();
    append(&journal, 4..=6).unwrap();
    assert_eq!((journal.rolled(), all(journal.reader())), (before + 1, vec![1, 2, 3, 4, 5, 6]));
    drop(journal);
    // Without its index, what was left behind of the refused batch is found, and passed over: its places were taken by the next segment.
    remove_indexes(&folder);
    assert_eq!(all(open(&folder).reader()), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_full_disk_cannot_begin_a_segment_and_goes_on_when_there_is_room() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(Options { segment_bytes: 1, ..options(&folder) });
    append(&journal, 1..=3).unwrap();
    disk.0.room.store(10, SeqCst);
    append(&journal, 4..=5).unwrap_err();
    append(&journal, 4..=5).unwrap_err();
    disk.0.room.store(u64::MAX, SeqCst);
    append(&journal, 4..=5).unwrap();
    assert_eq!(all(journal.reader()), [1, 2, 3, 4, 5]);
    drop(journal);
    assert_eq!(all(open(&folder).reader()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_failed_sync_is_reported_once_and_never_tried_again_on_that_segment() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(options(&folder));
    append(&journal, 1..=3).unwrap();
    disk.0.failing_syncs.store(1, SeqCst);
    journal.sync().unwrap_err();
    let synced = journal.health().synced;
    let (segments, syncs) = (journal.rolled(), disk.0.syncs.load(SeqCst));
    journal.sync().unwrap();
    assert_eq!((disk.0.syncs.load(SeqCst), journal.health().synced), (syncs, synced), "what failed is not tried again");
    assert!(journal.health().failing.unwrap().contains("cannot sync"));

    let error = append(&journal, 4..=5).unwrap_err();
    assert!(matches!(error, JournalError::Io { action: "sync", .. }));
    append(&journal, 6..=7).unwrap();
    assert_eq!(journal.rolled(), segments + 1, "it goes on in another segment");
    journal.sync().unwrap();
    assert_eq!((journal.health().failing, journal.health().synced), (None, 8));
    assert_eq!(all(journal.reader()), [1, 2, 3, 6, 7]);
}

#[test]
fn the_thread_syncs_what_was_appended_and_the_next_append_reports_what_failed() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(Options { sync: SyncMode::Interval(Duration::from_millis(1)), ..options(&folder) });
    append(&journal, 1..=3).unwrap();
    while journal.health().synced < 4 {
        std::thread::yield_now();
    }
    disk.0.failing_syncs.store(1, SeqCst);
    append(&journal, 4..=5).unwrap();
    while journal.health().failing.is_none() {
        std::thread::yield_now();
    }
    append(&journal, 6..=7).unwrap_err();
    append(&journal, 6..=7).unwrap();
    assert_eq!(all(journal.reader()), (1..=7).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_cannot_be_synced_is_refused_when_batches_are_synced() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(Options { sync: SyncMode::Batch, ..options(&folder) });
    append(&journal, 1..=3).unwrap();
    assert_eq!(journal.health().synced, 4);
    disk.0.failing_syncs.store(1, SeqCst);
    let segments = journal.rolled();
    append(&journal, 4..=5).unwrap_err();
    assert_eq!(all(journal.reader()), [1, 2, 3]);
    append(&journal, 4..=6).unwrap();
    assert_eq!(journal.rolled(), segments + 1, "it goes on in another segment");
    assert_eq!((all(journal.reader()), journal.health().synced), (vec![1, 2, 3, 4, 5, 6], 7));
}

#[test]
fn a_sync_that_hangs_holds_up_neither_writer_nor_reader() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(Options { sync: SyncMode::Interval(Duration::from_millis(1)), ..options(&folder) });
    let hang = disk.0.hang.lock().unwrap();
    let syncs = disk.0.syncs.load(SeqCst);
    append(&journal, 1..=1).unwrap();
    while disk.0.syncs.load(SeqCst) == syncs {
        std::thread::yield_now();
    }
    (2..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    assert_eq!(all(journal.reader()), (1..=100).collect::<Vec<_>>());
    assert_eq!(journal.health().synced, 1);
    drop(hang);
    while journal.health().synced < 101 {
        std::thread::yield_now();
    }
}

#[test]
fn an_epoch_and_its_name_are_on_the_device_before_anything_is_appended() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    drop(disk.open(options(&folder)));
    let before = disk.0.syncs.load(SeqCst);
    let journal = disk.open(options(&folder));
    assert_eq!(disk.0.syncs.load(SeqCst), before + 2, "the segment and its folder");
    drop(journal);
    disk.0.failing_syncs.store(1, SeqCst);
    let refused = Journal::open_on(options(&folder), std::sync::Arc::new(disk.clone()));
    assert!(matches!(refused, Err(JournalError::Io { action: "sync", .. })));
}

#[test]
fn nothing_is_synced_when_never_is_asked_for() {
    let (folder, disk) = (folder(), FaultyDisk::new());
    let journal = disk.open(Options { sync: SyncMode::Never, ..options(&folder) });
    (1..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    let before = disk.0.syncs.load(SeqCst);
    drop(journal);
    // Making the log at all is the one thing that is always synced.
    assert_eq!((before, disk.0.syncs.load(SeqCst)), (2, 2));
    assert_eq!(all(open(&folder).reader()), (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_damaged_index_is_made_anew() {
    let folder = folder();
    let journal = open(&folder);
    (1..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    drop(journal);
    for (path, n) in indexes(&folder).into_iter().zip(0..) {
        let mut bytes = std::fs::read(&path).unwrap();
        // In turn: its head, a table, its end.
        match n % 3 {
            0 => bytes[20] ^= 1,
            1 => bytes[120] ^= 1,
            _ => bytes.truncate(bytes.len() - 5),
        }
        std::fs::write(&path, bytes).unwrap();
    }
    let journal = open(&folder);
    assert!(journal.recovery().scanned > 1);
    assert_eq!(all(journal.reader()), (1..=100).collect::<Vec<_>>());
    let page = journal.reader().read(&Selection::Any(vec![device(2)]), 1, 101, ALL).unwrap();
    assert_eq!(places(&page), (1..=100).filter(|n| n % 5 == 2).collect::<Vec<_>>());
}
