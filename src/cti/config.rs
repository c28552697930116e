//! What one CTI session is told to do: plain data, with the defaults of Cisco's own client where it has any.
//!
//! Times are whole seconds. [`Config::check`] says what cannot work, and what can but is unwise.

use std::path::PathBuf;

use serde::Deserialize;
use thiserror::Error;

use super::manager::{ManagerAddress, ManagerError};

/// One `[[session]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// CTIManagers in the order in which they are tried: `host` or `host:port`. The port is 2748 by default, 2749 with TLS.
    pub managers: Vec<String>,
    /// The application user, with the role 'Standard CTI Enabled'.
    pub user: String,
    /// A file that holds the password in its first line. Either this or `password_env`; no default.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The environment variable that holds the password. Either this or `password_file`; no default.
    #[serde(default)]
    pub password_env: Option<String>,
    /// TLS towards CTIManager. Without this table the session goes over TCP in the clear.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Which devices are watched.
    #[serde(default)]
    pub inventory: Inventory,
    /// Only what matches is opened. Empty lists match everything.
    #[serde(default)]
    pub include: Patterns,
    /// What matches is never opened, whatever `include` says.
    #[serde(default)]
    pub exclude: Patterns,
    /// How fast devices are opened.
    #[serde(default)]
    pub pace: Pace,
    /// How long we wait for what.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// When we try again.
    #[serde(default)]
    pub retry: Retry,
    /// How often we ask CTIManager to send a heartbeat, in seconds. CTIManager decides. Default 30, as Cisco's client asks.
    #[serde(default = "heartbeat")]
    pub heartbeat: u32,
    /// What we call ourselves. Cisco's strings are the default; whether a cluster minds others is not known.
    #[serde(default)]
    pub client: ClientStrings,
    /// The protocol version that is offered first. Default `0x00110000`; `0x00100000` is tried when CTIManager refuses it.
    #[serde(default = "protocol_version")]
    pub protocol_version: u32,
}

/// Which devices are watched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inventory {
    /// A list of devices, with their users and device pools where known: CSV with the header `device,user,device_pool`, or TOML with
    /// `[[device]]` tables of `name`, `user` and `device_pool`. By its ending. No default.
    pub file: Option<PathBuf>,
    /// Watch what is associated with the application user and nothing else. Default false.
    pub control_list_only: bool,
    /// Watch also those devices of the control list that `file` does not name. Default true; false where several sessions of
    /// one user share the inventory among them.
    pub include_control_list: bool,
}

impl Default for Inventory {
    fn default() -> Self {
        Self { file: None, control_list_only: false, include_control_list: true }
    }
}

/// Glob patterns (`*` and `?`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Patterns {
    /// For device names, as `SEP*`.
    pub devices: Vec<String>,
    /// For directory numbers, as `2???`.
    pub directory_numbers: Vec<String>,
    /// For partitions, as `Internal-*`; the empty pattern is "no partition".
    pub partitions: Vec<String>,
}

/// How fast devices are opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// Requests that may wait for their answers at one time. Default 50.
    pub requests_in_flight: usize,
    /// Devices that are begun in a second; 0 for no limit. Default 100. Cisco publishes no figure: this is ours, on the careful side.
    pub devices_per_second: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { requests_in_flight: 50, devices_per_second: 100 }
    }
}

/// How long we wait, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For a connection, TLS included. Default 15.
    pub connect: u32,
    /// For the answer to a request. Default 15, as Cisco's client.
    pub request: u32,
    /// For the provider to open, from the request to its completion: the directory may be slow. Default 200, as Cisco's client.
    pub open: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: 15, request: 15, open: 200 }
    }
}

/// When we try again, in seconds. The waits between rounds over all CTIManagers double from `first` to `max`, each ±20 %.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// The first wait. Default 1.
    pub first: u32,
    /// The longest wait. Default 30.
    pub max: u32,
    /// The wait after a refusal of credentials: each further try counts towards the lock-out of the account. Default 300.
    pub credentials_pause: u32,
    /// After how long a refused device or line is asked for again, so that a ticked check box heals it. Default 600.
    pub refused_device: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: 1, max: 30, credentials_pause: 300, refused_device: 600 }
    }
}

/// What we call ourselves towards CTIManager.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientStrings {
    /// `pluginName`. Default `CiscoJTAPI`.
    pub plugin_name: String,
    /// `applicationID`, which administrators see in CUCM. Default `JTAPI[1]@callcast`, in the form of Cisco's client.
    pub application_id: String,
    /// `qbeClientVersion`. Default `Cisco JTAPI 15.0(0.10000)-1 Release`.
    pub qbe_client_version: String,
}

