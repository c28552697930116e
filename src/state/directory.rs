//! The fold: from appended events to the table, and to what a snapshot needs beside it.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use uuid::Uuid;

use super::table::{Aggregate, DeviceIndex, DeviceState, Table};
use crate::event::{Body, Device, DeviceBody, Direction, Event, EventType, Filter, HandlePair, LegBody, LegState, Line, Parties};
use crate::journal::Sequence;
use crate::time::Timestamp;

/// What is known of a device beside its slot.
#[derive(Clone, Debug)]
pub struct DeviceView {
    /// The device as it was last named.
    pub device: Arc<Device>,
    /// The lines that were seen in service on it.
    pub lines: Vec<Arc<Line>>,
    /// Why it is not observed, while the cluster refuses it.
    pub restriction: Option<Restriction>,
    /// Its legs that are up.
    legs: Vec<LiveLeg>,
}

/// Why the cluster refuses to have a device observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The name of the result code, where it has one.
    pub reason: Option<&'static str>,
    /// The result code.
    pub result: i32,
    /// What to do about it, in words.
    pub cure: String,
}

/// A leg that is up.
#[derive(Clone, Debug)]
pub struct LiveLeg {
    /// Its line, with the device's user at the time when the leg began: whose call it is. A handle is unique per line only.
    pub line: Arc<Line>,
    /// Its handle.
    pub leg: HandlePair,
    /// The conversation that it is part of now.
    pub call_id: Uuid,
    /// Who called whom, seen from the line.
    pub direction: Direction,
    /// Its state.
    pub state: LegState,
    /// When it was first seen.
    pub began: Timestamp,
    /// Who takes part, as its line sees it.
    pub parties: Arc<Parties>,
    /// Its last event, in CloudEvents form.
    pub event: Vec<u8>,
}

impl DeviceView {
    /// A device with lines, without calls.
    pub fn new(device: Arc<Device>, lines: Vec<Arc<Line>>) -> Self {
        Self { device, lines, restriction: None, legs: Vec::new() }
    }

    /// Its legs that are up.
    pub fn legs(&self) -> &[LiveLeg] {
        &self.legs
    }

    /// Leaves out the legs that are not wanted.
    pub fn retain_legs(&mut self, wanted: impl FnMut(&LiveLeg) -> bool) {
        self.legs.retain(wanted);
    }

    /// The sum of its legs: the most urgent of them.
    pub fn aggregate(&self) -> Aggregate {
        let of = |state: LegState| match state {
            LegState::Offered | LegState::Alerting => Aggregate::Alerting,
            LegState::Held | LegState::RemoteInUse => Aggregate::Held,
            LegState::Disconnected => Aggregate::Idle,
            _ => Aggregate::Active,
        };
        self.legs.iter().map(|leg| of(leg.state)).max_by_key(|aggregate| *aggregate as u8).unwrap_or_default()
    }
}

/// Every device that an event named, by its index in the table.
///
/// The views are shared: a snapshot takes them without copying, and the next change copies only what a snapshot still holds.
#[derive(Debug, Default)]
pub struct Directory {
    devices: Vec<Arc<DeviceView>>,
    by_name: Index,
    by_dn: Index,
    by_user: Index,
}

/// Devices by a text of theirs.
type Index = HashMap<String, Vec<DeviceIndex>, RandomState>;

impl Directory {
    /// The device at an index.
    pub fn get(&self, index: DeviceIndex) -> Option<&Arc<DeviceView>> {
        self.devices.get(index.0 as usize)
    }

