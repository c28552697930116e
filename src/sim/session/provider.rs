//! From the first request to an open provider; what the user may control; acquiring devices.

use super::build::{INIT_RESPONSE, OPEN_COMPLETED, OPEN_RESPONSE, device_line_info};
use super::{Phase, Session, World};
use crate::ctiqbe::login::unseal;
use crate::ctiqbe::messages::{
    DeviceLineInfoEvent, ProviderChangeEventFilterRequest, ProviderChangeEventFilterResponse, ProviderCloseRequest, ProviderCloseResponse,
    ProviderDeviceAcquireRequest, ProviderDeviceAcquireResponse, ProviderDeviceDeAcquireRequest, ProviderDeviceDeAcquireResponse,
    ProviderGetAllDevicesAndLinesCompletedEvent, ProviderGetAllDevicesAndLinesRequest, ProviderGetAllDevicesAndLinesResponse,
    ProviderGetCapabilitiesRequest, ProviderGetCapabilitiesResponse, ProviderGetSingleDeviceAndLinesCompletedEvent,
    ProviderGetSingleDeviceAndLinesRequest, ProviderGetSingleDeviceAndLinesResponse, ProviderInitRequest, ProviderInitResponse,
    ProviderOpenCompletedEvent, ProviderOpenRequest, ProviderOpenResponse,
};
use crate::ctiqbe::names::{CtiFailure, ProviderCloseReason};
use crate::ctiqbe::{Text, Wide, latin1};
use crate::sim::cluster::{AccountId, DeviceId};

impl Session {
    pub(super) fn init(&mut self, request: &ProviderInitRequest<'_>, world: &World<'_>) {
        let sequence_number = request.sequence_number;
        if self.is_open() {
            return self.send(&ProviderInitResponse { sequence_number, result: CtiFailure::PROVIDER_ALREADY_OPEN, ..*INIT_RESPONSE });
        }
        if world.refusing {
            let result = CtiFailure::MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED;
            self.send(&ProviderInitResponse { sequence_number, result, ..*INIT_RESPONSE });
            return self.drop_connection();
        }
        let nonce = world.credentials.nonce();
        self.send(&ProviderInitResponse {
            sequence_number,
            nonce: Text::new(nonce.as_bytes()),
            certificate: world.credentials.certificate(),
            ..*INIT_RESPONSE
        });
        self.phase = Phase::Initialised { nonce };
    }

    pub(super) fn open(&mut self, request: &ProviderOpenRequest<'_>, world: &mut World<'_>) {
        let sequence_number = request.sequence_number;
        let nonce = match &self.phase {
            Phase::Initialised { nonce } => nonce.clone(),
            Phase::Connected | Phase::Open { .. } => {
                let result =
                    if self.is_open() { CtiFailure::PROVIDER_ALREADY_OPEN } else { CtiFailure::OPERATION_NOT_AVAILABLE_IN_CURRENT_STATE };
                return self.send(&ProviderOpenResponse { sequence_number, result, ..*OPEN_RESPONSE });
            }
        };
        let seconds = world.settings.heartbeat.as_secs() as i32;
        self.send(&ProviderOpenResponse { sequence_number, client_heartbeat: seconds, server_heartbeat: seconds, ..*OPEN_RESPONSE });

        self.user = request.login.to_string();
        let password = unseal(request.password, request.encrypted_key_data, nonce.as_bytes(), world.credentials.private_key()).ok();
        let account = match world.cluster.log_in(&self.user, password.as_deref()) {
            Ok(account) => account,
            Err(reason) => {
                self.send(&ProviderOpenCompletedEvent {
                    reason,
                    sequence_number,
                    failure_description: Text::new(describe(reason).as_bytes()),
                    days_until_password_expiry: -1,
                    ..*OPEN_COMPLETED
                });
                return self.close(ProviderCloseReason::PROVIDEROPENFAILURE);
            }
        };
        let controllable = world.cluster.account(account).control_list().len() as i32;
        let user = self.user.clone();
        self.send(&ProviderOpenCompletedEvent {
            sequence_number,
            client_heartbeat: seconds,
            server_heartbeat: seconds,
            login_user_name: Wide::Str(&user),
            days_until_password_expiry: world.settings.password_days,
            total_controllable_devices: controllable,
            cluster_id: Text::new(&latin1(&world.settings.cluster_name)),
            ..*OPEN_COMPLETED
        });
        self.filter = request.filter;
        self.heard = world.now;
        self.next_heartbeat = world.now + world.settings.heartbeat;
        self.phase = Phase::Open { account };
    }

