//! One client's session with a CTIManager: requests in, responses and events out, as bytes. Sans-I/O.
//!
//! A session knows what its client is, what it acquired and opened, under which handles and with which filters; the cluster knows
//! everything else. Requests are answered in the order of the recorded sessions: the response, then what it brings about.
//! - `provider`: the way from the first request to an open provider, the control list, acquiring devices
//! - `devices`: opening devices and lines, and calls that stand already
//! - `calls`, `features`, `events`: events of the cluster, for the clients that asked for them
//! - `build`: the structures that several messages carry
//!
//! An unknown or malformed request is answered by `FailureResponse` and never ends the session; a broken frame does, since the stream is lost.

mod build;
mod calls;
mod devices;
mod events;
mod features;
mod provider;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::FixedState;

use super::cluster::{AccountId, AppearanceId, CALL_MANAGER, Cluster, DeviceId};
use super::credentials::Credentials;
use crate::ctiqbe::messages::{
    DeviceChangeEventFilterRequest, DeviceCloseRequest, DeviceEventFilter, DeviceGetDeviceStateRequest, DeviceOpenRequest, FailureResponse,
    Heartbeat, LineChangeEventFilterRequest, LineCloseRequest, LineEventFilter, LineOpenRequest, ProviderChangeEventFilterRequest,
    ProviderCloseRequest, ProviderClosedEvent, ProviderDeviceAcquireRequest, ProviderDeviceDeAcquireRequest, ProviderEventFilter,
    ProviderGetAllDevicesAndLinesRequest, ProviderGetCapabilitiesRequest, ProviderGetSingleDeviceAndLinesRequest, ProviderInitRequest,
    ProviderOpenRequest,
};
use crate::ctiqbe::names::{CtiFailure, ProviderCloseReason};
use crate::ctiqbe::{DecodeError, Frame, Message, Side, Text, VERSION_12_5, encode, latin1};

/// What a session needs of the world around it while it answers.
#[derive(Debug)]
pub struct World<'a> {
    /// The cluster.
    pub cluster: &'a mut Cluster,
    /// Key, certificate and nonces of the cluster.
    pub credentials: &'a Credentials,
    /// How the CTIManager behaves.
    pub settings: &'a Settings,
    /// Whether the CTIManager takes no new sessions at present.
    pub refusing: bool,
    /// The time on the model's clock.
    pub now: Duration,
}

/// How a CTIManager behaves towards all its clients.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The heartbeat interval that it imposes, both ways.
    pub heartbeat: Duration,
    /// What `maxNumberOfDevicesOpen` says and enforces.
    pub max_devices_open: u32,
    /// The cluster's name, `clusterID`.
    pub cluster_name: String,
    /// Days until passwords expire.
    pub password_days: i32,
}

/// How long a client may take from connecting to an open provider.
const OPENING_LIMIT: Duration = Duration::from_secs(60);
/// The first handle of a session. Each has its own, so that mixing them up shows.
const FIRST_HANDLE: i32 = 101;

/// How far a session has come.
#[derive(Debug)]
enum Phase {
    Connected,
    Initialised { nonce: String },
    Open { account: AccountId },
}

/// What a handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    Device(DeviceId),
    Line(AppearanceId),
}

#[derive(Debug)]
struct OpenDevice {
    handle: i32,
    filter: DeviceEventFilter,
}

#[derive(Debug)]
struct OpenLine {
    handle: i32,
    filter: LineEventFilter,
}

/// A client's session.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    version: u32,
    filter: ProviderEventFilter,
    acquired: HashSet<DeviceId, FixedState>,
    devices: HashMap<DeviceId, OpenDevice, FixedState>,
    lines: HashMap<AppearanceId, OpenLine, FixedState>,
    /// In the order of the handles, so that everything done to all of them has an order.
    handles: BTreeMap<i32, Opened>,
    next_handle: i32,
    /// Lines of which somebody else tells the calls that stand.
    told_by_play: HashSet<AppearanceId, FixedState>,
    heard: Duration,
    next_heartbeat: Duration,
    heartbeats: bool,
    user: String,
    out: Vec<u8>,
    closing: bool,
}

impl Session {
    /// A session of a client that has just connected.
    pub fn new(now: Duration) -> Self {
        Self {
            phase: Phase::Connected,
            version: VERSION_12_5,
            filter: ProviderEventFilter::default(),
            acquired: HashSet::default(),
            devices: HashMap::default(),
            lines: HashMap::default(),
            handles: BTreeMap::new(),
            next_handle: FIRST_HANDLE,
            told_by_play: HashSet::default(),
            heard: now,
            next_heartbeat: now,
            heartbeats: true,
            user: String::new(),
            out: Vec::new(),
            closing: false,
        }
    }

    /// Takes what it has to say.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Whether it has something to say, or nothing any more.
    pub fn has_output(&self) -> bool {
        !self.out.is_empty() || self.closing
    }

    /// Whether the connection ends once the output is written.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether the provider is open.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// The user that logged in, or tried to.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// How many devices and lines are open.
    pub fn open_counts(&self) -> (usize, usize) {
        (self.devices.len(), self.lines.len())
    }

    /// The handle of an open line.
    pub fn line_handle(&self, appearance: AppearanceId) -> Option<i32> {
        self.lines.get(&appearance).map(|l| l.handle)
    }

    /// The handle of an open device.
    pub fn device_handle(&self, device: DeviceId) -> Option<i32> {
        self.devices.get(&device).map(|d| d.handle)
    }

    /// The protocol version of the client.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Stops or resumes the heartbeats that it sends.
    pub fn set_heartbeats(&mut self, on: bool) {
        self.heartbeats = on;
    }

