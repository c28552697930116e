//! Opening and closing devices and lines, and changing what a client wants to hear of them.

use super::build::{DEVICE_IN_SERVICE, LINE_IN_SERVICE};
use super::{OpenDevice, OpenLine, Opened, Session, World};
use crate::ctiqbe::messages::{
    DeviceChangeEventFilterRequest, DeviceChangeEventFilterResponse, DeviceCloseRequest, DeviceCloseResponse, DeviceGetDeviceStateRequest,
    DeviceGetDeviceStateResponse, DeviceInServiceEvent, DeviceOpenRequest, DeviceOpenResponse, ExistingCallCompletedEvent,
    LineChangeEventFilterRequest, LineChangeEventFilterResponse, LineCloseRequest, LineCloseResponse, LineInServiceEvent, LineOpenRequest,
    LineOpenResponse,
};
use crate::ctiqbe::names::{CtiFailure, DeviceState};
use crate::sim::cluster::{AccountId, AppearanceId, CALL_MANAGER, Cluster, DeviceId};

impl Session {
    pub(super) fn open_device(&mut self, request: &DeviceOpenRequest<'_>, account: AccountId, world: &World<'_>) {
        let sequence_number = request.sequence_number;
        let device = match self.openable_device(request, account, world) {
            Ok(device) => device,
            Err(result) => return self.send(&DeviceOpenResponse { sequence_number, result, ..DeviceOpenResponse::default() }),
        };
        let handle = self.new_handle(Opened::Device(device));
        self.devices.insert(device, OpenDevice { handle, filter: request.filter });
        self.send(&DeviceOpenResponse { sequence_number, result: CtiFailure::OK, call_manager_id: CALL_MANAGER, device_id: handle });
        self.send_device_in_service(handle);
    }

    fn openable_device(&self, request: &DeviceOpenRequest<'_>, account: AccountId, world: &World<'_>) -> Result<DeviceId, CtiFailure> {
        let id = self.controlled(request.device_name, account, world)?;
        let device = world.cluster.device(id);
        if device.restricted {
            Err(CtiFailure::CTIERR_DEVICE_RESTRICTED)
        } else if !device.registered {
            Err(CtiFailure::DEVICE_NOT_REGISTERED)
        } else if self.devices.contains_key(&id) {
            Err(CtiFailure::CTIERR_DEVICE_ALREADY_OPENED)
        } else if self.devices.len() >= world.settings.max_devices_open as usize {
            Err(CtiFailure::CANNOT_OPEN_DEVICE)
        } else {
            Ok(id)
        }
    }

    pub(super) fn close_device(&mut self, request: &DeviceCloseRequest, world: &World<'_>) {
        let DeviceCloseRequest { sequence_number, call_manager_id, device_id } = *request;
        let result = match self.device_of(call_manager_id, device_id) {
            Some(device) => {
                self.forget_device(device, world.cluster);
                CtiFailure::OK
            }
            None => CtiFailure::ILLEGAL_HANDLE,
        };
        self.send(&DeviceCloseResponse { sequence_number, result, call_manager_id, device_id });
    }

    pub(super) fn change_device_filter(&mut self, request: &DeviceChangeEventFilterRequest) {
        let DeviceChangeEventFilterRequest { sequence_number, call_manager_id, device_id, filter } = *request;
        let device = self.device_of(call_manager_id, device_id).and_then(|id| self.devices.get_mut(&id));
        let result = match device {
            Some(device) => {
                device.filter = filter;
                CtiFailure::OK
            }
            None => CtiFailure::ILLEGAL_HANDLE,
        };
        self.send(&DeviceChangeEventFilterResponse { sequence_number, result, call_manager_id, device_id });
    }

    pub(super) fn device_state(&mut self, request: &DeviceGetDeviceStateRequest, world: &World<'_>) {
        let DeviceGetDeviceStateRequest { sequence_number, call_manager_id, device_id } = *request;
        let (result, device_state) = match self.device_of(call_manager_id, device_id) {
            Some(device) => (CtiFailure::OK, world.cluster.device_state(device)),
            None => (CtiFailure::ILLEGAL_HANDLE, DeviceState::UNKNOWN),
        };
        self.send(&DeviceGetDeviceStateResponse { sequence_number, result, call_manager_id, device_id, device_state });
    }

