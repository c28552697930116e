//! Refusals: what CTIManager does not let us do, why, and what an administrator does about it.
//!
//! The result codes are `CTIFAILURE` of the wire. The cures name check boxes and roles as CUCM Administration prints them.

use std::fmt;
use std::sync::Arc;

use super::masked::Masked;
use crate::ctiqbe::names::{CtiFailure, DeviceCloseReason, LineCloseReason, ProviderCloseReason};

/// What sort of refusal it is: one per cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalKind {
    /// The user name or password is wrong, expired or locked, or the user may not log in.
    Credentials,
    /// The user's security and the port do not go together.
    Security,
    /// As many CTI connections as the cluster allows.
    TooManyConnections,
    /// Neither protocol version.
    Protocol,
    /// The device may not be controlled.
    DeviceRestricted,
    /// The line may not be controlled.
    LineRestricted,
    /// No such device.
    UnknownDevice,
    /// No such line on the device.
    UnknownLine,
    /// Not on the control list, and the user may not control any device.
    NotPermitted,
    /// Not registered with the cluster.
    NotRegistered,
    /// More than the provider allows.
    TooManyDevices,
    /// No answer in time.
    Timeout,
    /// It may work soon.
    Temporary,
    /// Anything else.
    Other,
}

impl RefusalKind {
    /// What a result code means for us.
    pub fn of(result: CtiFailure) -> Self {
        match result {
            CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED
            | CtiFailure::DIRECTORY_LOGIN_FAILED
            | CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET
            | CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CANNOT_RESET
            | CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED
            | CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_DISABLED => Self::Credentials,
            CtiFailure::CTIERR_USER_NOT_AUTH_FOR_SECURITY
            | CtiFailure::CTIERR_CONNECTION_ON_INVALID_PORT
            | CtiFailure::CTIERR_AUTHENTICATION_TYPE_ON_UNSUPPORTED_PORT
            | CtiFailure::CTIERR_DUPLICATE_CERTIFICATE_USED
            | CtiFailure::CTIERR_INVALID_CERTIFICATE_USED
            | CtiFailure::CTIERR_CERTIFICATE_COMPROMISED => Self::Security,
            CtiFailure::MAX_NUMBER_OF_CTI_CONNECTIONS_REACHED => Self::TooManyConnections,
            CtiFailure::INCOMPATIBLE_PROTOCOL_VERSION => Self::Protocol,
            CtiFailure::CTIERR_DEVICE_RESTRICTED | CtiFailure::CTIERR_UNSUPPORTED_DEVICE_CONFIGURATION => Self::DeviceRestricted,
            CtiFailure::CTIERR_LINE_RESTRICTED => Self::LineRestricted,
            CtiFailure::CTIERR_INVALID_DEVICE_NAME | CtiFailure::CTIERR_INFORMATION_NOT_AVAILABLE => Self::UnknownDevice,
            CtiFailure::UNDEFINED_LINE | CtiFailure::LINE_INFO_DOES_NOT_EXIST => Self::UnknownLine,
            CtiFailure::CTIERR_ACCESS_TO_DEVICE_DENIED | CtiFailure::CTIERR_DEVICE_NOT_ACQUIRED => Self::NotPermitted,
            CtiFailure::DEVICE_NOT_REGISTERED | CtiFailure::DEVICE_OUT_OF_SERVICE => Self::NotRegistered,
            CtiFailure::DB_NO_MORE_DEVICES | CtiFailure::DATA_SIZE_LIMIT_EXCEEDED => Self::TooManyDevices,
            CtiFailure::TIMEOUT | CtiFailure::PROTOCOL_TIMEOUT => Self::Timeout,
            CtiFailure::TEMPORARY_FAILURE
            | CtiFailure::DIRECTORY_TEMPORARY_UNAVAILABLE
            | CtiFailure::CTIERR_DIRECTORY_LOGIN_TIMEOUT
            | CtiFailure::CTIERR_CALL_MANAGER_NOT_AVAILABLE
            | CtiFailure::CLUSTER_LINK_FAILURE
            | CtiFailure::NOT_INITIALIZED
            | CtiFailure::CTIERR_LINE_OUT_OF_SERVICE
            | CtiFailure::CTIERR_DEVICE_SHUTTING_DOWN
            | CtiFailure::CTIERR_DB_INITIALIZATION_ERROR
            | CtiFailure::CTIERR_DB_CONNECTION_FAILED
            | CtiFailure::ASSOCIATED_LINE_NOT_OPEN
            | CtiFailure::DEVICE_NOT_OPEN
            | CtiFailure::CTIERR_DEVICE_NOT_OPENED_YET => Self::Temporary,
            _ => Self::Other,
        }
    }

