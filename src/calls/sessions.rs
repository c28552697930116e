//! What the CTI sessions told of themselves: clusters, devices with the legs on them, open lines, and the legs that a break parted from us.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::cti::{self, DeviceChange, LineChange, LineHandle, Notice, SessionId};
use crate::ctiqbe::names::DeviceState;
use crate::event::{Body, Device, DeviceBody, EventType, Line, LineBody, SessionBody};
use crate::numbers::{NumberPlan, Site};
use crate::time::Timestamp;

use super::Output;
use super::leg::{Leg, LegKey};
use super::parted::{Found, Parted};
use super::revive::Waiting;

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: HashMap<SessionId, Session>,
    /// Legs of an earlier run that are no session's yet.
    pub(super) waiting: Waiting,
    pub numbers: Arc<NumberPlan>,
}

/// A line that is open.
#[derive(Clone, Debug)]
pub struct OpenLine {
    pub line: Arc<Line>,
    /// By whose rules its numbers are read.
    pub site: Site,
}

#[derive(Debug)]
struct Session {
    /// `/cucm/StandAloneCluster`
    source: Arc<str>,
    devices: HashMap<Arc<str>, KnownDevice, RandomState>,
    /// The lines that are open, for the hot path.
    lines: HashMap<LineHandle, OpenLine, RandomState>,
    parted: Parted,
}

#[derive(Debug)]
struct KnownDevice {
    device: Arc<Device>,
    lines: Vec<KnownLine>,
    /// The legs that are up on it.
    legs: Vec<LegKey>,
    doubt: Doubt,
}

#[derive(Debug)]
struct KnownLine {
    line: Arc<Line>,
    /// While it is open.
    handle: Option<LineHandle>,
}

/// Why a device may have legs that the cluster has forgotten, and when it was asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doubt {
    /// Since when the cluster says that the device is idle.
    pub idle_since: Option<Timestamp>,
    /// When it was last asked for its state.
    pub asked: Option<Timestamp>,
    /// What the cluster said last: an answer that says the same is no news.
    state: Option<DeviceState>,
}

impl Session {
    fn new(cluster: &str) -> Self {
        Self {
            source: format!("/cucm/{cluster}").into(),
            devices: HashMap::default(),
            lines: HashMap::default(),
            parted: Parted::default(),
        }
    }

    /// The device as events name it. One that is not what it was (its user changed) takes its lines along.
    fn device(&mut self, session: SessionId, described: &cti::Device) -> &mut KnownDevice {
        let as_now = || Device::new(session.0, &described.name, &described.model, described.kind.as_str(), described.user());
        let known = self.devices.entry(described.name.as_str().into()).or_insert_with(|| KnownDevice {
            device: Arc::new(as_now()),
            lines: Vec::new(),
            legs: Vec::new(),
            doubt: Doubt::default(),
        });
        // Its state is told often, and it is hardly ever another: to make it anew only to compare would cost more than all else.
        let device = &known.device;
        let is_as_before =
            device.user.as_deref() == described.user() && device.kind == described.kind.as_str() && device.model == described.model;
        if !is_as_before {
            known.device = Arc::new(as_now());
            for KnownLine { line, handle } in &mut known.lines {
                *line = Arc::new(Line::new(Arc::clone(&known.device), &line.dn, &line.partition));
                if let Some(open) = handle.and_then(|handle| self.lines.get_mut(&handle)) {
                    open.line = Arc::clone(line);
                }
            }
        }
        known
    }

    fn line(&mut self, session: SessionId, described: &cti::Line) -> &mut KnownLine {
        let known = self.device(session, &described.device);
        let at = known.lines.iter().position(|l| l.line.dn == described.dn && l.line.partition == described.partition);
        let at = at.unwrap_or_else(|| {
            let line = Arc::new(Line::new(Arc::clone(&known.device), &described.dn, &described.partition));
            known.lines.push(KnownLine { line, handle: None });
            known.lines.len() - 1
        });
        #[allow(clippy::indexing_slicing)] // found or pushed just now
        &mut known.lines[at]
    }

