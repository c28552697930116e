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
    let text = |path: [&str; 2]| match path.into_iter().filter(|f| !f.is_empty()).try_fold(&event.fields, |v, field| v.get(field)) {
        Some(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    let (device, registered, login) = match event.spec.id {
        DeviceUnregisteredEvent::ID => (text(["deviceInfo", "name"]), false, ""),
        DeviceRegisteredEvent::ID => (text(["deviceInfo", "name"]), true, text(["loginUserID", ""])),
        DeviceRegisteredEventWithLineInfo::ID => {
            (text(["deviceName", ""]), true, text(["deviceRegistrationInfo", "unicodeLoginUserID"]))
        }
        _ => return,
    };
    if let Some(id) = cluster.find_device(device) {
        cluster.know(id, registered, Some(login.to_owned()).filter(|login| !login.is_empty()));
    }
}
