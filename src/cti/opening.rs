//! Answers about devices and lines: each moves its device one step on, or refuses it.

use std::sync::Arc;

use super::conversation::Request;
use super::devices::{LineEntry, LineStage, Stage};
use super::provider::{Awaited, Context, Provider};
use super::refusal::RefusalKind;
use super::work::Work;
use super::{DeviceChange, DeviceHandle, Finding, LineChange, LineHandle};
use crate::ctiqbe::names::{CtiFailure, DeviceUnregisteredReason};

/// Requests that may wait to be sent before answers that came too late are left alone.
const TOO_LATE_LIMIT: usize = 100_000;

impl Provider {
    /// A device was acquired, or not.
    pub fn acquired(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, result: CtiFailure) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        if !result.is_ok() {
            return self.refuse_unless_leaving(cx, name, result);
        }
        entry.acquired = true;
        entry.stage = Stage::Idle;
        self.advance(cx, name);
    }

    /// All that the cluster says of a device was said.
    pub fn described(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, result: CtiFailure) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        (entry.describing, entry.more_lines) = (false, false);
        if matches!(entry.stage, Stage::Open(_)) {
            return self.advance(cx, name);
        }
        if entry.stage != Stage::Asking {
            return;
        }
        entry.stage = Stage::Idle;
        match result {
            CtiFailure::OK if entry.described => self.advance(cx, name),
            // It says that all was said, and said nothing.
            CtiFailure::OK => self.refuse_unless_leaving(cx, name, CtiFailure::CTIERR_INFORMATION_NOT_AVAILABLE),
            refused => self.refuse_unless_leaving(cx, name, refused),
        }
    }

    /// A device was opened, or not.
    pub fn device_opened(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, result: CtiFailure, handle: DeviceHandle) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        if result.is_ok() {
            entry.standing.heal(&self.status);
            let outdated = !entry.described;
            self.devices.device_opened(name, handle);
            if outdated {
                self.describe_again(name);
            }
            if let Some(resync) = &mut self.resync {
                resync.awaited.insert(Awaited::Device(handle));
            }
            return self.advance(cx, name);
        }
        entry.stage = Stage::Idle;
        if RefusalKind::of(result) == RefusalKind::NotRegistered && !entry.leaving {
            entry.registered = false;
            self.await_registration(cx, name, DeviceUnregisteredReason::UNKNOWN);
            // Its registration may have been told before this answer.
            return self.retry_late(cx.now, name);
        }
        self.refuse_unless_leaving(cx, name, result);
    }

    /// A line was opened, or not.
    pub fn line_opened(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, number: u32, result: CtiFailure, handle: LineHandle) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        let device_is_open = matches!(entry.stage, Stage::Open(_));
        let Some(line) = entry.line_mut(number) else {
            if result.is_ok() {
                self.begun.push_back(Work::CloseLine(handle));
            }
            return;
        };
        if !result.is_ok() {
            line.stage = LineStage::Closed;
            // The device was closed meanwhile; its lines are opened with it.
            if device_is_open {
                self.refuse_line(cx, name, number, result);
            }
            return;
        }
        line.standing.heal(&self.status);
        cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::Opened(handle) });
        self.devices.line_opened(name, number, handle);
        if let Some(resync) = &mut self.resync {
            resync.awaited.extend([Awaited::Line(handle), Awaited::Calls(handle)]);
        }
    }

    /// An answer that came too late: what it opened is closed, or the next try would find it open.
    pub fn opened_too_late(&mut self, work: Work) {
        if self.begun.len() < TOO_LATE_LIMIT {
            self.begun.push_back(work);
        }
    }

    fn refuse_unless_leaving(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, result: CtiFailure) {
        if self.devices.get(name).is_some_and(|e| e.leaving) {
            return self.leave(cx, name);
        }
        self.refuse_device(cx, name, result);
    }

    /// A request about a device was not answered in time, or by `FailureResponse`.
    pub fn failed(&mut self, cx: &mut Context<'_, '_>, request: &Request, result: CtiFailure) {
        match request {
            Request::Acquire(name) => self.acquired(cx, name, result),
            Request::Describe(name) => self.described(cx, name, result),
            Request::OpenDevice(name) => self.device_opened(cx, name, result, DeviceHandle { call_manager: 0, device: 0 }),
            Request::OpenLine(name, number) => {
                self.line_opened(cx, name, *number, result, LineHandle { call_manager: 0, line: 0 });
            }
            Request::DeviceState(name) => self.state_answered(cx, name, None),
            Request::Init | Request::Open | Request::Capabilities | Request::List | Request::Release => {}
        }
    }

    /// A device that was to go while a request about it waited goes now.
    pub(super) fn leave(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>) {
        if let Some(entry) = self.devices.get_mut(name).filter(|e| e.stage == Stage::Asking) {
            entry.stage = Stage::Idle;
        }
        self.remove(cx, name);
        self.ask_again_if_named(cx, name);
    }

    /// The device is watched no more: what is open is closed, what was acquired is given back.
    pub(super) fn remove(&mut self, cx: &mut Context<'_, '_>, name: &str) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        if entry.stage == Stage::Asking {
            // The answer decides what there is to give back.
            entry.leaving = true;
            return;
        }
        self.heal_device(name);
        let Some(mut entry) = self.devices.remove(name) else { return };
        for line in &mut entry.lines {
            self.release_line(cx, line);
        }
        if let Stage::Open(handle) = entry.stage {
            self.no_longer_awaited(Awaited::Device(handle));
            self.begun.push_back(Work::Close(handle));
        }
        if entry.acquired {
            self.begun.push_back(Work::Deacquire(entry.name.clone()));
        }
        self.status.update(|s| s.in_service -= usize::from(entry.in_service).min(s.in_service));
        if entry.stage != Stage::PassedOver {
            cx.findings.push(Finding::Device { device: entry.device, change: DeviceChange::Removed });
        }
    }

    /// The line is gone from its device, or its device is: closes it.
    pub(super) fn release_line(&mut self, cx: &mut Context<'_, '_>, line: &mut LineEntry) {
        line.standing.heal(&self.status);
        self.status.update(|s| s.lines_in_service -= usize::from(line.in_service).min(s.lines_in_service));
        if let LineStage::Open(handle) = line.stage {
            self.no_longer_awaited(Awaited::Line(handle));
            self.no_longer_awaited(Awaited::Calls(handle));
            self.begun.push_back(Work::CloseLine(handle));
            cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::Closed });
        }
    }
}
