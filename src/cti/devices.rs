//! The devices of a session and how far each has come: known by name, and once open by handle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::refusal::Refusal;
use super::status::Status;
use super::{Device, DeviceHandle, Line, LineHandle};

/// Devices that are kept. The largest clusters have 40,000 phones.
pub const DEVICE_LIMIT: usize = 100_000;
/// Lines that are kept of a device. Cisco's largest phones with side cars have below 120.
pub const LINE_LIMIT: usize = 256;

/// How far a device has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is asked.
    #[default]
    Idle,
    /// It waits for its turn.
    Queued,
    /// A request about it waits for its answer, or is about to be sent.
    Asking,
    /// It is not registered; it is opened when it registers.
    Unregistered,
    /// It is open.
    Open(DeviceHandle),
    /// It was refused.
    Refused,
    /// It shall not be opened.
    PassedOver,
}

/// How far a line has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineStage {
    /// It is not open.
    #[default]
    Closed,
    /// The request to open it waits for its answer, or is about to be sent.
    Asking,
    /// It is open.
    Open(LineHandle),
    /// It was refused.
    Refused,
    /// It shall not be opened.
    PassedOver,
}

/// A line of a device.
#[derive(Debug)]
pub struct LineEntry {
    /// What it is called in requests of ours: never used again for another line of the device.
    pub number: u32,
    /// The line as it is told of.
    pub line: Arc<Line>,
    /// How far it has come.
    pub stage: LineStage,
    /// Whether it is in service.
    pub in_service: bool,
    /// Whether it is refused.
    pub standing: Standing,
    /// Whether the description that is being received has it.
    pub seen: bool,
}

/// A device.
#[derive(Debug)]
pub struct Entry {
    /// The name, for requests and queues.
    pub name: Arc<str>,
    /// The device as it is told of.
    pub device: Arc<Device>,
    /// How far it has come.
    pub stage: Stage,
    /// Whether the inventory names it.
    pub named: bool,
    /// Whether it is on the control list.
    pub listed: bool,
    /// Whether it was acquired in this session.
    pub acquired: bool,
    /// Whether the cluster described it in this session.
    pub described: bool,
    /// Whether a description of it is still incomplete.
    pub more_lines: bool,
    /// Whether its type was ever told, in this session or before.
    pub known: bool,
    /// Whether it is registered.
    pub registered: bool,
    /// Whether it is in service.
    pub in_service: bool,
    /// Whether it goes as soon as the answer about it is there.
    pub leaving: bool,
    /// Whether a description was asked for and is not complete.
    pub describing: bool,
    /// Whether its state is being asked for, or about to be.
    pub asking_state: bool,
    /// When it is asked for again.
    pub retry_at: Option<Duration>,
    /// Whether it is refused.
    pub standing: Standing,
    /// Its lines.
    pub lines: Vec<LineEntry>,
    next_line: u32,
}

/// Whether a device or line is refused, and why. The status always says the same.
#[derive(Debug, Default)]
pub struct Standing(Option<Refusal>);

impl Standing {
    /// It is refused for this. Whether it was not before: a refusal that is repeated is not news.
    pub fn refuse(&mut self, refusal: &Refusal, status: &Status) -> bool {
        if self.0.as_ref() == Some(refusal) {
            return false;
        }
        self.heal(status);
        status.refuse(refusal.clone());
        self.0 = Some(refusal.clone());
        true
    }

    /// It is not refused any more.
    pub fn heal(&mut self, status: &Status) {
        if let Some(refusal) = self.0.take() {
            status.heal(&refusal);
        }
    }
}

impl Entry {
    /// Adds a line; `false` when it has too many.
    pub fn add_line(&mut self, line: Arc<Line>) -> bool {
        if self.lines.len() >= LINE_LIMIT {
            return false;
        }
        let number = self.next_line;
        self.next_line = self.next_line.wrapping_add(1);
        self.lines.push(LineEntry { number, line, stage: LineStage::Closed, in_service: false, standing: Standing::default(), seen: true });
        true
    }

    /// The line of this number.
    pub fn line_mut(&mut self, number: u32) -> Option<&mut LineEntry> {
        self.lines.iter_mut().find(|l| l.number == number)
    }
}

