//! CTIQBE (Computer Telephony Interface, Quick Buffer Encoding): the wire protocol between a CTI application and Cisco's CTIManager.
//!
//! It runs over TCP, port 2748 in the clear and 2749 over TLS. Cisco publishes no description of it: everything here was observed,
//! as bytes that Cisco's own JTAPI client writes, or accepts and reports on.
//!
//! This module is sans-I/O: bytes in, values out, and back. It knows nothing of sessions, calls or tokio.
//! - [`Frame::split`] cuts a byte stream into frames; any bytes at all give a frame, "more please" or a [`DecodeError`].
//! - [`messages`] has a typed struct for each of the 291 messages, borrowed from the frame: [`Frame::decode`], [`encode`].
//! - [`schema`] is the same table as data, and [`value`] decodes and encodes any message by it: for tools, tests and recorded flows.
//! - [`names`] are the enumerations, result codes among them.
//! - [`login`] is the exchange of the password.
//!
//! The table itself is `messages.schema` beside this file, with `enums.schema`; `build.rs` turns both into code.

mod error;
mod frame;
pub mod json;
pub mod login;
pub mod names;
mod read;
pub mod schema;
mod text;
pub mod value;
#[cfg(test)]
mod vectors;
mod write;

pub use error::{DecodeError, EncodeError};
pub use frame::{FRAME_LIMIT, Frame, HEADER, MAGIC, VERSION_11_5, VERSION_12_5};
pub use read::{Array, Element, Field, Message, Reader, Structure};
pub use text::{Text, Wide, latin1};
pub use write::{Writer, encode};

#[allow(non_camel_case_types)] // `_V2` is how Cisco's traces spell it
/// A typed struct for each structure and message, fields in wire order under their snake-case names.
pub mod messages {
    use super::names::*;
    use super::{Array, DecodeError, Field, Message, Reader, Side, Structure, Text, Wide, Writer};

    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

/// Who wrote a message. A `UnicodeString` is laid out differently by each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The application: requests.
    Client,
    /// CTIManager: responses and events.
    Server,
}
