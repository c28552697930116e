//! The two kinds of text on the wire, borrowed from the frame.

use std::borrow::Cow;
use std::fmt;

/// A `String`: single-byte characters, which may be absent (Java's null).
///
/// The wire does not name its character set. ASCII is what was observed; other bytes are read as Latin-1.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Text<'a>(Option<&'a [u8]>);

impl<'a> Text<'a> {
    /// No string at all, which is something else than an empty one.
    pub const ABSENT: Self = Self(None);

    /// A string of these bytes, without the NUL that ends it on the wire. See [`latin1`].
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Some(bytes))
    }

    /// Whether there is no string, not even an empty one.
    pub fn is_absent(&self) -> bool {
        self.0.is_none()
    }

    /// Whether there is nothing in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The bytes, without the final NUL; none when absent.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0.unwrap_or_default()
    }

    /// The text; borrowed when it is ASCII, as it nearly always is.
    #[inline]
    pub fn to_str(&self) -> Cow<'a, str> {
        let bytes = self.as_bytes();
        match std::str::from_utf8(bytes) {
            Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
            _ => Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect()),
        }
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map(|_| self.to_str()).fmt(f)
    }
}

/// The bytes of a text for a [`Text`]; what Latin-1 does not have becomes `?`.
pub fn latin1(text: &str) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect())
}

/// A `UnicodeString`: UTF-16, little-endian.
#[derive(Clone, Copy)]
pub enum Wide<'a> {
    /// As it came from the wire: code units of two bytes each, without the final NUL.
    Wire(&'a [u8]),
    /// Text to be written.
    Str(&'a str),
}

impl Wide<'_> {
    /// Whether there is nothing in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Wire(bytes) => bytes.is_empty(),
            Self::Str(text) => text.is_empty(),
        }
    }

    /// The code units.
    #[inline]
    pub fn units(&self) -> impl Iterator<Item = u16> + '_ {
        let (bytes, text) = match self {
            Self::Wire(bytes) => (*bytes, ""),
            Self::Str(text) => (&[][..], *text),
        };
        bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_le_bytes).chain(text.encode_utf16())
    }
}

impl Default for Wide<'_> {
    fn default() -> Self {
        Self::Wire(&[])
    }
}

impl PartialEq for Wide<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.units().eq(other.units())
    }
}

/// Half a surrogate pair becomes U+FFFD.
impl fmt::Display for Wide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::decode_utf16(self.units()).try_for_each(|c| fmt::Write::write_char(f, c.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

impl fmt::Debug for Wide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_string().fmt(f)
    }
}