    pub(super) fn open_line(&mut self, request: &LineOpenRequest<'_>, world: &World<'_>) {
        let LineOpenRequest { sequence_number, filter, auto_accept_status, .. } = *request;
        let appearance = match self.openable_line(request, world.cluster) {
            Ok(appearance) => appearance,
            Err(result) => return self.send(&LineOpenResponse { sequence_number, result, ..LineOpenResponse::default() }),
        };
        let line_id = self.new_handle(Opened::Line(appearance));
        self.lines.insert(appearance, OpenLine { handle: line_id, filter });
        let line_call_manager_id = CALL_MANAGER;
        self.send(&LineOpenResponse { sequence_number, result: CtiFailure::OK, line_call_manager_id, line_id, auto_accept_status });
        self.send_line_in_service(line_id);
        if self.told_by_play.contains(&appearance) {
            return;
        }
        if filter.b_existing_call_event {
            for view in world.cluster.standing_at(appearance) {
                self.send_existing_call(line_id, &view, world.cluster);
            }
        }
        for notice in world.cluster.parked_by(appearance) {
            self.send_park_status(appearance, &notice, true);
        }
        if filter.b_existing_call_completed {
            self.send(&ExistingCallCompletedEvent { line_call_manager_id, line_id });
        }
    }

    fn openable_line(&self, request: &LineOpenRequest<'_>, cluster: &Cluster) -> Result<AppearanceId, CtiFailure> {
        let device_id = cluster.find_device(&request.device_name.to_str()).ok_or(CtiFailure::CTIERR_INVALID_DEVICE_NAME)?;
        if !self.devices.contains_key(&device_id) {
            return Err(CtiFailure::DEVICE_NOT_OPEN);
        }
        let appearance = cluster
            .find_appearance(device_id, &request.line_name.to_str(), &request.partition.to_str())
            .ok_or(CtiFailure::UNDEFINED_LINE)?;
        if cluster.line(cluster.appearance(appearance).line).restricted {
            Err(CtiFailure::CTIERR_LINE_RESTRICTED)
        } else if cluster.device(device_id).restricted {
            Err(CtiFailure::CTIERR_DEVICE_RESTRICTED)
        } else if !cluster.device(device_id).registered {
            Err(CtiFailure::DEVICE_NOT_REGISTERED)
        } else if self.lines.contains_key(&appearance) {
            Err(CtiFailure::CTIERR_LINE_ALREADY_OPENED)
        } else {
            Ok(appearance)
        }
    }

    pub(super) fn close_line(&mut self, request: &LineCloseRequest) {
        let LineCloseRequest { sequence_number, line_call_manager_id, line_id } = *request;
        let result = match self.line_of(line_call_manager_id, line_id) {
            Some(appearance) => {
                self.forget_line(appearance);
                CtiFailure::OK
            }
            None => CtiFailure::INVALID_LINE_HANDLE,
        };
        self.send(&LineCloseResponse { sequence_number, result, line_call_manager_id, line_id });
    }

    pub(super) fn change_line_filter(&mut self, request: &LineChangeEventFilterRequest) {
        let LineChangeEventFilterRequest { sequence_number, line_call_manager_id, line_id, filter } = *request;
        let line = self.line_of(line_call_manager_id, line_id).and_then(|id| self.lines.get_mut(&id));
        let result = match line {
            Some(line) => {
                line.filter = filter;
                CtiFailure::OK
            }
            None => CtiFailure::INVALID_LINE_HANDLE,
        };
        self.send(&LineChangeEventFilterResponse { sequence_number, result, line_call_manager_id, line_id });
    }

    pub(super) fn send_device_in_service(&mut self, handle: i32) {
        self.send(&DeviceInServiceEvent { device_call_manager_id: CALL_MANAGER, device_id: handle, ..*DEVICE_IN_SERVICE });
    }

    pub(super) fn send_line_in_service(&mut self, handle: i32) {
        self.send(&LineInServiceEvent { line_call_manager_id: CALL_MANAGER, line_id: handle, ..*LINE_IN_SERVICE });
    }

    /// Closes a device with its lines, without telling.
    pub(super) fn forget_device(&mut self, id: DeviceId, cluster: &Cluster) {
        for appearance in &cluster.device(id).appearances {
            self.forget_line(*appearance);
        }
        if let Some(device) = self.devices.remove(&id) {
            self.handles.remove(&device.handle);
        }
    }

    pub(super) fn forget_line(&mut self, id: AppearanceId) {
        if let Some(line) = self.lines.remove(&id) {
            self.handles.remove(&line.handle);
        }
    }
}
