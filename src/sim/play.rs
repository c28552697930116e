//! What is played to clients: recorded sessions and flow files ([`flow`](super::flow)).
//!
//! A recorded session is JSON lines: `{"t": seconds, "dir": "C>S" or "S>C", "message": name, "hex": whole frame}`. The events that CTIManager sent after the last line was open are played again to a client that has opened the same lines, at the same
//! distances in time, with its own handles in place of the recorded ones. The devices and the control list of the recording become
//! devices and the control list of the simulated cluster, so that the client finds them.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::Error;
use super::cluster::{DeviceKind, DeviceSpec, LineSpec};
use super::flow::{self, Flow};
use crate::ctiqbe::messages::{
    DeviceLineInfoEvent, DeviceOpenRequest, DeviceOpenResponse, LineInServiceEvent, LineOpenRequest, LineOpenResponse,
};
use crate::ctiqbe::names::DeviceControlFlagBitmask;
use crate::ctiqbe::schema::{MessageKind, MessageSpec};
use crate::ctiqbe::value::{self, Value};
use crate::ctiqbe::{FRAME_LIMIT, Frame, Message, json};

/// What a recorded handle stands for, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordedHandle {
    /// A device.
    Device(String),
    /// A line: its device, directory number and partition.
    Line(String, String, String),
}

/// An event to be played.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// When, since the first one.
    pub at: Duration,
    /// Which message.
    pub spec: &'static MessageSpec,
    /// Its fields, with recorded handles.
    pub fields: Value,
}

/// A recorded session.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    devices: Vec<DeviceSpec>,
    /// Who is logged in to a device by extension mobility at the beginning.
    logins: Vec<(String, String)>,
    control_list: Vec<String>,
    locked: bool,
    handles: HashMap<i32, RecordedHandle>,
    events: Vec<RecordedEvent>,
}

#[derive(Deserialize)]
struct Entry {
    t: f64,
    dir: String,
    hex: String,
}

