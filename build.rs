//! Turns the two tables of the wire protocol into code.
//!
//! `src/ctiqbe/messages.schema` and `enums.schema` are the one place where a message is declared. From them come
//! - `messages.rs`: a typed, borrowed struct for each structure and message, with its reader and writer;
//! - `schema.rs`: the same table as data, for what works on any message by name (`callcast decode`, vectors, recorded flows);
//! - `enums.rs`: a newtype for each enumeration, its values as constants and their names.
//!
//! A mistake in a table stops the build and names the line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a build script that cannot read its table has to stop the build

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

struct Field {
    name: String,
    wire: String,
}

struct Block {
    /// `struct` or the kind of message.
    kind: String,
    id: Option<u32>,
    name: String,
    fields: Vec<Field>,
}

struct Enumeration {
    wire: String,
    rust: String,
    values: Vec<(String, i64)>,
}

fn main() {
    let folder = Path::new("src/ctiqbe");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let read = |name: &str| {
        let path = folder.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    println!("cargo::rerun-if-changed=build.rs");
    let enums = parse_enums(&read("enums.schema"));
    let blocks = parse_messages(&read("messages.schema"));
    let tables = Tables::new(&blocks, &enums);
    let write = |name: &str, text: String| std::fs::write(Path::new(&out).join(name), text).expect("OUT_DIR is writable");
    write("enums.rs", enums_code(&enums));
    write("messages.rs", tables.messages_code());
    write("schema.rs", tables.schema_code());
}

/// The lines that say something, each with whether it is indented and its words.
fn lines(text: &str) -> impl Iterator<Item = (usize, bool, Vec<&str>)> {
    text.lines().enumerate().filter_map(|(number, line)| {
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        (!words.is_empty()).then(|| (number + 1, line.starts_with(' '), words))
    })
}

fn parse_messages(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (number, indented, words) in lines(text) {
        match (indented, words.as_slice()) {
            (false, ["struct", name]) => {
                blocks.push(Block { kind: "struct".into(), id: None, name: (*name).into(), fields: vec![] });
            }
            (false, [kind @ ("request" | "response" | "event" | "heartbeat"), id, name]) => {
                let id = id.parse().unwrap_or_else(|e| panic!("messages.schema:{number}: id {id}: {e}"));
                blocks.push(Block { kind: (*kind).into(), id: Some(id), name: (*name).into(), fields: vec![] });
            }
            (true, [name, wire] | [name, wire, "since", _]) => {
                let block = blocks.last_mut().unwrap_or_else(|| panic!("messages.schema:{number}: a field before any message"));
                block.fields.push(Field { name: (*name).into(), wire: (*wire).into() });
            }
            _ => panic!("messages.schema:{number}: neither a message nor a field: {words:?}"),
        }
    }
    blocks
}

fn parse_enums(text: &str) -> Vec<Enumeration> {
    let mut enums: Vec<Enumeration> = Vec::new();
    for (number, indented, words) in lines(text) {
        match (indented, words.as_slice()) {
            (false, [wire, rust]) => enums.push(Enumeration { wire: (*wire).into(), rust: (*rust).into(), values: vec![] }),
            (true, [name, value]) => {
                let parsed = match value.strip_prefix("0x") {
                    Some(hex) => i64::from_str_radix(hex, 16),
                    None => value.parse(),
                };
                let parsed = parsed.unwrap_or_else(|e| panic!("enums.schema:{number}: {value}: {e}"));
                let last = enums.last_mut().unwrap_or_else(|| panic!("enums.schema:{number}: a value before any enumeration"));
                last.values.push(((*name).into(), parsed));
            }
            _ => panic!("enums.schema:{number}: neither an enumeration nor a value: {words:?}"),
        }
    }
    enums
}

/// `lineCallManagerID` to `line_call_manager_id`.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| chars[j]);
        let after = chars.get(i + 1);
        let starts_word = c.is_uppercase()
            && before
                .is_some_and(|b| b.is_lowercase() || b.is_ascii_digit() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase())));
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    if out == "type" { "kind".into() } else { out }
}

/// `CtiControllable` to `CTI_CONTROLLABLE`; names that are in capitals stay.
fn screaming(name: &str) -> String {
    if name.to_uppercase() == name { name.into() } else { snake(name).to_uppercase() }
}

