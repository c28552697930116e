//! Cutting a byte stream into frames.
//!
//! A frame is little-endian throughout; offsets count from its first byte:
//! ```text
//!  0  u32  bytes after the first 8 (frame length - 8)
//!  4  u32  0
//!  8  u32  0xFFFFDDDD
//! 12  u32  protocol version
//! 16  u32  message id
//! 20  u32  where the fixed part starts, always 32
//! 24  u32  length of the fixed part
//! 28  u32  length of the variable part, which follows the fixed part
//! 32       the fixed part: the fields in order
//! ```

use super::read::{Message, Reader};
use super::{DecodeError, Side};

/// Length of a frame's header, in bytes.
pub const HEADER: usize = 32;
/// What stands at byte 8 of every frame.
pub const MAGIC: u32 = 0xFFFF_DDDD;
/// The protocol version that Cisco's client 11.5 sends.
pub const VERSION_11_5: u32 = 0x0010_0000;
/// The protocol version that Cisco's clients 12.5 and later send.
pub const VERSION_12_5: u32 = 0x0011_0000;
/// The largest frame that we take or make, in bytes. The largest that was observed is far below: a device with many lines, some 20 KiB.
pub const FRAME_LIMIT: usize = 1 << 20;

/// One whole frame, its header checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The protocol version in the header.
    pub version: u32,
    /// The message id.
    pub id: u32,
    bytes: &'a [u8],
    fixed_end: usize,
}

impl<'a> Frame<'a> {
    /// The frame at the beginning of `buffer`, or `None` when it has not wholly arrived.
    ///
    /// What follows the frame begins at [`Frame::len`]. After an error the stream is lost: there is no way to find the next frame.
    ///
    /// # Errors
    /// When the bytes are not CTIQBE, the frame is larger than `limit` bytes, or its lengths do not add up.
    /// The first two are told as soon as they can be seen, so that nobody waits for the rest of a frame that never comes.
    #[inline]
    pub fn split(buffer: &'a [u8], limit: usize) -> Result<Option<Self>, DecodeError> {
        let word = |at: usize| buffer.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let Some(magic) = word(8) else { return Ok(None) };
        if magic != MAGIC {
            return Err(DecodeError::Magic { found: magic });
        }
        let Some(rest) = word(0) else { return Ok(None) };
        let length = u64::from(rest) + 8;
        if length > limit as u64 {
            return Err(DecodeError::TooLong { length, limit });
        }
        let length = length as usize;
        let (Some(version), Some(id), Some(start), Some(fixed), Some(variable)) = (word(12), word(16), word(20), word(24), word(28)) else {
            // The header has not arrived, or the frame claims to end before its header does.
            let short = DecodeError::Parts { length, start: HEADER as u32, fixed: 0, variable: 0 };
            return if length < HEADER { Err(short) } else { Ok(None) };
        };
        if start as usize != HEADER || HEADER as u64 + u64::from(fixed) + u64::from(variable) != length as u64 {
            return Err(DecodeError::Parts { length, start, fixed, variable });
        }
        Ok(buffer.get(..length).map(|bytes| Self { version, id, bytes, fixed_end: HEADER + fixed as usize }))
    }

    /// Length of the whole frame, in bytes.
    #[allow(clippy::len_without_is_empty)] // a frame is never empty
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The whole frame, header included.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A reader over the fixed part, for a message that `side` wrote.
    #[inline]
    pub fn reader(&self, side: Side) -> Reader<'a> {
        Reader::new(self.bytes, HEADER, self.fixed_end, side)
    }

    /// The message, borrowed from the frame; every length and boolean in it checked.
    ///
    /// # Errors
    /// When the frame is another message, or its fields are not what they claim to be.
    #[inline]
    pub fn decode<M: Message<'a>>(&self) -> Result<M, DecodeError> {
        if self.id != M::ID {
            return Err(DecodeError::OtherMessage { found: self.id, expected: M::NAME });
        }
        M::read_fields(&mut self.reader(M::SIDE))
    }
}
