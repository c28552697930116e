//! Records are there, in order, through restarts, crashes, full disks and retention.

use std::fs;
use std::io::Write as _;

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::journal::Sequence;
use crate::sinks::webhook::{Attempt, DeadLetter, Death, Outcome};

const NOW: Timestamp = Timestamp(1_795_421_700_000_000);
const COMMON: Common = Common { keep_attempts_hours: 72, keep_attempts_mib: 64, keep_dead_hours: 168, keep_dead_mib: 256 };

fn opened(folder: &Path) -> Records {
    Records::open(folder, &COMMON, Metrics::new().unwrap()).unwrap()
}

fn attempt(sequence: Sequence, outcome: Outcome) -> Attempt {
    let at = Timestamp(NOW.0 + sequence);
    Attempt { at, epoch: 1, sequence, number: 1, status: 503, fault: None, outcome, took: Duration::from_millis(3) }
}

fn letter(sequence: Sequence) -> DeadLetter {
    DeadLetter { at: Timestamp(NOW.0 + sequence), epoch: 1, sequence, death: Death::Deadline, status: 503, attempts: 4 }
}

fn later(hours: u64) -> Timestamp {
    Timestamp(NOW.0 + hours * 3_600_000_000)
}

/// The places of the events of all pages of this many.
fn all(crm: &EndpointRecords, wanted: Wanted, limit: usize) -> Vec<Sequence> {
    let (mut places, mut before) = (Vec::new(), None);
    loop {
        let page = crm.attempts(wanted, before, limit, NOW).unwrap();
        assert!(page.items.len() <= limit);
        places.extend(page.items.iter().map(|attempt| attempt.sequence));
        match page.next {
            Some(next) => before = Some(next),
            None => return places,
        }
    }
}

fn dead(crm: &EndpointRecords) -> Vec<DeadLetter> {
    crm.dead_letters(None, 1000, NOW).unwrap().items.into_iter().map(|listed| listed.letter).collect()
}

#[test]
fn attempts_come_back_the_newest_first_page_by_page_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    (1..=2500).for_each(|sequence| crm.attempt(attempt(sequence, Outcome::Delivered)));
    let expected: Vec<Sequence> = (1..=2500).rev().collect();
    assert_eq!(all(&crm, Wanted::default(), 999), expected);
    drop((crm, records));

    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    crm.attempt(attempt(2501, Outcome::Delivered));
    assert_eq!(all(&crm, Wanted::default(), 100), (1..=2501).rev().collect::<Vec<_>>());
    assert_eq!(crm.attempts(Wanted::default(), None, 1, NOW).unwrap().items, [attempt(2501, Outcome::Delivered)]);
}

#[test]
fn attempts_are_found_by_event_and_by_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    for (sequence, outcome) in [(1, Outcome::Retry), (2, Outcome::Delivered), (1, Outcome::Retry), (1, Outcome::Dead)] {
        crm.attempt(attempt(sequence, outcome));
    }
    let of = |event, outcome| all(&crm, Wanted { event, outcome }, 10);
    assert_eq!(of(Some((1, 1)), None), [1, 1, 1]);
    assert_eq!(of(Some((2, 1)), None), [] as [Sequence; 0], "another epoch is another event");
    assert_eq!(of(None, Some(Outcome::Delivered)), [2]);
    assert_eq!(of(Some((1, 1)), Some(Outcome::Dead)), [1]);
    crm.dead(letter(1));
    let known = crm.of_event((1, 1), 2, NOW).unwrap();
    assert_eq!((known.attempts.len(), known.dead.unwrap().letter), (2, letter(1)));
    assert_eq!(crm.of_event((1, 3), 2, NOW).unwrap(), OfEvent::default());
}

#[test]
fn a_dead_letter_says_when_it_was_sent_once_more_until_it_dies_again() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    crm.dead(letter(1));
    crm.dead(letter(2));
    crm.redelivered(Timestamp(NOW.0 + 10), &[(1, 1)]);
    let redelivered =
        || -> Vec<Option<Timestamp>> { crm.dead_letters(None, 10, NOW).unwrap().items.iter().map(|listed| listed.redelivered).collect() };
    assert_eq!(redelivered(), [None, Some(Timestamp(NOW.0 + 10))]);
    crm.dead(DeadLetter { at: Timestamp(NOW.0 + 20), ..letter(1) });
    assert_eq!(redelivered(), [None, None, Some(Timestamp(NOW.0 + 10))]);
}

#[test]
fn those_that_nobody_had_sent_once_more_are_told_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    [4, 2, 1, 3, 2].into_iter().for_each(|sequence| crm.dead(letter(sequence)));
    crm.redelivered(later(1), &[(1, 3)]);
    let left = |most| crm.not_redelivered(most, later(1)).unwrap();
    assert_eq!(left(3), (vec![(1, 1), (1, 2), (1, 4)], false));
    assert_eq!(left(2), (vec![(1, 1), (1, 2)], true));
}

#[test]
fn what_was_not_written_to_its_end_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    (1..=3).for_each(|sequence| crm.dead(letter(sequence)));
    crm.flush();
    drop((crm, records));
    let file = folder.path().join("webhooks/crm/dead-00000001");
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(&[7; 55]).unwrap();
    fs::write(folder.path().join("webhooks/crm/dead-00000002"), [1; 3]).unwrap();

    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    crm.dead(letter(4));
    assert_eq!(dead(&crm), [4, 3, 2, 1].map(letter));
}