    /// The line is open under this handle, or not open.
    fn open(&mut self, session: SessionId, described: &cti::Line, site: Site, handle: Option<LineHandle>) {
        let known = self.line(session, described);
        let line = Arc::clone(&known.line);
        if let Some(before) = std::mem::replace(&mut known.handle, handle) {
            self.lines.remove(&before);
        }
        let Some(handle) = handle else { return };
        let Some(OpenLine { line: before, .. }) = self.lines.insert(handle, OpenLine { line, site }) else { return };
        // Given to another line without word that the one before is closed: it names that one no longer.
        let device = self.devices.get_mut(&*before.device.name);
        let known = device.and_then(|d| d.lines.iter_mut().find(|l| Arc::ptr_eq(&l.line, &before)));
        known.into_iter().for_each(|known| known.handle = None);
    }

    /// The device is gone, and its lines with it: messages about them mean nothing any more.
    fn remove(&mut self, device: &str) {
        let lines = self.devices.remove(device).map(|known| known.lines).unwrap_or_default();
        for handle in lines.into_iter().filter_map(|line| line.handle) {
            self.lines.remove(&handle);
        }
    }

    fn is_open(&self, line: &Line) -> bool {
        let known = self.devices.get(&*line.device.name);
        known.is_some_and(|d| d.lines.iter().any(|l| l.handle.is_some() && l.line.dn == line.dn && l.line.partition == line.partition))
    }
}

impl Sessions {
    /// The source and line of a leg; `None` when the line is not open, so that the message is not ours.
    pub fn line(&self, key: LegKey) -> Option<(Arc<str>, OpenLine)> {
        let session = self.sessions.get(&key.session)?;
        session.lines.get(&key.line).map(|open| (Arc::clone(&session.source), open.clone()))
    }

    /// The CloudEvents source of a session that is, or was, connected.
    pub fn source(&self, session: SessionId) -> Option<Arc<str>> {
        self.sessions.get(&session).map(|s| Arc::clone(&s.source))
    }

    /// The line that has this handle.
    pub fn line_at(&self, session: SessionId, handle: LineHandle) -> Option<Arc<Line>> {
        self.sessions.get(&session)?.lines.get(&handle).map(|open| Arc::clone(&open.line))
    }

    /// The line as events of this session name it.
    pub fn known_line(&self, session: SessionId, described: &cti::Line) -> Option<Arc<Line>> {
        let device = self.sessions.get(&session)?.devices.get(described.device.name.as_str())?;
        let is_it = |known: &&KnownLine| known.line.dn == described.dn && known.line.partition == described.partition;
        device.lines.iter().find(is_it).map(|known| Arc::clone(&known.line))
    }

    /// A leg is up on its device.
    pub fn joined(&mut self, key: LegKey, line: &Line) {
        if let Some(device) = self.device_mut(key.session, &line.device.name) {
            device.legs.push(key);
        }
    }

    /// A leg is up on its device no longer.
    pub fn left(&mut self, key: LegKey, line: &Line) {
        if let Some(device) = self.device_mut(key.session, &line.device.name) {
            device.legs.retain(|known| *known != key);
        }
    }

    /// The legs that are up on a device.
    pub fn legs_on(&self, session: SessionId, device: &str) -> &[LegKey] {
        let device = self.sessions.get(&session).and_then(|s| s.devices.get(device));
        device.map(|d| d.legs.as_slice()).unwrap_or_default()
    }

    /// Devices with legs, and what is doubtful about them.
    pub fn devices_with_legs(&mut self) -> impl Iterator<Item = (SessionId, &Arc<str>, &[LegKey], &mut Doubt)> {
        let of_session = |(id, session): (&SessionId, _)| (*id, session);
        self.sessions.iter_mut().map(of_session).flat_map(|(id, session): (SessionId, &mut Session)| {
            let with_legs = session.devices.values_mut().filter(|d| !d.legs.is_empty());
            with_legs.map(move |d| (id, &d.device.name, d.legs.as_slice(), &mut d.doubt))
        })
    }

    /// What is doubtful about a device.
    pub fn doubt_mut(&mut self, session: SessionId, device: &str) -> Option<&mut Doubt> {
        self.device_mut(session, device).map(|d| &mut d.doubt)
    }

