//! What was read before: parsing a number takes microseconds, and the same parties call again and again.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Entries of a generation. Two of them with 48 bytes an entry are a megabyte and a half.
pub const GENERATION: usize = 16 * 1024;
/// Symbols of a number that fit into a key, at most.
pub const MAX_SYMBOLS: usize = 31;

/// A number of digits and plus signs, four bits each behind a 1, so that no two numbers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packed(u128);

impl Packed {
    /// `None` when there are more than [`MAX_SYMBOLS`], or others.
    pub fn of(number: &str) -> Option<Self> {
        if number.len() > MAX_SYMBOLS {
            return None;
        }
        let pack = |packed: u128, byte: u8| match byte {
            b'0'..=b'9' => Some(packed << 4 | u128::from(byte - b'0')),
            b'+' => Some(packed << 4 | 0xa),
            _ => None,
        };
        number.bytes().try_fold(1, pack).map(Self)
    }
}

/// A bounded memory that forgets what was not asked for lately: when the young generation is full it becomes the old one, and the
/// former old one goes.
#[derive(Debug)]
pub struct Cache<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    generation: usize,
}

impl<K: Copy + Eq + Hash, V: Copy> Cache<K, V> {
    /// A memory of at most twice so many entries.
    pub fn new(generation: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), generation }
    }

    /// What is remembered.
    pub fn get(&mut self, key: K) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(*value);
        }
        let value = self.old.get(&key).copied()?;
        self.insert(key, value);
        Some(value)
    }

    /// Remembers.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_numbers_are_different_keys() {
        let numbers = ["", "0", "00", "+", "+0", "0+", "1", "10", "01", "1234567890123456789012345678901"];
        let keys: std::collections::HashSet<Packed> = numbers.iter().map(|n| Packed::of(n).unwrap()).collect();
        assert_eq!(keys.len(), numbers.len());
    }

    #[test]
    fn what_is_no_number_or_too_long_is_no_key() {
        for number in ["12 34", "*21#", "a@b", "12345678901234567890123456789012", "１２"] {
            assert_eq!(Packed::of(number), None, "{number}");
        }
    }

    #[test]
    fn it_keeps_what_is_used_and_stays_bounded() {
        let mut cache = Cache::new(10);
        cache.insert(0, 0);
        for key in 1..1000 {
            cache.insert(key, key);
            assert_eq!(cache.get(0), Some(0));
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(500), None);
    }
}