/// All devices of a session.
#[derive(Debug, Default)]
pub struct Devices {
    entries: HashMap<Arc<str>, Entry>,
    handles: HashMap<DeviceHandle, Arc<str>>,
    line_handles: HashMap<LineHandle, (Arc<str>, u32)>,
}

impl Devices {
    /// The device of this name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The device of this name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.entries.get_mut(name)
    }

    /// The device of this name, which is added when it is not there yet. `None` when there are too many.
    pub fn get_or_add(&mut self, name: &str) -> Option<&mut Entry> {
        if !self.entries.contains_key(name) {
            if self.entries.len() >= DEVICE_LIMIT {
                return None;
            }
            let name: Arc<str> = name.into();
            self.entries.insert(name.clone(), entry(name));
        }
        self.entries.get_mut(name)
    }

    /// Takes a device away, with its handles.
    pub fn remove(&mut self, name: &str) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        if let Stage::Open(handle) = entry.stage {
            self.handles.remove(&handle);
        }
        for line in &entry.lines {
            if let LineStage::Open(handle) = line.stage {
                self.line_handles.remove(&handle);
            }
        }
        Some(entry)
    }

    /// All devices.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The session is another: no handle means anything, nothing is asked or refused.
    pub fn forget_session(&mut self) {
        self.handles.clear();
        self.line_handles.clear();
        for entry in self.entries.values_mut() {
            entry.stage = Stage::Idle;
            (entry.listed, entry.acquired, entry.described, entry.more_lines) = (false, false, false, false);
            (entry.registered, entry.in_service, entry.describing, entry.asking_state) = (false, false, false, false);
            (entry.standing, entry.retry_at) = (Standing::default(), None);
            for line in &mut entry.lines {
                (line.stage, line.in_service, line.standing) = (LineStage::Closed, false, Standing::default());
            }
        }
    }

    /// The device is open under this handle.
    pub fn device_opened(&mut self, name: &Arc<str>, handle: DeviceHandle) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.stage = Stage::Open(handle);
            self.handles.insert(handle, name.clone());
        }
    }

    /// The line is open under this handle.
    pub fn line_opened(&mut self, name: &Arc<str>, number: u32, handle: LineHandle) {
        if let Some(line) = self.entries.get_mut(name).and_then(|e| e.line_mut(number)) {
            line.stage = LineStage::Open(handle);
            self.line_handles.insert(handle, (name.clone(), number));
        }
    }

    /// The open device of this handle.
    pub fn by_handle(&mut self, handle: DeviceHandle) -> Option<&mut Entry> {
        self.entries.get_mut(self.handles.get(&handle)?)
    }

    /// The open line of this handle.
    pub fn line_by_handle(&mut self, handle: LineHandle) -> Option<&mut LineEntry> {
        let (name, number) = self.line_handles.get(&handle)?;
        self.entries.get_mut(name)?.line_mut(*number)
    }

    /// The device's handle means nothing any more. The device's name.
    pub fn device_closed(&mut self, handle: DeviceHandle) -> Option<Arc<str>> {
        let name = self.handles.remove(&handle)?;
        self.entries.get_mut(&name)?.stage = Stage::Idle;
        Some(name)
    }

    /// The line's handle means nothing any more. The device's name and the line's number.
    pub fn line_closed(&mut self, handle: LineHandle) -> Option<(Arc<str>, u32)> {
        let (name, number) = self.line_handles.remove(&handle)?;
        let line = self.entries.get_mut(&name)?.line_mut(number)?;
        line.stage = LineStage::Closed;
        Some((name, number))
    }
}

fn entry(name: Arc<str>) -> Entry {
    // Until the cluster describes it, its name is all that is known.
    let device = Device {
        name: name.to_string(),
        model: String::new(),
        kind: super::DeviceKind::Phone,
        owner: None,
        login_user: None,
        device_pool: None,
    };
    Entry {
        name,
        device: Arc::new(device),
        stage: Stage::Idle,
        named: false,
        listed: false,
        acquired: false,
        described: false,
        more_lines: false,
        known: false,
        registered: false,
        in_service: false,
        leaving: false,
        describing: false,
        asking_state: false,
        retry_at: None,
        standing: Standing::default(),
        lines: vec![],
        next_line: 0,
    }
}
