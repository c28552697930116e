//! Flows at the call model itself: no wire, no session; messages as frames, and what a session would make of the others as notices.

use std::sync::Arc;
use std::time::Duration;

use callcast::calls::{CallModel, Ids};
use callcast::cti::{Device, DeviceChange, DeviceKind, Line, LineChange, LineHandle, Notice, SessionId};
use callcast::ctiqbe::messages::{
    DeviceInServiceEvent, DeviceOutOfServiceEvent, DeviceRegisteredEvent, DeviceRegisteredEventWithLineInfo, DeviceUnregisteredEvent,
    LineInServiceEvent, LineOutOfServiceEvent, ProviderClosedEvent,
};
use callcast::ctiqbe::names::DeviceState;
use callcast::ctiqbe::{FRAME_LIMIT, Frame, Message as _, VERSION_12_5};
use callcast::event::{Encoder, Event};
use callcast::sim::Flow;
use callcast::sim::flow::Message;
use callcast::time::Timestamp;
use serde_json::Value as Json;

/// How often the model is told the time.
const STEP: Duration = Duration::from_millis(100);
/// How long time goes on after the last message.
const AFTERWARDS: Duration = Duration::from_secs(15);
/// After this nobody waits for the end of a call that is not to be seen.
const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);
/// The time of day at which all begins.
const BEGAN: u64 = 1_800_000_000_000_000;

/// A message of one of several flows.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: Duration,
    /// Which flow.
    pub flow: usize,
    pub message: Message,
}

/// The messages of flows that begin at these times, in the order in which they come.
pub fn steps(flows: &[Flow], begin: &[Duration]) -> Vec<Step> {
    let of_flow = |(flow, (it, begin)): (usize, (&Flow, &Duration))| {
        let begin = *begin;
        it.messages.clone().into_iter().map(move |message| Step { at: begin + message.at, flow, message })
    };
    let mut steps: Vec<Step> = flows.iter().zip(begin).enumerate().flat_map(of_flow).collect();
    steps.sort_by_key(|step| step.at);
    steps
}

/// A line as the model knows it.
pub(super) struct Place {
    pub(super) session: SessionId,
    pub(super) handle: LineHandle,
    pub(super) line: Arc<Line>,
    /// It is out of service for the time being.
    pub(super) out: bool,
}

/// A model with the lines of some flows open.
pub struct Bench {
    pub(super) model: CallModel,
    /// Of each flow.
    pub(super) places: Vec<Vec<Place>>,
    pub(super) now: Duration,
    events: Vec<Event>,
    pub(super) encoder: Encoder,
    pub(super) sequence: u64,
    /// What was told since the lines were open, byte by byte.
    pub told: Vec<Vec<u8>>,
}

/// What the model tells when these messages come, and time goes on for a while.
pub fn told(flows: &[Flow], sessions: u16, steps: &[Step]) -> Vec<Json> {
    let mut bench = Bench::new(flows, sessions);
    bench.play(steps);
    bench.json()
}

impl Bench {
    /// The phones of the flows, in turn at as many sessions of one cluster.
    pub fn new(flows: &[Flow], sessions: u16) -> Self {
        let model = CallModel::new(Ids::seeded(1), false);
        let (events, encoder) = (Vec::new(), Encoder::new(9));
        let mut bench = Self { model, places: Vec::new(), now: Duration::ZERO, events, encoder, sequence: 0, told: Vec::new() };
        for session in 0..sessions {
            bench.notice(SessionId(session), &Notice::Connected { manager: "cucm", cluster: "test" });
        }
        for (flow, number) in flows.iter().zip(1..) {
            bench.open(flow, sessions, number * 100);
        }
        for session in 0..sessions {
            bench.notice(SessionId(session), &Notice::Resynced { in_service: 0, refused: 0 });
        }
        bench.told.clear();
        bench
    }

    fn open(&mut self, flow: &Flow, sessions: u16, first_handle: i32) {
        let device = |phone: &callcast::sim::flow::Phone| {
            let (name, model, kind) = (phone.device.clone(), "Cisco 8861".into(), DeviceKind::Phone);
            Arc::new(Device { name, model, kind, owner: Some(phone.user.clone()), login_user: phone.login.clone(), device_pool: None })
        };
        let devices: Vec<Arc<Device>> = flow.phones.iter().map(device).collect();
        let mut places = Vec::new();
        for (place, handle) in flow.places.iter().zip(first_handle..) {
            let session = SessionId(u16::try_from(place.phone).unwrap() % sessions);
            let (device, dn, partition) = (devices[place.phone].clone(), place.dn.clone(), place.partition.clone());
            let line = Arc::new(Line { device, dn, partition, display_name: place.display.clone() });
            places.push(Place { session, handle: LineHandle { call_manager: 1, line: handle }, line, out: false });
        }
        for place in &places {
            let Place { session, handle, line, .. } = place;
            self.notice(*session, &Notice::Device { device: &line.device, change: DeviceChange::InService });
            self.notice(*session, &Notice::Line { line, change: LineChange::Opened(*handle) });
            self.notice(*session, &Notice::Line { line, change: LineChange::InService });
        }
        self.places.push(places);
    }

    /// Plays messages, and goes on for a while.
    pub fn play(&mut self, steps: &[Step]) {
        self.play_some(steps);
        self.advance(self.now + AFTERWARDS);
    }

    /// Plays messages.
    pub fn play_some(&mut self, steps: &[Step]) {
        for step in steps {
            self.advance(step.at);
            self.message(step);
        }
    }

