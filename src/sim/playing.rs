//! How far a recording was played to a client, and what the cluster takes over from it.
//!
//! The cluster's model makes no part of what is played, but what a client asks about afterwards has to agree with it: who is
//! registered and logged in, and which devices have calls.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cluster::Cluster;
use super::play::{RecordedEvent, RecordedHandle, Recording};
use crate::ctiqbe::Message as _;
use crate::ctiqbe::messages::{
    DeviceRegisteredEvent, DeviceRegisteredEventWithLineInfo, DeviceUnregisteredEvent, ExistingCallCompletedEvent, ProviderClosedEvent,
};
use crate::ctiqbe::names::{CallState, DeviceState};
use crate::ctiqbe::value::Value;

/// How far a recording was played to a client.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    /// When its first event was due.
    pub start: Duration,
    /// The next event.
    pub next: usize,
}

/// Whether a session is over with this event. What comes after it goes to the session in which the client comes back.
pub fn ends_session(event: &RecordedEvent) -> bool {
    event.spec.id == ProviderClosedEvent::ID
}

/// The lines of which the recording tells, from this event on, that all calls were told that stand on them.
pub fn tells_standing_calls(recording: &Recording, from: usize) -> impl Iterator<Item = &RecordedHandle> {
    let completed = recording.events().iter().skip(from).filter(|event| event.spec.id == ExistingCallCompletedEvent::ID);
    completed.filter_map(|event| recording.handle(int(event, "lineID")?))
}

/// The legs that are up by what was played: device, line handle and leg handle, with their states.
#[derive(Debug, Default)]
pub struct PlayedLegs(BTreeMap<(String, i32, i32), CallState>);

impl PlayedLegs {
    /// Takes an event, and tells the cluster the state that its device has now.
    pub fn take(&mut self, event: &RecordedEvent, recording: &Recording, cluster: &mut Cluster) {
        let (Some(line), Some(leg), Some(state)) = (int(event, "lineID"), int(event, "callLegID"), int(event, "state")) else { return };
        let Some(RecordedHandle::Line(device, ..)) = recording.handle(line) else { return };
        match CallState(state) {
            CallState::IDLE | CallState::DISCONNECTED => self.0.remove(&(device.clone(), line, leg)),
            state => self.0.insert((device.clone(), line, leg), state),
        };
        if let Some(id) = cluster.find_device(device) {
            let states = self.0.iter().filter(|((on, ..), _)| on == device).map(|(_, state)| *state);
            cluster.know_state(id, states.map(device_state).max_by_key(|state| rank(*state)).unwrap_or(DeviceState::IDLE));
        }
    }
}

/// The state of a device with one leg in this state.
fn device_state(leg: CallState) -> DeviceState {
    match leg {
        CallState::ONHOLD => DeviceState::HELD,
        CallState::OFFERING | CallState::ACCEPTED => DeviceState::ALERTING,
        CallState::REMOTEINUSE => DeviceState::IDLE,
        _ => DeviceState::ACTIVE,
    }
}

/// Of the states of several legs, the one that the device is in.
fn rank(state: DeviceState) -> u8 {
    match state {
        DeviceState::ACTIVE => 3,
        DeviceState::ALERTING => 2,
        DeviceState::HELD => 1,
        _ => 0,
    }
}

/// Makes the cluster agree with an event about a device that was played.
pub fn take_over(event: &RecordedEvent, cluster: &mut Cluster) {
    let (path, registered, login): (&[&str], bool, &[&str]) = match event.spec.id {
        DeviceUnregisteredEvent::ID => (&["deviceInfo", "name"], false, &[]),
        DeviceRegisteredEvent::ID => (&["deviceInfo", "name"], true, &["loginUserID"]),
        DeviceRegisteredEventWithLineInfo::ID => (&["deviceName"], true, &["deviceRegistrationInfo", "unicodeLoginUserID"]),
        _ => return,
    };
    let Some(id) = text(&event.fields, path).and_then(|name| cluster.find_device(name)) else { return };
    let login = match text(&event.fields, login) {
        Some(login) => Some(login.to_owned()).filter(|login| !login.is_empty()),
        None => cluster.device(id).login_user.clone(),
    };
    cluster.know(id, registered, login);
}

fn int(event: &RecordedEvent, field: &str) -> Option<i32> {
    match event.fields.get(field)? {
        Value::Int(number, _) => Some(*number),
        _ => None,
    }
}

fn text<'v>(fields: &'v Value, path: &[&str]) -> Option<&'v str> {
    match path.iter().try_fold(fields, |value, field| value.get(field))? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