    /// A short name, for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Security => "security",
            Self::TooManyConnections => "too_many_connections",
            Self::Protocol => "protocol",
            Self::DeviceRestricted => "device_restricted",
            Self::LineRestricted => "line_restricted",
            Self::UnknownDevice => "unknown_device",
            Self::UnknownLine => "unknown_line",
            Self::NotPermitted => "not_permitted",
            Self::NotRegistered => "not_registered",
            Self::TooManyDevices => "too_many_devices",
            Self::Timeout => "timeout",
            Self::Temporary => "temporary",
            Self::Other => "other",
        }
    }

    /// Whether it may pass without anybody doing anything.
    pub fn passes(self) -> bool {
        matches!(self, Self::Temporary | Self::Timeout)
    }
}

/// What to do about a result code.
pub fn cure(result: CtiFailure) -> &'static str {
    match result {
        CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED => {
            "the user may not use CTI: add the group 'Standard CTI Enabled' to it \
             (User Management > Application User > Permissions Information)"
        }
        CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CAN_RESET | CtiFailure::CTIERR_LOGIN_FAILED_PWD_EXPIRED_USER_CANNOT_RESET => {
            "the password expired: set a new one and tick 'Does Not Expire' \
             (User Management > Application User > Edit Credential), then reload"
        }
        CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED => {
            "the account is locked: untick 'Locked By Administrator' or tick 'Reset Failed Logon Count' \
             (User Management > Application User > Edit Credential), correct the password here, then reload"
        }
        CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_DISABLED => {
            "the account is disabled, by an administrator or because it was not used for long: enable it (User Management), then reload"
        }
        CtiFailure::CTIERR_USER_NOT_AUTH_FOR_SECURITY => {
            "the user may not come over TLS: add the group 'Standard CTI Secure Connection' to it \
             (User Management > Application User), or remove the table `tls` to use port 2748"
        }
        CtiFailure::CTIERR_CONNECTION_ON_INVALID_PORT => {
            "the user's security and the port do not match: a user of 'Standard CTI Secure Connection' has to come over TLS (2749, table `tls`), \
             any other in the clear (2748); the group counts when the cluster is in mixed mode"
        }
        CtiFailure::CTIERR_DIRECTORY_LOGIN_TIMEOUT => {
            "the directory did not answer in time: look at the LDAP servers (System > LDAP > LDAP Authentication) and their name resolution"
        }
        CtiFailure::CTIERR_UNSUPPORTED_DEVICE_CONFIGURATION => {
            "the phone's protocol or configuration cannot be controlled by CTI (for instance 7931 in rollover mode, 7940 and 7960 on SIP): \
             see the group 'Standard CTI Allow Control of Phones supporting Rollover Mode', or exclude the device"
        }
        _ => RefusalKind::of(result).cure(),
    }
}

