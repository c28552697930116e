//! The story of a flow: what a client was told, as text that a person can check against the flow.
//!
//! It is made of the CloudEvents alone, as they come out of the hub. Times are seconds since the first event of the play.

use callcast::sim::Flow;
use serde_json::Value as Json;

use super::times::micros;

/// The story of the events of a play.
pub fn story(flow: &Flow, events: &[Json]) -> String {
    let begin = events.first().map_or(0, |event| micros(&event["time"]));
    let mut story = Story { flow, begin, calls: vec![], legs: vec![], pops: vec![], devices: vec![], lines: vec![], session: vec![] };
    events.iter().for_each(|event| story.take(event));
    story.text()
}

/// A call.
struct Call {
    id: String,
    /// Its data in its last event: what does not change, and what is known at the end.
    last: Json,
    items: Vec<String>,
    legs: Vec<String>,
}

/// A leg.
#[derive(Default)]
struct Leg {
    /// What names it in the events.
    key: String,
    label: String,
    id: String,
    direction: String,
    /// What its first event says beside that: why it came to be, and that it was found standing.
    attributes: String,
    call: String,
    remote: String,
    over: bool,
    items: Vec<String>,
}

/// Something that is nothing but what happened to it.
struct Thing {
    key: String,
    head: String,
    items: Vec<String>,
}

struct Story<'f> {
    flow: &'f Flow,
    /// When the play began, in microseconds.
    begin: i64,
    calls: Vec<Call>,
    legs: Vec<Leg>,
    pops: Vec<Thing>,
    devices: Vec<Thing>,
    lines: Vec<Thing>,
    session: Vec<Thing>,
}

