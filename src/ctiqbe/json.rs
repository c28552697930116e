//! Messages as JSON, in the form of the recorded sessions: fields under their names, bytes in hexadecimal, an absent string null.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

use super::EncodeError;
use super::schema::{Kind, MessageSpec, StructureSpec};
use super::value::{Value, type_name, unknown_field};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Int(value, _) => serializer.serialize_i32(*value),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_str(&to_hex(bytes)),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::Structure(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

/// The fields of a message from JSON. What is left out stays out. A number with known names may be given by its name, as `"CONNECTED"`.
///
/// # Errors
/// When a field is unknown or of the wrong type.
pub fn fields(spec: &MessageSpec, json: &Json) -> Result<Value, EncodeError> {
    structure(&spec.structure, json).unwrap_or(Ok(Value::Structure(vec![])))
}

/// `None` when the JSON is not an object.
fn structure(spec: &StructureSpec, json: &Json) -> Option<Result<Value, EncodeError>> {
    let given = json.as_object()?;
    let field = |(name, json): (&String, &Json)| {
        let field = spec.fields.iter().find(|f| f.name == name).ok_or_else(|| unknown_field(spec, name))?;
        let wrong =
            || EncodeError::Type { structure: spec.name, field: field.name, expected: type_name(&field.kind), found: json.to_string() };
        Ok((field.name, field_value(&field.kind, json).ok_or_else(wrong)??))
    };
    Some(given.iter().map(field).collect::<Result<_, _>>().map(Value::Structure))
}

/// `None` when the JSON has the wrong type.
fn field_value(kind: &Kind, json: &Json) -> Option<Result<Value, EncodeError>> {
    let int = |json: &Json| json.as_i64().and_then(|v| i32::try_from(v).ok());
    Some(Ok(match (kind, json) {
        (_, Json::Null) => Value::Null,
        (Kind::Int(Some(vocabulary)), Json::String(name)) => Value::Int(vocabulary.value_of(name)?, Some(vocabulary)),
        (Kind::Int(vocabulary), json) => Value::Int(int(json)?, *vocabulary),
        (Kind::Boolean, json) => Value::Boolean(json.as_bool()?),
        (Kind::Text | Kind::Wide, json) => Value::Text(json.as_str()?.into()),
        (Kind::Bytes, json) => Value::Bytes(from_hex(json.as_str()?)?),
        (Kind::Structure(spec), json) => return structure(spec, json),
        (Kind::Array(spec), json) => {
            let elements: Option<Result<Vec<Value>, EncodeError>> = json.as_array()?.iter().map(|e| structure(spec, e)).collect();
            return Some(elements?.map(Value::Array));
        }
        (Kind::IntArray, json) => {
            Value::Array(json.as_array()?.iter().map(|e| int(e).map(|v| Value::Int(v, None))).collect::<Option<_>>()?)
        }
    }))
}

/// Bytes in lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes from hexadecimal; `None` when it is not.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | d)).collect())
}
