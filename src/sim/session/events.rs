//! Events of the cluster as messages, for a client that is concerned and asked for them.

use super::build::{REGISTERED, USER_CHANGED, capabilities, device_info, device_line_info};
use super::{Phase, Session, Settings};
use crate::ctiqbe::messages::{
    DeviceClosedEvent, DeviceOutOfServiceEvent, DeviceRegisteredEventWithLineInfo, DeviceStateActiveEvent, DeviceStateAlertingEvent,
    DeviceStateHeldEvent, DeviceStateIdleEvent, DeviceStateWhisperEvent, DeviceUnregisteredEvent, LineClosedEvent, LineOutOfServiceEvent,
    ProviderDeviceEMLoginStatusChangedEvent, ProviderUserChangedEvent,
};
use crate::ctiqbe::names::{
    DeviceCloseReason, DeviceControlFlagBitmask, DeviceLineInfoContent, DeviceOutOfServiceReason, DeviceRegisteredReason, DeviceState,
    DeviceUnregisteredReason, EmStatus, LineCloseReason, LineOutOfServiceReason, ProviderCloseReason, ProviderUserNotifyType,
};
use crate::ctiqbe::{Text, Wide, encode, latin1};
use crate::sim::cluster::{Account, AppearanceId, CALL_MANAGER, Cluster, DeviceId, Event, Restriction};

/// The cluster as the session's user sees it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    cluster: &'a Cluster,
    account: &'a Account,
    settings: &'a Settings,
}

impl Session {
    /// Tells the client of an event, if it asked for it.
    pub fn deliver(&mut self, event: &Event, cluster: &Cluster, settings: &Settings) {
        let Phase::Open { account: id } = self.phase else { return };
        let scene = Scene { cluster, account: cluster.account(id), settings };
        match event {
            _ if self.closing => {}
            Event::NewCall(view) => self.send_new_call(view, cluster),
            Event::Parties(view) => self.send_parties(view),
            Event::State { appearance, leg, state, cause, reason, remote_in_use } => {
                self.send_call_state(*appearance, *leg, (*state, *cause), *reason, *remote_in_use);
            }
            Event::CallChanged(view) => self.send_call_changed(view),
            Event::TransferStarted(line, notice) => self.send_transfer_started(*line, notice, cluster),
            Event::TransferEnded(line, transaction) => self.send_transfer_ended(*line, *transaction),
            Event::ConferenceStarted(line, notice) => self.send_conference_started(*line, notice, cluster),
            Event::ConferenceEnded(line, notice) => self.send_conference_ended(*line, notice, cluster),
            Event::ConferenceChanged(line, leg, reason, change) => self.send_conference_changed((*line, *leg), *reason, change, cluster),
            Event::Park(line, notice) => self.send_park_status(*line, notice, false),
            Event::Forwarding(line, to) => self.send_forwarding(*line, to.as_ref()),
            Event::HuntSentOn(line, call, to) => self.send_hunt_status(*line, *call, to),
            Event::BargeStarted(line, notice) => self.send_barge_started(*line, notice),
            Event::BargeEnded(line, notice) => self.send_barge_ended(*line, notice),
            Event::Privacy(view) => self.send_privacy(view),
            Event::Monitored(line, leg, on) => self.send_monitored(*line, *leg, *on),
            Event::Recorded(line, leg, on) => self.send_recorded(*line, *leg, *on),
            Event::Attribute(line, leg, attribute) => self.send_attribute(*line, *leg, attribute),
            Event::DeviceState(device, state) => self.send_device_state(*device, *state),
            Event::Registered(device, reason) => self.registered(*device, *reason, scene),
            Event::Unregistered(device, reason) => self.unregistered(*device, *reason, scene),
            Event::ExtensionMobility(device, status) => self.extension_mobility(*device, *status, scene),
            Event::Restricted(Restriction::Device(device)) => self.device_restricted(*device, scene),
            Event::Restricted(Restriction::Line(line)) => self.line_restricted(*line, scene),
            Event::Unrestricted(Restriction::Device(device)) => self.device_changed(*device, scene),
            Event::Unrestricted(Restriction::Line(line)) => self.device_changed(cluster.appearance(*line).device, scene),
            Event::SuperRight(of, given) if *of == id => self.super_right(*given, scene),
            Event::CtiDisabled(of) if *of == id => self.close(ProviderCloseReason::STANDARD_CTI_ENABLED_PERMISSIONS_REMOVED),
            Event::SuperRight(..) | Event::CtiDisabled(_) => {}
        }
    }

    /// How this session comes to control a device: `NONE` when it does not.
    pub(super) fn control_flags(&self, device: DeviceId, account: &Account) -> DeviceControlFlagBitmask {
        if account.has_in_control_list(device) {
            DeviceControlFlagBitmask::CONTROLLED
        } else if self.acquired.contains(&device) {
            DeviceControlFlagBitmask::ACQUIRED
        } else {
            DeviceControlFlagBitmask::NONE
        }
    }

    fn controls(&self, device: DeviceId, account: &Account) -> bool {
        self.control_flags(device, account) != DeviceControlFlagBitmask::NONE
    }

    fn send_device_state(&mut self, id: DeviceId, state: DeviceState) {
        let Some(device) = self.devices.get(&id) else { return };
        let (filter, device_call_manager_id, device_id) = (device.filter, CALL_MANAGER, device.handle);
        match state {
            DeviceState::IDLE if filter.device_idle_state => self.send(&DeviceStateIdleEvent { device_call_manager_id, device_id }),
            DeviceState::ACTIVE if filter.device_active_state => self.send(&DeviceStateActiveEvent { device_call_manager_id, device_id }),
            DeviceState::ALERTING if filter.device_alerting_state => {
                self.send(&DeviceStateAlertingEvent { device_call_manager_id, device_id });
            }
            DeviceState::HELD if filter.device_hold_state => self.send(&DeviceStateHeldEvent { device_call_manager_id, device_id }),
            DeviceState::WHISPER if filter.device_whisper_state => {
                self.send(&DeviceStateWhisperEvent { device_call_manager_id, device_id });
            }
            _ => {}
        }
    }

