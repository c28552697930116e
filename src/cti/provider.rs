//! An open provider: which device is asked for next, at what pace, and when all of them are settled.
//!
//! Every device goes the same way, as far as it has to: acquire it (unless it is on the control list), have it described,
//! open it, open its lines. `next_step` is the one place that decides. A device that is begun is finished before another
//! is begun: new ones wait in `fresh` for the pace, requests about those begun wait in `begun` only for the number in flight.
//!
//! [`opening`](super::opening) takes the answers, [`describing`](super::describing) what the cluster says of a device,
//! [`changes`](super::changes) what it tells unasked.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::conversation::{Conversation, Request};
use super::devices::{Devices, Entry, LineStage, Stage};
use super::inventory::{DeviceList, Listed};
use super::occurrence::Occurrence;
use super::pace::DevicePace;
use super::refusal::{Refusal, RefusalKind};
use super::selection::Selection;
use super::status::{SessionState, Status};
use super::work::Work;
use super::{Config, Device, DeviceChange, DeviceHandle, Finding, LineChange, LineHandle, SessionId};
use crate::ctiqbe::messages::ProviderGetAllDevicesAndLinesRequest;
use crate::ctiqbe::names::{CtiFailure, DeviceUnregisteredReason};

/// After how long what may pass by itself is tried again.
const SOON: Duration = Duration::from_secs(30);

/// What an input is handled with.
pub struct Context<'c, 'f> {
    /// Since the session's task began.
    pub now: Duration,
    /// Our side of the wire.
    pub talk: &'c mut Conversation,
    /// What was found out, in order.
    pub findings: &'c mut Vec<Finding<'f>>,
}

/// What has to come before everything is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// A device that was opened comes in service.
    Device(DeviceHandle),
    /// A line that was opened comes in service.
    Line(LineHandle),
    /// The calls that stand on a line are told.
    Calls(LineHandle),
}

/// From the opening of the provider until every device is settled.
#[derive(Debug)]
pub struct Resync {
    /// What was opened and has to come yet.
    pub awaited: HashSet<Awaited>,
    began: Duration,
    progress: Duration,
}

/// The devices of a session and what is being done about them.
pub struct Provider {
    pub(super) id: SessionId,
    pub(super) devices: Devices,
    pub(super) inventory: DeviceList,
    pub(super) selection: Selection,
    pub(super) status: Arc<Status>,
    pub(super) control_any_device: bool,
    /// While not every device is settled.
    pub(super) resync: Option<Resync>,
    pub(super) begun: VecDeque<Work>,
    fresh: VecDeque<Arc<str>>,
    retries: BTreeSet<(Duration, Arc<str>)>,
    pace: DevicePace,
    in_flight: usize,
    device_limit: i32,
    list_completed: bool,
    table_full_told: bool,
    request_timeout: Duration,
    refused_retry: Duration,
    include_control_list: bool,
}

/// What a device needs next.
enum Next {
    Ask(fn(Arc<str>) -> Work),
    Refuse(CtiFailure),
    AwaitRegistration,
    PassOver,
}

impl Provider {
    /// A provider that is not open yet.
    pub fn new(id: SessionId, config: &Config, inventory: DeviceList, status: Arc<Status>) -> Self {
        Self {
            id,
            devices: Devices::default(),
            inventory,
            selection: Selection::new(config),
            status,
            control_any_device: false,
            resync: None,
            begun: VecDeque::new(),
            fresh: VecDeque::new(),
            retries: BTreeSet::new(),
            pace: DevicePace::new(config.pace.devices_per_second),
            in_flight: config.pace.requests_in_flight.max(1),
            device_limit: 0,
            list_completed: false,
            table_full_told: false,
            request_timeout: Duration::from_secs(config.timeouts.request.into()),
            refused_retry: Duration::from_secs(config.retry.refused_device.into()),
            include_control_list: config.inventory.include_control_list,
        }
    }

    /// The provider is open: asks for the control list.
    pub fn begin(&mut self, cx: &mut Context<'_, '_>, control_any_device: bool, device_limit: i32) {
        self.control_any_device = control_any_device;
        self.device_limit = device_limit;
        self.list_completed = false;
        self.resync = Some(Resync { awaited: HashSet::new(), began: cx.now, progress: cx.now });
        let deadline = self.deadline_of_request(cx.now);
        cx.talk.ask(Request::List, deadline, |sequence_number| ProviderGetAllDevicesAndLinesRequest { sequence_number });
    }