impl Story<'_> {
    fn take(&mut self, event: &Json) {
        let kind = text(&event["type"]);
        let (family, kind) = kind.trim_start_matches("callcast.").split_once('.').unwrap();
        let (at, data) = (self.time(&event["time"]), &event["data"]);
        match family {
            "call" => self.call(kind, &at, data),
            "leg" => self.leg(kind, &at, data),
            "pop" => self.pop(kind, &at, data),
            "device" => {
                let head = format!("device {}", self.device(data));
                add(&mut self.devices, &head, &head, joined(&[&at, kind]));
            }
            "line" => {
                let head = format!("line {}", self.line(data));
                add(&mut self.lines, &head, &head, joined(&[&at, kind]));
            }
            "session" => add(&mut self.session, "", "session", joined(&[&at, kind])),
            other => panic!("the story has no words for {other}.{kind}"),
        }
    }

    fn call(&mut self, kind: &str, at: &str, data: &Json) {
        let id = text(&data["call_id"]);
        if kind == "started" {
            self.calls.push(Call { id: id.clone(), last: Json::Null, items: vec![], legs: vec![] });
        }
        let words = match kind {
            "started" => String::new(),
            "answered" if data["answered_by"].is_null() => "by outside".into(),
            "answered" => format!("by {}", self.line(&data["answered_by"])),
            "diverted" => {
                let it = &data["diversion"];
                format!("{} {} -> {}{}", text(&it["reason"]), number(&it["from"]), number(&it["to"]), self.merged(it))
            }
            "transferred" => {
                let it = &data["transfer"];
                format!("{} by {} to {}{}", text(&it["kind"]), number(&it["by"]), number(&it["to"]), self.merged(it))
            }
            "conferenced" => {
                let it = &data["conference"];
                let mut participants: Vec<String> = list(&it["participants"]).iter().map(number).collect();
                participants.sort();
                format!("{}{}", participants.join(" "), self.merged(it))
            }
            "parked" | "retrieved" => {
                let it = &data["park"];
                format!("{} by {}{}", text(&it["number"]), number(&it["by"]), self.merged(it))
            }
            "missed" => {
                let missed: Vec<String> = list(&data["missed_by"]).iter().map(|line| self.line(line)).collect();
                let order = |label: &&str| missed.iter().any(|m| m == label);
                let labels: Vec<&str> = self.flow.places.iter().map(|p| p.label.as_str()).filter(order).collect();
                format!("by {}", labels.join(" "))
            }
            "merged" => format!("into {}", self.call_name(&data["merged_into"])),
            "ended" => {
                let parties = format!("{} -> {}", number(&data["calling"]), number(&data["called"]));
                joined(&[&text(&data["outcome"]), &parties, &durations(data), &text(&data["cause"]["name"])])
            }
            other => panic!("the story has no words for call.{other}"),
        };
        // That a call is over may be told some time after it was.
        let at = if kind == "ended" { self.time(&data["ended"]) } else { at.to_owned() };
        let leg = |leg: &Json| joined(&["leg", &self.line(leg), &text(&leg["direction"]), &durations(leg)]);
        let legs: Vec<String> = list(&data["legs"]).iter().map(leg).collect();
        let Some(call) = self.calls.iter_mut().find(|c| c.id == id) else { panic!("call.{kind} of a call that never began: {data}") };
        call.items.push(joined(&[&at, kind, &words]));
        call.legs.extend(legs);
        call.last = data.clone();
    }

    /// `, call 2 merged` of a feature that brought another call in.
    fn merged(&self, feature: &Json) -> String {
        let from = &feature["merged_from"];
        if from.is_string() { format!(", {} merged", self.call_name(from)) } else { String::new() }
    }

    fn leg(&mut self, kind: &str, at: &str, data: &Json) {
        let key = format!("{} {} {}", data["device"]["name"], data["line"], data["leg_id"]);
        let (label, call, remote) = (self.line(data), self.call_name(&data["call_id"]), party(&data["remote"]));
        if !self.legs.iter().any(|leg| leg.key == key && !leg.over) {
            let reason = Some(text(&data["reason"])).filter(|reason| reason != "direct").unwrap_or_default();
            let recovered = if data["recovered"] == true { "recovered" } else { "" };
            let attributes = joined(&[&reason, recovered]);
            let id = text(&data["leg_id"]).rsplit('/').next().unwrap().to_owned();
            self.legs.push(Leg { key: key.clone(), label, id, attributes, remote: "-".into(), ..Leg::default() });
        }
        let leg = self.legs.iter_mut().rfind(|leg| leg.key == key).unwrap();
        let new_call = if leg.call == call { "" } else { &call };
        let new_remote = if leg.remote == remote { String::new() } else { format!("remote {remote}") };
        let word = if kind == "party_changed" && !new_remote.is_empty() { "" } else { kind };
        let unobserved = if data["unobserved"] == true { "unobserved" } else { "" };
        let cause = if kind == "disconnected" { text(&data["cause"]["name"]) } else { String::new() };
        leg.items.push(joined(&[at, word, new_call, &new_remote, &cause, unobserved]));
        leg.direction = text(&data["direction"]);
        leg.over = kind == "disconnected";
        (leg.call, leg.remote) = (call, remote);
    }

    fn pop(&mut self, kind: &str, at: &str, data: &Json) {
        let words = match kind {
            "withdrawn" => text(&data["reason"]),
            _ => format!("{} {} on {}", self.call_name(&data["call_id"]), party(&data["remote"]), self.line(data)),
        };
        let whose = data["user"]["id"].as_str().map_or_else(|| self.device(data), str::to_owned);
        add(&mut self.pops, &text(&data["pop_id"]), &format!("pop {whose}"), joined(&[at, kind, &words]));
    }

    fn text(&self) -> String {
        let mut out = String::new();
        let mut say = |line: String| out.push_str(&format!("{line}\n"));
        for (call, place) in self.calls.iter().zip(1..) {
            say(format!("call {place}: {} -> {}", number(&call.last["first_calling"]), number(&call.last["first_called"])));
            let purpose = call.last["purpose"].as_str().unwrap_or("of no purpose");
            if purpose != "conversation" {
                say(format!("  purpose {purpose}"));
            }
            call.items.iter().chain(&call.legs).for_each(|item| say(format!("  {item}")));
        }
        for leg in &self.legs {
            let head = joined(&["leg", &leg.label, &leg.id, &leg.direction, &leg.attributes]);
            say(format!("{head}: {}", leg.items.join(" | ")));
        }
        for thing in [&self.pops, &self.devices, &self.lines, &self.session].into_iter().flatten() {
            say(format!("{}: {}", thing.head, thing.items.join(" | ")));
        }
        out
    }

    /// Seconds since the play began, with one decimal.
    fn time(&self, time: &Json) -> String {
        tenths(micros(time) - self.begin)
    }

    /// `call 2`, by the order in which calls began.
    fn call_name(&self, id: &Json) -> String {
        let place = self.calls.iter().position(|call| *id == call.id.as_str());
        place.map_or_else(|| "call ?".into(), |place| format!("call {}", place + 1))
    }

    /// The label of the line of an event.
    fn line(&self, data: &Json) -> String {
        let is_it = |place: &&callcast::sim::flow::Place| {
            let device = &self.flow.phones[place.phone].device;
            data["device"]["name"] == device.as_str()
                && data["line"]["dn"] == place.dn.as_str()
                && data["line"]["partition"] == place.partition.as_str()
        };
        self.flow.places.iter().find(is_it).map_or_else(|| format!("{} {}", data["device"], data["line"]), |place| place.label.clone())
    }

    /// The label of the device of an event: that of its first line.
    fn device(&self, data: &Json) -> String {
        let name = text(&data["device"]["name"]);
        let first = self.flow.places.iter().find(|place| self.flow.phones[place.phone].device == name);
        first.map_or(name, |place| place.label.clone())
    }
}

/// Adds what happened to something.
fn add(things: &mut Vec<Thing>, key: &str, head: &str, item: String) {
    match things.iter_mut().find(|thing| thing.key == key) {
        Some(thing) => thing.items.push(item),
        None => things.push(Thing { key: key.into(), head: head.into(), items: vec![item] }),
    }
}

/// The words that are there, with blanks between.
fn joined(words: &[&str]) -> String {
    words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A party by its number.
fn number(party: &Json) -> String {
    match party["number"].as_str() {
        Some(number) => number.into(),
        None if party["presentation"] == "restricted" => "withheld".into(),
        None => "-".into(),
    }
}

/// A party with all that is known of it.
fn party(party: &Json) -> String {
    let name = party["name"].as_str().filter(|name| !name.is_empty()).map_or_else(String::new, |name| format!("\"{name}\""));
    let e164 = party["e164"].as_str().filter(|e164| party["number"] != *e164).map_or_else(String::new, |e164| format!("e164 {e164}"));
    joined(&[&number(party), &name, &e164])
}

/// `ring 1.0 talk 2.0 hold 0.0`
fn durations(data: &Json) -> String {
    let one = |name: &str| format!("{name} {}", data[format!("{name}_ms")].as_i64().map_or_else(|| "?".into(), |ms| tenths(ms * 1000)));
    ["ring", "talk", "hold"].map(one).join(" ")
}

/// Microseconds as seconds with one decimal.
fn tenths(micros: i64) -> String {
    format!("{:.1}", (micros as f64 / 100_000.0).round() / 10.0)
}
