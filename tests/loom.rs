//! Every interleaving of a writer and readers of a slot, tried by loom: a reader never sees half a write.
//!
//! The very file that the gateway uses is compiled here against loom's atomics.

#![allow(clippy::expect_used)] // in tests they are assertions
#![allow(missing_docs)] // a test is named for what it shows

/// What the slot is built of: loom's.
mod sync {
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};

    /// Lets the other thread go on, so that loom need not try endless spinning.
    pub fn spin() {
        loom::thread::yield_now();
    }
}

#[path = "../src/state/slot.rs"]
mod slot;

use loom::sync::Arc;
use slot::{Slot, WORDS};

/// A state whose words belong together.
fn whole(n: u64) -> [u64; WORDS] {
    std::array::from_fn(|word| n * 100 + word as u64)
}

fn assert_whole(words: [u64; WORDS]) {
    assert_eq!(words, if words == [0; WORDS] { [0; WORDS] } else { whole(words[0] / 100) });
}

/// How deep loom goes: more preemptions take far longer, see `tests/soak`.
fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(std::env::var("LOOM_MAX_PREEMPTIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(2));
    builder.check(test);
}

#[test]
fn a_reader_never_sees_half_a_write() {
    model(|| {
        let slot = Arc::new(Slot::default());
        let writer = {
            let slot = Arc::clone(&slot);
            loom::thread::spawn(move || slot.write(whole(1)))
        };
        assert_whole(slot.read());
        writer.join().expect("the writer ends");
        assert_eq!(slot.read(), whole(1));
    });
}

#[test]
fn a_reader_never_goes_back_in_time() {
    model(|| {
        let slot = Arc::new(Slot::default());
        let writer = {
            let slot = Arc::clone(&slot);
            loom::thread::spawn(move || {
                slot.write(whole(1));
                slot.write(whole(2));
            })
        };
        let (first, second) = (slot.read(), slot.read());
        assert_whole(first);
        assert_whole(second);
        assert!(second[0] >= first[0]);
        writer.join().expect("the writer ends");
    });
}
