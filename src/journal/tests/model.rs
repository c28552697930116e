//! The log does what a list of events would, whatever is done to it.

use std::fs;

use proptest::prelude::*;

use super::super::*;
use super::support::*;

#[derive(Clone, Debug)]
enum Step {
    /// So many events, after skipping some places.
    Append { skip: u64, events: u64 },
    /// Closed and opened again.
    Reopen,
    /// The machine stops: no index of what was written last, and only so much of its bytes.
    Crash { kept: f64 },
    /// All indexes are lost.
    LoseIndexes,
    /// What is left of so many bytes stays.
    Trim { bytes: u64 },
    /// Every so many events are erased.
    Erase { every: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![3 => Just(0), 1 => 0..20u64], 1..30u64).prop_map(|(skip, events)| Step::Append { skip, events }),
        1 => Just(Step::Reopen),
        2 => (0.0..1.0).prop_map(|kept| Step::Crash { kept }),
        1 => Just(Step::LoseIndexes),
        1 => (2000..40_000u64).prop_map(|bytes| Step::Trim { bytes }),
        1 => (2..9u64).prop_map(|every| Step::Erase { every }),
    ]
}

struct Every(u64);

impl Matcher for Every {
    fn matches(&self, entry: &Entry) -> bool {
        entry.sequence.is_multiple_of(self.0)
    }

    fn mentioned_in(&self, _: &[u8]) -> bool {
        false
    }
}

/// What should be there: places, and whether they were erased.
type Model = Vec<(Sequence, bool)>;

fn open_with(folder: &tempfile::TempDir, max_bytes: u64) -> Journal {
    Journal::open(Options { max_bytes, sync: SyncMode::Never, ..options(folder) }).unwrap()
}

/// How much of the segment that is written survives, and what.
fn crash(journal: Journal, model: &mut Model, kept: f64) {
    let (path, first) = {
        let segments = journal.reader().0.segments.load_full();
        let segment = segments.last().unwrap();
        (segment.path.clone(), segment.first)
    };
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let cut = 64 + ((bytes.len() - 64) as f64 * kept) as usize;
    fs::write(&path, &bytes[..cut]).unwrap();
    fs::remove_file(path.with_extension("idx")).unwrap();
    let mut end = 64;
    model.retain(|(sequence, _)| {
        if *sequence >= first {
            end += 28 + keys(*sequence).as_bytes().len() + event(*sequence).len();
        }
        *sequence < first || end <= cut
    });
}

fn check(journal: &Journal, model: &Model) {
    let reader = journal.reader();
    let Range { oldest, next } = reader.range();
    let kept = |n: &Sequence| (oldest..next).contains(n);
    let page = reader.read(&Selection::Everything, oldest, Sequence::MAX, ALL).unwrap();
    let found: Model = page.entries.iter().map(|entry| (entry.sequence, entry.event.is_empty())).collect();
    assert_eq!(&found, model);
    assert!(page.entries.iter().all(|entry| entry.event.is_empty() || entry.event == event(entry.sequence)));
    for wanted in 0..5 {
        let is = |n: &Sequence| n % 5 == wanted || n / 4 == oldest / 4 + wanted;
        let expected: Vec<Sequence> = model.iter().filter(|(n, erased)| is(n) && kept(n) && !erased).map(|(n, _)| *n).collect();
        let selection = Selection::Any(vec![device(wanted), Key::new(CALL, (oldest / 4 + wanted).to_be_bytes())]);
        assert_eq!(places(&reader.read(&selection, oldest, Sequence::MAX, ALL).unwrap()), expected);
        let mut back = places(&reader.read_back(&selection, Sequence::MAX, ALL).unwrap());
        back.reverse();
        assert_eq!(back, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_a_list_would(steps in prop::collection::vec(step(), 1..25)) {
        let folder = folder();
        let mut journal = open_with(&folder, u64::MAX);
        let mut model = Model::new();
        let mut epoch = journal.reader().epoch();
        for step in steps {
            let mut opened = true;
            match step {
                Step::Append { skip, events } => {
                    let first = journal.reader().range().next + skip;
                    append(&journal, first..first + events).unwrap();
                    model.extend((first..first + events).map(|n| (n, false)));
                    opened = false;
                }
                Step::Reopen => {
                    drop(journal);
                    journal = open_with(&folder, u64::MAX);
                }
                Step::Crash { kept } => {
                    crash(journal, &mut model, kept);
                    journal = open_with(&folder, u64::MAX);
                }
                Step::LoseIndexes => {
                    drop(journal);
                    remove_indexes(&folder);
                    journal = open_with(&folder, u64::MAX);
                }
                Step::Trim { bytes } => {
                    drop(journal);
                    journal = open_with(&folder, bytes);
                    journal.retain(Timestamp(0));
                    // The thread behind it would trim again, at any time.
                    drop(journal);
                    journal = open_with(&folder, u64::MAX);
                    let oldest = journal.reader().range().oldest;
                    model.retain(|(n, _)| *n >= oldest);
                }
                Step::Erase { every } => {
                    journal.erase(&Every(every), false).unwrap();
                    model.iter_mut().filter(|(n, _)| n % every == 0).for_each(|(_, erased)| *erased = true);
                    opened = false;
                }
            }
            prop_assert!(!opened || journal.reader().epoch() > epoch);
            epoch = journal.reader().epoch();
            check(&journal, &model);
        }
    }
}
