//! What can be wrong with bytes that claim to be CTIQBE, or with values that shall become them.

use thiserror::Error;

/// Bytes that are not what they claim to be. Positions count from the first byte of the frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The peer does not speak CTIQBE, or the stream lost its frame.
    #[error(
        "not CTIQBE: bytes 8 to 11 are {found:#010x} where 0xffffdddd belongs; is this the port of a CTIManager (2748, or 2749 with TLS)?"
    )]
    Magic {
        /// What stands there.
        found: u32,
    },
    /// A frame larger than the limit.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Length of the whole frame that the header claims, in bytes.
        length: u64,
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// A length that leaves no room for the header, or parts that do not add up to the frame.
    #[error("a frame that lies about its lengths: {length} bytes, fixed part {fixed} at {start}, variable part {variable}")]
    Parts {
        /// Length of the whole frame, in bytes.
        length: usize,
        /// Where the fixed part is said to start; always 32.
        start: u32,
        /// Claimed length of the fixed part, in bytes.
        fixed: u32,
        /// Claimed length of the variable part, in bytes.
        variable: u32,
    },
    /// A field that begins inside its part and ends beyond it.
    #[error("the field at byte {at} is cut off: its part ends at byte {end}")]
    Cut {
        /// Where the field begins.
        at: usize,
        /// Where the fixed part or structure around it ends.
        end: usize,
    },
    /// Variable data that would lie outside the frame.
    #[error("the field at byte {at} points to {length} bytes at {offset}, outside the frame of {frame} bytes")]
    Outside {
        /// Where the field stands.
        at: usize,
        /// Where its data is said to be.
        offset: u32,
        /// How long its data is said to be, in bytes.
        length: u32,
        /// Length of the frame, in bytes.
        frame: usize,
    },
    /// A boolean that is neither 0 nor `0xFFFFFFFF`.
    #[error("the boolean at byte {at} is {value:#x}; only 0 and 0xffffffff are valid")]
    Boolean {
        /// Where it stands.
        at: usize,
        /// What stands there.
        value: u32,
    },
    /// An array or structure whose elements do not fit in its data.
    #[error("at byte {at}: {count} elements of {size} bytes do not fit in {length} bytes")]
    Elements {
        /// Where the field stands.
        at: usize,
        /// How many elements are claimed; 1 for a structure.
        count: u32,
        /// Claimed size of one, in bytes.
        size: u32,
        /// Length of all its data, in bytes.
        length: u32,
    },
    /// UTF-16 text of an odd number of bytes.
    #[error("the UTF-16 text of the field at byte {at} has an odd length, {length} bytes")]
    OddLength {
        /// Where the field stands.
        at: usize,
        /// Length of the text, in bytes.
        length: u32,
    },
    /// Fields that share their data so often that the message would need more memory than its frame.
    #[error("the fields of the message point to more than the {variable} bytes of its variable part")]
    Shared {
        /// Length of the variable part, in bytes.
        variable: usize,
    },
    /// A frame was decoded as another message than it is.
    #[error("message {found} was decoded as {expected}")]
    OtherMessage {
        /// The id in the frame.
        found: u32,
        /// The name of the message that was asked for.
        expected: &'static str,
    },
    /// An id that is not in the table.
    #[error("message id {0} is unknown")]
    UnknownMessage(u32),
    /// The same, with the name of the field.
    #[error("{field}: {source}")]
    In {
        /// The field's path, as `callingPartyDNInfo.sipUrl.user`.
        field: String,
        /// What is wrong with it.
        source: Box<DecodeError>,
    },
}

/// Values that do not fit the message they shall become.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// No message has this name.
    #[error("no message is named {0}")]
    UnknownMessage(String),
    /// The message or structure has no such field.
    #[error("{structure} has no field {field}; its fields are {known}")]
    UnknownField {
        /// The message or structure.
        structure: &'static str,
        /// The name that it does not have.
        field: String,
        /// The names that it has.
        known: String,
    },
    /// A value of the wrong type.
    #[error("{structure}.{field}: expected {expected}, found {found}")]
    Type {
        /// The message or structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
        /// What the field takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}