    pub(super) fn close_provider(&mut self, request: &ProviderCloseRequest) {
        self.send(&ProviderCloseResponse { sequence_number: request.sequence_number, result: CtiFailure::OK });
        self.closing = true;
    }

    pub(super) fn change_filter(&mut self, request: &ProviderChangeEventFilterRequest) {
        self.filter = request.filter;
        self.send(&ProviderChangeEventFilterResponse { sequence_number: request.sequence_number, result: CtiFailure::OK });
    }

    pub(super) fn capabilities(&mut self, request: &ProviderGetCapabilitiesRequest, account: AccountId, world: &World<'_>) {
        self.send(&ProviderGetCapabilitiesResponse {
            sequence_number: request.sequence_number,
            result: CtiFailure::OK,
            provider_capabilities_info: super::build::capabilities(world.cluster.account(account), world.settings.max_devices_open),
        });
    }

    pub(super) fn all_devices(&mut self, request: &ProviderGetAllDevicesAndLinesRequest, account: AccountId, world: &World<'_>) {
        let sequence_number = request.sequence_number;
        self.send(&ProviderGetAllDevicesAndLinesResponse { sequence_number, result: CtiFailure::OK });
        for device in world.cluster.account(account).control_list() {
            self.send_device(sequence_number, *device, account, world);
        }
        self.send(&ProviderGetAllDevicesAndLinesCompletedEvent { request_id: sequence_number, result: CtiFailure::OK });
    }

    pub(super) fn single_device(&mut self, request: &ProviderGetSingleDeviceAndLinesRequest<'_>, account: AccountId, world: &World<'_>) {
        let sequence_number = request.sequence_number;
        let device = match self.controlled(request.device_name, account, world) {
            Ok(device) => device,
            Err(result) => return self.send(&ProviderGetSingleDeviceAndLinesResponse { sequence_number, result }),
        };
        self.send(&ProviderGetSingleDeviceAndLinesResponse { sequence_number, result: CtiFailure::OK });
        self.send_device(sequence_number, device, account, world);
        self.send(&ProviderGetSingleDeviceAndLinesCompletedEvent { request_id: sequence_number, result: CtiFailure::OK });
    }

    pub(super) fn acquire(&mut self, request: &ProviderDeviceAcquireRequest<'_>, account: AccountId, world: &World<'_>) {
        let result = match world.cluster.find_device(&request.device_name.to_str()) {
            None => CtiFailure::CTIERR_INVALID_DEVICE_NAME,
            Some(device) => {
                let user = world.cluster.account(account);
                if user.control_any_device || user.has_in_control_list(device) {
                    self.acquired.insert(device);
                    CtiFailure::OK
                } else {
                    CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED
                }
            }
        };
        self.send(&ProviderDeviceAcquireResponse { sequence_number: request.sequence_number, result });
    }

    pub(super) fn de_acquire(&mut self, request: &ProviderDeviceDeAcquireRequest<'_>, world: &World<'_>) {
        let result = match world.cluster.find_device(&request.device_name.to_str()) {
            None => CtiFailure::CTIERR_INVALID_DEVICE_NAME,
            Some(device) if self.acquired.remove(&device) => {
                self.forget_device(device, world.cluster);
                CtiFailure::OK
            }
            Some(_) => CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED,
        };
        self.send(&ProviderDeviceDeAcquireResponse { sequence_number: request.sequence_number, result });
    }

    /// The device of this name, when this session may use it.
    pub(super) fn controlled(&self, name: Text<'_>, account: AccountId, world: &World<'_>) -> Result<DeviceId, CtiFailure> {
        let device = world.cluster.find_device(&name.to_str()).ok_or(CtiFailure::CTIERR_INVALID_DEVICE_NAME)?;
        let user = world.cluster.account(account);
        if user.has_in_control_list(device) || self.acquired.contains(&device) {
            Ok(device)
        } else if user.control_any_device {
            Err(CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED)
        } else {
            Err(CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED)
        }
    }

    fn send_device(&mut self, request_id: i32, device: DeviceId, account: AccountId, world: &World<'_>) {
        let flags = self.control_flags(device, world.cluster.account(account));
        let version = self.version;
        device_line_info(world.cluster, device, |info| {
            let event = DeviceLineInfoEvent { request_id, control_mode_bit_map: flags, ..info };
            crate::ctiqbe::encode(&event, version, &mut self.out);
        });
    }
}

/// The text that goes with a refused login.
fn describe(reason: CtiFailure) -> &'static str {
    match reason {
        CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED => "Login failed - locked due to too many attempts",
        CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_DISABLED => "Login failed - account disabled",
        CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET => "Login failed - password expired",
        CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED => "User not present in Standard CTI Users group",
        _ => "Directory login failed",
    }
}
