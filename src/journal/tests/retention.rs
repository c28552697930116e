//! What goes, and what readers see of it.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use super::super::*;
use super::support::*;

#[test]
fn the_oldest_segments_go_when_the_whole_is_too_large() {
    let folder = folder();
    let journal = Journal::open(Options { max_bytes: 20_000, ..options(&folder) }).unwrap();
    (1..=300).for_each(|sequence| append(&journal, [sequence]).unwrap());
    journal.retain(time(300));
    let range = journal.reader().range();
    assert!(journal.health().bytes <= 20_000 && range.oldest > 100, "{range:?}");
    assert_eq!(all(journal.reader()), (range.oldest..301).collect::<Vec<_>>());
    assert_eq!(files(&folder, "log").len(), journal.health().segments);
    drop(journal);
    assert_eq!(open(&folder).reader().range(), range);
}

#[test]
fn what_is_too_old_goes_and_the_rest_stays() {
    let folder = folder();
    let journal = Journal::open(Options { max_age: Duration::from_secs(100), ..options(&folder) }).unwrap();
    (1..=300).for_each(|sequence| append(&journal, [sequence]).unwrap());
    journal.retain(time(300));
    let oldest = journal.reader().range().oldest;
    assert!((150..=200).contains(&oldest), "{oldest}: whole segments go, and none with an event that is not too old");
    journal.retain(time(1000));
    assert_eq!(journal.reader().range(), Range { oldest: 301, next: 301 }, "the one that was written was too old as well");
    append(&journal, 301..=302).unwrap();
    assert_eq!(all(journal.reader()), [301, 302]);
}

#[test]
fn a_reader_that_comes_too_late_is_told_from_where_on_it_can_read() {
    let folder = folder();
    let journal = Journal::open(Options { max_bytes: 20_000, ..options(&folder) }).unwrap();
    (1..=300).for_each(|sequence| append(&journal, [sequence]).unwrap());
    let early = journal.reader().cursor(1);
    journal.retain(time(300));
    let oldest = journal.reader().range().oldest;
    let trimmed = |error| matches!(error, JournalError::Trimmed { wanted: 2, oldest: from } if from == oldest);
    assert!(trimmed(journal.reader().after(early).unwrap_err()));
    assert!(trimmed(journal.reader().read(&Selection::Everything, 2, 100, ALL).unwrap_err()));
    assert_eq!(journal.reader().get(2).unwrap(), None);
    assert_eq!(journal.reader().previous(oldest, &device(1)).unwrap(), None);
}

#[test]
fn a_cursor_of_a_run_that_is_gone_is_trimmed() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=5).unwrap();
    let cursor = journal.reader().cursor(5);
    drop(journal);
    let journal = Journal::open(Options { max_bytes: 0, ..options(&folder) }).unwrap();
    append(&journal, 6..=10).unwrap();
    journal.retain(Timestamp(0));
    assert!(matches!(journal.reader().after(Cursor { sequence: 2, ..cursor }), Err(JournalError::Trimmed { wanted: 3, oldest: 6 })));
}

#[test]
fn readers_go_on_while_the_writer_rolls_and_trims() {
    let folder = folder();
    let journal = Journal::open(Options { max_bytes: 30_000, ..options(&folder) }).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for wanted in [Selection::Everything, Selection::Any(vec![device(1), device(2), Key::new(CALL, 7u64.to_be_bytes())])] {
            let (reader, done) = (journal.reader().clone(), &done);
            scope.spawn(move || {
                let mut from = 1;
                // At least one round after the last append.
                let mut last = false;
                while !last {
                    last = done.load(SeqCst);
                    match reader.read(&wanted, from, Sequence::MAX, Limit { entries: 20, bytes: usize::MAX }) {
                        Ok(page) => {
                            let found = places(&page);
                            assert!(found.is_sorted_by(|a, b| a < b) && found.iter().all(|n| *n >= from));
                            if wanted == Selection::Everything {
                                assert_eq!(found, (from..page.next).collect::<Vec<_>>());
                            }
                            from = page.next;
                        }
                        Err(JournalError::Trimmed { oldest, .. }) => from = from.max(oldest),
                        Err(error) => panic!("{error}"),
                    }
                    let _ = reader.read_back(&wanted, from, Limit { entries: 5, bytes: usize::MAX }).unwrap();
                }
            });
        }
        for batch in 0..500 {
            append(&journal, batch * 10 + 1..=batch * 10 + 10).unwrap();
            if batch % 5 == 0 {
                journal.retain(Timestamp(0));
            }
        }
        done.store(true, SeqCst);
    });
    assert_eq!(journal.reader().range().next, 5001);
}
