//! Devices and lines as events name them. Their JSON is made once and copied into every event.

use std::sync::Arc;

use super::json::push_string;

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Which CTI session observes it: names are unique within one.
    pub session: u16,
    /// Its name in the cluster.
    pub name: Arc<str>,
    /// Its model's name.
    pub model: String,
    /// `phone`, `cti_port` or `route_point`.
    pub kind: &'static str,
    /// Whom its calls concern.
    pub user: Option<Arc<str>>,
    /// `"device":{…},"user":…`
    json: String,
}

impl Device {
    /// A device of a session.
    pub fn new(session: u16, name: &str, model: &str, kind: &'static str, user: Option<&str>) -> Self {
        let mut json = Vec::with_capacity(128);
        json.extend_from_slice(b"\"device\":{\"name\":");
        push_string(&mut json, name);
        json.extend_from_slice(b",\"model\":");
        push_string(&mut json, model);
        json.extend_from_slice(b",\"kind\":");
        push_string(&mut json, kind);
        json.extend_from_slice(b"},\"user\":");
        match user {
            Some(user) => {
                json.extend_from_slice(b"{\"id\":");
                push_string(&mut json, user);
                json.push(b'}');
            }
            None => json.extend_from_slice(b"null"),
        }
        Self { session, name: name.into(), model: model.into(), kind, user: user.map(Into::into), json: into_string(json) }
    }

    /// Its members `device` and `user` in an event's data.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// One device's appearance of a directory number.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The device that it is on.
    pub device: Arc<Device>,
    /// The directory number.
    pub dn: String,
    /// Its partition; empty for none.
    pub partition: String,
    /// `SEP001122334455/2000`: the subject of its events.
    pub subject: String,
    /// `"device":{…},"user":…,"line":{…}`
    json: String,
}

impl Line {
    /// A line of a device.
    pub fn new(device: Arc<Device>, dn: &str, partition: &str) -> Self {
        let mut json = device.json.clone().into_bytes();
        json.extend_from_slice(b",\"line\":");
        push_line(&mut json, dn, partition);
        let subject = format!("{}/{dn}", device.name);
        Self { device, dn: dn.into(), partition: partition.into(), subject, json: into_string(json) }
    }

    /// Its members `device`, `user` and `line` in an event's data.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// `{"dn":…,"partition":…}`
fn push_line(json: &mut Vec<u8>, dn: &str, partition: &str) {
    json.extend_from_slice(b"{\"dn\":");
    push_string(json, dn);
    json.extend_from_slice(b",\"partition\":");
    push_string(json, partition);
    json.push(b'}');
}

/// What was built of strings is a string.
fn into_string(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}
