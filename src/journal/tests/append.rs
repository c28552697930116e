//! Appending, and opening again.

use super::super::*;
use super::support::*;

#[test]
fn what_was_appended_is_there_after_it_was_opened_again() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=3).unwrap();
    append(&journal, 4..=100).unwrap();
    let id = journal.reader().id();
    assert_eq!(all(journal.reader()), (1..=100).collect::<Vec<_>>());
    drop(journal);
    let journal = open(&folder);
    assert_eq!((all(journal.reader()), journal.reader().id()), ((1..=100).collect(), id));
    assert_eq!(journal.recovery(), &Recovery::default(), "indexes were saved when it was closed");
    assert_ne!(id, 0);
}

#[test]
fn places_go_on_and_the_epoch_grows_at_every_start() {
    let folder = folder();
    let mut epochs = Vec::new();
    for start in 0..3 {
        let journal = open(&folder);
        assert_eq!(journal.reader().range().next, start * 10 + 1);
        append(&journal, start * 10 + 1..=start * 10 + 10).unwrap();
        epochs.push(journal.reader().epoch());
    }
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
    let journal = open(&folder);
    let page = journal.reader().read(&Selection::Everything, 1, Sequence::MAX, ALL).unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.epoch).collect::<Vec<_>>(), epochs.iter().flat_map(|e| [*e; 10]).collect::<Vec<_>>());
}

#[test]
fn places_may_be_skipped() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, [1, 2, 10, 5_000_000_000]).unwrap_err();
    append(&journal, [1, 2, 10]).unwrap();
    append(&journal, [5_000_000_000]).unwrap();
    assert_eq!(all(journal.reader()), [1, 2, 10, 5_000_000_000]);
    assert_eq!(journal.reader().get(3).unwrap(), None);
    drop(journal);
    assert_eq!(all(open(&folder).reader()), [1, 2, 10, 5_000_000_000]);
}

#[test]
fn a_place_is_never_taken_twice() {
    let journal = Journal::temporary().unwrap();
    append(&journal, 1..=5).unwrap();
    assert!(matches!(append(&journal, [5]), Err(JournalError::Order { sequence: 5, next: 6 })));
    assert!(matches!(append(&journal, [7, 7]), Err(JournalError::Order { sequence: 7, next: 8 })));
    assert_eq!(all(journal.reader()), [1, 2, 3, 4, 5]);
}

#[test]
fn nothing_appended_is_nothing_done() {
    let journal = Journal::temporary().unwrap();
    append(&journal, []).unwrap();
    assert_eq!(journal.reader().range(), Range { oldest: 1, next: 1 });
    assert!(all(journal.reader()).is_empty());
}

#[test]
fn a_second_writer_is_refused_by_name() {
    let folder = folder();
    let _journal = open(&folder);
    let error = Journal::open(options(&folder)).unwrap_err().to_string();
    assert!(error.contains(&std::process::id().to_string()) && error.contains("stop that gateway first"), "{error}");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let folder = folder();
    drop(open(&folder));
    std::fs::write(options(&folder).directory.join("format"), "callcast journal 2\nid 00000001\n").unwrap();
    let error = Journal::open(options(&folder)).unwrap_err().to_string();
    assert!(error.contains("format 2 of a newer callcast") && error.contains("run the newer version again"), "{error}");
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (folder, other) = (folder(), folder());
    append(&open(&folder), 1..=5).unwrap();
    append(&open(&other), 1..=5).unwrap();
    let (from, to) = (options(&other).directory, options(&folder).directory);
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|file| file.path().extension().is_some()) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    assert!(matches!(Journal::open(options(&folder)), Err(JournalError::Foreign { .. })));
}

#[test]
fn a_temporary_log_goes_when_it_is_dropped() {
    let journal = Journal::temporary().unwrap();
    append(&journal, 1..=5).unwrap();
    let reader = journal.reader().clone();
    let folder = reader.0.folder.clone();
    assert!(folder.exists());
    drop(journal);
    assert!(!folder.exists());
}

#[test]
fn a_checkpoint_is_what_was_written_last() {
    let folder = folder();
    let journal = open(&folder);
    assert_eq!(journal.reader().checkpoint().unwrap(), None);
    append(&journal, 1..=5).unwrap();
    journal.write_checkpoint(3, b"three").unwrap();
    journal.write_checkpoint(5, b"five").unwrap();
    drop(journal);
    assert_eq!(open(&folder).reader().checkpoint().unwrap(), Some((5, b"five".to_vec())));
}

#[test]
fn a_checkpoint_ahead_of_the_log_is_none() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=5).unwrap();
    journal.write_checkpoint(9, b"nine").unwrap();
    assert_eq!(journal.reader().checkpoint().unwrap(), None);
}

#[test]
fn rolled_grows_with_every_segment() {
    let folder = folder();
    let journal = open(&folder);
    let before = journal.rolled();
    (1..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    assert!(journal.rolled() > before);
    assert_eq!(journal.rolled(), journal.health().segments as u64);
}
