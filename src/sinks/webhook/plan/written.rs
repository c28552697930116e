//! How templates write values: as text, as JSON and as a form, within limits of work, size and depth.
//!
//! minijinja counts what a template does and what is written, but not what a filter of ours does with a value, and a short one may stand for an
//! endless list: each value that is looked at is work too.

use std::borrow::Cow;
use std::io;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// What a template may make, in bytes.
pub const OUTPUT: usize = 256 * 1024;
/// How deep a value may be nested.
pub const DEPTH: usize = 64;
/// So many bytes are as much work as one instruction: minijinja's own measure.
const BYTES: u64 = 64;

/// A value as it is written: text as it is, what is missing or `null` not at all, and the rest as JSON.
///
/// # Errors
/// As [`json`].
pub fn text<'v>(state: &State<'_, '_>, value: &'v Value) -> Result<Cow<'v, str>, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Undefined | ValueKind::None) => Ok("".into()),
        _ => json(state, value).map(Cow::Owned),
    }
}

/// A value as JSON.
///
/// # Errors
/// When it is too much, too large or too deep, or no JSON can be made of it.
pub fn json(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut made = Bounded(Vec::new());
    write_json(state, &mut made, value, 0)?;
    state.consume_fuel(made.0.len() as u64 / BYTES)?;
    String::from_utf8(made.0).map_err(|_| no_json("it is no UTF-8"))
}

fn write_json(state: &State<'_, '_>, made: &mut Bounded, value: &Value, depth: usize) -> Result<(), Error> {
    visit(state, depth)?;
    match value.kind() {
        ValueKind::Map => {
            made.put(b"{")?;
            for (at, key) in value.try_iter()?.enumerate() {
                if at > 0 {
                    made.put(b",")?;
                }
                made.json(&*key_text(&key)?)?;
                made.put(b":")?;
                write_json(state, made, &value.get_item(&key)?, depth + 1)?;
            }
            made.put(b"}")
        }
        ValueKind::Seq | ValueKind::Iterable => {
            made.put(b"[")?;
            for (at, item) in value.try_iter()?.enumerate() {
                if at > 0 {
                    made.put(b",")?;
                }
                write_json(state, made, &item, depth + 1)?;
            }
            made.put(b"]")
        }
        ValueKind::Invalid => Err(no_json("a filter failed")),
        _ => made.json(value),
    }
}

/// The fields of a form (`application/x-www-form-urlencoded`): what is in an object or list has the names or places on the way to it in its
/// name, with `_` between. What is missing or `null` is left out.
///
/// # Errors
/// As [`json`].
pub fn form(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut fields = String::new();
    flatten(state, &mut fields, "", value, 0)?;
    state.consume_fuel(fields.len() as u64 / BYTES)?;
    Ok(fields)
}

fn flatten(state: &State<'_, '_>, fields: &mut String, name: &str, value: &Value, depth: usize) -> Result<(), Error> {
    visit(state, depth)?;
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}_{key}") };
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(()),
        ValueKind::Map => value.try_iter()?.try_for_each(|key| {
            let member = value.get_item(&key)?;
            flatten(state, fields, &inner(&key_text(&key)?), &member, depth + 1)
        }),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.enumerate().try_for_each(|(at, item)| flatten(state, fields, &inner(&at.to_string()), &item, depth + 1))
        }
        _ => {
            if !fields.is_empty() {
                fields.push('&');
            }
            fields.push_str(&percent_encoded(name));
            fields.push('=');
            fields.push_str(&percent_encoded(&text(state, value)?));
            if fields.len() > OUTPUT { Err(full()) } else { Ok(()) }
        }
    }
}

/// Looks at one more value.
fn visit(state: &State<'_, '_>, depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(no_json("it is nested too deep"));
    }
    state.consume_fuel(1)
}

/// The name of a member.
fn key_text(key: &Value) -> Result<Cow<'_, str>, Error> {
    match (key.as_str(), key.kind()) {
        (Some(text), _) => Ok(text.into()),
        (None, ValueKind::Number) => Ok(key.to_string().into()),
        (None, ValueKind::Bool) => Ok(if key.is_true() { "true" } else { "false" }.into()),
        _ => Err(no_json("the name of a member is no text")),
    }
}

/// There is no room for more.
pub fn full() -> Error {
    Error::new(ErrorKind::WriteFailure, "the output is full")
}

fn no_json(why: &'static str) -> Error {
    Error::new(ErrorKind::BadSerialization, why)
}

/// Percent-encodes all but what RFC 3986 calls unreserved.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    encoded
}

/// Takes as much as a template may make.
pub struct Bounded(pub Vec<u8>);

impl Bounded {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        io::Write::write_all(self, bytes).map_err(|_| full())
    }

    fn json(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), Error> {
        serde_json::to_writer(self, value).map_err(|error| if error.is_io() { full() } else { no_json("it is no JSON") })
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
