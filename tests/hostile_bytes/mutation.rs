//! What can be done to the bytes of a message.

use callcast::ctiqbe::{HEADER, MAGIC, VERSION_12_5};
use proptest::prelude::*;
use proptest::sample::Index;

/// Numbers at which lengths, counts and offsets go wrong.
const EDGES: [u32; 12] =
    [0, 1, 2, 3, 4, HEADER as u32 - 1, HEADER as u32, 0x00FF_FFFF, i32::MAX as u32, i32::MAX as u32 + 1, u32::MAX - 3, u32::MAX];

/// One change of a message.
#[derive(Clone, Debug)]
pub enum Mutation {
    Flip(Index, u8),
    Insert(Index, u8),
    Delete(Index),
    Truncate(Index),
    /// A length, offset or count that lies: fields are words, one after the other.
    Word(Index, u32),
    /// A word that is as long as, or points near, something in the frame.
    NearLength(Index, i8),
}

impl Mutation {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Self::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Self::Delete(at) => {
                bytes.remove(at.index(length));
            }
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::Word(at, value) => set_word(bytes, at.index(length) / 4, *value),
            Self::NearLength(at, off) => set_word(bytes, at.index(length) / 4, (length as u32).wrapping_add_signed((*off).into())),
        }
    }
}

/// Any number, most often one at which something goes wrong.
pub fn word() -> impl Strategy<Value = u32> {
    prop_oneof![3 => proptest::sample::select(&EDGES), 2 => 0_u32..400, 1 => any::<u32>()]
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), 1_u8..).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        at().prop_map(Mutation::Delete),
        at().prop_map(Mutation::Truncate),
        (at(), word()).prop_map(|(at, value)| Mutation::Word(at, value)),
        (at(), any::<i8>()).prop_map(|(at, off)| Mutation::NearLength(at, off)),
    ]
}

/// The header of a message without fields.
pub fn header(id: u32) -> Vec<u8> {
    let words = [HEADER as u32 - 8, 0, MAGIC, VERSION_12_5, id, HEADER as u32, 0, 0];
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Makes the header's lengths true again, so that what is wrong is found behind it. The fixed part stays as long as it can.
pub fn set_header(bytes: &mut [u8]) {
    let Some(fields) = bytes.len().checked_sub(HEADER) else { return };
    let claimed = u32::from_le_bytes(bytes[24..28].try_into().unwrap()) as usize;
    let fixed = if claimed == 0 { fields } else { claimed.min(fields) };
    for (at, value) in [(0, bytes.len() - 8), (5, HEADER), (6, fixed), (7, fields - fixed)] {
        set_word(bytes, at, value as u32);
    }
    set_word(bytes, 2, MAGIC);
}

/// Sets the word of this number, when the message is that long.
fn set_word(bytes: &mut [u8], number: usize, value: u32) {
    if let Some(slot) = bytes.get_mut(number * 4..number * 4 + 4) {
        slot.copy_from_slice(&value.to_le_bytes());
    }
}
