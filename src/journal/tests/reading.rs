//! Reading: pages, keys, both directions, cursors.

use super::super::format::{hash, mix};
use super::super::*;
use super::support::*;

fn limit(entries: usize) -> Limit {
    Limit { entries, ..ALL }
}

/// A log of several segments: two of this run, two of the run before.
fn journal(folder: &tempfile::TempDir) -> Journal {
    let first = open(folder);
    (1..=60).for_each(|sequence| append(&first, [sequence]).unwrap());
    drop(first);
    let journal = open(folder);
    (61..=120).for_each(|sequence| append(&journal, [sequence]).unwrap());
    assert!(journal.health().segments >= 6);
    journal
}

#[test]
fn pages_forwards_follow_each_other() {
    let folder = folder();
    let journal = journal(&folder);
    let (mut from, mut found) = (1, Vec::new());
    loop {
        let page = journal.reader().read(&Selection::Everything, from, 120, limit(7)).unwrap();
        found.extend(places(&page));
        from = page.next;
        if page.done {
            break;
        }
    }
    assert_eq!(found, (1..120).collect::<Vec<_>>());
    assert_eq!(from, 120);
}

#[test]
fn pages_backwards_follow_each_other() {
    let folder = folder();
    let journal = journal(&folder);
    let (mut before, mut found) = (120, Vec::new());
    loop {
        let page = journal.reader().read_back(&Selection::Everything, before, limit(7)).unwrap();
        found.extend(places(&page));
        before = page.next;
        if page.done {
            break;
        }
    }
    assert_eq!(found, (1..120).rev().collect::<Vec<_>>());
}

#[test]
fn a_page_ends_at_its_bytes_but_has_at_least_one_entry() {
    let folder = folder();
    let journal = journal(&folder);
    let read = |bytes| places(&journal.reader().read(&Selection::Everything, 1, 100, Limit { bytes, ..ALL }).unwrap());
    assert_eq!(read(0), [1]);
    assert_eq!(read(event(1).len() + 1), [1, 2]);
}

#[test]
fn several_keys_are_merged_in_order_and_each_entry_comes_once() {
    let folder = folder();
    let journal = journal(&folder);
    // Call 30 is events 120 to 123; call 15 is 60 to 63.
    let wanted = Selection::Any(vec![device(0), Key::new(CALL, 15u64.to_be_bytes()), device(3), device(9)]);
    let expected: Vec<u64> = (20..=120).filter(|n| n % 5 == 0 || n % 5 == 3 || n / 4 == 15).collect();
    for entries in [1, 2, 3, 50, 1000] {
        let (mut from, mut found) = (20, Vec::new());
        loop {
            let page = journal.reader().read(&wanted, from, Sequence::MAX, limit(entries)).unwrap();
            found.extend(places(&page));
            from = page.next;
            if page.done {
                break;
            }
        }
        assert_eq!(found, expected, "{entries} a page");
        let (mut before, mut found) = (121, Vec::new());
        loop {
            let page = journal.reader().read_back(&wanted, before, limit(entries)).unwrap();
            found.extend(places(&page));
            before = page.next;
            if page.done {
                break;
            }
        }
        found.retain(|n| *n >= 20);
        found.reverse();
        assert_eq!(found, expected, "{entries} a page, backwards");
    }
}

#[test]
fn more_keys_than_are_asked_for_at_once_are_merged_too() {
    let folder = folder();
    let journal = journal(&folder);
    let calls: Vec<Key> = (0..30u64).map(|call| Key::new(CALL, call.to_be_bytes())).collect();
    let page = journal.reader().read(&Selection::Any(calls), 1, Sequence::MAX, ALL).unwrap();
    assert_eq!(places(&page), (1..120).collect::<Vec<_>>());
}

#[test]
fn a_segment_of_thousands_is_read_to_its_end_while_it_is_written_and_afterwards() {
    let folder = folder();
    let large = || Journal::open(Options { segment_bytes: 64 << 20, ..options(&folder) }).unwrap();
    let check = |reader: &Reader| {
        let pages = [
            (Selection::Everything, (1..=3000).collect::<Vec<u64>>()),
            (Selection::Any(vec![device(2)]), (1..=3000).filter(|n| n % 5 == 2).collect()),
            (Selection::Any(vec![device(2), device(4), Key::new(CALL, 700u64.to_be_bytes())]), {
                (1..=3000).filter(|n| n % 5 == 2 || n % 5 == 4 || n / 4 == 700).collect()
            }),
        ];
        for (wanted, expected) in pages {
            assert_eq!(places(&reader.read(&wanted, 1, Sequence::MAX, ALL).unwrap()), expected);
            let back = places(&reader.read_back(&wanted, Sequence::MAX, ALL).unwrap());
            assert!(back.iter().rev().eq(&expected));
            let middle = reader.read(&wanted, 1234, 2345, ALL).unwrap();
            assert_eq!(places(&middle), expected.into_iter().filter(|n| (1234..2345).contains(n)).collect::<Vec<_>>());
        }
        assert!((1..=3000).step_by(97).all(|n| reader.get(n).unwrap().unwrap().event == event(n)));
        let calls =
            (4..=3000).step_by(40).map(|n| reader.previous(n, &Key::new(CALL, ((n - 4) / 4u64).to_be_bytes())).unwrap().unwrap().sequence);
        assert!(calls.eq((4..=3000).step_by(40).map(|n| n - 1)));
    };
    let journal = large();
    (0..30).for_each(|batch| append(&journal, batch * 100 + 1..=batch * 100 + 100).unwrap());
    check(journal.reader());
    drop(journal);
    assert_eq!(indexes(&folder).len(), 1);
    check(large().reader());
}

