//! What the cluster tells unasked: devices that register and go, lines in and out of service, logins, rights.

use std::sync::Arc;

use super::describing::Description;
use super::devices::{LineStage, Stage};
use super::provider::{Awaited, Context, Provider};
use super::refusal::{of_device_close, of_line_close};
use super::work::Work;
use super::{DeviceChange, DeviceHandle, Finding, LineChange, LineHandle};
use crate::ctiqbe::messages::ProviderUserChangedEvent;
use crate::ctiqbe::names::{
    CtiFailure, DeviceCloseReason, DeviceOutOfServiceReason, DeviceState, DeviceUnregisteredReason, LineCloseReason,
    LineOutOfServiceReason, ProviderUserNotifyType,
};

impl Provider {
    /// A device registered, and was described with it or has to be.
    pub fn registered(&mut self, cx: &mut Context<'_, '_>, name: &str, description: Option<Description<'_>>) {
        let complete = description.is_some_and(|part| self.describe(cx, part, false).is_some());
        let Some(entry) = self.devices.get_mut(name) else { return };
        let name = entry.name.clone();
        entry.registered = true;
        if entry.stage == Stage::PassedOver {
            return;
        }
        cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::Registered });
        entry.described &= complete;
        match entry.stage {
            Stage::Open(_) if complete => self.open_lines(&name),
            Stage::Open(_) => self.describe_again(&name),
            Stage::Idle | Stage::Unregistered | Stage::Refused => self.enqueue(cx, &name),
            Stage::Queued | Stage::Asking | Stage::PassedOver => {}
        }
    }

    /// A device is not registered any more.
    pub fn unregistered(&mut self, cx: &mut Context<'_, '_>, name: &str, reason: DeviceUnregisteredReason) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        let name = entry.name.clone();
        entry.registered = false;
        match entry.stage {
            Stage::PassedOver => {}
            // An open device stays open: it comes back in service under the same handle, or is told to be closed.
            Stage::Open(_) | Stage::Asking => {
                self.left_service(&name);
                let Some(entry) = self.devices.get_mut(&name) else { return };
                cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::Unregistered(reason) });
            }
            Stage::Idle | Stage::Queued | Stage::Unregistered | Stage::Refused => {
                self.await_registration(cx, &name, reason);
            }
        }
    }

    /// A device is observed.
    pub fn device_in_service(&mut self, cx: &mut Context<'_, '_>, handle: DeviceHandle) {
        let Some(entry) = self.devices.by_handle(handle) else { return };
        let name = entry.name.clone();
        if !std::mem::replace(&mut entry.in_service, true) {
            self.status.update(|s| s.in_service += 1);
        }
        cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::InService });
        self.no_longer_awaited(Awaited::Device(handle));
        self.open_lines(&name);
    }

    /// A device is not observed for now.
    pub fn device_out_of_service(&mut self, cx: &mut Context<'_, '_>, handle: DeviceHandle, reason: DeviceOutOfServiceReason) {
        let Some(entry) = self.devices.by_handle(handle) else { return };
        let (name, device) = (entry.name.clone(), entry.device.clone());
        self.left_service(&name);
        self.no_longer_awaited(Awaited::Device(handle));
        cx.findings.push(Finding::Device { device, change: DeviceChange::OutOfService(reason) });
    }

    fn left_service(&mut self, name: &str) {
        let was = self.devices.get_mut(name).is_some_and(|e| std::mem::replace(&mut e.in_service, false));
        self.status.update(|s| s.in_service -= usize::from(was).min(s.in_service));
    }

    /// The sum of a device's calls.
    pub fn device_state(&mut self, cx: &mut Context<'_, '_>, handle: DeviceHandle, state: DeviceState) {
        let Some(entry) = self.devices.by_handle(handle) else { return };
        cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::State { state, asked: false } });
    }

    /// Asks for the states of those of these devices that are open, each once until it is answered. While devices are being opened
    /// nothing is asked: the calls that stand are told then, and questions without an answer would keep it from ever being settled.
    pub fn ask_states(&mut self, names: &[Arc<str>]) {
        if self.resync.is_some() {
            return;
        }
        for name in names {
            let Some(entry) = self.devices.get_mut(name).filter(|e| matches!(e.stage, Stage::Open(_))) else { continue };
            if !std::mem::replace(&mut entry.asking_state, true) {
                self.begun.push_back(Work::AskState(entry.name.clone()));
            }
        }
    }

    /// The question for a device's state is answered; without a state when it was refused or not answered in time, which is no news.
    pub fn state_answered(&mut self, cx: &mut Context<'_, '_>, name: &str, answer: Option<(DeviceHandle, DeviceState)>) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        entry.asking_state = false;
        let Some((_, state)) = answer.filter(|(handle, _)| entry.stage == Stage::Open(*handle)) else { return };
        cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::State { state, asked: true } });
    }

    /// The cluster closed a device: it is opened again, unless that would be refused.
    pub fn device_closed(&mut self, cx: &mut Context<'_, '_>, handle: DeviceHandle, reason: DeviceCloseReason) {
        let Some(name) = self.devices.device_closed(handle) else { return };
        self.no_longer_awaited(Awaited::Device(handle));
        self.left_service(&name);
        let open: Vec<LineHandle> = self
            .devices
            .get(&name)
            .map_or(vec![], |e| e.lines.iter().filter_map(|l| if let LineStage::Open(h) = l.stage { Some(h) } else { None }).collect());
        for line in open {
            self.forget_line(cx, line);
        }
        if let Some(result) = of_device_close(reason) {
            return self.refuse_device(cx, &name, result);
        }
        let Some(entry) = self.devices.get_mut(&name) else { return };
        let change = DeviceChange::OutOfService(out_of_service(reason));
        cx.findings.push(Finding::Device { device: entry.device.clone(), change });
        if reason == DeviceCloseReason::DEVICE_UNREGISTERED {
            entry.registered = false;
            return self.await_registration(cx, &name, DeviceUnregisteredReason::UNKNOWN);
        }
        self.retry_soon(cx.now, &name);
    }

    /// A line is observed.
    pub fn line_in_service(&mut self, cx: &mut Context<'_, '_>, handle: LineHandle) {
        let Some(line) = self.devices.line_by_handle(handle) else { return };
        if !std::mem::replace(&mut line.in_service, true) {
            self.status.update(|s| s.lines_in_service += 1);
        }
        cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::InService });
        self.no_longer_awaited(Awaited::Line(handle));
    }

    /// A line is not observed for now.
    pub fn line_out_of_service(&mut self, cx: &mut Context<'_, '_>, handle: LineHandle, reason: LineOutOfServiceReason) {
        let Some(line) = self.devices.line_by_handle(handle) else { return };
        let was = std::mem::replace(&mut line.in_service, false);
        cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::OutOfService(reason) });
        self.status.update(|s| s.lines_in_service -= usize::from(was).min(s.lines_in_service));
        self.no_longer_awaited(Awaited::Line(handle));
    }

    /// The cluster closed a line: it is opened again with its device, or soon, unless that would be refused.
    pub fn line_closed(&mut self, cx: &mut Context<'_, '_>, handle: LineHandle, reason: LineCloseReason) {
        let Some((name, number)) = self.forget_line(cx, handle) else { return };
        match of_line_close(reason) {
            Some(result) => self.refuse_line(cx, &name, number, result),
            None => self.retry_soon(cx.now, &name),
        }
    }

    /// The line's handle means nothing any more.
    fn forget_line(&mut self, cx: &mut Context<'_, '_>, handle: LineHandle) -> Option<(Arc<str>, u32)> {
        self.no_longer_awaited(Awaited::Line(handle));
        self.no_longer_awaited(Awaited::Calls(handle));
        let (name, number) = self.devices.line_closed(handle)?;
        let line = self.devices.get_mut(&name)?.line_mut(number)?;
        let was = std::mem::replace(&mut line.in_service, false);
        cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::Closed });
        self.status.update(|s| s.lines_in_service -= usize::from(was).min(s.lines_in_service));
        Some((name, number))
    }

    /// Somebody logged in or out by extension mobility: who it is, and the lines, have to be asked.
    pub fn login_changed(&mut self, name: &str) {
        if let Some(name) = self.devices.get(name).map(|e| e.name.clone()) {
            self.describe_again(&name);
        }
    }

    pub(super) fn describe_again(&mut self, name: &Arc<str>) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        let reachable = entry.listed || entry.acquired;
        if reachable && !std::mem::replace(&mut entry.describing, true) {
            self.begun.push_back(Work::Describe(name.clone()));
        }
    }

    /// A part of a description that belongs to no request of ours, or to that for the control list.
    pub fn described_unasked(&mut self, cx: &mut Context<'_, '_>, part: Description<'_>, in_control_list: bool) {
        let Some(name) = self.describe(cx, part, in_control_list) else { return };
        let Some(entry) = self.devices.get(&name) else { return };
        match entry.stage {
            Stage::Idle | Stage::PassedOver | Stage::Refused => self.enqueue(cx, &name),
            Stage::Unregistered if entry.registered => self.enqueue(cx, &name),
            Stage::Open(_) => self.open_lines(&name),
            Stage::Unregistered | Stage::Queued | Stage::Asking => {}
        }
    }

    /// The user's control list or rights changed.
    pub fn user_changed(&mut self, cx: &mut Context<'_, '_>, event: &ProviderUserChangedEvent<'_>) {
        let device = event.device_info.name.to_str();
        match event.type_of_notification {
            ProviderUserNotifyType::DEVICEADD
            | ProviderUserNotifyType::DEVICEADDBYEMNOTIFICATION
            | ProviderUserNotifyType::DEVICEADDBYPROFILEADDNOTIFICATION => self.control_list_gained(cx, &device),
            ProviderUserNotifyType::DEVICEREMOVE
            | ProviderUserNotifyType::DEVICEREMOVEBYEMNOTIFICATION
            | ProviderUserNotifyType::DEVICEREMOVEBYPROFILEREMOVENOTIFICATION => self.control_list_lost(cx, &device),
            ProviderUserNotifyType::DEVICEDELETEDFROMDB | ProviderUserNotifyType::DEVICEDEACQUIRENOTIFICATION => self.gone(cx, &device),
            ProviderUserNotifyType::DEVICECHANGE => self.login_changed(&device),
            ProviderUserNotifyType::SUPERPROVIDERCHANGED => {
                self.permission_changed(cx, event.provider_capabilities_info.control_any_device);
            }
            _ => {}
        }
    }

    fn control_list_gained(&mut self, cx: &mut Context<'_, '_>, device: &str) {
        let named = self.inventory.contains(device);
        let Some(entry) = self.devices.get_or_add(device) else { return };
        (entry.listed, entry.named) = (true, named);
        let name = entry.name.clone();
        if matches!(entry.stage, Stage::Idle | Stage::Refused | Stage::PassedOver) {
            self.enqueue(cx, &name);
            self.recount();
        }
    }

    fn control_list_lost(&mut self, cx: &mut Context<'_, '_>, device: &str) {
        let Some(entry) = self.devices.get_mut(device) else { return };
        entry.listed = false;
        // One that was acquired is still ours.
        if entry.acquired {
            return;
        }
        self.gone(cx, device);
    }

    /// The device is not ours any more, or not in the cluster. One that the inventory names is asked for again, as any other.
    pub fn gone(&mut self, cx: &mut Context<'_, '_>, device: &str) {
        let Some(entry) = self.devices.get_mut(device) else { return };
        (entry.listed, entry.acquired) = (false, false);
        self.remove(cx, device);
        self.ask_again_if_named(cx, device);
        self.recount();
    }

    /// A device that is gone but stands in the inventory is asked for again after a while.
    pub(super) fn ask_again_if_named(&mut self, cx: &mut Context<'_, '_>, device: &str) {
        if !self.inventory.contains(device) || self.devices.get(device).is_some() {
            return;
        }
        let Some(entry) = self.devices.get_or_add(device) else { return };
        entry.named = true;
        let name = entry.name.clone();
        if self.control_any_device {
            self.retry_soon(cx.now, &name);
        } else {
            self.refuse_device(cx, &name, CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED);
        }
    }
}

/// Why a device is out of service when it was closed for this reason.
fn out_of_service(reason: DeviceCloseReason) -> DeviceOutOfServiceReason {
    match reason {
        DeviceCloseReason::CALL_MANAGER_FAILURE => DeviceOutOfServiceReason::CALL_MANAGER_FAILURE,
        DeviceCloseReason::DEVICE_UNREGISTERED => DeviceOutOfServiceReason::DEVICE_UNREGISTERED,
        DeviceCloseReason::CTI_MANAGER_FAILURE => DeviceOutOfServiceReason::CTI_MANAGER_FAILURE,
        _ => DeviceOutOfServiceReason::UNKNOWN,
    }
}