fn enums_code(enums: &[Enumeration]) -> String {
    let mut out = String::new();
    for e in enums {
        let Enumeration { wire, rust, values } = e;
        let width = if wire == "CTIFAILURE" { "Hex" } else { "Decimal" };
        writeln!(out, "vocabulary! {{ {rust} {wire:?} {width}").unwrap();
        let mut seen = BTreeSet::new();
        for (name, value) in values {
            let value = *value as u32 as i32;
            let first = seen.insert(value);
            writeln!(out, "    {} {value} {name:?} {first}", screaming(name)).unwrap();
        }
        writeln!(out, "}}").unwrap();
    }
    writeln!(out, "/// Every enumeration, in the order of enums.schema.").unwrap();
    writeln!(out, "pub static VOCABULARIES: &[&Vocabulary] = &[").unwrap();
    for e in enums {
        writeln!(out, "    &{}::VOCABULARY,", e.rust).unwrap();
    }
    writeln!(out, "];").unwrap();
    out
}

struct Tables<'a> {
    blocks: &'a [Block],
    structs: BTreeMap<&'a str, &'a Block>,
    enums: BTreeMap<&'a str, &'a Enumeration>,
    /// Structures that hold a slice of the frame, and so need its lifetime.
    borrowing: BTreeSet<&'a str>,
}

impl<'a> Tables<'a> {
    fn new(blocks: &'a [Block], enums: &'a [Enumeration]) -> Self {
        let structs = blocks.iter().filter(|b| b.kind == "struct").map(|b| (b.name.as_str(), b)).collect();
        let enums = enums.iter().map(|e| (e.wire.as_str(), e)).collect();
        let mut tables = Self { blocks, structs, enums, borrowing: BTreeSet::new() };
        for block in blocks {
            for field in &block.fields {
                tables.check(block, field);
            }
        }
        // A fixed point: a structure borrows when one of its fields does.
        loop {
            let more: Vec<&str> = blocks
                .iter()
                .filter(|b| !tables.borrowing.contains(b.name.as_str()) && b.fields.iter().any(|f| tables.borrows(&f.wire)))
                .map(|b| b.name.as_str())
                .collect();
            if more.is_empty() {
                return tables;
            }
            tables.borrowing.extend(more);
        }
    }

    fn check(&self, block: &Block, field: &Field) {
        let base = field.wire.trim_end_matches("[]");
        let known = matches!(base, "int" | "boolean" | "String" | "byte" | "UnicodeString")
            || self.structs.contains_key(base)
            || self.enums.contains_key(base);
        assert!(known, "messages.schema: {}.{} has the unknown type {}", block.name, field.name, field.wire);
    }

    fn borrows(&self, wire: &str) -> bool {
        wire.ends_with("[]") || matches!(wire, "String" | "UnicodeString") || self.borrowing.contains(wire)
    }