    /// Every device says that it is idle, and again when it is asked; then time goes on.
    pub fn go_idle(&mut self) {
        let state = |asked| DeviceChange::State { state: DeviceState::IDLE, asked };
        let devices: Vec<(SessionId, Arc<Device>)> =
            self.places.iter().flatten().map(|place| (place.session, Arc::clone(&place.line.device))).collect();
        for (session, device) in &devices {
            self.notice(*session, &Notice::Device { device, change: state(false) });
        }
        for _ in 0..4 {
            self.advance(self.now + Duration::from_secs(5));
            for (session, name) in self.model.doubts(self.at()) {
                let (_, device) = devices.iter().find(|(at, device)| *at == session && *device.name == *name).unwrap();
                self.notice(session, &Notice::Device { device, change: state(true) });
            }
        }
        // A parked call that is not at any line any more has no device that could be asked.
        self.now += TWO_DAYS;
        self.advance(self.now + AFTERWARDS);
    }

    /// How many legs and calls are up.
    pub fn standing(&self) -> (usize, usize) {
        (self.model.legs(), self.model.calls())
    }

    /// What was told since the lines were open.
    pub fn json(&self) -> Vec<Json> {
        self.told.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect()
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp(BEGAN + u64::try_from(self.now.as_micros()).unwrap())
    }

    pub(super) fn advance(&mut self, to: Duration) {
        while self.now < to {
            self.now = to.min(self.now + STEP);
            self.model.advance(self.at(), &mut self.events);
            self.keep();
        }
    }

    pub(super) fn notice(&mut self, session: SessionId, notice: &Notice<'_>) {
        self.model.observe(session, self.at(), notice, &mut self.events).unwrap();
        self.keep();
    }

    fn keep(&mut self) {
        for event in std::mem::take(&mut self.events) {
            self.sequence += 1;
            let mut bytes = Vec::new();
            self.encoder.encode(&event, self.sequence, &mut bytes);
            self.told.push(bytes);
        }
    }

    /// What a session would make of a message.
    fn message(&mut self, step: &Step) {
        let Some(at) = step.message.place else {
            assert_ne!(step.message.spec.id, ProviderClosedEvent::ID, "the end of a session is not played here");
            return;
        };
        let Place { session, handle, line, .. } = &self.places[step.flow][at];
        let (session, handle, line) = (*session, *handle, Arc::clone(line));
        let bytes = step.message.frame(0, handle.line, VERSION_12_5);
        let frame = Frame::split(&bytes, FRAME_LIMIT).unwrap().unwrap();
        let comes = [LineInServiceEvent::ID, DeviceInServiceEvent::ID, DeviceRegisteredEvent::ID, DeviceRegisteredEventWithLineInfo::ID];
        let goes = [LineOutOfServiceEvent::ID, DeviceOutOfServiceEvent::ID, DeviceUnregisteredEvent::ID];
        for of_device in self.places[step.flow].iter_mut().filter(|place| place.line.device.name == line.device.name) {
            of_device.out = (of_device.out || goes.contains(&frame.id)) && !comes.contains(&frame.id);
        }
        if comes.contains(&frame.id) {
            self.notice(session, &Notice::Line { line: &line, change: LineChange::Opened(handle) });
        }
        let device = &line.device;
        let of_device = |change| Notice::Device { device, change };
        let of_line = |change| Notice::Line { line: &line, change };
        let notice = match frame.id {
            LineInServiceEvent::ID => of_line(LineChange::InService),
            LineOutOfServiceEvent::ID => of_line(LineChange::OutOfService(frame.decode::<LineOutOfServiceEvent>().unwrap().reason)),
            DeviceInServiceEvent::ID => of_device(DeviceChange::InService),
            DeviceOutOfServiceEvent::ID => of_device(DeviceChange::OutOfService(frame.decode::<DeviceOutOfServiceEvent>().unwrap().reason)),
            DeviceUnregisteredEvent::ID => {
                of_device(DeviceChange::Unregistered(frame.decode::<DeviceUnregisteredEvent<'_>>().unwrap().reason))
            }
            DeviceRegisteredEvent::ID => of_device(DeviceChange::Registered),
            DeviceRegisteredEventWithLineInfo::ID => {
                let message = frame.decode::<DeviceRegisteredEventWithLineInfo<'_>>().unwrap();
                let login = message.device_registration_info.unicode_login_user_id.to_string();
                return self.registered(step.flow, session, device, Some(login).filter(|login| !login.is_empty()));
            }
            _ => Notice::Message(frame),
        };
        self.notice(session, &notice);
    }

    /// A device is back, perhaps with another user: its lines are told again.
    fn registered(&mut self, flow: usize, session: SessionId, before: &Arc<Device>, login_user: Option<String>) {
        let device = Arc::new(Device { login_user, ..Device::clone(before) });
        if let Some(user) = before.login_user.as_ref().filter(|_| before.login_user != device.login_user) {
            self.notice(session, &Notice::Device { device: &device, change: DeviceChange::UserLoggedOut { user } });
        }
        if device.login_user.is_some() && before.login_user != device.login_user {
            self.notice(session, &Notice::Device { device: &device, change: DeviceChange::UserLoggedIn });
        }
        for at in 0..self.places[flow].len() {
            let place = &mut self.places[flow][at];
            if place.line.device.name != before.name {
                continue;
            }
            place.line = Arc::new(Line { device: Arc::clone(&device), ..Line::clone(&place.line) });
            let (line, handle) = (Arc::clone(&place.line), place.handle);
            self.notice(session, &Notice::Line { line: &line, change: LineChange::Opened(handle) });
        }
        self.notice(session, &Notice::Device { device: &device, change: DeviceChange::Registered });
    }
}
