//! Bytes on the disk: names of files, the head of a segment, a record.
//!
//! | file | what |
//! | --- | --- |
//! | `format` | the version of all this, and the log's number |
//! | `lock` | held by the process that writes; its number |
//! | `<first place, 20 digits>-<epoch, 16 hex>.log` | a segment |
//! | the same with `.idx` | where in it what is found; can be made anew from the segment |
//! | `checkpoint` | what the gateway wants back after a crash |
//! | `cursors/<name>` | durable cursors |
//! | `cursors/+<name>` | the same, newer and not synced (`note`) |
//!
//! Numbers are little-endian. A segment is its head and records, one behind the other:
//!
//! | bytes | of a record |
//! | --- | --- |
//! | 4 | length of what follows the checksum |
//! | 4 | CRC-32 of that |
//! | 8 | place |
//! | 8 | time, microseconds since 1970 |
//! | 4 | length of the keys; all ones: the record was erased, and the rest is zeros |
//! | … | keys as [`Keys`](super::Keys) writes them, then the event |

use std::path::{Path, PathBuf};

use super::{Keys, Sequence};

/// The version of the format. A log of a higher one is refused.
pub(super) const VERSION: u32 = 1;
/// The length of a segment's head.
pub(super) const HEAD: usize = 64;
/// What stands before a record's checked bytes.
pub(super) const PREFIX: usize = 8;
/// The checked bytes of a record without keys and event.
const FIXED: usize = 20;
/// The most that the checked bytes of a record can be.
pub(super) const LARGEST: usize = 32 << 20;
const MAGIC: [u8; 8] = *b"callcast";
const ERASED: u32 = u32::MAX;

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub version: u32,
    pub journal: u32,
    pub epoch: u64,
    pub first: Sequence,
}

impl Head {
    pub fn encode(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let fields = MAGIC.into_iter().chain(self.version.to_le_bytes()).chain(self.journal.to_le_bytes());
        let fields = fields.chain(self.epoch.to_le_bytes()).chain(self.first.to_le_bytes());
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let (checked, crc) = bytes.split_at_mut(HEAD - 4);
        crc.copy_from_slice(&crc32fast::hash(checked).to_le_bytes());
        bytes
    }

    /// None when these are not the bytes of a head.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (checked, crc) = bytes.get(..HEAD)?.split_at_checked(HEAD - 4)?;
        let head =
            Self { version: u32_at(checked, 8)?, journal: u32_at(checked, 12)?, epoch: u64_at(checked, 16)?, first: u64_at(checked, 24)? };
        (checked.starts_with(&MAGIC) && u32_at(crc, 0)? == crc32fast::hash(checked)).then_some(head)
    }
}

/// A record as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub sequence: Sequence,
    pub time: u64,
    pub keys: &'a [u8],
    pub event: &'a [u8],
    /// With prefix.
    pub length: usize,
}

impl<'a> Raw<'a> {
    /// The record at the beginning of these bytes; none when they hold no whole and sound one.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let length = Self::length(bytes)?;
        let checked = bytes.get(PREFIX..length)?;
        (crc32fast::hash(checked) == u32_at(bytes, 4)?).then_some(())?;
        let (sequence, time, keys) = (u64_at(checked, 0)?, u64_at(checked, 8)?, u32_at(checked, 16)?);
        let rest = checked.get(FIXED..)?;
        let (keys, event) = if keys == ERASED { Default::default() } else { rest.split_at_checked(keys as usize)? };
        Some(Self { sequence, time, keys, event, length })
    }

    /// The length of the record that may begin here; none when it is impossible.
    pub fn length(bytes: &[u8]) -> Option<usize> {
        let length = u32_at(bytes, 0)? as usize;
        (FIXED..=LARGEST).contains(&length).then_some(PREFIX + length)
    }

    /// Appends a record; false when it is too large.
    pub fn encode(out: &mut Vec<u8>, sequence: Sequence, time: u64, keys: &[u8], event: &[u8]) -> bool {
        let length = FIXED + keys.len() + event.len();
        if length > LARGEST {
            return false;
        }
        let start = out.len();
        out.reserve(PREFIX + length);
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&sequence.to_le_bytes());
        out.extend_from_slice(&time.to_le_bytes());
        out.extend_from_slice(&(keys.len() as u32).to_le_bytes());
        out.extend_from_slice(keys);
        out.extend_from_slice(event);
        seal(out, start);
        true
    }

    /// What takes its place when it is erased: as long as it was, so that no other record moves.
    pub fn tombstone(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.length);
        out.extend_from_slice(&((self.length - PREFIX) as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.time.to_le_bytes());
        out.extend_from_slice(&ERASED.to_le_bytes());
        out.resize(self.length, 0);
        seal(&mut out, 0);
        out
    }
}