    /// The session is lost: nothing is open any more.
    pub fn lost(&mut self) {
        self.devices.forget_session();
        self.begun.clear();
        self.fresh.clear();
        self.retries.clear();
        self.resync = None;
        self.status.update(|s| {
            (s.in_service, s.lines_in_service) = (0, 0);
            s.refused.clear();
        });
    }

    /// The control list is complete: what neither it nor the inventory has is gone, the rest of the inventory is begun.
    pub fn listed(&mut self, cx: &mut Context<'_, '_>) {
        self.list_completed = true;
        let names: Vec<String> = self.inventory.names().map(str::to_owned).collect();
        for name in &names {
            self.name_device(cx, name);
        }
        let gone: Vec<Arc<str>> = self.devices.iter().filter(|e| !e.listed && !e.named).map(|e| e.name.clone()).collect();
        for name in gone {
            self.remove(cx, &name);
        }
        let devices = self.recount();
        if self.device_limit > 0 && usize::try_from(self.device_limit).is_ok_and(|limit| devices > limit) {
            Occurrence::OverDeviceLimit { devices, limit: self.device_limit }.emit(self.id);
        }
    }

    /// The inventory is another one now. `talking` is whether the provider is open.
    pub fn reload(&mut self, cx: &mut Context<'_, '_>, inventory: DeviceList, talking: bool) {
        let former = std::mem::replace(&mut self.inventory, inventory);
        if !talking || !self.list_completed {
            return;
        }
        for name in former.names().filter(|name| !self.inventory.contains(name)).map(str::to_owned).collect::<Vec<_>>() {
            let Some(entry) = self.devices.get_mut(&name) else { continue };
            entry.named = false;
            let listed = entry.listed;
            if listed && self.include_control_list && self.selection.allows_device(&entry.device, false) {
                self.listed_changed(cx, &name);
                continue;
            }
            self.remove(cx, &name);
            // It stays on the control list, where the inventory may name it again.
            if listed && let Some(entry) = self.devices.get_or_add(&name).filter(|e| e.stage == Stage::Idle) {
                (entry.listed, entry.stage) = (true, Stage::PassedOver);
            }
        }
        for name in self.inventory.names().map(str::to_owned).collect::<Vec<_>>() {
            self.name_device(cx, &name);
            self.listed_changed(cx, &name);
        }
        self.recount();
    }

    /// The inventory names this device.
    fn name_device(&mut self, cx: &mut Context<'_, '_>, name: &str) {
        let Listed { user: owner, device_pool } = self.inventory.listed(name);
        let Some(entry) = self.devices.get_or_add(name) else {
            return self.table_full(name);
        };
        (entry.named, entry.leaving) = (true, false);
        if !entry.known {
            entry.device = Arc::new(Device { owner, device_pool, ..Device::clone(&entry.device) });
        }
        if matches!(entry.stage, Stage::Idle | Stage::PassedOver) {
            let name = entry.name.clone();
            self.enqueue(cx, &name);
        }
    }

    /// Something was left out. It is told once.
    pub(super) fn table_full(&mut self, device: &str) {
        if !std::mem::replace(&mut self.table_full_told, true) {
            Occurrence::TableFull { device }.emit(self.id);
        }
    }

    /// How many devices shall be watched.
    pub(super) fn recount(&self) -> usize {
        let devices = self.devices.iter().filter(|e| e.stage != Stage::PassedOver).count();
        self.status.update(|s| s.devices = devices);
        devices
    }

    /// Whether the provider may open any device changed.
    pub fn permission_changed(&mut self, cx: &mut Context<'_, '_>, control_any_device: bool) {
        if control_any_device == self.control_any_device {
            return;
        }
        self.control_any_device = control_any_device;
        Occurrence::PermissionChanged { control_any_device }.emit(self.id);
        cx.findings.push(Finding::PermissionChanged { control_any_device });
        if !control_any_device {
            // What was opened by this right is closed by the cluster, which tells so.
            return;
        }
        let refused: Vec<Arc<str>> = self.devices.iter().filter(|e| e.stage == Stage::Refused).map(|e| e.name.clone()).collect();
        for name in refused {
            self.enqueue(cx, &name);
        }
    }

    fn next_step(&self, entry: &Entry) -> Next {
        let wanted = entry.named || (entry.listed && self.include_control_list);
        if !wanted || !self.selection.allows_name(&entry.name) {
            return Next::PassOver;
        }
        if !entry.listed && !entry.acquired {
            return if self.control_any_device {
                Next::Ask(Work::Acquire)
            } else {
                Next::Refuse(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED)
            };
        }
        if !entry.described {
            return Next::Ask(Work::Describe);
        }
        if !self.selection.allows_device(&entry.device, entry.named) {
            return Next::PassOver;
        }
        if entry.registered { Next::Ask(Work::Open) } else { Next::AwaitRegistration }
    }