    /// All devices with their indexes.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceIndex, &Arc<DeviceView>)> {
        self.devices.iter().zip(0..).map(|(device, index)| (DeviceIndex(index), device))
    }

    /// The devices of this name: one per session at most.
    pub fn named(&self, name: &str) -> &[DeviceIndex] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The devices with a line of this directory number.
    pub fn with_dn(&self, dn: &str) -> &[DeviceIndex] {
        self.by_dn.get(dn).map_or(&[], Vec::as_slice)
    }

    /// The devices of this user.
    pub fn of_user(&self, user: &str) -> &[DeviceIndex] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }

    /// The devices that a filter asks for, in the order of their indexes.
    pub fn matching(&self, filter: &Filter) -> Vec<DeviceIndex> {
        if filter.all {
            return self.iter().map(|(index, _)| index).collect();
        }
        let named = filter.devices.iter().flat_map(|name| self.named(name));
        let lines = filter.lines.iter().flat_map(|dn| self.with_dn(dn));
        let users = filter.users.iter().flat_map(|user| self.of_user(user));
        let mut found: Vec<DeviceIndex> = named.chain(lines).chain(users).copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Takes an event that was appended as `sequence`, with its CloudEvents form, into the table.
    pub fn fold(&mut self, table: &Table, event: &Event, sequence: Sequence, encoded: &[u8]) {
        match &event.body {
            // What an earlier run left over says nothing of a device that this one does not know.
            Body::Leg(LegBody { line, unobserved: true, .. }) if table.index(line.device.session, &line.device.name).is_none() => {}
            Body::Leg(leg) => self.update(table, event, sequence, &leg.line.device, |view, state| {
                fold_leg(view, state, leg, event.time, encoded);
            }),
            Body::Device(body) => {
                self.update(table, event, sequence, &body.device, |view, state| fold_device(view, state, event.kind, body))
            }
            Body::Line(body) => {
                self.know_line(table, &body.line);
                self.update(table, event, sequence, &body.line.device, |_, _| {});
            }
            Body::Session(body) if event.kind == EventType::SessionLost => {
                let of_session: Vec<Arc<Device>> =
                    self.devices.iter().filter(|view| view.device.session == body.session).map(|view| Arc::clone(&view.device)).collect();
                for device in of_session {
                    self.update(table, event, sequence, &device, |_, state| state.in_service = false);
                }
            }
            // A call and its pops are told by its legs.
            Body::Call(_) | Body::Pop(_) | Body::Session(_) | Body::Journal(_) | Body::Webhook(_) => {}
        }
    }

    /// The index of a device, which is in the directory from now on; `None` when the table is full.
    fn enter(&mut self, table: &Table, device: &Arc<Device>) -> Option<DeviceIndex> {
        let index = table.intern(device.session, &device.name)?;
        match self.devices.get_mut(index.0 as usize) {
            None => {
                self.devices.push(Arc::new(DeviceView::new(Arc::clone(device), Vec::new())));
                add(&mut self.by_name, &device.name, index);
                device.user.iter().for_each(|user| add(&mut self.by_user, user, index));
            }
            Some(view) if !Arc::ptr_eq(&view.device, device) => {
                let before = std::mem::replace(&mut Arc::make_mut(view).device, Arc::clone(device));
                if before.user != device.user {
                    before.user.iter().for_each(|user| remove(&mut self.by_user, user, index));
                    device.user.iter().for_each(|user| add(&mut self.by_user, user, index));
                }
            }
            Some(_) => {}
        }
        Some(index)
    }

    fn know_line(&mut self, table: &Table, line: &Arc<Line>) {
        let Some(index) = self.enter(table, &line.device) else { return };
        let Some(view) = self.devices.get_mut(index.0 as usize) else { return };
        let view = Arc::make_mut(view);
        match view.lines.iter_mut().find(|known| known.dn == line.dn && known.partition == line.partition) {
            Some(known) => *known = Arc::clone(line),
            None => {
                view.lines.push(Arc::clone(line));
                add(&mut self.by_dn, &line.dn, index);
            }
        }
    }

    fn update(
        &mut self,
        table: &Table,
        event: &Event,
        sequence: Sequence,
        device: &Arc<Device>,
        change: impl FnOnce(&mut DeviceView, &mut DeviceState),
    ) {
        let Some(index) = self.enter(table, device) else { return };
        let (Some(view), Some(mut state)) = (self.devices.get_mut(index.0 as usize), table.read(index)) else { return };
        let view = Arc::make_mut(view);
        change(view, &mut state);
        let calls_state = view.aggregate();
        if calls_state != state.calls_state {
            state.since = event.time;
        }
        state.calls_state = calls_state;
        state.calls = u16::try_from(view.legs.len()).unwrap_or(u16::MAX);
        state.sequence = sequence;
        state.time = event.time;
        table.write(index, state);
        if state.removed {
            let gone: Vec<Arc<Line>> = std::mem::take(&mut view.lines);
            gone.iter().for_each(|line| remove(&mut self.by_dn, &line.dn, index));
        }
    }
}

fn add(index: &mut Index, text: &str, device: DeviceIndex) {
    let devices = index.entry(text.into()).or_default();
    if !devices.contains(&device) {
        devices.push(device);
    }
}

fn remove(index: &mut Index, text: &str, device: DeviceIndex) {
    if let Some(devices) = index.get_mut(text) {
        devices.retain(|known| *known != device);
        if devices.is_empty() {
            index.remove(text);
        }
    }
}

fn fold_leg(view: &mut DeviceView, state: &mut DeviceState, leg: &LegBody, at: Timestamp, encoded: &[u8]) {
    // Whoever tells of a leg observes it; that one is lost may be told of a device that is out of service.
    state.in_service |= !leg.unobserved;
    let known = view.legs.iter().position(|l| l.leg == leg.leg && l.line.dn == leg.line.dn && l.line.partition == leg.line.partition);
    match (known, leg.state) {
        (Some(at), LegState::Disconnected) => drop(view.legs.swap_remove(at)),
        (None, LegState::Disconnected) => {}
        (Some(at), now) => {
            if let Some(live) = view.legs.get_mut(at) {
                live.state = now;
                live.call_id = leg.call_id;
                live.parties = Arc::clone(&leg.parties);
                live.event.clear();
                live.event.extend_from_slice(encoded);
            }
        }
        (None, now) => view.legs.push(LiveLeg {
            line: Arc::clone(&leg.line),
            leg: leg.leg,
            call_id: leg.call_id,
            direction: leg.direction,
            state: now,
            began: at,
            parties: Arc::clone(&leg.parties),
            event: encoded.into(),
        }),
    }
}

fn fold_device(view: &mut DeviceView, state: &mut DeviceState, kind: EventType, body: &DeviceBody) {
    match kind {
        EventType::DeviceRegistered => state.registered = true,
        EventType::DeviceUnregistered => (state.registered, state.in_service) = (false, false),
        EventType::DeviceInService => (state.registered, state.in_service, state.restricted, state.removed) = (true, true, false, false),
        EventType::DeviceOutOfService => (state.in_service, state.removed) = (false, body.removed),
        EventType::DeviceRestricted => (state.in_service, state.restricted) = (false, true),
        _ => {}
    }
    if !state.restricted {
        view.restriction = None;
    } else if let (EventType::DeviceRestricted, Some(result)) = (kind, body.result) {
        view.restriction = Some(Restriction { reason: body.reason, result, cure: body.cure.clone().unwrap_or_default() });
    }
}