    fn registered(&mut self, id: DeviceId, reason: DeviceRegisteredReason, scene: Scene<'_>) {
        if self.filter.device_registered && self.controls(id, scene.account) {
            let (version, flags) = (self.version, self.control_flags(id, scene.account));
            let content = DeviceLineInfoContent::DEVICE_INFO_DYNAMIC.0
                | DeviceLineInfoContent::DEVICE_REGISTRATION_INFO.0
                | DeviceLineInfoContent::LINE_INFO.0;
            device_line_info(scene.cluster, id, |info| {
                let event = DeviceRegisteredEventWithLineInfo {
                    device_name: info.device_name,
                    control_mode_bit_map: flags,
                    register_reason: reason,
                    event_content: DeviceLineInfoContent(content),
                    device_info_dynamic: info.device_info_dynamic,
                    device_registration_info: info.device_registration_info,
                    line_info: info.line_info,
                    total_lines: info.total_lines,
                    protocol: info.device_info_static.protocol,
                    ..*REGISTERED
                };
                encode(&event, version, &mut self.out);
            });
        }
        // What was open stays open over a reset: it comes back in service under its handle.
        if let Some(handle) = self.device_handle(id) {
            self.send_device_in_service(handle);
        }
        for appearance in &scene.cluster.device(id).appearances {
            if let Some(handle) = self.line_handle(*appearance) {
                self.send_line_in_service(handle);
            }
        }
    }

    fn unregistered(&mut self, id: DeviceId, reason: DeviceUnregisteredReason, scene: Scene<'_>) {
        let device = scene.cluster.device(id);
        for appearance in &device.appearances {
            if let Some(line_id) = self.line_handle(*appearance) {
                let reason = LineOutOfServiceReason::DEVICE_UNREGISTERED;
                self.send(&LineOutOfServiceEvent { line_call_manager_id: CALL_MANAGER, line_id, reason });
            }
        }
        if let Some(device_id) = self.device_handle(id) {
            let reason = DeviceOutOfServiceReason::DEVICE_UNREGISTERED;
            self.send(&DeviceOutOfServiceEvent { device_call_manager_id: CALL_MANAGER, device_id, reason });
        }
        if self.filter.device_unregistered && self.controls(id, scene.account) {
            let flags = self.control_flags(id, scene.account);
            self.send(&DeviceUnregisteredEvent {
                device_info: device_info(device, id, Text::new(&latin1(&device.name))),
                login_user_id: Wide::Str(device.login_user.as_deref().unwrap_or("")),
                controllable: true,
                reason,
                device_control_flag_bit_mask: flags,
            });
        }
    }

    fn extension_mobility(&mut self, id: DeviceId, em_status: EmStatus, scene: Scene<'_>) {
        if self.filter.device_em_login_status_change_notify && self.controls(id, scene.account) {
            let name = latin1(&scene.cluster.device(id).name);
            self.send(&ProviderDeviceEMLoginStatusChangedEvent { device_name: Text::new(&name), em_status });
        }
    }

    fn device_restricted(&mut self, id: DeviceId, scene: Scene<'_>) {
        for appearance in &scene.cluster.device(id).appearances {
            self.close_restricted_line(*appearance);
        }
        if let Some(device_id) = self.device_handle(id) {
            let reason = DeviceCloseReason::DEVICE_RESTRICTED;
            self.send(&DeviceClosedEvent { device_call_manager_id: CALL_MANAGER, device_id, reason });
            self.forget_device(id, scene.cluster);
        }
        self.device_changed(id, scene);
    }

    fn line_restricted(&mut self, id: AppearanceId, scene: Scene<'_>) {
        self.close_restricted_line(id);
        self.device_changed(scene.cluster.appearance(id).device, scene);
    }

    fn close_restricted_line(&mut self, id: AppearanceId) {
        if let Some(line_id) = self.line_handle(id) {
            let reason = LineCloseReason::LINE_RESTRICTED;
            self.send(&LineClosedEvent { line_call_manager_id: CALL_MANAGER, line_id, reason });
            self.forget_line(id);
        }
    }

    /// Says that a device's configuration changed: the client asks for it again to learn which of its check boxes are ticked.
    fn device_changed(&mut self, id: DeviceId, scene: Scene<'_>) {
        if self.filter.directory_change_notify && self.controls(id, scene.account) {
            let device = scene.cluster.device(id);
            let flags = self.control_flags(id, scene.account);
            self.send(&ProviderUserChangedEvent {
                type_of_notification: ProviderUserNotifyType::DEVICECHANGE,
                device_info: device_info(device, id, Text::new(&latin1(&device.name))),
                // In full here too: the client takes what it finds for a change.
                provider_capabilities_info: capabilities(scene.account, scene.settings.max_devices_open),
                device_control_flag_bit_mask: flags,
            });
        }
    }

    fn super_right(&mut self, given: bool, scene: Scene<'_>) {
        if self.filter.directory_change_notify {
            self.send(&ProviderUserChangedEvent {
                type_of_notification: ProviderUserNotifyType::SUPERPROVIDERCHANGED,
                provider_capabilities_info: capabilities(scene.account, scene.settings.max_devices_open),
                ..*USER_CHANGED
            });
        }
        if !given {
            self.close(ProviderCloseReason::SUPERPROVIDER_REMOVE);
        }
    }
}