impl Recording {
    /// Reads a recorded session, whose first line begins with `{`, or a flow file.
    ///
    /// # Errors
    /// When the file cannot be read, or a line of it says nothing sensible.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), source })?;
        if text.trim_start().starts_with('{') {
            return Self::parse(&text).map_err(|(line, what)| Error::Recording { path: path.into(), line, what });
        }
        Ok(Self::from(&Flow::parse(&text).map_err(|error| Error::Flow { path: path.into(), error })?))
    }

    /// A recorded session from its text; an error is the line, from 1, and what is wrong with it.
    ///
    /// # Errors
    /// When a line is no message.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut recording = Self::default();
        let mut opening = HashMap::new();
        let mut start = None;
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: String| (index + 1, what);
            let entry: Entry = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
            let bytes = json::from_hex(&entry.hex).ok_or_else(|| wrong("hex is not hexadecimal".into()))?;
            let frame = Frame::split(&bytes, FRAME_LIMIT).map_err(|e| wrong(e.to_string()))?;
            let frame = frame.ok_or_else(|| wrong("the frame is cut off".into()))?;
            if entry.dir == "C>S" {
                recording.note_request(&frame, &mut opening);
                continue;
            }
            let (spec, fields) = value::decode(&frame).map_err(|e| wrong(e.to_string()))?;
            recording.note_answer(&frame, &opening);
            if frame.id == LineOpenResponse::ID {
                recording.events.clear();
                start = None;
            }
            let opens_line = frame.id == LineInServiceEvent::ID && start.is_none();
            if spec.kind == MessageKind::Event && !recording.handles.is_empty() && !opens_line {
                let start = *start.get_or_insert(entry.t);
                let at = Duration::try_from_secs_f64(entry.t - start).unwrap_or_default();
                recording.events.push(RecordedEvent { at, spec, fields });
            }
        }
        Ok(recording)
    }

    fn note_request(&mut self, frame: &Frame<'_>, opening: &mut HashMap<i32, RecordedHandle>) {
        if let Ok(request) = frame.decode::<DeviceOpenRequest<'_>>() {
            opening.insert(request.sequence_number, RecordedHandle::Device(request.device_name.to_string()));
        } else if let Ok(request) = frame.decode::<LineOpenRequest<'_>>() {
            let handle =
                RecordedHandle::Line(request.device_name.to_string(), request.line_name.to_string(), request.partition.to_string());
            opening.insert(request.sequence_number, handle);
        }
    }

    fn note_answer(&mut self, frame: &Frame<'_>, opening: &HashMap<i32, RecordedHandle>) {
        let opened = |sequence: i32| opening.get(&sequence).cloned();
        if let Ok(response) = frame.decode::<DeviceOpenResponse>() {
            self.handles.extend(opened(response.sequence_number).map(|what| (response.device_id, what)));
        } else if let Ok(response) = frame.decode::<LineOpenResponse>() {
            self.handles.extend(opened(response.sequence_number).map(|what| (response.line_id, what)));
        } else if let Ok(info) = frame.decode::<DeviceLineInfoEvent<'_>>() {
            self.note_device(&info);
        }
    }

    fn note_device(&mut self, info: &DeviceLineInfoEvent<'_>) {
        let name = info.device_name.to_string();
        if info.control_mode_bit_map == DeviceControlFlagBitmask::CONTROLLED {
            self.control_list.push(name.clone());
        }
        let line = |line: crate::ctiqbe::messages::LineInfo<'_>| LineSpec {
            dn: line.name.to_string(),
            partition: line.partition.to_string(),
            display: line.unicode_display_name.to_string(),
        };
        let lines = info.line_info.iter().map(line).collect();
        self.devices.push(DeviceSpec { name, kind: DeviceKind::Phone, owner: None, lines });
    }

    /// Whether the application users are locked before a client logs in.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Devices with who is logged in to them by extension mobility at the beginning.
    pub fn logins(&self) -> &[(String, String)] {
        &self.logins
    }

    /// The devices of the recording.
    pub fn devices(&self) -> &[DeviceSpec] {
        &self.devices
    }

    /// The names of the devices in the recorded user's control list.
    pub fn control_list(&self) -> &[String] {
        &self.control_list
    }

    /// The events to be played.
    pub fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    /// All that a client has to open before the events can be played to it.
    pub fn opened(&self) -> impl Iterator<Item = &RecordedHandle> {
        self.handles.values()
    }

    /// What a recorded handle stands for.
    pub fn handle(&self, handle: i32) -> Option<&RecordedHandle> {
        self.handles.get(&handle)
    }

    /// The frame of an event with a client's own handles; `None` when one of them is not open.
    pub fn frame(&self, event: &RecordedEvent, version: u32, own: impl Fn(&RecordedHandle) -> Option<i32>) -> Option<Vec<u8>> {
        let Value::Structure(mut fields) = event.fields.clone() else { return None };
        for (name, field) in &mut fields {
            if let ("lineID" | "deviceID", Value::Int(handle, _), true) = (*name, &mut *field, flow::has_handle(event.spec)) {
                *handle = own(self.handles.get(handle)?)?;
            }
        }
        let mut bytes = Vec::new();
        value::encode(event.spec, &Value::Structure(fields), version, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// A flow, under handles of its own.
impl From<&Flow> for Recording {
    fn from(flow: &Flow) -> Self {
        let device = |phone: &flow::Phone| RecordedHandle::Device(phone.device.clone());
        let line = |place: &flow::Place| {
            let device = flow.phones.get(place.phone).map(|phone| phone.device.clone());
            RecordedHandle::Line(device.unwrap_or_default(), place.dn.clone(), place.partition.clone())
        };
        let lines = (1..).zip(flow.places.iter().map(line));
        // Devices count downwards, so that no handle is that of a line too.
        let devices = flow.phones.iter().map(device).zip(1..).map(|(device, number): (_, i32)| (-number, device));
        let handles = lines.chain(devices).collect();
        let event = |message: &flow::Message| {
            let mut fields = message.fields.clone();
            if let Some(place) = message.place {
                let phone = flow.places.get(place).map_or(0, |place| place.phone);
                let number = |index: usize| i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1);
                flow::set_handles(&mut fields, -number(phone), number(place));
            }
            RecordedEvent { at: message.at, spec: message.spec, fields }
        };
        let login = |phone: &flow::Phone| Some((phone.device.clone(), phone.login.clone()?));
        Self {
            devices: flow.devices(),
            logins: flow.phones.iter().filter_map(login).collect(),
            control_list: flow.phones.iter().map(|phone| phone.device.clone()).collect(),
            locked: flow.locked,
            handles,
            events: flow.messages.iter().map(event).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctiqbe::messages::NewCallEvent;

    const BASIC: &str = include_str!("../../tests/fixtures/ctiqbe/transcripts/basic.15.jsonl");

    #[test]
    fn a_recording_begins_after_the_last_line_was_open() {
        let recording = Recording::parse(BASIC).unwrap();
        let names: Vec<_> = recording.events().iter().take(2).map(|e| e.spec.name()).collect();
        assert_eq!(names, ["NewCallEvent", "CallStateChangedEvent_V2"]);
        assert_eq!(recording.events().len(), 13);
        assert_eq!(recording.control_list(), ["SEP000000000001"]);
        assert_eq!(recording.devices()[1].lines[0].dn, "2000");
    }

    #[test]
    fn a_recorded_event_carries_the_clients_own_handle() {
        let recording = Recording::parse(BASIC).unwrap();
        let own = |handle: &RecordedHandle| {
            assert_eq!(*handle, RecordedHandle::Line("SEP000000000001".into(), "1000".into(), "Internal-PT".into()));
            Some(777)
        };
        let bytes = recording.frame(&recording.events()[0], 0x0010_0000, own).unwrap();
        let frame = Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap();
        let event = frame.decode::<NewCallEvent>().unwrap();
        assert_eq!((event.line_id, event.call_id, frame.version), (777, 500, 0x0010_0000));
    }

    #[test]
    fn a_line_that_is_no_message_is_named() {
        let text = "{\"t\": 0, \"dir\": \"S>C\", \"hex\": \"00\"}";
        assert_eq!(Recording::parse(text).unwrap_err(), (1, "the frame is cut off".into()));
    }
}
