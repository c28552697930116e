//! Registration of devices, Extension Mobility, and the two check boxes 'Allow Control of Device from CTI'.

use super::{AppearanceId, Cluster, DeviceId, Event, Restriction};
use crate::ctiqbe::names::{CallStateCause, DeviceRegisteredReason, DeviceState, DeviceUnregisteredReason, EmStatus};

impl Cluster {
    /// A device unregisters: its calls end, its lines and itself go out of service. Nothing happens when it is not registered.
    pub fn unregister(&mut self, id: DeviceId, reason: DeviceUnregisteredReason) {
        if !self.device(id).registered {
            return;
        }
        for leg in self.device(id).legs.clone() {
            self.hang_up(leg, CallStateCause::DDESTINATIONOUTOFORDER);
        }
        self.device_mut(id).registered = false;
        self.events.push_back(Event::Unregistered(id, reason));
    }

    /// A device registers again. Nothing happens when it is registered.
    pub fn register(&mut self, id: DeviceId, reason: DeviceRegisteredReason) {
        let device = self.device_mut(id);
        if !device.registered {
            device.registered = true;
            self.events.push_back(Event::Registered(id, reason));
        }
    }

    /// A user logs in to a device by Extension Mobility, or (`None`) out. The device unregisters; [`Cluster::register`] ends it.
    pub fn change_login(&mut self, id: DeviceId, user: Option<String>) {
        let (status, reason) = match user {
            Some(_) => (EmStatus::LOGIN, DeviceUnregisteredReason::LOGIN),
            None => (EmStatus::LOGOUT, DeviceUnregisteredReason::LOGOUT),
        };
        self.unregister(id, reason);
        self.device_mut(id).login_user = user;
        self.events.push_back(Event::ExtensionMobility(id, status));
    }

    /// How a device stands, without an event: what told of it was played from a recording.
    pub fn know(&mut self, id: DeviceId, registered: bool, login_user: Option<String>) {
        let device = self.device_mut(id);
        (device.registered, device.login_user) = (registered, login_user);
    }

    /// The state of a device, without an event, as above.
    pub fn know_state(&mut self, id: DeviceId, state: DeviceState) {
        self.device_mut(id).state = state;
    }

    /// Unticks (`true`) or ticks 'Allow Control of Device from CTI' of a device.
    pub fn restrict_device(&mut self, id: DeviceId, restricted: bool) {
        let device = self.device_mut(id);
        if device.restricted != restricted {
            device.restricted = restricted;
            let what = Restriction::Device(id);
            self.events.push_back(if restricted { Event::Restricted(what) } else { Event::Unrestricted(what) });
        }
    }

    /// Unticks (`true`) or ticks 'Allow Control of Device from CTI' of a line, on all its devices.
    pub fn restrict_line(&mut self, id: AppearanceId, restricted: bool) {
        let line = self.appearance(id).line;
        if self.line(line).restricted == restricted {
            return;
        }
        self.line_mut(line).restricted = restricted;
        for appearance in self.line(line).appearances.clone() {
            let what = Restriction::Line(appearance);
            self.events.push_back(if restricted { Event::Restricted(what) } else { Event::Unrestricted(what) });
        }
    }
}