impl RefusalKind {
    /// What to do about it, where the result code says nothing more.
    pub fn cure(self) -> &'static str {
        match self {
            Self::Credentials => {
                "user name or password is wrong: compare `user` and the password with User Management > Application User, then reload; \
                 it is not tried again at once, because that would lock the account"
            }
            Self::Security => {
                "the certificate was not accepted: each client needs its own, from CAPF (User Management > Application User CAPF Profile)"
            }
            Self::TooManyConnections => {
                "the cluster has as many CTI connections as it allows: raise 'Maximum CTI Connections' \
                 (System > Service Parameters > Cisco CTIManager), or end other applications"
            }
            Self::Protocol => "CTIManager speaks neither protocol version of callcast: set `protocol_version`",
            Self::DeviceRestricted => {
                "the device may not be controlled: tick 'Allow Control of Device from CTI' (Device > Phone), and give the user the groups \
                 'Standard CTI Allow Control of Phones supporting Connected Xfer and conf' (8800, 8900, 9900, DX) and \
                 'Standard CTI Allow Control of Phones supporting Rollover Mode' (6900), without which those models are restricted \
                 whatever the check box says (User Management > Application User)"
            }
            Self::LineRestricted => {
                "the line may not be controlled: tick 'Allow Control of Device from CTI' on the directory number \
                 (Call Routing > Directory Number); it holds for every phone with that number"
            }
            Self::UnknownDevice => "the cluster has no device of this name: correct the inventory, or add the phone (Device > Phone)",
            Self::UnknownLine => "the device has no such line (any more): look at its lines (Device > Phone)",
            Self::NotPermitted => {
                "the user may not control this device: give it the group 'Standard CTI Allow Control of All Devices', or associate the device \
                 with it (User Management > Application User > Device Information)"
            }
            Self::NotRegistered => "the phone is not registered: plug it in, or look at Device > Phone; it is opened when it registers",
            Self::TooManyDevices => {
                "more devices than CTIManager allows one application: raise 'Maximum Devices Per Provider' \
                 (System > Service Parameters > Cisco CTIManager, Advanced), or deal the inventory out over several sessions"
            }
            Self::Timeout => "CTIManager did not answer in time; it is tried again. If it stays so, lower `pace.requests_in_flight`",
            Self::Temporary => "CTIManager cannot do it just now; it is tried again",
            Self::Other => "see the result code in Cisco's JTAPI Developers Guide; it is tried again",
        }
    }
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The result code.
    pub result: CtiFailure,
    /// The device; none when the session itself was refused.
    pub device: Option<Arc<str>>,
    /// The directory number, when a line was refused.
    pub line: Option<Arc<str>>,
    /// What CTIManager said, when it said something.
    pub description: String,
}

impl Refusal {
    /// The session was refused.
    pub fn of_session(result: CtiFailure, description: String) -> Self {
        Self { result, device: None, line: None, description }
    }

    /// A device was refused.
    pub fn of_device(result: CtiFailure, device: Arc<str>) -> Self {
        Self { result, device: Some(device), line: None, description: String::new() }
    }

    /// A line was refused.
    pub fn of_line(result: CtiFailure, device: Arc<str>, dn: &str) -> Self {
        Self { result, device: Some(device), line: Some(dn.into()), description: String::new() }
    }

    /// What sort it is.
    pub fn kind(&self) -> RefusalKind {
        RefusalKind::of(self.result)
    }

    /// What to do about it.
    pub fn cure(&self) -> &'static str {
        cure(self.result)
    }
}

/// `device SEP001122334455, line **00: 0x8ccc00d3 CTIERR_LINE_RESTRICTED: …`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(device) = &self.device {
            write!(f, "device {device}")?;
        }
        if let Some(line) = &self.line {
            write!(f, ", line {}", Masked(line))?;
        }
        if self.device.is_some() {
            f.write_str(": ")?;
        }
        write!(f, "{}", self.result)?;
        if !self.description.is_empty() {
            write!(f, " ({})", self.description.escape_debug())?;
        }
        write!(f, ": {}", self.cure())
    }
}

/// The result code that says the same as the reason for which a device was closed, when that was a refusal.
pub fn of_device_close(reason: DeviceCloseReason) -> Option<CtiFailure> {
    match reason {
        DeviceCloseReason::DEVICE_RESTRICTED => Some(CtiFailure::CTIERR_DEVICE_RESTRICTED),
        DeviceCloseReason::UNSUPPORTED_PROTOCOL | DeviceCloseReason::UNSUPPORTED_DEVICE_CONFIGURATION => {
            Some(CtiFailure::CTIERR_UNSUPPORTED_DEVICE_CONFIGURATION)
        }
        DeviceCloseReason::DEVICE_REMOVED => Some(CtiFailure::CTIERR_INVALID_DEVICE_NAME),
        _ => None,
    }
}

