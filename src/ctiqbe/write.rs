//! Writing fields: the fixed part with a cursor, variable data behind it in the order of the fields.
//!
//! [`read`](super::read) has the table of types. Two habits of Cisco's client are kept, so that our bytes are its bytes:
//! the offset of an empty field is where its data would stand, and a structure's fixed part comes before its variable data.

use super::frame::{HEADER, MAGIC};
use super::read::Message;
use super::{Side, Text, Wide};

/// Appends the frame of `message` to `out`.
///
/// Integers are 32 bits on the wire: a message larger than 4 GiB cannot be written, and none of ours comes near it.
pub fn encode<'a, M: Message<'a>>(message: &M, version: u32, out: &mut Vec<u8>) {
    frame(M::ID, version, M::SIDE, M::FIXED, out, |w| message.write_fields(w));
}

/// Appends a frame whose fixed part is `fixed` bytes and is filled by `fields`.
pub(super) fn frame(id: u32, version: u32, side: Side, fixed: usize, out: &mut Vec<u8>, fields: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.resize(start + HEADER + fixed, 0);
    let mut writer = Writer { out, start, at: start + HEADER, side };
    fields(&mut writer);
    let length = writer.out.len() - start;
    writer.at = start;
    for word in [(length - 8) as u32, 0, MAGIC, version, id, HEADER as u32, fixed as u32, (length - HEADER - fixed) as u32] {
        writer.int(word as i32);
    }
}

/// A cursor over the fixed part of a message or structure that is being written.
#[derive(Debug)]
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
    /// Where the frame begins in `out`: offsets count from there.
    start: usize,
    at: usize,
    side: Side,
}

impl Writer<'_> {
    /// Where variable data would be appended, as an offset on the wire.
    #[inline]
    fn next_offset(&self) -> usize {
        self.out.len() - self.start
    }

    /// An `int`.
    #[inline]
    pub fn int(&mut self, value: i32) {
        // The fixed part was made long enough before its fields are written.
        if let Some(slot) = self.out.get_mut(self.at..self.at + 4) {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        self.at += 4;
    }

    /// A `boolean`.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        self.int(if value { -1 } else { 0 });
    }

    /// A `byte[]`.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.int(self.next_offset() as i32);
        self.int(bytes.len() as i32);
        self.out.extend_from_slice(bytes);
    }

    /// A `String`.
    #[inline]
    pub fn text(&mut self, text: Text<'_>) {
        if text.is_absent() {
            return self.bytes(&[]);
        }
        self.int(self.next_offset() as i32);
        self.int(text.as_bytes().len() as i32 + 1);
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(0);
    }

    /// A `UnicodeString`: with a final NUL from a server, without from a client.
    #[inline]
    pub fn wide(&mut self, text: Wide<'_>) {
        let offset = self.next_offset();
        self.out.extend(text.units().flat_map(u16::to_le_bytes));
        if self.side == Side::Server {
            self.out.extend_from_slice(&[0, 0]);
        }
        let length = self.next_offset() - offset;
        self.int(offset as i32);
        self.int(length as i32);
        self.int((length / 2) as i32);
        self.int(2);
    }

    /// A structure whose fixed part is `fixed` bytes.
    #[inline]
    pub fn structure(&mut self, fixed: usize, fields: impl FnOnce(&mut Self)) {
        let offset = self.next_offset();
        self.aside(fixed, fields);
        self.int(offset as i32);
        self.int((self.next_offset() - offset) as i32);
        self.int(fixed as i32);
    }

    /// An array of `count` elements with a fixed part of `size` bytes each.
    #[inline]
    pub fn array<T>(&mut self, count: usize, size: usize, elements: impl Iterator<Item = T>, mut element: impl FnMut(T, &mut Self)) {
        let offset = self.next_offset();
        self.aside(count * size, |w| elements.for_each(|e| element(e, w)));
        self.int(offset as i32);
        self.int((self.next_offset() - offset) as i32);
        self.int(count as i32);
        // Cisco's client names the size of an empty array only when its elements are `int`.
        let named = if count == 0 && size != 4 { 0 } else { size };
        self.int(named as i32);
    }

    /// Appends a fixed part of `length` bytes, fills it by `fields`, and comes back to where the cursor was.
    #[inline]
    fn aside(&mut self, length: usize, fields: impl FnOnce(&mut Self)) {
        let back = std::mem::replace(&mut self.at, self.out.len());
        self.out.resize(self.out.len() + length, 0);
        fields(self);
        self.at = back;
    }
}
