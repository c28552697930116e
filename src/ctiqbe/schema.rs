//! The table of messages as data: for what works on any message by its names.

use std::fmt;

use super::Side;
use super::names::*;

/// What sort of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// From the application; answered by a response with the same `sequenceNumber`.
    Request,
    /// CTIManager's answer to a request.
    Response,
    /// Sent by CTIManager unasked.
    Event,
    /// Both ways, without fields.
    Heartbeat,
}

/// A message.
#[derive(Debug)]
pub struct MessageSpec {
    /// The id in the frame's header.
    pub id: u32,
    /// What sort of message it is.
    pub kind: MessageKind,
    /// Its name and fields.
    pub structure: StructureSpec,
}

impl MessageSpec {
    /// The name in Cisco's traces.
    pub fn name(&self) -> &'static str {
        self.structure.name
    }

    /// Who sends it. A heartbeat has no fields, so that its side does not matter.
    pub fn side(&self) -> Side {
        if self.kind == MessageKind::Request { Side::Client } else { Side::Server }
    }
}

/// A structure, or the fields of a message.
#[derive(Debug)]
pub struct StructureSpec {
    /// The name in Cisco's traces.
    pub name: &'static str,
    /// The fields in wire order.
    pub fields: &'static [FieldSpec],
}

/// A field.
#[derive(Debug)]
pub struct FieldSpec {
    /// The name in Cisco's traces, misspellings included.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// The type of a field.
#[derive(Debug)]
pub enum Kind {
    /// `int`, with what its numbers mean where that is known.
    Int(Option<&'static Vocabulary>),
    /// `boolean`
    Boolean,
    /// `String`
    Text,
    /// `UnicodeString`
    Wide,
    /// `byte[]`
    Bytes,
    /// `int[]`
    IntArray,
    /// A structure.
    Structure(&'static StructureSpec),
    /// An array of structures.
    Array(&'static StructureSpec),
}

impl Kind {
    /// Length in the fixed part as a writer makes it, in bytes.
    pub fn fixed(&self) -> usize {
        match self {
            Self::Int(_) | Self::Boolean => 4,
            Self::Text | Self::Bytes => 8,
            Self::Structure(_) => 12,
            Self::Wide | Self::IntArray | Self::Array(_) => 16,
        }
    }
}

impl StructureSpec {
    /// Length of the fixed part as a writer makes it, in bytes.
    pub fn fixed(&self) -> usize {
        self.fields.iter().map(|f| f.kind.fixed()).sum()
    }
}

/// How the numbers of an enumeration are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `8`
    Decimal,
    /// `0x8ccc0060`, as Cisco's traces print result codes.
    Hex,
}

/// An enumeration: numbers and their names.
#[derive(Debug)]
pub struct Vocabulary {
    /// The name of the enumeration.
    pub name: &'static str,
    /// How its numbers are printed.
    pub base: Base,
    /// Value, name, and whether this is the first name of the value: some have two.
    pub values: &'static [(i32, &'static str, bool)],
}

impl Vocabulary {
    /// The name of a value, if it has one; the first where it has two.
    pub fn name_of(&self, value: i32) -> Option<&'static str> {
        self.values.iter().find(|(v, _, first)| *v == value && *first).map(|(_, name, _)| *name)
    }

    /// The value of a name.
    pub fn value_of(&self, name: &str) -> Option<i32> {
        self.values.iter().find(|(_, n, _)| *n == name).map(|(value, ..)| *value)
    }

    /// A value with its name, as `8 CONNECTED`.
    pub fn printed(&self, value: i32) -> impl fmt::Display {
        fmt::from_fn(move |f| self.print(value, f))
    }

    /// Prints a value with its name.
    pub(super) fn print(&self, value: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Decimal => write!(f, "{value}")?,
            Base::Hex => write!(f, "{value:#x}")?,
        }
        self.name_of(value).map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// The message with this id.
pub fn message(id: u32) -> Option<&'static MessageSpec> {
    MESSAGES.binary_search_by_key(&id, |m| m.id).ok().and_then(|at| MESSAGES.get(at))
}

/// The message with this name.
pub fn message_named(name: &str) -> Option<&'static MessageSpec> {
    MESSAGES.iter().find(|m| m.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_message_and_structure() {
        assert_eq!((MESSAGES.len(), STRUCTURES.len()), (291, 34));
    }

    #[test]
    fn ids_are_unique_and_sorted() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_result_code_prints_as_in_a_trace() {
        assert_eq!(CtiFailure(-1932787616).to_string(), "0x8ccc0060 DIRECTORY_LOGIN_FAILED");
        assert_eq!(CallState(8).to_string(), "8 CONNECTED");
        assert_eq!(CallState(77).to_string(), "77");
    }
}