/// The result code that says the same as the reason for which a line was closed, when that was a refusal.
pub fn of_line_close(reason: LineCloseReason) -> Option<CtiFailure> {
    match reason {
        LineCloseReason::LINE_RESTRICTED => Some(CtiFailure::CTIERR_LINE_RESTRICTED),
        LineCloseReason::UNSUPPORTED_PROTOCOL | LineCloseReason::DEVICE_UNSUPPORTED_CONFIGURATION => {
            Some(CtiFailure::CTIERR_UNSUPPORTED_DEVICE_CONFIGURATION)
        }
        LineCloseReason::UNDEFINED_LINE => Some(CtiFailure::UNDEFINED_LINE),
        _ => None,
    }
}

/// The result code that says the same as the reason for which the provider was closed, when that was a refusal.
pub fn of_provider_close(reason: ProviderCloseReason) -> Option<CtiFailure> {
    match reason {
        ProviderCloseReason::STANDARD_CTI_ENABLED_PERMISSIONS_REMOVED | ProviderCloseReason::LOGINNOTALLOWED => {
            Some(CtiFailure::DIRECTORY_LOGIN_NOT_ALLOWED)
        }
        ProviderCloseReason::USERDELETED | ProviderCloseReason::LOGINFAILED => Some(CtiFailure::DIRECTORY_LOGIN_FAILED),
        ProviderCloseReason::UNAUTHORIZEDFORTLS | ProviderCloseReason::USERNOTAUTHORIZEDFORSECURITY => {
            Some(CtiFailure::CTIERR_USER_NOT_AUTH_FOR_SECURITY)
        }
        ProviderCloseReason::CONNECTIONONINVALIDPORT => Some(CtiFailure::CTIERR_CONNECTION_ON_INVALID_PORT),
        ProviderCloseReason::DUPLICATECERTUSED => Some(CtiFailure::CTIERR_DUPLICATE_CERTIFICATE_USED),
        ProviderCloseReason::CERTCOMPROMISED => Some(CtiFailure::CTIERR_CERTIFICATE_COMPROMISED),
        ProviderCloseReason::INCOMPATIBLEPROTOCOL => Some(CtiFailure::INCOMPATIBLE_PROTOCOL_VERSION),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_credentials_is_one() {
        for code in [0x8ccc_005f_u32, 0x8ccc_0060, 0x8ccc_011d, 0x8ccc_011e, 0x8ccc_011f, 0x8ccc_0145] {
            assert_eq!(RefusalKind::of(CtiFailure(code as i32)), RefusalKind::Credentials, "{code:#x}");
        }
    }

    #[test]
    fn a_slow_directory_is_no_refusal_of_credentials() {
        assert_eq!(RefusalKind::of(CtiFailure::CTIERR_DIRECTORY_LOGIN_TIMEOUT), RefusalKind::Temporary);
    }

    #[test]
    fn a_restricted_device_names_the_roles_beside_the_check_box() {
        let text = Refusal::of_device(CtiFailure::CTIERR_DEVICE_RESTRICTED, "SEP000000000001".into()).to_string();
        for part in ["SEP000000000001", "0x8ccc00d2", "Allow Control of Device from CTI", "Connected Xfer and conf", "Rollover Mode"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn a_refused_line_is_masked() {
        let text = Refusal::of_line(CtiFailure::CTIERR_LINE_RESTRICTED, "SEP000000000001".into(), "2000").to_string();
        assert!(text.starts_with("device SEP000000000001, line **00: 0x8ccc00d3"), "{text}");
    }

    #[test]
    fn what_ctimanager_says_is_printed_without_line_breaks() {
        let refusal = Refusal::of_session(CtiFailure::CTIERR_LOGIN_FAILED_ACCOUNT_LOCKED, "locked\nnow".into());
        assert!(refusal.to_string().contains("(locked\\nnow)"));
    }
}