    fn lifetime(&self, name: &str) -> &'static str {
        if self.borrowing.contains(name) { "<'a>" } else { "" }
    }

    fn rust_type(&self, wire: &str) -> String {
        match wire {
            "int" => "i32".into(),
            "boolean" => "bool".into(),
            "String" => "Text<'a>".into(),
            "byte[]" => "&'a [u8]".into(),
            "UnicodeString" => "Wide<'a>".into(),
            "int[]" => "Array<'a, i32>".into(),
            _ => match wire.strip_suffix("[]") {
                Some(element) => format!("Array<'a, {element}{}>", self.lifetime(element)),
                None => match self.enums.get(wire) {
                    Some(e) => e.rust.clone(),
                    None => format!("{wire}{}", self.lifetime(wire)),
                },
            },
        }
    }

    /// Bytes of a field in the fixed part, as a writer makes it.
    fn fixed(&self, wire: &str) -> usize {
        match wire {
            "int" | "boolean" => 4,
            "String" | "byte[]" => 8,
            "UnicodeString" => 16,
            _ if wire.ends_with("[]") => 16,
            _ if self.enums.contains_key(wire) => 4,
            _ => 12,
        }
    }

    fn messages_code(&self) -> String {
        let mut out = String::new();
        // `UnicodeString` is a field type, not a structure, on the wire.
        for block in self.blocks.iter().filter(|b| b.name != "UnicodeString") {
            let Block { kind, id, name, fields } = block;
            let what = match id {
                Some(id) => format!("{kind} {id} of CTIQBE."),
                None => "A structure inside messages.".into(),
            };
            let life = self.lifetime(name);
            writeln!(out, "/// `{name}`: {what}").unwrap();
            writeln!(out, "#[derive(Clone, Copy, Debug, Default, PartialEq)]\npub struct {name}{life} {{").unwrap();
            for f in fields {
                writeln!(out, "    /// `{}`\n    pub {}: {},", f.name, snake(&f.name), self.rust_type(&f.wire)).unwrap();
            }
            let fixed: usize = fields.iter().map(|f| self.fixed(&f.wire)).sum();
            let reads: String = fields.iter().map(|f| format!(" {}: Field::read(r)?,", snake(&f.name))).collect();
            let writes: String = fields.iter().map(|f| format!(" Field::write(&self.{}, w);", snake(&f.name))).collect();
            let (r, w) = if fields.is_empty() { ("_r", "_w") } else { ("r", "w") };
            writeln!(
                out,
                "}}\nimpl<'a> Structure<'a> for {name}{life} {{\n    const FIXED: usize = {fixed};\n    \
                 #[inline]\n    fn read_fields({r}: &mut Reader<'a>) -> Result<Self, DecodeError> {{ Ok(Self {{{reads} }}) }}\n    \
                 #[inline]\n    fn write_fields(&self, {w}: &mut Writer<'_>) {{{writes} }}\n}}"
            )
            .unwrap();
            if let Some(id) = id {
                writeln!(
                    out,
                    "impl<'a> Message<'a> for {name}{life} {{\n    const ID: u32 = {id};\n    const NAME: &'static str = {name:?};\n    const SIDE: Side = Side::{};\n}}",
                    side(kind)
                )
                .unwrap();
            }
        }
        writeln!(
            out,
            "/// Decodes any message to its typed struct and encodes that again.\n#[cfg(test)]\n\
             pub(super) fn encode_again(frame: &super::Frame<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {{\n    match frame.id {{"
        )
        .unwrap();
        for block in self.blocks {
            if let Some(id) = block.id {
                writeln!(out, "        {id} => super::encode(&frame.decode::<{}>()?, frame.version, out),", block.name).unwrap();
            }
        }
        writeln!(out, "        id => return Err(DecodeError::UnknownMessage(id)),\n    }}\n    Ok(())\n}}").unwrap();
        out
    }

    fn schema_code(&self) -> String {
        let mut out = String::new();
        let fields = |block: &Block| {
            let mut list = String::from("&[");
            for f in &block.fields {
                let base = f.wire.trim_end_matches("[]");
                let kind = match f.wire.as_str() {
                    "int" => "Kind::Int(None)".into(),
                    "boolean" => "Kind::Boolean".into(),
                    "String" => "Kind::Text".into(),
                    "byte[]" => "Kind::Bytes".into(),
                    "UnicodeString" => "Kind::Wide".into(),
                    "int[]" => "Kind::IntArray".into(),
                    wire if wire.ends_with("[]") => format!("Kind::Array(&STRUCTURE_{})", base.to_uppercase()),
                    wire => match self.enums.get(wire) {
                        Some(e) => format!("Kind::Int(Some(&{}::VOCABULARY))", e.rust),
                        None => format!("Kind::Structure(&STRUCTURE_{})", base.to_uppercase()),
                    },
                };
                write!(list, "FieldSpec {{ name: {:?}, kind: {kind} }}, ", f.name).unwrap();
            }
            list + "]"
        };
        for block in self.structs.values() {
            let name = &block.name;
            writeln!(
                out,
                "static STRUCTURE_{}: StructureSpec = StructureSpec {{ name: {name:?}, fields: {} }};",
                name.to_uppercase(),
                fields(block)
            )
            .unwrap();
        }
        writeln!(out, "/// The structures, by name.\npub static STRUCTURES: &[&StructureSpec] = &[").unwrap();
        for name in self.structs.keys() {
            writeln!(out, "    &STRUCTURE_{},", name.to_uppercase()).unwrap();
        }
        writeln!(out, "];\n/// The messages, by id.\npub static MESSAGES: &[MessageSpec] = &[").unwrap();
        let messages: BTreeMap<u32, &Block> = self.blocks.iter().filter_map(|b| b.id.map(|id| (id, b))).collect();
        for (id, block) in messages {
            let Block { kind, name, .. } = block;
            let kind_name = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
            let body = fields(block);
            writeln!(
                out,
                "    MessageSpec {{ id: {id}, kind: MessageKind::{kind_name}, structure: StructureSpec {{ name: {name:?}, fields: {body} }} }},"
            )
            .unwrap();
        }
        writeln!(out, "];").unwrap();
        out
    }
}

/// Who sends a kind of message. It decides how a `UnicodeString` is laid out.
fn side(kind: &str) -> &'static str {
    if kind == "request" { "Client" } else { "Server" }
}
