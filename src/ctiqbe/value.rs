//! Any message by its table: decoded to values under their names, and encoded from them.
//!
//! Slower than the typed messages and made for people: `callcast decode`, vectors, recorded flows.

use super::read::Reader;
use super::schema::{FieldSpec, Kind, MessageSpec, StructureSpec, Vocabulary, message};
use super::write::{Writer, frame};
use super::{DecodeError, EncodeError, Frame, HEADER, Side, Text, Wide, latin1};

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An absent `String`, or a field that was left out: its type's default is written.
    Null,
    /// An `int`, with what its numbers mean where that is known.
    Int(i32, Option<&'static Vocabulary>),
    /// A `boolean`.
    Boolean(bool),
    /// A `String` or `UnicodeString`.
    Text(String),
    /// A `byte[]`.
    Bytes(Vec<u8>),
    /// A structure: its fields in wire order.
    Structure(Vec<(&'static str, Value)>),
    /// An array.
    Array(Vec<Value>),
}

// `Vocabulary` is a table: two are equal when they have the same name.
impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Value {
    /// The field of this name of a structure.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Structure(fields) => fields.iter().find(|(n, _)| *n == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Decodes any message of the table.
///
/// # Errors
/// When the id is unknown, or a field is not what it claims to be; the error names the field.
/// Memory is bounded by a multiple of the frame: data to which several fields point is an error.
pub fn decode(frame: &Frame<'_>) -> Result<(&'static MessageSpec, Value), DecodeError> {
    let spec = message(frame.id).ok_or(DecodeError::UnknownMessage(frame.id))?;
    let mut reader = frame.reader(spec.side());
    let variable = frame.len() - HEADER;
    let mut budget = Budget { left: variable, variable };
    Ok((spec, structure(&spec.structure, &mut reader, &mut budget)?))
}

/// What the variable data of a message may still add up to.
struct Budget {
    left: usize,
    variable: usize,
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.left = self.left.checked_sub(bytes).ok_or(DecodeError::Shared { variable: self.variable })?;
        Ok(())
    }
}

fn structure(spec: &StructureSpec, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<Value, DecodeError> {
    let field = |field: &FieldSpec| {
        let value = field_value(&field.kind, reader, budget).map_err(|source| match source {
            DecodeError::In { field: path, source } => DecodeError::In { field: format!("{}.{path}", field.name), source },
            source => DecodeError::In { field: field.name.into(), source: Box::new(source) },
        })?;
        Ok((field.name, value))
    };
    spec.fields.iter().map(field).collect::<Result<_, _>>().map(Value::Structure)
}

fn field_value(kind: &Kind, reader: &mut Reader<'_>, budget: &mut Budget) -> Result<Value, DecodeError> {
    Ok(match kind {
        Kind::Int(vocabulary) => Value::Int(reader.int()?, *vocabulary),
        Kind::Boolean => Value::Boolean(reader.boolean()?),
        Kind::Text => {
            let text = reader.text()?;
            budget.spend(text.as_bytes().len())?;
            if text.is_absent() { Value::Null } else { Value::Text(text.to_string()) }
        }
        Kind::Wide => {
            let text = reader.wide()?;
            budget.spend(text.units().count() * 2)?;
            Value::Text(text.to_string())
        }
        Kind::Bytes => {
            let bytes = reader.bytes()?;
            budget.spend(bytes.len())?;
            Value::Bytes(bytes.to_vec())
        }
        Kind::Structure(spec) => structure(spec, &mut reader.structure()?, budget)?,
        Kind::Array(spec) => Value::Array(elements(reader, budget, |element, budget| structure(spec, element, budget))?),
        Kind::IntArray => Value::Array(elements(reader, budget, |element, _| Ok(Value::Int(element.int()?, None)))?),
    })
}

fn elements(
    reader: &mut Reader<'_>,
    budget: &mut Budget,
    mut one: impl FnMut(&mut Reader<'_>, &mut Budget) -> Result<Value, DecodeError>,
) -> Result<Vec<Value>, DecodeError> {
    let elements = reader.elements()?;
    budget.spend(elements.size_hint().0 * 4)?;
    elements.map(|mut element| one(&mut element, budget)).collect()
}

/// Appends the frame of a message to `out`. Fields that `fields` leaves out are written as 0 or empty.
///
/// A server always sends a `String` (empty, not absent): Cisco's client expects it of some.
///
/// # Errors
/// When a field is unknown or its value has the wrong type; nothing was appended then.
pub fn encode(spec: &MessageSpec, fields: &Value, version: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    check(&spec.structure, fields)?;
    frame(spec.id, version, spec.side(), spec.structure.fixed(), out, |w| write(&spec.structure, fields, spec.side(), w));
    Ok(())
}

fn check(spec: &StructureSpec, value: &Value) -> Result<(), EncodeError> {
    let Value::Structure(given) = value else { return Ok(()) };
    for (name, value) in given {
        let Some(field) = spec.fields.iter().find(|f| f.name == *name) else {
            return Err(unknown_field(spec, name));
        };
        let expected = match (&field.kind, value) {
            (_, Value::Null) | (Kind::Int(_), Value::Int(..)) | (Kind::Boolean, Value::Boolean(_)) => continue,
            (Kind::Text | Kind::Wide, Value::Text(_)) | (Kind::Bytes, Value::Bytes(_)) => continue,
            (Kind::Structure(inner), Value::Structure(_)) => {
                check(inner, value)?;
                continue;
            }
            (Kind::Array(inner), Value::Array(elements)) => {
                elements.iter().try_for_each(|e| check(inner, e))?;
                continue;
            }
            (Kind::IntArray, Value::Array(elements)) if elements.iter().all(|e| matches!(e, Value::Int(..))) => continue,
            (kind, _) => type_name(kind),
        };
        return Err(EncodeError::Type { structure: spec.name, field: field.name, expected, found: format!("{value:?}") });
    }
    Ok(())
}

pub(super) fn unknown_field(spec: &StructureSpec, name: &str) -> EncodeError {
    let known: Vec<&str> = spec.fields.iter().map(|f| f.name).collect();
    EncodeError::UnknownField { structure: spec.name, field: name.into(), known: known.join(", ") }
}

pub(super) fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int(_) => "a number",
        Kind::Boolean => "true or false",
        Kind::Text | Kind::Wide => "text",
        Kind::Bytes => "bytes in hexadecimal",
        Kind::IntArray => "an array of numbers",
        Kind::Structure(_) => "a structure",
        Kind::Array(_) => "an array of structures",
    }
}

fn write(spec: &StructureSpec, fields: &Value, side: Side, w: &mut Writer<'_>) {
    for field in spec.fields {
        let value = fields.get(field.name).unwrap_or(&Value::Null);
        match (&field.kind, value) {
            (Kind::Int(_), Value::Int(value, _)) => w.int(*value),
            (Kind::Int(_), _) => w.int(0),
            (Kind::Boolean, value) => w.boolean(*value == Value::Boolean(true)),
            (Kind::Text, Value::Text(text)) => w.text(Text::new(&latin1(text))),
            (Kind::Text, _) => w.text(if side == Side::Server { Text::new(b"") } else { Text::ABSENT }),
            (Kind::Wide, Value::Text(text)) => w.wide(Wide::Str(text)),
            (Kind::Wide, _) => w.wide(Wide::Str("")),
            (Kind::Bytes, Value::Bytes(bytes)) => w.bytes(bytes),
            (Kind::Bytes, _) => w.bytes(&[]),
            (Kind::Structure(inner), value) => w.structure(inner.fixed(), |w| write(inner, value, side, w)),
            (Kind::Array(inner), Value::Array(elements)) => {
                w.array(elements.len(), inner.fixed(), elements.iter(), |element, w| write(inner, element, side, w));
            }
            (Kind::Array(inner), _) => w.array(0, inner.fixed(), [].iter(), |_: &Value, _| {}),
            (Kind::IntArray, Value::Array(elements)) => w.array(elements.len(), 4, elements.iter(), |element, w| match element {
                Value::Int(value, _) => w.int(*value),
                _ => w.int(0),
            }),
            (Kind::IntArray, _) => w.array(0, 4, [].iter(), |_: &Value, _| {}),
        }
    }
}