#[test]
fn the_way_back_leads_to_the_one_before_of_the_same_key() {
    let folder = folder();
    let journal = journal(&folder);
    let previous = |before, key: &Key| journal.reader().previous(before, key).unwrap().map(|entry| entry.sequence);
    assert_eq!(previous(118, &device(3)), Some(113));
    assert_eq!(previous(113, &device(3)), Some(108));
    assert_eq!(previous(3, &device(3)), None);
    assert_eq!(previous(200, &Key::new(CALL, 2u64.to_be_bytes())), Some(11), "over segments without it");
}

#[test]
fn a_key_with_the_hash_of_another_finds_nothing_of_it() {
    let folder = folder();
    let journal = open(&folder);
    // Texts of eight bytes go into the hash as one number: what the spaces make differ, they make even.
    let text = u64::from_le_bytes(*b"SEP00001");
    let twin = (text ^ mix(DEVICE.into(), 8) ^ mix(CALL.into(), 8)).to_le_bytes();
    assert_eq!(hash(CALL, &twin), hash(DEVICE, b"SEP00001"));
    let mut keys = Keys::default();
    keys.push(DEVICE, "SEP00001");
    let wanted = Selection::Any(vec![Key::new(CALL, twin)]);
    let found = |reader: &Reader, wanted: &Selection| reader.read(wanted, 1, 100, ALL).unwrap().entries.len();
    journal.append([Record { sequence: 1, time: time(1), keys: &keys, event: b"{}" }]).unwrap();
    assert_eq!(found(journal.reader(), &wanted), 0);
    drop(journal);
    let journal = open(&folder);
    assert_eq!(found(journal.reader(), &wanted), 0, "nor in the index beside the segment");
    assert_eq!(found(journal.reader(), &Selection::Any(vec![Key::new(DEVICE, "SEP00001")])), 1);
}

#[test]
fn an_entry_is_found_by_its_place() {
    let folder = folder();
    let journal = journal(&folder);
    assert_eq!(journal.reader().get(77).unwrap().unwrap().event, event(77));
    assert_eq!(journal.reader().get(121).unwrap(), None);
    assert_eq!(journal.reader().get(0).unwrap(), None);
}

#[test]
fn a_time_leads_to_the_first_entry_that_is_not_older() {
    let folder = folder();
    let journal = journal(&folder);
    let at = |time: Timestamp| journal.reader().at(time).unwrap();
    assert_eq!(at(Timestamp(0)), 1);
    assert_eq!(at(time(50)), 50);
    assert_eq!(at(Timestamp(time(50).0 + 1)), 51);
    assert_eq!(at(Timestamp(time(120).0 + 1)), 121);
}

#[test]
fn another_process_reads_what_is_there() {
    let folder = folder();
    let journal = journal(&folder);
    let reader = Reader::open(options(&folder).directory).unwrap();
    assert_eq!(all(&reader), (1..=120).collect::<Vec<_>>());
    assert_eq!((reader.id(), reader.epoch(), reader.range()), (journal.reader().id(), journal.reader().epoch(), journal.reader().range()));
    assert_eq!(reader.previous(118, &device(3)).unwrap().unwrap().sequence, 113);
}

#[test]
fn a_folder_without_a_log_is_none() {
    let error = Reader::open(folder().path()).unwrap_err().to_string();
    assert!(error.contains("there is no journal in"), "{error}");
}

#[test]
fn a_cursor_leads_to_the_event_after_it() {
    let folder = folder();
    let journal = journal(&folder);
    let reader = journal.reader();
    assert_eq!(reader.after(reader.cursor(100)).unwrap(), 101);
    assert_eq!(reader.after(reader.cursor(120)).unwrap(), 121);
    let epoch = reader.get(10).unwrap().unwrap().epoch;
    assert_eq!(reader.after(Cursor { epoch, ..reader.cursor(10) }).unwrap(), 11);
    assert_eq!(reader.after(Cursor { journal: 0, epoch, sequence: 10 }).unwrap(), 11, "the id of an event");
}

#[test]
fn a_cursor_past_what_survived_of_its_epoch_goes_on_with_the_next() {
    let folder = folder();
    let journal = journal(&folder);
    let epoch = journal.reader().get(10).unwrap().unwrap().epoch;
    assert_eq!(journal.reader().after(Cursor { epoch, ..journal.reader().cursor(75) }).unwrap(), 61);
}

#[test]
fn cursors_of_other_logs_and_other_times_are_refused() {
    let folder = folder();
    let journal = journal(&folder);
    let reader = journal.reader();
    let good = reader.cursor(100);
    assert!(matches!(reader.after(Cursor { journal: good.journal ^ 1, ..good }), Err(JournalError::Unknown)));
    assert!(matches!(reader.after(Cursor { epoch: good.epoch + 1, ..good }), Err(JournalError::Unknown)));
    assert!(matches!(reader.after(Cursor { epoch: 1, sequence: 500, ..good }), Err(JournalError::Unknown)));
    assert!(matches!(reader.after(Cursor { sequence: 121, ..good }), Err(JournalError::Future { newest: 120 })));
    assert!(matches!(reader.after(Cursor { sequence: u64::MAX, ..good }), Err(JournalError::Future { newest: 120 })));
}
