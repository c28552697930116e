//! What a session logs: one variant for each occurrence, one [`emit`](Occurrence::emit) for all.
//!
//! Directory numbers are masked but for their last two digits, at every level: a log that somebody turned up for a day is kept and passed
//! on as any other. Numbers and names of parties, and passwords, are not here at all.

use std::time::Duration;

use tracing::{error, info, warn};

use super::SessionId;
use super::masked::Masked;
use super::refusal::{Refusal, RefusalKind};
use super::session::Ending;
use crate::ctiqbe::DecodeError;

/// Something that an operator may want to know.
#[derive(Debug)]
pub enum Occurrence<'a> {
    /// A connection is being made.
    Connecting {
        /// Host and port.
        address: &'a str,
    },
    /// The provider is open.
    Connected {
        /// The CTIManager.
        manager: &'a str,
        /// The cluster.
        cluster: &'a str,
        /// Whether any device may be controlled.
        control_any_device: bool,
        /// Devices that the provider may open, as it says.
        device_limit: i32,
    },
    /// The session ended, or could not be opened.
    Ended {
        /// The CTIManager.
        manager: &'a str,
        /// Why.
        ending: &'a Ending,
        /// When the next one is tried.
        retry_in: Duration,
    },
    /// CTIManager wants the older protocol version.
    OlderProtocol {
        /// The version that is tried next.
        version: u32,
    },
    /// The password expires soon.
    PasswordExpires {
        /// In how many days.
        days: u32,
    },
    /// A device or line was refused.
    Refused(&'a Refusal),
    /// Every device is in service or refused.
    Resynced {
        /// Devices.
        devices: usize,
        /// Devices in service.
        in_service: usize,
        /// Devices and lines refused.
        refused: usize,
        /// Since the provider was opened.
        took: Duration,
    },
    /// Refusals of one kind, all together.
    RefusedInAll {
        /// The kind.
        kind: RefusalKind,
        /// How many.
        count: usize,
        /// One of them.
        example: &'a Refusal,
    },
    /// A right of the user changed.
    PermissionChanged {
        /// Whether any device may be controlled now.
        control_any_device: bool,
    },
    /// More devices are wanted than the provider may open.
    OverDeviceLimit {
        /// Wanted.
        devices: usize,
        /// What the provider may open, as it says.
        limit: i32,
    },
    /// CTIManager named more devices or lines than we keep.
    TableFull {
        /// The device that was left out, wholly or in part.
        device: &'a str,
    },
    /// A message whose fields cannot be read. The first of its name.
    Malformed {
        /// The message.
        message: &'static str,
        /// What is wrong with it.
        fault: &'a DecodeError,
    },
    /// The inventory and the credentials were read again.
    Reloaded {
        /// Devices in the inventory.
        devices: usize,
    },
    /// They could not be read: the former ones stay.
    ReloadFailed {
        /// Why.
        error: &'a dyn std::error::Error,
    },
}

impl Occurrence<'_> {
    /// Writes the log line.
    pub fn emit(&self, session: SessionId) {
        match self {
            Self::Connecting { address } => info!(%session, address, "connecting to ctimanager"),
            Self::Connected { manager, cluster, control_any_device, device_limit } => {
                info!(%session, manager, cluster, control_any_device, device_limit, "cti session is open");
            }
            Self::Ended { manager, ending, retry_in } if ending.is_credentials() => {
                error!(%session, manager, reason = %ending, retry_in_s = retry_in.as_secs(), "ctimanager refused the credentials");
            }
            Self::Ended { manager, ending, retry_in } => {
                warn!(%session, manager, reason = %ending, retry_in_s = retry_in.as_secs_f32(), "cti session ended");
            }
            Self::OlderProtocol { version } => {
                warn!(%session, version = format_args!("{version:#010x}"), "ctimanager wants an older protocol version");
            }
            Self::PasswordExpires { days } => warn!(%session, days, "the password of the application user expires soon"),
            Self::Refused(Refusal { result, device, line, .. }) => {
                let device = device.as_deref().unwrap_or_default();
                let cure = super::refusal::cure(*result);
                warn!(%session, device, line = %Masked(line.as_deref().unwrap_or_default()), %result, cure, "refused");
            }
            Self::Resynced { devices, in_service, refused, took } => {
                info!(%session, devices, in_service, refused, took_s = took.as_secs_f32(), "cti session is in service");
            }
            Self::RefusedInAll { kind, count, example } => {
                let device = example.device.as_deref().unwrap_or_default();
                warn!(%session, kind = kind.label(), count, example = device, cure = example.cure(), "devices or lines refused");
            }
            Self::PermissionChanged { control_any_device } => {
                warn!(%session, control_any_device, "the rights of the application user changed");
            }
            Self::OverDeviceLimit { devices, limit } => {
                warn!(%session, devices, limit, "more devices than the provider may open: deal them out over several sessions");
            }
            Self::TableFull { device } => warn!(%session, device, "more devices or lines than are kept; some are not watched"),
            Self::Malformed { message, fault } => {
                warn!(%session, message, %fault, "message cannot be read; further ones of this name are only counted");
            }
            Self::Reloaded { devices } => info!(%session, devices, "inventory and credentials read again"),
            Self::ReloadFailed { error } => error!(%session, %error, "reload failed; the former inventory and credentials stay"),
        }
    }
}
