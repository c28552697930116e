//! Reading fields, borrowed from the frame and without allocation.
//!
//! | type | in the fixed part |
//! | --- | --- |
//! | `int` | 4 bytes, signed |
//! | `boolean` | 4 bytes: 0 or `0xFFFFFFFF` |
//! | `String`, `byte[]` | 8: offset, length. A string's length counts its final NUL; length 0 is no string |
//! | `UnicodeString` | 16: offset, length in bytes, count of characters, 2. **Of length 0 from a server: only 8** |
//! | a structure | 12: offset, length with all variable data, size of its fixed part |
//! | an array | 16: offset, length with all variable data, count, size of one element's fixed part |
//!
//! A fixed part that ends early leaves the missing fields 0 or empty; one that is longer is skipped.
//! The trap of the short `UnicodeString` is Cisco's client's: its reader takes 8 bytes where its own writer writes 16,
//! and the header's lengths cannot tell which. So it goes by direction.

use std::marker::PhantomData;

use super::write::Writer;
use super::{DecodeError, Side, Text, Wide};

/// A cursor over the fixed part of a message or structure.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    frame: &'a [u8],
    at: usize,
    end: usize,
    side: Side,
}

impl<'a> Reader<'a> {
    /// A reader of the bytes `at..end` of `frame`; an `end` beyond the frame is the frame's end.
    #[inline]
    pub(super) fn new(frame: &'a [u8], at: usize, end: usize, side: Side) -> Self {
        Self { frame, at, end: end.min(frame.len()), side }
    }

    /// The next four bytes, or `None` at the end of the part, which means "missing, take the default".
    #[inline]
    fn word(&mut self) -> Result<Option<u32>, DecodeError> {
        let after = self.at + 4;
        if after > self.end {
            return if self.at >= self.end { Ok(None) } else { Err(DecodeError::Cut { at: self.at, end: self.end }) };
        }
        let word = self.frame.get(self.at..after).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        self.at = after;
        Ok(word)
    }

    /// The data that a field at `at` points to.
    #[inline]
    fn slice(&self, at: usize, offset: u32, length: u32) -> Result<&'a [u8], DecodeError> {
        let start = offset as usize;
        start.checked_add(length as usize).and_then(|end| self.frame.get(start..end)).ok_or(DecodeError::Outside {
            at,
            offset,
            length,
            frame: self.frame.len(),
        })
    }

    /// An `int`.
    #[inline]
    pub fn int(&mut self) -> Result<i32, DecodeError> {
        Ok(self.word()?.unwrap_or(0) as i32)
    }

    /// A `boolean`.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        let at = self.at;
        match self.word()? {
            None | Some(0) => Ok(false),
            Some(u32::MAX) => Ok(true),
            Some(value) => Err(DecodeError::Boolean { at, value }),
        }
    }

    /// The data of a `byte[]`.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        let (offset, length) = (self.word()?.unwrap_or(0), self.word()?.unwrap_or(0));
        if length == 0 { Ok(&[]) } else { self.slice(at, offset, length) }
    }

    /// A `String`.
    #[inline]
    pub fn text(&mut self) -> Result<Text<'a>, DecodeError> {
        let bytes = self.bytes()?;
        Ok(match bytes.split_last() {
            None => Text::ABSENT,
            Some((0, text)) => Text::new(text),
            Some(_) => Text::new(bytes),
        })
    }

    /// A `UnicodeString`.
    #[inline]
    pub fn wide(&mut self) -> Result<Wide<'a>, DecodeError> {
        let at = self.at;
        let (offset, length) = (self.word()?.unwrap_or(0), self.word()?.unwrap_or(0));
        if length > 0 || self.side == Side::Client {
            // The count of characters and their size: the length says the same.
            self.word()?;
            self.word()?;
        }
        if length == 0 {
            return Ok(Wide::Wire(&[]));
        }
        if !length.is_multiple_of(2) {
            return Err(DecodeError::OddLength { at, length });
        }
        let bytes = self.slice(at, offset, length)?;
        Ok(Wide::Wire(match bytes.split_last_chunk::<2>() {
            Some((text, [0, 0])) if self.side == Side::Server => text,
            _ => bytes,
        }))
    }

    /// A reader over the fixed part of a structure; one over nothing when the structure is missing.
    #[inline]
    pub fn structure(&mut self) -> Result<Reader<'a>, DecodeError> {
        let at = self.at;
        let (offset, length, size) = (self.word()?.unwrap_or(0), self.word()?.unwrap_or(0), self.word()?.unwrap_or(0));
        if length == 0 {
            return Ok(Reader { at: self.end, ..self.clone() });
        }
        self.slice(at, offset, length)?;
        if size > length {
            return Err(DecodeError::Elements { at, count: 1, size, length });
        }
        let start = offset as usize;
        Ok(Reader { frame: self.frame, at: start, end: start + size as usize, side: self.side })
    }

    /// The elements of an array: a reader over each one's fixed part.
    #[inline]
    pub fn elements(&mut self) -> Result<Elements<'a>, DecodeError> {
        let at = self.at;
        let (offset, length) = (self.word()?.unwrap_or(0), self.word()?.unwrap_or(0));
        let (count, size) = (self.word()?.unwrap_or(0), self.word()?.unwrap_or(0));
        let start = offset as usize;
        if length == 0 || count == 0 {
            return Ok(Elements { frame: self.frame, side: self.side, at: 0, size: 0, left: 0 });
        }
        self.slice(at, offset, length)?;
        // A size of 0 would make any count fit.
        if size == 0 || u64::from(count) * u64::from(size) > u64::from(length) {
            return Err(DecodeError::Elements { at, count, size, length });
        }
        Ok(Elements { frame: self.frame, side: self.side, at: start, size: size as usize, left: count })
    }

    /// Where the next field begins.
    pub fn position(&self) -> usize {
        self.at
    }
}

