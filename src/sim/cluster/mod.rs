//! The cluster itself: devices, lines, users, application users and calls, without CTI, sockets or a clock.
//!
//! It is the one source of truth of the simulation. What is done to it (a call placed, a phone unplugged, a box unticked) comes out as
//! [`Event`]s of lines and devices; a session (see [`super::session`]) makes messages of those that its client asked for.
//! The same operations in the same order give the same events and numbers.
//!
//! - `inventory`: devices and lines, made from the configuration
//! - `accounts`: application users and their login
//! - `party`, `legs`: who takes part, and what happens to a single leg; every operation is made of that
//! - `calls`: plain calls. `routing`: where a call goes, and where it is sent on to; `forwarding`, `hunt`: what decides that
//! - `transfer`, `conference`, `park`, `pickup`, `shared`, `monitoring`: the features, a file each
//! - `registration`: registration, Extension Mobility, the two check boxes

mod accounts;
mod calls;
mod conference;
mod event;
mod forwarding;
mod hunt;
mod inventory;
mod legs;
mod monitoring;
mod park;
mod party;
mod pickup;
mod registration;
mod routing;
mod shared;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::{BTreeMap, HashMap, VecDeque};

use foldhash::fast::FixedState;

pub use accounts::{Account, AccountId, AccountState};
pub use calls::{BUSY_TRIGGER, CallError, Caller, MAX_CALLS};
pub use event::{
    Attribute, BargeNotice, ConferenceChange, ConferenceNotice, Event, LegView, ParkNotice, Participant, Restriction, TransferNotice,
};
pub use hunt::{Pilot, PilotId};
pub use inventory::{DeviceSpec, LineSpec};
pub use legs::{CallKey, Consultation, Leg, LegKey};
pub use park::Features;
pub use party::{Parties, Party};
pub use routing::{Destination, ForwardKind};

use legs::{Call, FIRST_CALL, FIRST_LEG};

/// The number of the only CallManager node, which is half of every handle.
pub const CALL_MANAGER: i32 = 1;

/// A device, by its place in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(u32);

/// A line, by its place in the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(u32);

/// A line on a device: what a client opens, and where a leg is. A shared line has one on each of its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppearanceId(u32);

impl DeviceId {
    /// The permanent number of the device, from 1.
    pub fn number(self) -> i32 {
        self.0.cast_signed() + 1
    }
}

impl LineId {
    /// The permanent number of the line, from 1.
    pub fn number(self) -> i32 {
        self.0.cast_signed() + 1
    }
}

/// What sort of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A telephone.
    Phone,
    /// A CTI port: belongs to an application.
    CtiPort,
    /// A CTI route point: belongs to an application.
    RoutePoint,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name, as `SEP000000000001`.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// The user that owns it, if any.
    pub owner: Option<String>,
    /// The user that is logged in by Extension Mobility, if any.
    pub login_user: Option<String>,
    /// Whether it is registered.
    pub registered: bool,
    /// Whether 'Allow Control of Device from CTI' is off.
    pub restricted: bool,
    /// Its lines, in the order of its buttons.
    pub appearances: Vec<AppearanceId>,
    /// The legs of calls on it, oldest first.
    legs: Vec<LegKey>,
    /// The aggregate state of its calls.
    state: crate::ctiqbe::names::DeviceState,
}

/// A line: a directory number in a partition.
#[derive(Clone, Debug)]
pub struct Line {
    /// The directory number.
    pub dn: String,
    /// Its partition.
    pub partition: String,
    /// The display name.
    pub display: String,
    /// Whether 'Allow Control of Device from CTI' is off.
    pub restricted: bool,
    /// The devices that have it.
    pub appearances: Vec<AppearanceId>,
    /// Where its calls go instead.
    forwards: routing::Forwards,
}

/// A line on a device.
#[derive(Clone, Copy, Debug)]
pub struct Appearance {
    /// The device.
    pub device: DeviceId,
    /// The line.
    pub line: LineId,
    /// Which of the device's lines it is, from 1.
    pub instance: i32,
}

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls that began.
    pub started: u64,
    /// Calls that ended.
    pub ended: u64,
    /// Calls that were lost in a restart of the cluster.
    pub lost: u64,
}

/// So many ended calls a window remembers by number: it may be open for days.
const REMEMBERED: usize = 1_000_000;

/// Calls that touch some devices, counted from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    first: DeviceId,
    last: DeviceId,
    /// Calls that began in the window.
    pub began: u64,
    /// Those of them that ended.
    pub ended: u64,
    /// The numbers of those, the first million.
    ended_calls: Vec<i32>,
}

