//! The machine stops at any moment, and disks lose what lay on them.

use std::fs;

use super::super::*;
use super::support::*;

/// The log without what a regular end leaves behind.
fn crashed(folder: &tempfile::TempDir) {
    remove_indexes(folder);
}

/// The segment that was written last and holds something.
fn last_segment(folder: &tempfile::TempDir) -> std::path::PathBuf {
    files(folder, "log").into_iter().rfind(|path| fs::metadata(path).unwrap().len() > 64).unwrap()
}

#[test]
fn a_segment_that_was_cut_anywhere_opens_with_every_whole_record() {
    let folder = folder();
    let journal = Journal::open(Options { segment_bytes: 1 << 20, ..options(&folder) }).unwrap();
    (1..=5).for_each(|sequence| append(&journal, [sequence]).unwrap());
    let whole = fs::metadata(last_segment(&folder)).unwrap().len();
    let ends: Vec<u64> = (0..=5)
        .map(|n| 64 + (1..=n).map(|sequence| (28 + keys(sequence).as_bytes().len() + event(sequence).len()) as u64).sum::<u64>())
        .collect();
    assert_eq!(*ends.last().unwrap(), whole);
    drop(journal);
    let bytes = fs::read(last_segment(&folder)).unwrap();
    for cut in 0..=bytes.len() {
        let other = tempfile::tempdir().unwrap();
        fs::create_dir(options(&other).directory).unwrap();
        fs::copy(options(&folder).directory.join("format"), options(&other).directory.join("format")).unwrap();
        let name = last_segment(&folder).file_name().unwrap().to_owned();
        fs::write(options(&other).directory.join(name), &bytes[..cut]).unwrap();
        let survived = ends.iter().filter(|end| **end <= cut as u64).count().saturating_sub(1) as u64;
        let journal = Journal::open(Options { sync: SyncMode::Never, ..options(&other) }).unwrap();
        assert_eq!(all(journal.reader()), (1..=survived).collect::<Vec<_>>(), "cut at {cut}");
        assert!(journal.recovery().damaged.is_empty());
        append(&journal, survived + 1..=survived + 2).unwrap();
        assert_eq!(all(journal.reader()), (1..=survived + 2).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_not_finished_is_left_alone_and_reported() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=5).unwrap();
    drop(journal);
    crashed(&folder);
    let path = last_segment(&folder);
    let mut bytes = fs::read(&path).unwrap();
    let torn = bytes[64..100].to_vec();
    bytes.extend(&torn);
    fs::write(&path, bytes).unwrap();
    let journal = open(&folder);
    assert_eq!(journal.recovery().torn, torn.len() as u64);
    append(&journal, 6..=7).unwrap();
    assert_eq!(all(journal.reader()), (1..=7).collect::<Vec<_>>());
    drop(journal);
    assert_eq!(open(&folder).recovery(), &Recovery::default(), "it is looked at once");
}

#[test]
fn damage_in_the_middle_costs_what_lies_there_and_nothing_behind_it() {
    for with_index in [true, false] {
        let folder = folder();
        let journal = open(&folder);
        append(&journal, 1..=30).unwrap();
        let page = journal.reader().read(&Selection::Everything, 1, 31, ALL).unwrap();
        let length = |n: u64| 28 + keys(n).as_bytes().len() + event(n).len();
        assert_eq!(page.entries.len(), 30);
        drop(journal);
        if !with_index {
            crashed(&folder);
        }
        let path = files(&folder, "log").remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let start = 64 + (1..10).map(length).sum::<usize>();
        // The end of event 10, all of 11, the length of 12.
        bytes[start + length(10) - 3..start + length(10) + length(11) + 2].fill(0x41);
        fs::write(&path, bytes).unwrap();

        let journal = open(&folder);
        let expected: Vec<u64> = (1..=9).chain(13..=30).collect();
        assert_eq!(all(journal.reader()), expected);
        let back = journal.reader().read_back(&Selection::Everything, 31, ALL).unwrap();
        assert_eq!(places(&back), expected.iter().rev().copied().collect::<Vec<_>>());
        let some = journal.reader().read(&Selection::Any(vec![device(1)]), 1, 31, ALL).unwrap();
        assert_eq!(places(&some), [1, 6, 16, 21, 26]);
        if with_index {
            assert!(journal.health().unreadable >= 3, "found when it is read");
        } else {
            assert_eq!(
                journal.recovery().damaged,
                [Damage { path, bytes: start as u64..(start + (10..13).map(length).sum::<usize>()) as u64 }]
            );
        }
    }
}

#[test]
fn a_damaged_head_costs_nothing() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=5).unwrap();
    drop(journal);
    crashed(&folder);
    let path = last_segment(&folder);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..64].fill(0);
    fs::write(&path, bytes).unwrap();
    assert_eq!(all(open(&folder).reader()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_file_that_was_not_renamed_goes() {
    let folder = folder();
    drop(open(&folder));
    let directory = options(&folder).directory;
    fs::write(directory.join("checkpoint.tmp"), "half").unwrap();
    fs::write(directory.join("00000000000000000099-0000000000000001.idx"), "without a segment").unwrap();
    let journal = open(&folder);
    assert_eq!(journal.reader().checkpoint().unwrap(), None);
    assert!(!directory.join("checkpoint.tmp").exists());
    assert_eq!(indexes(&folder).len(), files(&folder, "log").len() - 1, "all but the one that is written");
}

#[test]
fn a_damaged_checkpoint_is_none() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=5).unwrap();
    journal.write_checkpoint(5, b"five").unwrap();
    let path = options(&folder).directory.join("checkpoint");
    let bytes = fs::read(&path).unwrap();
    for bit in (0..bytes.len() * 8).filter(|bit| !(16 * 8..24 * 8).contains(bit)) {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).unwrap();
        assert_eq!(journal.reader().checkpoint().unwrap(), None, "bit {bit}");
    }
}

#[test]
fn starts_without_an_event_do_not_pile_up() {
    let folder = folder();
    let mut epochs = Vec::new();
    for _ in 0..100 {
        let journal = Journal::open(Options { sync: SyncMode::Never, ..options(&folder) }).unwrap();
        epochs.push(journal.reader().epoch());
    }
    assert!(files(&folder, "log").len() < 70);
    assert!(epochs.is_sorted_by(|a, b| a < b));
}
