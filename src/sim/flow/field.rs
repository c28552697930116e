//! Fields by their paths: `callingParty`, `changedParticipantInfo.participantNumber`, `otherGCIDs[0].callID`.

use std::collections::BTreeSet;

use super::error::{FlowFault, Hint};
use crate::ctiqbe::json;
use crate::ctiqbe::schema::{FieldSpec, Kind, StructureSpec, Vocabulary};
use crate::ctiqbe::value::Value;

/// Elements of an array. No message of a cluster comes near.
const ELEMENT_LIMIT: usize = 64;

/// A structure with every field there: 0, false, empty, and structures with the same inside.
pub fn blank(spec: &StructureSpec) -> Value {
    Value::Structure(spec.fields.iter().map(|field| (field.name, blank_value(&field.kind))).collect())
}

fn blank_value(kind: &Kind) -> Value {
    match kind {
        Kind::Int(vocabulary) => Value::Int(0, *vocabulary),
        Kind::Boolean => Value::Boolean(false),
        Kind::Text | Kind::Wide => Value::Text(String::new()),
        Kind::Bytes => Value::Bytes(Vec::new()),
        Kind::Structure(spec) => blank(spec),
        Kind::Array(_) | Kind::IntArray => Value::Array(Vec::new()),
    }
}

/// One step of a path: a field, or an element of the array that the field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step<'a> {
    field: &'a str,
    element: Option<usize>,
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, FlowFault> {
    let wrong = |why| FlowFault::Path { path: path.into(), why };
    let step = |part: &'_ str| -> Result<(usize, Option<usize>), FlowFault> {
        let Some((field, rest)) = part.split_once('[') else { return Ok((part.len(), None)) };
        let index = rest.strip_suffix(']').and_then(|digits| digits.parse::<usize>().ok());
        let index = index.ok_or_else(|| wrong("an element is named as `otherGCIDs[0]`, counted from 0"))?;
        if index >= ELEMENT_LIMIT {
            return Err(wrong("an array has at most 64 elements here"));
        }
        Ok((field.len(), Some(index)))
    };
    path.split('.').map(|part| step(part).map(|(length, element)| Step { field: part.get(..length).unwrap_or(part), element })).collect()
}

/// The values that a line names, by their paths. An array of which an element is named is there as a whole.
#[derive(Clone, Debug, Default)]
pub struct Named {
    paths: BTreeSet<String>,
    values: Vec<(String, Value)>,
}

impl Named {
    /// Takes a field with its value.
    pub fn add(&mut self, spec: &'static StructureSpec, path: &str, text: &str) -> Result<(), FlowFault> {
        let kind = kind_of(spec, path)?;
        if !self.paths.insert(path.to_owned()) {
            return Err(FlowFault::Twice(path.into()));
        }
        self.values.push((path.to_owned(), parse(kind, path, text)?));
        Ok(())
    }

    /// Whether this path is named.
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether something inside this structure or array is named.
    pub fn reaches_into(&self, path: &str) -> bool {
        let inside = |named: &str| named.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.paths.range(path.to_owned()..).map(String::as_str).take_while(|n| n.starts_with(path)).any(inside)
    }

    /// Puts the values into a message that has every field, in the order in which they stand on the line.
    pub fn put_into(
        &self,
        spec: &'static StructureSpec,
        message: &mut Value,
        fresh: impl Fn(&StructureSpec) -> Value,
    ) -> Result<(), FlowFault> {
        for (path, value) in &self.values {
            put(spec, message, path, value.clone(), &fresh)?;
        }
        Ok(())
    }
}