impl Window {
    /// The numbers of the global calls that ended, the first million, in the order in which they did.
    pub fn ended_calls(&self) -> &[i32] {
        &self.ended_calls
    }

    fn covers(&self, device: DeviceId) -> bool {
        (self.first..=self.last).contains(&device)
    }

    fn note_ended(&mut self, call: i32) {
        self.ended += 1;
        if self.ended_calls.len() < REMEMBERED {
            self.ended_calls.push(call);
        }
    }
}

/// Something that happens to a call unless something else does before; how long that takes is the clock's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What.
    pub kind: TimerKind,
    /// To which call.
    pub call: CallKey,
    /// What the call's count was: when it is another, nobody waits for this any more.
    patience: u32,
}

/// What a [`Timer`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// A line that forwards, or a member of a hunt group, does not answer.
    NoAnswer,
    /// A parked call rings again where it was parked.
    Reversion,
}

/// The cluster.
#[derive(Debug)]
pub struct Cluster {
    devices: Vec<Device>,
    lines: Vec<Line>,
    appearances: Vec<Appearance>,
    by_name: HashMap<String, DeviceId, FixedState>,
    by_dn: HashMap<String, LineId, FixedState>,
    accounts: Vec<Account>,
    lock_after: u32,
    calls: HashMap<CallKey, Call, FixedState>,
    next_key: u64,
    next_call: i32,
    next_leg: i32,
    counters: Counters,
    window: Option<Window>,
    events: VecDeque<Event>,
    timers: Vec<Timer>,
    features: Features,
    pilots: Vec<Pilot>,
    car_park: BTreeMap<u32, park::Parked>,
    next_parking: u64,
    next_transaction: i32,
    /// Who listens, by the number of the leg that is listened to.
    monitored: HashMap<i32, LegKey, FixedState>,
}

impl Cluster {
    /// A device.
    #[allow(clippy::indexing_slicing)] // ids are made by this module, and no device is ever removed
    pub fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.0 as usize]
    }

    #[allow(clippy::indexing_slicing)] // as above
    fn device_mut(&mut self, id: DeviceId) -> &mut Device {
        &mut self.devices[id.0 as usize]
    }

    /// A line.
    #[allow(clippy::indexing_slicing)] // as above
    pub fn line(&self, id: LineId) -> &Line {
        &self.lines[id.0 as usize]
    }

    #[allow(clippy::indexing_slicing)] // as above
    fn line_mut(&mut self, id: LineId) -> &mut Line {
        &mut self.lines[id.0 as usize]
    }

    /// A line on a device.
    #[allow(clippy::indexing_slicing)] // as above
    pub fn appearance(&self, id: AppearanceId) -> Appearance {
        self.appearances[id.0 as usize]
    }

    /// All devices, in the order of the inventory.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        (0..).map(DeviceId).zip(&self.devices)
    }

    /// How many devices there are.
    pub fn device_count(&self) -> u32 {
        u32::try_from(self.devices.len()).unwrap_or(u32::MAX)
    }

    /// The device of this name.
    pub fn find_device(&self, name: &str) -> Option<DeviceId> {
        self.by_name.get(name).copied()
    }

    /// The `number`th device of the inventory, from 1.
    pub fn device_at(&self, number: u32) -> Option<DeviceId> {
        number.checked_sub(1).filter(|index| *index < self.device_count()).map(DeviceId)
    }

    /// The line of this directory number; the first where several partitions have it.
    pub fn find_line(&self, dn: &str) -> Option<LineId> {
        self.by_dn.get(dn).copied()
    }

    /// The line of this directory number on a device. An empty partition is any.
    pub fn find_appearance(&self, device: DeviceId, dn: &str, partition: &str) -> Option<AppearanceId> {
        let found = |id: &&AppearanceId| {
            let line = self.line(self.appearance(**id).line);
            line.dn == dn && (partition.is_empty() || line.partition == partition)
        };
        self.device(device).appearances.iter().find(found).copied()
    }

    /// What happened since the last time.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How many calls there were.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many calls there are.
    pub fn standing(&self) -> usize {
        self.calls.len()
    }

    /// Counts calls that touch the devices `first` to `last` from now on.
    pub fn open_window(&mut self, first: DeviceId, last: DeviceId) {
        self.window = Some(Window { first, last, began: 0, ended: 0, ended_calls: vec![] });
        for call in self.calls.values_mut() {
            call.counted = false;
        }
    }

    /// The calls counted since [`Cluster::open_window`].
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// How the cluster parks and picks up.
    pub fn set_features(&mut self, features: Features) {
        self.features = features;
    }

    /// What has begun to be waited for since the last time.
    pub fn take_timers(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.timers)
    }
}
