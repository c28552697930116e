//! Erasing.

use super::super::*;
use super::support::*;

/// Matches events by their places, and a checkpoint by a word.
struct Of(Vec<Sequence>);

impl Matcher for Of {
    fn matches(&self, entry: &Entry) -> bool {
        self.0.contains(&entry.sequence)
    }

    fn mentioned_in(&self, checkpoint: &[u8]) -> bool {
        checkpoint == b"named"
    }
}

fn check(journal: &Journal, gone: &[Sequence], last: Sequence) {
    let page = journal.reader().read(&Selection::Everything, 1, Sequence::MAX, ALL).unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    for entry in page.entries {
        if gone.contains(&entry.sequence) {
            assert!(entry.event.is_empty() && entry.keys == Keys::default(), "{entry:?}");
            assert_eq!(entry.time, time(entry.sequence));
        } else {
            assert_eq!(entry.event, event(entry.sequence));
        }
    }
    let found = journal.reader().read(&Selection::Any(vec![device(2)]), 1, Sequence::MAX, ALL).unwrap();
    assert_eq!(places(&found), (1..=last).filter(|n| n % 5 == 2 && !gone.contains(n)).collect::<Vec<_>>());
}

#[test]
fn what_matches_is_empty_at_its_place_and_found_by_no_key() {
    let folder = folder();
    let journal = open(&folder);
    (1..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    let gone = [2, 7, 50, 97, 100];
    let counted = journal.erase(&Of(gone.into()), true).unwrap();
    check(&journal, &[], 100);
    let erased = journal.erase(&Of(gone.into()), false).unwrap();
    assert_eq!((erased, erased.looked_at, erased.events), (counted, 100, 5));
    check(&journal, &gone, 100);
    append(&journal, 101..=110).unwrap();
    check(&journal, &gone, 110);
    drop(journal);
    remove_indexes(&folder);
    check(&open(&folder), &gone, 110);
}

#[test]
fn no_byte_of_it_is_left_in_the_folder() {
    let folder = folder();
    let journal = open(&folder);
    (1..=100).for_each(|sequence| append(&journal, [sequence]).unwrap());
    journal.erase(&Of(vec![50]), false).unwrap();
    for path in files(&folder, "log") {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(13).any(|window| window == b"\"sequence\":50"), "{}", path.display());
    }
    assert!(files(&folder, "tmp").is_empty());
}

#[test]
fn what_was_not_finished_goes_too() {
    let folder = folder();
    append(&open(&folder), 1..=10).unwrap();
    remove_indexes(&folder);
    let path = files(&folder, "log").remove(0);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&bytes[..], b"half a record that names somebody"].concat()).unwrap();
    open(&folder).erase(&Of(vec![]), false).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(all(open(&folder).reader()), (1..=10).collect::<Vec<_>>());
}

#[test]
fn what_is_erased_is_erased_once() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=10).unwrap();
    assert_eq!(journal.erase(&Of(vec![3]), false).unwrap().events, 1);
    assert_eq!(journal.erase(&Of(vec![3]), false).unwrap().events, 0);
}

#[test]
fn a_checkpoint_that_names_it_goes() {
    let folder = folder();
    let journal = open(&folder);
    append(&journal, 1..=10).unwrap();
    journal.write_checkpoint(10, b"other").unwrap();
    assert!(!journal.erase(&Of(vec![]), false).unwrap().checkpoint);
    assert!(journal.reader().checkpoint().unwrap().is_some());
    journal.write_checkpoint(10, b"named").unwrap();
    assert!(journal.erase(&Of(vec![]), false).unwrap().checkpoint);
    assert_eq!(journal.reader().checkpoint().unwrap(), None);
}

#[test]
fn readers_and_writer_go_on_meanwhile() {
    let folder = folder();
    let journal = open(&folder);
    (1..=200).for_each(|sequence| append(&journal, [sequence]).unwrap());
    let gone: Vec<Sequence> = (1..=200).filter(|n| n % 3 == 0).collect();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..50 {
                let page = journal.reader().read(&Selection::Everything, 1, 201, ALL).unwrap();
                assert_eq!(page.entries.len(), 200);
                assert!(page.entries.iter().all(|entry| entry.event.is_empty() || entry.event == event(entry.sequence)));
            }
        });
        scope.spawn(|| (201..=300).for_each(|sequence| append(&journal, [sequence]).unwrap()));
        journal.erase(&Of(gone.clone()), false).unwrap();
        reading.join().unwrap();
    });
    check(&journal, &gone, 300);
}