    /// A device is begun as soon as the pace allows, unless there is nothing to ask.
    pub(super) fn enqueue(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>) {
        let queue = |this: &mut Self, name: &Arc<str>, _: Work| {
            if let Some(entry) = this.devices.get_mut(name) {
                entry.stage = Stage::Queued;
            }
            this.fresh.push_back(name.clone());
        };
        self.go_on(cx, name, queue);
    }

    /// A device that is begun goes on.
    pub(super) fn advance(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>) {
        let ask = |this: &mut Self, name: &Arc<str>, work: Work| {
            if let Some(entry) = this.devices.get_mut(name) {
                entry.stage = Stage::Asking;
                entry.describing |= matches!(work, Work::Describe(_));
            }
            this.begun.push_back(work);
        };
        self.go_on(cx, name, ask);
    }

    fn go_on(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, ask: impl FnOnce(&mut Self, &Arc<str>, Work)) {
        let Some(entry) = self.devices.get(name) else { return };
        if entry.leaving {
            return self.leave(cx, name);
        }
        if matches!(entry.stage, Stage::Open(_)) {
            return self.open_lines(name);
        }
        match self.next_step(entry) {
            Next::Ask(work) => ask(self, name, work(name.clone())),
            Next::Refuse(result) => self.refuse_device(cx, name, result),
            Next::AwaitRegistration => self.await_registration(cx, name, DeviceUnregisteredReason::UNKNOWN),
            Next::PassOver => {
                self.heal_device(name);
                if let Some(entry) = self.devices.get_mut(name) {
                    entry.stage = Stage::PassedOver;
                }
            }
        }
    }

    /// Lines that are closed and may be opened are opened, once their device is in service: that is the order of Cisco's client.
    pub(super) fn open_lines(&mut self, name: &Arc<str>) {
        let Some(entry) = self.devices.get_mut(name).filter(|e| e.in_service) else { return };
        for line in entry.lines.iter_mut().filter(|l| matches!(l.stage, LineStage::Closed | LineStage::Refused)) {
            if self.selection.allows_line(&line.line.dn, &line.line.partition) {
                line.stage = LineStage::Asking;
                self.begun.push_back(Work::OpenLine(name.clone(), line.number));
            } else {
                line.stage = LineStage::PassedOver;
                line.standing.heal(&self.status);
            }
        }
    }

    /// The device is not registered: it waits for that.
    pub(super) fn await_registration(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, reason: DeviceUnregisteredReason) {
        let refusal = Refusal::of_device(CtiFailure::DEVICE_NOT_REGISTERED, name.clone());
        let Some(entry) = self.devices.get_mut(name) else { return };
        entry.stage = Stage::Unregistered;
        if entry.standing.refuse(&refusal, &self.status) {
            cx.findings.push(Finding::Device { device: entry.device.clone(), change: DeviceChange::Unregistered(reason) });
        }
    }

    /// The device was refused: it is tried again after a while.
    pub(super) fn refuse_device(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, result: CtiFailure) {
        let refusal = Refusal::of_device(result, name.clone());
        let Some(entry) = self.devices.get_mut(name) else { return };
        entry.stage = Stage::Refused;
        if entry.standing.refuse(&refusal, &self.status) {
            let change = DeviceChange::Refused { result, cure: refusal.cure() };
            cx.findings.push(Finding::Device { device: entry.device.clone(), change });
            self.log(&refusal);
        }
        self.retry(cx.now + self.patience(refusal.kind()), name);
    }

    /// The line was refused: it is tried again after a while.
    pub(super) fn refuse_line(&mut self, cx: &mut Context<'_, '_>, name: &Arc<str>, number: u32, result: CtiFailure) {
        let Some(line) = self.devices.get_mut(name).and_then(|e| e.line_mut(number)) else { return };
        let refusal = Refusal::of_line(result, name.clone(), &line.line.dn);
        line.stage = LineStage::Refused;
        if line.standing.refuse(&refusal, &self.status) {
            cx.findings.push(Finding::Line { line: line.line.clone(), change: LineChange::Refused { result, cure: refusal.cure() } });
            self.log(&refusal);
        }
        self.retry(cx.now + self.patience(refusal.kind()), name);
    }

    fn patience(&self, kind: RefusalKind) -> Duration {
        if kind.passes() { SOON.min(self.refused_retry) } else { self.refused_retry }
    }