    fn device_mut(&mut self, session: SessionId, device: &str) -> Option<&mut KnownDevice> {
        self.sessions.get_mut(&session)?.devices.get_mut(device)
    }

    /// How many legs wait to be found again.
    pub fn parted(&self) -> usize {
        self.sessions.values().map(|s| s.parted.len()).sum()
    }

    /// Keeps a leg whose line was lost.
    pub fn keep(&mut self, key: LegKey, leg: Leg) {
        if let Some(session) = self.sessions.get_mut(&key.session) {
            session.parted.keep(key, leg);
        }
    }

    /// A leg that waits to be found again.
    pub fn parted_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        match self.sessions.get_mut(&key.session) {
            Some(session) => session.parted.get_mut(key),
            None => self.waiting.get_mut(key),
        }
    }

    /// The leg from before the break that this existing call is now.
    pub fn take_parted(&mut self, key: LegKey, found: &Found<'_>) -> Option<(LegKey, Leg)> {
        let session = self.sessions.get_mut(&key.session)?;
        let open = session.lines.get(&key.line)?;
        session.parted.take(&open.line, key, found)
    }

    /// The legs that were not found again on a line.
    pub fn parted_on(&mut self, session: SessionId, handle: LineHandle) -> Vec<(LegKey, Leg)> {
        let Some(line) = self.line_at(session, handle) else { return Vec::new() };
        self.parted_at(session, &line.device.name, Some((&line.dn, &line.partition)))
    }

    /// The legs that were not found again on lines that are open.
    pub fn open_parted(&mut self, session: SessionId) -> Vec<(LegKey, Leg)> {
        let Some(state) = self.sessions.get_mut(&session) else { return Vec::new() };
        let mut parted = std::mem::take(&mut state.parted);
        let open = parted.take_where(|leg| state.is_open(&leg.line));
        state.parted = parted;
        open
    }

    /// The legs that wait on a device, or on one line of it; they wait no longer.
    pub fn parted_at(&mut self, session: SessionId, device: &str, line: Option<(&str, &str)>) -> Vec<(LegKey, Leg)> {
        self.sessions.get_mut(&session).map(|s| s.parted.take_at(device, line)).unwrap_or_default()
    }

    /// The leg that waits under this key; it waits no longer.
    pub fn parted_as(&mut self, key: LegKey) -> Option<Leg> {
        self.sessions.get_mut(&key.session)?.parted.take_as(key)
    }

    /// Where a line forwards its calls to changed.
    pub(super) fn tell_forward(&self, id: SessionId, handle: LineHandle, to: String, out: &mut Output<'_>) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(line) = session.lines.get(&handle).map(|open| Arc::clone(&open.line)) else { return };
        let body = LineBody { line, reason: None, result: None, cure: None, forward_all: Some(to) };
        out.push(EventType::LineForwardChanged, &session.source, Body::Line(body));
    }

    /// Keeps what a notice says and tells it on.
    pub(super) fn tell(&mut self, id: SessionId, notice: &Notice<'_>, out: &mut Output<'_>) {
        match notice {
            Notice::Connected { cluster, .. } => {
                let parted = self.sessions.remove(&id).map(|before| before.parted).unwrap_or_default();
                self.sessions.insert(id, Session { parted, ..Session::new(cluster) });
                self.tell_session(id, notice, out);
            }
            Notice::Lost { .. } => {
                self.tell_session(id, notice, out);
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.lines.clear();
                    for device in session.devices.values_mut() {
                        device.legs.clear();
                        device.lines.iter_mut().for_each(|line| line.handle = None);
                    }
                }
            }
            Notice::FailedOver { .. } | Notice::Resynced { .. } | Notice::PermissionChanged { .. } => self.tell_session(id, notice, out),
            Notice::Device { device, change } => self.tell_device(id, device, change, out),
            Notice::Line { line, change } => self.tell_line(id, line, change, out),
            Notice::Message(_) => {}
        }
    }

    fn tell_session(&self, id: SessionId, notice: &Notice<'_>, out: &mut Output<'_>) {
        let mut body = SessionBody {
            session: id.0,
            manager: None,
            previous_manager: None,
            reason: None,
            devices_in_service: None,
            refused: None,
            control_any_device: None,
        };
        let kind = match notice {
            Notice::Connected { manager, .. } => {
                body.manager = Some((*manager).into());
                EventType::SessionConnected
            }
            Notice::Lost { manager, reason } => {
                body.manager = Some((*manager).into());
                body.reason = Some((*reason).into());
                EventType::SessionLost
            }
            Notice::FailedOver { from, to } => {
                body.manager = Some((*to).into());
                body.previous_manager = Some((*from).into());
                EventType::SessionFailedOver
            }
            Notice::Resynced { in_service, refused } => {
                body.devices_in_service = Some(*in_service);
                body.refused = Some(*refused);
                EventType::SessionResynced
            }
            Notice::PermissionChanged { control_any_device } => {
                body.control_any_device = Some(*control_any_device);
                EventType::SessionPermissionChanged
            }
            Notice::Device { .. } | Notice::Line { .. } | Notice::Message(_) => return,
        };
        // A session that never was connected has no cluster to name.
        let source = self.sessions.get(&id).map_or_else(|| "/cucm".into(), |s| Arc::clone(&s.source));
        out.push(kind, &source, Body::Session(body));
    }

    fn tell_device(&mut self, id: SessionId, described: &cti::Device, change: &DeviceChange<'_>, out: &mut Output<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let device = Arc::clone(&session.device(id, described).device);
        let mut body = DeviceBody { device, reason: None, result: None, cure: None, login_user: None, state: None, removed: false };
        let kind = match change {
            DeviceChange::Registered => EventType::DeviceRegistered,
            DeviceChange::Unregistered(reason) => {
                body.reason = reason.name();
                EventType::DeviceUnregistered
            }
            DeviceChange::InService => EventType::DeviceInService,
            DeviceChange::OutOfService(reason) => {
                body.reason = reason.name();
                EventType::DeviceOutOfService
            }
            DeviceChange::Refused { result, cure } => {
                body.result = Some(result.0);
                body.reason = result.name();
                body.cure = Some((*cure).into());
                EventType::DeviceRestricted
            }
            DeviceChange::Removed => {
                body.removed = true;
                session.remove(&described.name);
                EventType::DeviceOutOfService
            }
            DeviceChange::UserLoggedIn => {
                body.login_user = described.login_user.clone();
                EventType::DeviceUserLoggedIn
            }
            DeviceChange::UserLoggedOut { user } => {
                body.login_user = Some((*user).into());
                EventType::DeviceUserLoggedOut
            }
            DeviceChange::State { state, asked } => {
                let known = session.devices.get_mut(&*body.device.name).and_then(|device| device.doubt.state.replace(*state));
                if *asked && known == Some(*state) {
                    return;
                }
                body.state = Some(device_state(*state));
                EventType::DeviceStateChanged
            }
        };
        out.push(kind, &session.source, Body::Device(body));
    }

    fn tell_line(&mut self, id: SessionId, described: &cti::Line, change: &LineChange<'_>, out: &mut Output<'_>) {
        let site = self.numbers.site(&described.partition, described.device.device_pool.as_deref());
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let mut body =
            LineBody { line: Arc::clone(&session.line(id, described).line), reason: None, result: None, cure: None, forward_all: None };
        let kind = match change {
            LineChange::Opened(handle) => return session.open(id, described, site, Some(*handle)),
            LineChange::Closed => {
                session.open(id, described, site, None);
                EventType::LineOutOfService
            }
            LineChange::InService => EventType::LineInService,
            LineChange::OutOfService(reason) => {
                body.reason = reason.name();
                EventType::LineOutOfService
            }
            LineChange::Refused { result, cure } => {
                body.result = Some(result.0);
                body.reason = result.name();
                body.cure = Some((*cure).into());
                EventType::LineRestricted
            }
        };
        out.push(kind, &session.source, Body::Line(body));
    }
}

fn device_state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::IDLE => "idle",
        DeviceState::ACTIVE => "active",
        DeviceState::ALERTING => "alerting",
        DeviceState::HELD => "held",
        DeviceState::WHISPER => "whisper",
        _ => "unknown",
    }
}