    /// What stands on a line, and that this is all, will be told by what is played.
    pub fn leave_to_play(&mut self, line: AppearanceId) {
        self.told_by_play.insert(line);
    }

    /// Says bytes as they are: recorded messages, or garbage.
    pub fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Ends the session with a reason.
    pub fn close(&mut self, reason: ProviderCloseReason) {
        self.send(&ProviderClosedEvent { reason });
        self.closing = true;
    }

    /// Ends the session without a word.
    pub fn drop_connection(&mut self) {
        self.closing = true;
    }

    /// When it has to be looked at again.
    pub fn deadline(&self, settings: &Settings) -> Duration {
        match self.phase {
            Phase::Open { .. } => self.next_heartbeat.min(self.heard + settings.heartbeat * 2),
            _ => self.heard + OPENING_LIMIT,
        }
    }

    /// Sends a heartbeat that is due, and closes the session of a client that has been silent for twice its interval.
    pub fn advance(&mut self, now: Duration, settings: &Settings) {
        if self.closing {
            return;
        }
        if !self.is_open() {
            self.closing = now >= self.heard + OPENING_LIMIT;
            return;
        }
        if now >= self.heard + settings.heartbeat * 2 {
            return self.close(ProviderCloseReason::HEARTBEAT_MISSED);
        }
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + settings.heartbeat;
            if self.heartbeats {
                self.send(&Heartbeat {});
            }
        }
    }

    /// Answers a request.
    pub fn receive(&mut self, frame: &Frame<'_>, world: &mut World<'_>) {
        if self.closing {
            return;
        }
        self.version = frame.version;
        if self.is_open() {
            self.heard = world.now;
        }
        if let Err(error) = self.dispatch(frame, world) {
            let result = match error {
                DecodeError::UnknownMessage(_) => CtiFailure::UNRECOGNIZABLE_PDU,
                _ => CtiFailure::ILLEGAL_MESSAGE_FORMAT,
            };
            self.fail(frame, result, &error.to_string());
        }
    }

    fn dispatch(&mut self, frame: &Frame<'_>, world: &mut World<'_>) -> Result<(), DecodeError> {
        match frame.id {
            Heartbeat::ID => return Ok(()),
            ProviderInitRequest::ID => self.init(&frame.decode()?, world),
            ProviderOpenRequest::ID => self.open(&frame.decode()?, world),
            id => match self.phase {
                Phase::Open { account } => return self.dispatch_open(id, account, frame, world),
                _ => self.fail(frame, CtiFailure::PROVIDER_NOT_OPEN, "the provider is not open"),
            },
        }
        Ok(())
    }

    /// Requests that need an open provider.
    fn dispatch_open(&mut self, id: u32, account: AccountId, frame: &Frame<'_>, world: &mut World<'_>) -> Result<(), DecodeError> {
        match id {
            ProviderCloseRequest::ID => self.close_provider(&frame.decode()?),
            ProviderGetCapabilitiesRequest::ID => self.capabilities(&frame.decode()?, account, world),
            ProviderGetAllDevicesAndLinesRequest::ID => self.all_devices(&frame.decode()?, account, world),
            ProviderGetSingleDeviceAndLinesRequest::ID => self.single_device(&frame.decode()?, account, world),
            ProviderDeviceAcquireRequest::ID => self.acquire(&frame.decode()?, account, world),
            ProviderDeviceDeAcquireRequest::ID => self.de_acquire(&frame.decode()?, world),
            ProviderChangeEventFilterRequest::ID => self.change_filter(&frame.decode()?),
            DeviceOpenRequest::ID => self.open_device(&frame.decode()?, account, world),
            DeviceCloseRequest::ID => self.close_device(&frame.decode()?, world),
            DeviceChangeEventFilterRequest::ID => self.change_device_filter(&frame.decode()?),
            DeviceGetDeviceStateRequest::ID => self.device_state(&frame.decode()?, world),
            LineOpenRequest::ID => self.open_line(&frame.decode()?, world),
            LineCloseRequest::ID => self.close_line(&frame.decode()?),
            LineChangeEventFilterRequest::ID => self.change_line_filter(&frame.decode()?),
            id => match crate::ctiqbe::schema::message(id) {
                Some(spec) => {
                    let description = format!("{} is not simulated", spec.name());
                    self.fail(frame, CtiFailure::COMMAND_NOT_IMPLEMENTED_ON_DEVICE, &description);
                }
                None => return Err(DecodeError::UnknownMessage(id)),
            },
        }
        Ok(())
    }

    /// Answers a request by `FailureResponse`. Every request begins with its `sequenceNumber`.
    fn fail(&mut self, frame: &Frame<'_>, result: CtiFailure, description: &str) {
        let sequence_number = frame.reader(Side::Client).int().unwrap_or(0);
        self.send(&FailureResponse { sequence_number, result, description: Text::new(&latin1(description)) });
    }

    fn send<'m, M: Message<'m>>(&mut self, message: &M) {
        encode(message, self.version, &mut self.out);
    }

    fn new_handle(&mut self, opened: Opened) -> i32 {
        let handle = self.next_handle;
        self.next_handle += 1;
        self.handles.insert(handle, opened);
        handle
    }

    fn device_of(&self, call_manager: i32, handle: i32) -> Option<DeviceId> {
        match self.handles.get(&handle) {
            Some(Opened::Device(device)) if call_manager == CALL_MANAGER => Some(*device),
            _ => None,
        }
    }

    fn line_of(&self, call_manager: i32, handle: i32) -> Option<AppearanceId> {
        match self.handles.get(&handle) {
            Some(Opened::Line(appearance)) if call_manager == CALL_MANAGER => Some(*appearance),
            _ => None,
        }
    }
}