/// The elements of an array on the wire. Known to lie inside the frame.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'a> {
    frame: &'a [u8],
    side: Side,
    at: usize,
    size: usize,
    left: u32,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Reader<'a>;

    fn next(&mut self) -> Option<Reader<'a>> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        self.at += self.size;
        Some(Reader { frame: self.frame, at, end: self.at, side: self.side })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

/// The fields of a message or structure, in wire order. Implemented by `build.rs` from the table.
pub trait Structure<'a>: Sized {
    /// Length of the fixed part that a writer makes, in bytes.
    const FIXED: usize;
    /// Reads all fields.
    ///
    /// # Errors
    /// When a field is not what it claims to be.
    fn read_fields(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    /// Writes all fields.
    fn write_fields(&self, writer: &mut Writer<'_>);
}

/// A message: a structure with an id.
pub trait Message<'a>: Structure<'a> {
    /// The id in the frame's header.
    const ID: u32;
    /// The name in Cisco's traces.
    const NAME: &'static str;
    /// Who sends it.
    const SIDE: Side;
}

/// A type that a field can have.
pub trait Field<'a>: Sized {
    /// Reads the field and moves past it.
    ///
    /// # Errors
    /// When it is not what it claims to be.
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    /// Writes the field and moves past it.
    fn write(&self, writer: &mut Writer<'_>);
}

impl<'a> Field<'a> for i32 {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.int()
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.int(*self);
    }
}

impl<'a> Field<'a> for bool {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.boolean()
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.boolean(*self);
    }
}

impl<'a> Field<'a> for &'a [u8] {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.bytes()
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self);
    }
}

impl<'a> Field<'a> for Text<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.text()
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.text(*self);
    }
}

impl<'a> Field<'a> for Wide<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.wide()
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.wide(*self);
    }
}

impl<'a, T: Structure<'a>> Field<'a> for T {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        T::read_fields(&mut reader.structure()?)
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.structure(T::FIXED, |w| self.write_fields(w));
    }
}

impl<'a, T: Element<'a>> Field<'a> for Array<'a, T> {
    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let elements = reader.elements()?;
        for mut element in elements {
            T::read_element(&mut element)?;
        }
        Ok(Self { source: Source::Wire(elements), element: PhantomData })
    }
    #[inline]
    fn write(&self, writer: &mut Writer<'_>) {
        writer.array(self.len(), T::FIXED, self.iter(), |element, w| element.write_element(w));
    }
}

/// What an array can hold: `int` or a structure, whose fields stand in the array itself.
pub trait Element<'a>: Sized + Copy {
    /// Length of an element's fixed part, in bytes.
    const FIXED: usize;
    /// Reads one element.
    ///
    /// # Errors
    /// When it is not what it claims to be.
    fn read_element(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    /// Writes one element.
    fn write_element(&self, writer: &mut Writer<'_>);
}

impl<'a> Element<'a> for i32 {
    const FIXED: usize = 4;
    #[inline]
    fn read_element(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.int()
    }
    #[inline]
    fn write_element(&self, writer: &mut Writer<'_>) {
        writer.int(*self);
    }
}

impl<'a, T: Structure<'a> + Copy> Element<'a> for T {
    const FIXED: usize = <T as Structure<'a>>::FIXED;
    #[inline]
    fn read_element(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        T::read_fields(reader)
    }
    #[inline]
    fn write_element(&self, writer: &mut Writer<'_>) {
        self.write_fields(writer);
    }
}

/// An array, still in the frame or about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Array<'a, T> {
    source: Source<'a, T>,
    element: PhantomData<T>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a, T> {
    Wire(Elements<'a>),
    Slice(&'a [T]),
}

impl<'a, T: Element<'a>> Array<'a, T> {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        match &self.source {
            Source::Wire(elements) => elements.left as usize,
            Source::Slice(slice) => slice.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements. They were checked when the message was decoded.
    pub fn iter(&self) -> impl Iterator<Item = T> + 'a {
        let (elements, slice) = match &self.source {
            Source::Wire(elements) => (Some(*elements), &[][..]),
            Source::Slice(slice) => (None, *slice),
        };
        elements.into_iter().flatten().filter_map(|mut element| T::read_element(&mut element).ok()).chain(slice.iter().copied())
    }
}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    fn from(slice: &'a [T]) -> Self {
        Self { source: Source::Slice(slice), element: PhantomData }
    }
}

impl<T> Default for Array<'_, T> {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl<'a, T: Element<'a> + PartialEq> PartialEq for Array<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