impl Default for ClientStrings {
    fn default() -> Self {
        Self {
            plugin_name: "CiscoJTAPI".into(),
            application_id: "JTAPI[1]@callcast".into(),
            qbe_client_version: "Cisco JTAPI 15.0(0.10000)-1 Release".into(),
        }
    }
}

/// TLS towards CTIManager.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM with the authorities that CTIManager's certificate is checked against.
    pub ca_file: Option<PathBuf>,
    /// PEM with our certificate chain. CTIManager asks for one: TLS is mutual there.
    pub client_certificate_file: Option<PathBuf>,
    /// PEM with the key of our certificate.
    pub client_key_file: Option<PathBuf>,
    /// PEM with CTIManager's own certificate: exactly this one is accepted, self-signed or not, whatever its names.
    pub pinned_certificate_file: Option<PathBuf>,
    /// The SHA-256 fingerprint of CTIManager's certificate, in hexadecimal with or without colons. As `pinned_certificate_file`.
    pub pinned_sha256: Option<String>,
    /// The name that the certificate has to have. Default: the host of `managers`.
    pub server_name: Option<String>,
}

fn heartbeat() -> u32 {
    30
}

fn protocol_version() -> u32 {
    crate::ctiqbe::VERSION_12_5
}

impl Config {
    /// The configuration of a session with these CTIManagers and user; everything else is the default.
    pub fn new(managers: Vec<String>, user: String) -> Self {
        Self {
            managers,
            user,
            password_file: None,
            password_env: None,
            tls: None,
            inventory: Inventory::default(),
            include: Patterns::default(),
            exclude: Patterns::default(),
            pace: Pace::default(),
            timeouts: Timeouts::default(),
            retry: Retry::default(),
            heartbeat: heartbeat(),
            client: ClientStrings::default(),
            protocol_version: protocol_version(),
        }
    }

    /// The CTIManagers with their ports.
    ///
    /// # Errors
    /// When one is not `host` or `host:port`.
    pub fn manager_addresses(&self) -> Result<Vec<ManagerAddress>, ManagerError> {
        self.managers.iter().map(|m| ManagerAddress::parse(m, self.tls.is_some())).collect()
    }

    /// Everything that cannot work, or else what can but is unwise. Reads no file.
    ///
    /// # Errors
    /// All that is wrong, not only the first of it.
    pub fn check(&self) -> Result<Vec<Warning>, Vec<ConfigError>> {
        let mut errors: Vec<ConfigError> =
            self.managers.iter().filter_map(|m| ManagerAddress::parse(m, self.tls.is_some()).err()).map(ConfigError::Manager).collect();
        let mut require = |met: bool, error: ConfigError| {
            if !met {
                errors.push(error);
            }
        };
        require(!self.managers.is_empty(), ConfigError::NoManager);
        require(!self.user.is_empty(), ConfigError::NoUser);
        require(self.password_file.is_some() != self.password_env.is_some(), ConfigError::PasswordSource);
        require(self.inventory.file.is_some() != self.inventory.control_list_only, ConfigError::InventorySource);
        let positive = [
            ("pace.requests_in_flight", self.pace.requests_in_flight as u64),
            ("timeouts.connect", self.timeouts.connect.into()),
            ("timeouts.request", self.timeouts.request.into()),
            ("timeouts.open", self.timeouts.open.into()),
            ("retry.first", self.retry.first.into()),
            ("retry.refused_device", self.retry.refused_device.into()),
            ("heartbeat", self.heartbeat.into()),
        ];
        for (key, value) in positive {
            require(value > 0, ConfigError::Zero { key });
        }
        require(self.retry.first <= self.retry.max, ConfigError::Backoff { first: self.retry.first, max: self.retry.max });
        if let Some(tls) = &self.tls {
            require(
                tls.ca_file.is_some() || tls.pinned_certificate_file.is_some() || tls.pinned_sha256.is_some(),
                ConfigError::NothingTrusted,
            );
            require(tls.client_certificate_file.is_some() == tls.client_key_file.is_some(), ConfigError::HalfClientCertificate);
            if let Some(text) = &tls.pinned_sha256 {
                require(super::tls::fingerprint(text).is_some(), ConfigError::Fingerprint(text.clone()));
            }
        }
        if errors.is_empty() { Ok(self.warnings()) } else { Err(errors) }
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = vec![];
        let mut warn = |holds: bool, warning: Warning| {
            if holds {
                warnings.push(warning);
            }
        };
        warn(self.managers.len() == 1, Warning::OneManager);
        warn(self.retry.credentials_pause < 60, Warning::ShortCredentialsPause(self.retry.credentials_pause));
        warn(self.pace.devices_per_second == 0, Warning::NoPace);
        warn(self.tls.as_ref().is_some_and(|tls| tls.client_certificate_file.is_none()), Warning::NoClientCertificate);
        warn(self.heartbeat < 5, Warning::ShortHeartbeat(self.heartbeat));
        warnings
    }
}

