//! docs/events.md: below its introduction it is what the code says, with an example of every type.
//!
//! `UPDATE_DOCS=1 cargo test --test events` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use callcast::event::EventType;
use callcast::schemas::{self, ENVELOPE, Member, Object, Presence, SCHEMAS, Shape};

use super::material::examples;
use super::ordered::laid_out;
use super::stage::Told;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");
/// The last line that is written by hand.
const MARK: &str = "UPDATE_DOCS=1 cargo test --test events -->\n";

#[test]
fn the_page_of_events_is_what_the_code_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let end = page.find(MARK).expect("docs/events.md says where its introduction ends") + MARK.len();
    let expected = format!("{}{}", &page[..end], generated());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(PAGE, expected).unwrap();
    }
    let differs = page.lines().zip(expected.lines()).position(|(is, should_be)| is != should_be);
    let differs = differs.unwrap_or_else(|| page.lines().count().min(expected.lines().count()));
    assert!(page == expected, "docs/events.md is out of date from line {}: UPDATE_DOCS=1 cargo test --test events", differs + 1);
}

fn generated() -> String {
    let mut out = String::new();
    types(&mut out);
    out.push_str("\n## Envelope\n\n");
    members(&ENVELOPE, &mut out);
    for object in &SCHEMAS {
        write!(out, "\n## Data of `{0}.*`\n\n{1} Schema: `/schemas/{0}.json`.\n\n", object.name, object.text).unwrap();
        members(object, &mut out);
    }
    out.push_str("\n## Objects\n");
    for object in objects() {
        write!(out, "\n### Object `{}`\n\n{}\n\n", object.name, object.text).unwrap();
        members(object, &mut out);
    }
    out.push_str("\n## Examples\n\nReal ones: what the gateway told of a few calls, in which people of the same names call each other.\n");
    let told = examples();
    EventType::ALL.iter().for_each(|kind| example(*kind, &told, &mut out));
    out
}

/// The type without the prefix that all have.
fn short(kind: EventType) -> &'static str {
    kind.as_str().trim_start_matches("callcast.")
}

/// Where a heading is found.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-')).collect::<String>();
    kept.replace(' ', "-")
}

fn types(out: &mut String) {
    out.push_str("\n## Types\n\nAll have the prefix `callcast.`.\n\n| type | when | data |\n| --- | --- | --- |\n");
    for object in &SCHEMAS {
        let data = format!("Data of {}.*", object.name);
        for kind in schemas::types_of(object.name) {
            let own: Vec<String> =
                object.members.iter().filter(|m| m.presence.only().is_some() && m.presence.allows(kind)).map(name).collect();
            let own = if own.is_empty() { String::new() } else { format!(", with {}", own.join(", ")) };
            let (short, link) = (short(kind), anchor(&data));
            writeln!(out, "| [`{short}`](#{}) | {} | [{}](#{link}){own} |", anchor(short), kind.meaning(), object.name).unwrap();
        }
    }
}

fn name(member: &Member) -> String {
    format!("`{}`", member.name)
}

fn members(object: &Object, out: &mut String) {
    out.push_str("| member | value | there | |\n| --- | --- | --- | --- |\n");
    for member in object.members {
        let there = match member.presence {
            Presence::Always => "always".into(),
            Presence::Sometimes => "if so".into(),
            Presence::Of(types) => format!("in {}", list(types)),
            Presence::SometimesOf(types) => format!("if so, in {}", list(types)),
        };
        // The types of events have a table of their own.
        let words = if member.name == "type" { String::new() } else { words(member.shape) };
        writeln!(out, "| {} | {} | {there} | {}{words} |", name(member), value(member.shape), member.text).unwrap();
    }
}

fn list(types: &[EventType]) -> String {
    types.iter().map(|kind| format!("`{}`", short(*kind))).collect::<Vec<_>>().join(", ")
}

fn value(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Pattern(_) => "text".into(),
        Shape::Uuid => "UUID".into(),
        Shape::Time => "time".into(),
        Shape::Count => "number".into(),
        Shape::Flag => "true or false".into(),
        Shape::Word(_) | Shape::OpenWord(_) => "word".into(),
        Shape::Object(object) => format!("[{}](#{})", object.name, anchor(&format!("Object {}", object.name))),
        Shape::Data => "object".into(),
        Shape::List(of) => format!("list of {}", value(*of)),
        Shape::OrNull(of) => format!("{} or null", value(*of)),
    }
}

/// The words that a member may have.
fn words(shape: Shape) -> String {
    match shape {
        Shape::Word(words) => words().iter().map(|(word, meaning)| format!("<br>`{word}`: {meaning}")).collect(),
        Shape::OpenWord(words) => format!("<br>{}", words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
        Shape::OrNull(of) => words(*of),
        _ => String::new(),
    }
}

/// Every object that is in the data of an event.
fn objects() -> impl Iterator<Item = &'static Object> {
    let mut found = BTreeMap::new();
    SCHEMAS.iter().flat_map(|object| object.members).for_each(|member| find(member.shape, &mut found));
    found.into_values()
}

fn find(shape: Shape, found: &mut BTreeMap<&'static str, &'static Object>) {
    match shape {
        Shape::Object(object) if found.insert(object.name, object).is_none() => {
            object.members.iter().for_each(|member| find(member.shape, found));
        }
        Shape::List(of) | Shape::OrNull(of) => find(*of, found),
        _ => {}
    }
}

fn example(kind: EventType, told: &[Told], out: &mut String) {
    let told = told.iter().find(|told| told.kind == kind);
    let told = told.unwrap_or_else(|| panic!("{} has no example: let it happen in tests/events/material.rs", kind.as_str()));
    write!(out, "\n### `{}`\n\n{}\n\n```json\n{}\n```\n", short(kind), kind.meaning(), laid_out(&of_one_start(kind, &told.text))).unwrap();
}

/// The event as a gateway tells it that started at a certain time: ids have that in front, and the event of a gap has the machine's time.
/// Else the page would never be the same twice.
fn of_one_start(kind: EventType, event: &str) -> String {
    let (before, id) = event.split_once("\"id\":\"").expect("an event has an id");
    let (_, sequence) = id.split_once('-').expect("an id has two parts");
    let event = format!("{before}\"id\":\"1795420000-{sequence}");
    let (before, rest) = event.split_once("\"time\":\"").expect("an event has a time");
    let (_, after) = rest.split_once('"').expect("a text ends");
    if kind == EventType::JournalGap { format!("{before}\"time\":\"2026-11-23T08:15:02.000000Z\"{after}") } else { event }
}