/// The type of the field at a path.
fn kind_of(spec: &'static StructureSpec, path: &str) -> Result<&'static Kind, FlowFault> {
    let wrong = |why| FlowFault::Path { path: path.into(), why };
    let mut spec = spec;
    let steps = steps(path)?;
    let mut rest = steps.iter().peekable();
    while let Some(step) = rest.next() {
        let field = field(spec, step.field)?;
        let last = rest.peek().is_none();
        match (&field.kind, step.element, last) {
            (Kind::Structure(inner), None, false) | (Kind::Array(inner), Some(_), false) => spec = *inner,
            (Kind::IntArray, Some(_), true) => return Ok(&Kind::Int(None)),
            (Kind::Structure(_), None, true) | (Kind::Array(_), Some(_), true) => {
                return Err(wrong("it is a structure: name a field of it after a dot"));
            }
            (Kind::Array(_) | Kind::IntArray, None, _) => return Err(wrong("it is an array: name an element of it, as `[0]`")),
            (_, Some(_), _) => return Err(wrong("it is no array")),
            (_, None, false) => return Err(wrong("it is no structure")),
            (kind, None, true) => return Ok(kind),
        }
    }
    Err(wrong("it is empty"))
}

fn field(spec: &'static StructureSpec, name: &str) -> Result<&'static FieldSpec, FlowFault> {
    spec.fields.iter().find(|f| f.name == name).ok_or_else(|| {
        let hint = Hint::nearest(name, spec.fields.iter().map(|f| f.name));
        FlowFault::UnknownField { structure: spec.name, field: name.into(), hint }
    })
}

fn put(
    spec: &'static StructureSpec,
    message: &mut Value,
    path: &str,
    value: Value,
    fresh: &impl Fn(&StructureSpec) -> Value,
) -> Result<(), FlowFault> {
    let gap = || FlowFault::Path { path: path.into(), why: "the elements of an array are named in order, from 0" };
    let (mut spec, mut place) = (spec, message);
    for step in steps(path)? {
        let kind = &field(spec, step.field)?.kind;
        let Some(inner) = field_mut(place, step.field) else { return Ok(()) };
        place = inner;
        match (kind, step.element) {
            (Kind::Structure(inner), None) => spec = *inner,
            (Kind::Array(inner), Some(at)) => {
                spec = *inner;
                place = element(place, at, || fresh(inner)).ok_or_else(gap)?;
            }
            (Kind::IntArray, Some(at)) => place = element(place, at, || Value::Int(0, None)).ok_or_else(gap)?,
            _ => {}
        }
    }
    *place = value;
    Ok(())
}

fn element(array: &mut Value, at: usize, fresh: impl Fn() -> Value) -> Option<&mut Value> {
    let Value::Array(elements) = array else { return None };
    if at == elements.len() {
        elements.push(fresh());
    }
    elements.get_mut(at)
}

/// The field of this name of a structure, to be changed.
pub fn field_mut<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    let Value::Structure(fields) = value else { return None };
    fields.iter_mut().find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// A value from its text.
fn parse(kind: &Kind, path: &str, text: &str) -> Result<Value, FlowFault> {
    let wrong =
        |expected: &str| FlowFault::Value { path: path.into(), expected: expected.into(), value: text.into(), hint: Hint::default() };
    Ok(match kind {
        Kind::Int(Some(vocabulary)) => Value::Int(enumerated(vocabulary, path, text)?, Some(vocabulary)),
        Kind::Int(None) => Value::Int(text.parse().map_err(|_| wrong("a number"))?, None),
        Kind::Boolean => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        Kind::Bytes => Value::Bytes(json::from_hex(text).ok_or_else(|| wrong("bytes in hexadecimal"))?),
        _ => Value::Text(text.to_owned()),
    })
}

fn enumerated(vocabulary: &'static Vocabulary, path: &str, text: &str) -> Result<i32, FlowFault> {
    let value = vocabulary.value_of(text).or_else(|| text.parse().ok());
    value.ok_or_else(|| FlowFault::Value {
        path: path.into(),
        expected: format!("a name of {} or its number", vocabulary.name),
        value: text.into(),
        hint: Hint::nearest(text, vocabulary.values.iter().map(|(_, name, _)| *name)),
    })
}
