//! How far a recording was played to a client, and what the cluster takes over from it.
//!
//! The cluster's model makes no part of what is played, but what a client asks about afterwards has to agree with it: who is
//! registered, and who is logged in.

use std::time::Duration;

use super::cluster::Cluster;
use super::play::RecordedEvent;
use crate::ctiqbe::Message as _;
use crate::ctiqbe::messages::{DeviceRegisteredEvent, DeviceRegisteredEventWithLineInfo, DeviceUnregisteredEvent, ProviderClosedEvent};
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

/// Makes the cluster agree with an event that was played.
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

fn text<'v>(fields: &'v Value, path: &[&str]) -> Option<&'v str> {
    match path.iter().try_fold(fields, |value, field| value.get(field))? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
