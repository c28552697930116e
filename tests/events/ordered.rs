//! JSON for people: members in the order in which they stand, and on one line what fits there.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

/// How long a line may be.
const WIDTH: usize = 132;

/// A value whose members keep their order.
enum Ordered {
    Object(Vec<(String, Self)>),
    List(Vec<Self>),
    Plain(Json),
}

/// JSON text, laid out.
pub fn laid_out(text: &str) -> String {
    let value: Ordered = serde_json::from_str(text).unwrap();
    let mut out = String::new();
    value.write(0, 0, &mut out);
    out
}

impl Ordered {
    fn flat(&self) -> String {
        match self {
            Self::Object(members) => {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\": {}", value.flat())).collect();
                format!("{{{}}}", members.join(", "))
            }
            Self::List(items) => format!("[{}]", items.iter().map(Self::flat).collect::<Vec<_>>().join(", ")),
            Self::Plain(value) => value.to_string(),
        }
    }

    /// Writes the value, before which `used` characters stand on the line.
    fn write(&self, depth: usize, used: usize, out: &mut String) {
        let flat = self.flat();
        if used + flat.chars().count() <= WIDTH && depth > 0 {
            return out.push_str(&flat);
        }
        match self {
            Self::Object(members) => {
                let members: Vec<(String, &Self)> = members.iter().map(|(name, value)| (format!("\"{name}\": "), value)).collect();
                lines(["{", "}"], &members, depth, out);
            }
            Self::List(items) => {
                let items: Vec<(String, &Self)> = items.iter().map(|item| (String::new(), item)).collect();
                lines(["[", "]"], &items, depth, out);
            }
            Self::Plain(_) => out.push_str(&flat),
        }
    }
}

/// Writes values with what stands before them. Those that are short share lines.
fn lines([open, close]: [&str; 2], values: &[(String, &Ordered)], depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth + 1);
    out.push_str(open);
    let mut line = String::new();
    for (i, (name, value)) in values.iter().enumerate() {
        let comma = if i + 1 < values.len() { "," } else { "" };
        let plain = format!("{name}{}{comma}", value.flat());
        let short = matches!(value, Ordered::Plain(_));
        if short && !line.is_empty() && indent.len() + line.chars().count() + 1 + plain.chars().count() <= WIDTH {
            line = format!("{line} {plain}");
            continue;
        }
        flush(&mut line, &indent, out);
        if short {
            line = plain;
            continue;
        }
        out.push_str(&format!("\n{indent}{name}"));
        value.write(depth + 1, indent.len() + name.chars().count() + comma.len(), out);
        out.push_str(comma);
    }
    flush(&mut line, &indent, out);
    out.push_str(&format!("\n{}{close}", "  ".repeat(depth)));
}

fn flush(line: &mut String, indent: &str, out: &mut String) {
    if !line.is_empty() {
        out.push_str(&format!("\n{indent}{line}"));
        line.clear();
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Ordered::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Ordered::List(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Plain(text.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Ordered, E> {
        Ok(Ordered::Plain(number.into()))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Ordered, E> {
        Ok(Ordered::Plain(flag.into()))
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Plain(Json::Null))
    }
}
