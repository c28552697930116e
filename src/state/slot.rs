//! One device's state, readable without locks while it is written.
//!
//! A sequence lock built of atomics alone: the version is odd while a write is under way; a reader copies the words and takes
//! them only when the version was even and the same before and after. There is one writer. Every word is an atomic, so that a
//! torn copy is merely thrown away, never undefined.
//!
//! `tests/loom.rs` compiles this very file against loom's atomics and tries every interleaving.

use super::sync::{AtomicU64, Ordering, fence, spin};

/// Words of state in a slot.
pub const WORDS: usize = 4;

/// A slot has a cache line of its own: it shares none with another that is written.
#[repr(align(64))]
#[derive(Debug)]
pub struct Slot {
    version: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Default for Slot {
    fn default() -> Self {
        Self { version: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl Slot {
    /// Replaces the state. Only the one writer may call it.
    #[inline]
    pub fn write(&self, words: [u64; WORDS]) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // No word may be seen before the odd version.
        fence(Ordering::Release);
        for (slot, word) in self.words.iter().zip(words) {
            slot.store(word, Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// A copy of the state as one write left it.
    #[inline]
    pub fn read(&self) -> [u64; WORDS] {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let words = std::array::from_fn(|i| self.words.get(i).map_or(0, |word| word.load(Ordering::Relaxed)));
            // No word may be read after the version is looked at again.
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                return words;
            }
            spin();
        }
    }
}