/// A configuration that cannot work.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// No CTIManager.
    #[error("`managers` is empty: name at least one host that runs the service Cisco CTIManager")]
    NoManager,
    /// A CTIManager that is no address.
    #[error("`managers`: {0}")]
    Manager(ManagerError),
    /// No user.
    #[error("`user` is empty: name the application user that has the role 'Standard CTI Enabled'")]
    NoUser,
    /// No password, or two.
    #[error("set exactly one of `password_file` and `password_env`; the password itself never stands in the configuration")]
    PasswordSource,
    /// No inventory, or two.
    #[error("set exactly one of `inventory.file` and `inventory.control_list_only = true`: CTI cannot list the cluster's devices")]
    InventorySource,
    /// A number that has to be more than zero.
    #[error("`{key}` is 0; it has to be 1 or more")]
    Zero {
        /// The key.
        key: &'static str,
    },
    /// Waits that shrink.
    #[error("`retry.first` is {first} and `retry.max` is {max}: the first wait cannot be longer than the longest")]
    Backoff {
        /// `retry.first`, in seconds.
        first: u32,
        /// `retry.max`, in seconds.
        max: u32,
    },
    /// TLS that would accept nobody.
    #[error("`tls` trusts nobody: set `ca_file`, or for a self-signed certificate `pinned_certificate_file` or `pinned_sha256`")]
    NothingTrusted,
    /// A certificate without key, or the other way round.
    #[error("`tls.client_certificate_file` and `tls.client_key_file` belong together: set both or none")]
    HalfClientCertificate,
    /// A fingerprint that is none.
    #[error("`tls.pinned_sha256` is {0:?}: a SHA-256 fingerprint has 64 hexadecimal digits")]
    Fingerprint(String),
}

/// A configuration that works but is unwise.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Warning {
    /// Nowhere to fail over to.
    #[error("`managers` names one CTIManager: while its node is down nothing is observed")]
    OneManager,
    /// A wrong password would lock the account.
    #[error("`retry.credentials_pause` is {0} s: a wrong password would soon lock the account for everybody; 300 is the default")]
    ShortCredentialsPause(u32),
    /// All at once.
    #[error("`pace.devices_per_second` is 0: all devices are opened as fast as CTIManager answers, which a busy cluster may feel")]
    NoPace,
    /// CTIManager will refuse it.
    #[error("`tls` has no client certificate: CTIManager's TLS is mutual and refuses a client without one")]
    NoClientCertificate,
    /// Below what CTIManager grants.
    #[error("`heartbeat` is {0} s: CTIManager's own minimum is 5")]
    ShortHeartbeat(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable() -> Config {
        let mut config = Config::new(vec!["cucm-sub1".into(), "cucm-sub2:2748".into()], "ctiuser".into());
        config.password_env = Some("CTI_PASSWORD".into());
        config.inventory.control_list_only = true;
        config
    }

    #[test]
    fn the_defaults_are_usable_and_wise() {
        assert_eq!(usable().check(), Ok(vec![]));
    }

    #[test]
    fn a_minimal_table_is_read_with_ciscos_defaults() {
        let text = "managers = ['cucm']\nuser = 'ctiuser'\npassword_env = 'P'\ninventory.control_list_only = true";
        let config: Config = toml::from_str(text).unwrap();
        assert_eq!((config.timeouts.request, config.timeouts.open, config.heartbeat), (15, 200, 30));
        assert_eq!(config.check(), Ok(vec![Warning::OneManager]));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("managers = []\nuser = ''\npassword = 'secret'").is_err());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mut config = Config::new(vec![], String::new());
        config.pace.requests_in_flight = 0;
        config.tls = Some(Tls { client_key_file: Some("key.pem".into()), pinned_sha256: Some("12:xy".into()), ..Tls::default() });
        let errors = config.check().unwrap_err();
        assert_eq!(
            errors,
            [
                ConfigError::NoManager,
                ConfigError::NoUser,
                ConfigError::PasswordSource,
                ConfigError::InventorySource,
                ConfigError::Zero { key: "pace.requests_in_flight" },
                ConfigError::HalfClientCertificate,
                ConfigError::Fingerprint("12:xy".into()),
            ]
        );
    }

    #[test]
    fn a_short_pause_after_refused_credentials_is_warned_of() {
        let mut config = usable();
        config.retry.credentials_pause = 5;
        assert_eq!(config.check(), Ok(vec![Warning::ShortCredentialsPause(5)]));
    }
}
