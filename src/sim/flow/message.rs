//! The lines of a flow file's second part: when, where, which message, and its fields.

use std::collections::HashMap;
use std::time::Duration;

use super::defaults::{self, Memory};
use super::error::{FlowFault, Hint};
use super::field::Named;
use super::head::Head;
use super::words::Word;
use super::{PROVIDER, Place};
use crate::ctiqbe::schema::{MESSAGES, MessageKind, MessageSpec, message_named};
use crate::ctiqbe::value::{self, Value};

/// The latest time of a message: nobody waits a day for a flow.
const LATEST: u64 = 86_400;

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// When, since the beginning.
    pub at: Duration,
    /// The line that it is about, as an index into [`Flow::places`](super::Flow::places); none for `provider`.
    pub place: Option<usize>,
    /// Which message.
    pub spec: &'static MessageSpec,
    /// Its fields, all of them; the handles are 0.
    pub fields: Value,
    /// Its line in the file, from 1.
    pub source: usize,
}

impl Message {
    /// The frame of the message with these handles of the line and its device.
    pub fn frame(&self, device: i32, line: i32, version: u32) -> Vec<u8> {
        let mut fields = self.fields.clone();
        set_handles(&mut fields, device, line);
        let mut bytes = Vec::new();
        // The fields came from the table by which they are encoded.
        let _ = value::encode(self.spec, &fields, version, &mut bytes);
        bytes
    }
}

/// Whether a message has the handle of a line or device.
pub fn has_handle(spec: &MessageSpec) -> bool {
    spec.structure.fields.iter().any(|f| matches!(f.name, "lineCallManagerID" | "deviceCallManagerID"))
}

/// Puts handles into the fields that have them.
pub fn set_handles(fields: &mut Value, device: i32, line: i32) {
    let Value::Structure(fields) = fields else { return };
    for (name, value) in fields {
        match (*name, value) {
            ("lineID", Value::Int(number, _)) => *number = line,
            ("deviceID", Value::Int(number, _)) => *number = device,
            _ => {}
        }
    }
}

/// Reads message lines, and remembers what they said of each leg.
#[derive(Debug, Default)]
pub struct Messages {
    pub list: Vec<Message>,
    legs: HashMap<(usize, i32), Memory>,
}

impl Messages {
    /// Takes a line.
    pub fn take(&mut self, words: &[Word], source: usize, head: &Head) -> Result<(), FlowFault> {
        let [time, label, name, fields @ ..] = words else { return Err(FlowFault::MessageLine) };
        let at = self.time(&time.text)?;
        let spec = message_named(&name.text).ok_or_else(|| {
            let events = MESSAGES.iter().filter(|m| m.kind == MessageKind::Event).map(MessageSpec::name);
            FlowFault::UnknownMessage { name: name.text.clone(), hint: Hint::nearest(&name.text, events) }
        })?;
        if spec.kind != MessageKind::Event {
            return Err(FlowFault::NoEvent(spec.name()));
        }
        let place = match label.text.as_str() {
            PROVIDER if has_handle(spec) => return Err(FlowFault::NoPlace(spec.name())),
            PROVIDER => None,
            label => Some(head.places.iter().position(|p| p.label == label).ok_or_else(|| head.unknown(label))?),
        };
        let mut named = Named::default();
        for word in fields {
            let (path, value) = word.text.split_once('=').ok_or_else(|| FlowFault::NoField(word.text.clone()))?;
            named.add(&spec.structure, path, value)?;
        }
        let fields = self.fill(spec, place, &named, head)?;
        self.list.push(Message { at, place, spec, fields, source });
        Ok(())
    }

    fn time(&self, text: &str) -> Result<Duration, FlowFault> {
        let wrong = || FlowFault::Time(text.into());
        let (seconds, tenth) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        let seconds = digits(seconds).filter(|s| *s <= LATEST).ok_or_else(wrong)?;
        let tenth = digits(tenth).filter(|_| tenth.len() == 1).ok_or_else(wrong)?;
        let at = Duration::from_millis(seconds * 1000 + tenth * 100);
        match self.list.last() {
            Some(last) if at < last.at => Err(FlowFault::Earlier { time: text.into(), before: format!("{:.1}", last.at.as_secs_f64()) }),
            _ => Ok(at),
        }
    }

    /// All fields of a message: those that are named, and what the rule gives the others.
    fn fill(&mut self, spec: &'static MessageSpec, place: Option<usize>, named: &Named, head: &Head) -> Result<Value, FlowFault> {
        let mut fields = defaults::fresh(&spec.structure);
        let own: Option<(usize, &Place)> = place.and_then(|at| head.places.get(at).map(|place| (at, place)));
        let mut leg = None;
        if let (Some((at, _)), Some(Value::Int(..))) = (own, fields.get("callLegID")) {
            if !named.has("callLegID") {
                return Err(FlowFault::NoLeg(spec.name()));
            }
            let mut only = fields.clone();
            named.put_into(&spec.structure, &mut only, defaults::fresh)?;
            leg = int(&only, "callLegID").map(|leg| (at, leg));
        }
        let mut memory = leg.and_then(|leg| self.legs.remove(&leg)).unwrap_or_default();
        if spec.name() == "NewCallEvent" {
            memory.clear();
        }
        defaults::remember(&mut fields, "", named, &memory);
        named.put_into(&spec.structure, &mut fields, defaults::fresh)?;
        defaults::follow(&mut fields, "", named, &memory, &head.places);
        if let Some((_, place)) = own {
            defaults::far_end(&mut fields, named, place, &head.places);
            defaults::name_device(&mut fields, named, head.phones.get(place.phone).map_or("", |phone| &phone.device));
            set_handles(&mut fields, 0, 0);
        }
        if let Some(leg) = leg {
            defaults::memorize(&fields, "", &mut memory);
            self.legs.insert(leg, memory);
        }
        Ok(fields)
    }
}

fn int(fields: &Value, name: &str) -> Option<i32> {
    match fields.get(name) {
        Some(Value::Int(number, _)) => Some(*number),
        _ => None,
    }
}
