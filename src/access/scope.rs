//! What a token may see.

use crate::event::{Body, Event, Line};

/// Everything, or what concerns any of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// No limit.
    pub everything: bool,
    /// Ids of users: what happens on devices while they are theirs.
    pub users: Vec<Box<str>>,
    /// Names of devices, whosever they are.
    pub devices: Vec<Box<str>>,
    /// Directory numbers.
    pub lines: Vec<Box<str>>,
}

impl Scope {
    /// No limit.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// What concerns a user.
    pub fn of_user(user: &str) -> Self {
        Self { users: vec![user.into()], ..Self::default() }
    }

    /// Whether an event may be seen: by the users, devices and lines that it concerns at the time when it is told. What is told of CTI
    /// sessions and of the log concerns everybody; what is told of webhooks only those who may see everything.
    pub fn allows(&self, event: &Event) -> bool {
        if self.everything {
            return true;
        }
        match &event.body {
            Body::Session(_) | Body::Journal(_) => true,
            // They say where the company's calls go.
            Body::Webhook(_) => false,
            Body::Device(body) => {
                self.allows_device(&body.device.name, body.device.user.as_deref())
                    || body.login_user.as_deref().is_some_and(|user| self.has_user(user))
            }
            _ => event.lines().iter().any(|line| self.allows_line(line)),
        }
    }

    /// Whether a line may be seen, on the device and under the user that it names.
    pub fn allows_line(&self, line: &Line) -> bool {
        self.allows_device(&line.device.name, line.device.user.as_deref()) || self.lines.iter().any(|dn| **dn == *line.dn)
    }

    /// Whether a device that belongs to this user may be seen.
    pub fn allows_device(&self, name: &str, user: Option<&str>) -> bool {
        self.everything || self.devices.iter().any(|known| **known == *name) || user.is_some_and(|user| self.has_user(user))
    }

    /// Whether a user may be seen.
    pub fn has_user(&self, user: &str) -> bool {
        self.everything || self.users.iter().any(|known| **known == *user)
    }
}