    /// While everything is being opened the refusals are told together at the end: there may be thousands.
    fn log(&self, refusal: &Refusal) {
        if self.resync.is_none() {
            Occurrence::Refused(refusal).emit(self.id);
        }
    }

    pub(super) fn heal_device(&mut self, name: &str) {
        if let Some(entry) = self.devices.get_mut(name) {
            entry.standing.heal(&self.status);
        }
    }

    /// The device is looked at again after as long as a refused one.
    pub(super) fn retry_late(&mut self, now: Duration, name: &Arc<str>) {
        self.retry(now + self.refused_retry, name);
    }

    /// The device is looked at again soon.
    pub(super) fn retry_soon(&mut self, now: Duration, name: &Arc<str>) {
        self.retry(now + SOON.min(self.refused_retry), name);
    }

    fn retry(&mut self, at: Duration, name: &Arc<str>) {
        let Some(entry) = self.devices.get_mut(name) else { return };
        if let Some(former) = entry.retry_at.replace(at) {
            self.retries.remove(&(former, name.clone()));
        }
        self.retries.insert((at, name.clone()));
    }

    /// What is due is done: devices that are tried again, requests that the pace allows, and the word that all is settled.
    pub fn tick(&mut self, cx: &mut Context<'_, '_>) {
        while let Some((_, name)) = self.retries.first().filter(|(at, _)| *at <= cx.now).cloned() {
            self.retries.pop_first();
            let Some(entry) = self.devices.get_mut(&name) else { continue };
            entry.retry_at = None;
            if entry.stage == Stage::Unregistered {
                // Its registration may have been missed: it is asked.
                entry.described = false;
            }
            if matches!(entry.stage, Stage::Idle | Stage::Refused | Stage::Unregistered | Stage::Open(_)) {
                self.enqueue(cx, &name);
            }
        }
        while cx.talk.in_flight() < self.in_flight {
            if let Some(work) = self.begun.pop_front() {
                self.send(cx, work);
            } else if !self.fresh.is_empty() && self.pace.take(cx.now) {
                let Some(name) = self.fresh.pop_front() else { break };
                if self.devices.get(&name).is_some_and(|e| e.stage == Stage::Queued) {
                    self.advance(cx, &name);
                }
            } else {
                break;
            }
        }
        self.settle(cx);
    }

    pub(super) fn deadline_of_request(&self, now: Duration) -> Duration {
        now + self.request_timeout
    }

    /// Something happened that brings the session nearer to being settled.
    pub(super) fn progress(&mut self, now: Duration) {
        if let Some(resync) = &mut self.resync {
            resync.progress = now;
        }
    }

    pub(super) fn no_longer_awaited(&mut self, awaited: Awaited) {
        if let Some(resync) = &mut self.resync {
            resync.awaited.remove(&awaited);
        }
    }

    /// Whether nothing is asked or about to be.
    fn is_idle(&self, in_flight: usize) -> bool {
        self.list_completed && self.begun.is_empty() && self.fresh.is_empty() && in_flight == 0
    }

    /// Says that all is settled, once it is. What was opened and says nothing more is not waited for for ever.
    fn settle(&mut self, cx: &mut Context<'_, '_>) {
        let Some(resync) = &self.resync else { return };
        if !self.is_idle(cx.talk.in_flight()) || !(resync.awaited.is_empty() || cx.now >= resync.progress + self.request_timeout) {
            return;
        }
        let took = cx.now.saturating_sub(resync.began);
        self.resync = None;
        let devices = self.recount();
        self.status.set_state(SessionState::InService);
        let summary = self.status.summary();
        let (in_service, refused) = (summary.in_service, summary.refusals());
        Occurrence::Resynced { devices, in_service, refused, took }.emit(self.id);
        for (kind, refused) in &summary.refused {
            if let Some(example) = refused.examples.first() {
                Occurrence::RefusedInAll { kind: *kind, count: refused.count, example }.emit(self.id);
            }
        }
        cx.findings.push(Finding::Resynced { in_service, refused });
    }

    /// When [`tick`](Self::tick) has something to do, if nothing comes before.
    pub fn deadline(&self, in_flight: usize) -> Option<Duration> {
        let retry = self.retries.first().map(|(at, _)| *at);
        let pace = (!self.fresh.is_empty() && in_flight < self.in_flight).then(|| self.pace.next());
        let settled = self.resync.as_ref().filter(|_| self.is_idle(in_flight)).map(|r| r.progress + self.request_timeout);
        [retry, pace, settled].into_iter().flatten().min()
    }
}