#[test]
fn a_file_of_a_newer_version_or_of_somebody_else_is_refused_with_what_to_do() {
    for (bytes, cure) in [(b"ccwebhk\0\x02\0\0\0".as_slice(), "run the newer version"), (b"something else".as_slice(), "move it out")] {
        let folder = tempfile::tempdir().unwrap();
        let crm = folder.path().join("webhooks/crm");
        fs::create_dir_all(&crm).unwrap();
        let mut file = bytes.to_vec();
        file.resize(80, 0);
        fs::write(crm.join("dead-00000001"), file).unwrap();
        let error = Records::open(folder.path(), &COMMON, Metrics::new().unwrap()).unwrap_err().to_string();
        assert!(error.contains(cure) && error.contains("dead-00000001"), "{error}");
    }
}

#[test]
fn what_is_too_old_is_not_shown_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    crm.attempt(attempt(1, Outcome::Retry));
    crm.dead(letter(1));
    let shown =
        |now| (crm.attempts(Wanted::default(), None, 9, now).unwrap().items.len(), crm.dead_letters(None, 9, now).unwrap().items.len());
    assert_eq!((shown(later(71)), shown(later(73)), shown(later(169))), ((1, 1), (0, 1), (0, 0)));
    crm.retain(later(73));
    assert_eq!(fs::read_dir(&crm.folder).unwrap().count(), 1);
    crm.retain(later(169));
    assert!(!crm.folder.exists(), "a folder without files goes too");
    crm.attempt(Attempt { at: later(170), ..attempt(2, Outcome::Retry) });
    assert_eq!(shown(later(170)), (1, 0), "and comes again");
}

#[test]
fn attempts_are_kept_to_a_size_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let common = Common { keep_attempts_mib: 1, ..COMMON };
    let records = Records::open(folder.path(), &common, Metrics::new().unwrap()).unwrap();
    let crm = records.endpoint("crm").unwrap();
    for sequence in 1..=60_000 {
        crm.attempt(attempt(sequence, Outcome::Retry));
        if sequence % 1000 == 0 {
            crm.flush();
        }
    }
    let places = all(&crm, Wanted::default(), 1000);
    let bytes: u64 = fs::read_dir(&crm.folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!((1 << 19..(1 << 20) + (1 << 18)).contains(&bytes), "{bytes}");
    assert_eq!(places, (60_001 - places.len() as u64..=60_000).rev().collect::<Vec<_>>());
}

#[test]
fn a_page_goes_on_where_it_was_although_more_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let crm = records.endpoint("crm").unwrap();
    (1..=4).for_each(|sequence| crm.attempt(attempt(sequence, Outcome::Retry)));
    let first = crm.attempts(Wanted::default(), None, 2, NOW).unwrap();
    crm.attempt(attempt(5, Outcome::Retry));
    let second = crm.attempts(Wanted::default(), first.next, 2, NOW).unwrap();
    let places = |page: &Page<Attempt>| page.items.iter().map(|attempt| attempt.sequence).collect::<Vec<_>>();
    assert_eq!((places(&first), places(&second), second.next), (vec![4, 3], vec![2, 1], None));
}

#[test]
fn a_removed_endpoint_has_no_records_and_nor_has_the_next_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    let old = records.endpoint("crm").unwrap();
    old.attempt(attempt(1, Outcome::Retry));
    old.flush();
    records.remove("crm");
    old.attempt(attempt(2, Outcome::Retry));
    old.flush();
    assert!(!old.folder.exists());
    assert!(all(&records.endpoint("crm").unwrap(), Wanted::default(), 10).is_empty());
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    for name in ["", ".", "..", "../x", "a/b", "A", "-a", "é"] {
        assert!(matches!(records.endpoint(name), Err(RecordsError::Name(_))), "{name}");
    }
}

#[test]
fn the_thread_writes_what_waits_and_all_that_is_left_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let records = opened(folder.path());
    records.endpoint("crm").unwrap().dead(letter(1));
    let file = folder.path().join("webhooks/crm/dead-00000001");
    let began = Instant::now();
    while fs::metadata(&file).map_or(0, |file| file.len()) < 80 {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing was written");
        std::thread::sleep(Duration::from_millis(5));
    }
    records.endpoint("crm").unwrap().dead(letter(2));
    drop(records);
    assert_eq!(fs::metadata(&file).unwrap().len(), 120);
}

/// A disk that takes nothing while it is full.
#[derive(Debug, Default)]
struct Full(Arc<AtomicBool>);

impl Disk for Full {
    fn create(&self, path: &Path) -> io::Result<Box<dyn crate::journal::DiskFile>> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { RealDisk.create(path) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
}

#[test]
fn on_a_full_disk_attempts_are_given_up_and_counted_and_dead_letters_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (metrics, full) = (Metrics::new().unwrap(), Arc::new(AtomicBool::new(true)));
    let records = Records::open_on(folder.path(), &COMMON, Arc::clone(&metrics), Arc::new(Full(Arc::clone(&full)))).unwrap();
    let crm = records.endpoint("crm").unwrap();
    crm.attempt(attempt(1, Outcome::Dead));
    crm.dead(letter(1));
    crm.redelivered(NOW, &[(1, 1)]);
    assert!(!crm.flush());
    crm.dead(letter(2));
    full.store(false, Ordering::SeqCst);
    assert!(crm.flush());
    assert_eq!(dead(&crm), [letter(2), letter(1)]);
    assert!(all(&crm, Wanted::default(), 10).is_empty());
    assert!(metrics.text().unwrap().contains("callcast_webhook_unrecorded_total{webhook=\"crm\"} 1"));
}