/// Writes the checksum into the prefix.
fn seal(out: &mut [u8], start: usize) {
    let Some((prefix, checked)) = out.get_mut(start..).and_then(|record| record.split_at_mut_checked(PREFIX)) else { return };
    let crc = crc32fast::hash(checked).to_le_bytes();
    prefix.iter_mut().skip(4).zip(crc).for_each(|(to, from)| *to = from);
}

/// A segment's name.
pub(super) fn segment_name(first: Sequence, epoch: u64) -> String {
    format!("{first:020}-{epoch:016x}.log")
}

/// First place and epoch in the name of a segment.
pub(super) fn parse_segment_name(name: &str) -> Option<(Sequence, u64)> {
    let (first, epoch) = name.strip_suffix(".log")?.split_once('-')?;
    (first.len() == 20 && epoch.len() == 16).then_some(())?;
    Some((first.parse().ok()?, u64::from_str_radix(epoch, 16).ok()?))
}

/// The index beside a segment.
pub(super) fn index_path(segment: &Path) -> PathBuf {
    segment.with_extension("idx")
}

/// What a key is found by. On the disk for good: it never changes.
pub(super) fn hash(space: u8, text: &[u8]) -> u64 {
    let mut hash = mix(u64::from(space), text.len() as u64);
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let last = rest.iter().fold(0, |last, byte| (last << 8) | u64::from(*byte));
    mix(mix(hash, last), K)
}

/// Those of all keys as they are written.
pub(super) fn hashes(keys: &[u8]) -> impl Iterator<Item = u64> {
    Keys::parse(keys).map(|(space, text)| hash(space, text))
}

const K: u64 = 0x9E37_79B9_7F4A_7C15;

pub(super) fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(K);
    hash ^ (hash >> 32)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|eight| u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_its_bytes_and_no_bit_may_change() {
        let head = Head { version: VERSION, journal: 7, epoch: 1_795_420_000, first: 99 };
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Some(head));
        for bit in 0..HEAD * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn a_record_survives_its_bytes_and_no_bit_may_change() {
        let mut bytes = Vec::new();
        assert!(Raw::encode(&mut bytes, 5, 17, b"keys", b"event"));
        let expected = Raw { sequence: 5, time: 17, keys: b"keys", event: b"event", length: bytes.len() };
        assert_eq!(Raw::decode(&bytes), Some(expected));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Raw::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(Raw::decode(&[0; 100]), None);
    }

    #[test]
    fn a_tombstone_is_as_long_as_the_record_and_holds_only_place_and_time() {
        let mut bytes = Vec::new();
        Raw::encode(&mut bytes, 5, 17, b"keys", b"event");
        let record = Raw::decode(&bytes).unwrap();
        let tombstone = record.tombstone();
        assert_eq!(Raw::decode(&tombstone), Some(Raw { keys: b"", event: b"", ..record }));
        assert!(tombstone.iter().skip(PREFIX + FIXED).all(|byte| *byte == 0));
    }

    #[test]
    fn a_segments_name_tells_its_first_place_and_epoch() {
        assert_eq!(parse_segment_name(&segment_name(12, 0xABC)), Some((12, 0xABC)));
        for name in ["lock", "00000000000000000012-abc.log", "1-0000000000000abc.log", "0000000000000000001x-0000000000000abc.log"] {
            assert_eq!(parse_segment_name(name), None, "{name}");
        }
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(1, b"SEP001122334455"), 307_052_508_318_441_840);
    }
}
