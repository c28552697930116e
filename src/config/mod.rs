//! The configuration: one TOML file, plain data.
//!
//! An unknown key is refused, with the nearest key that is known. `deploy/callcast.example.toml` shows every key with its default.

pub mod journal;
mod key;
mod webhooks;

pub(crate) use key::nearest as nearest_key;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::sinks::webhook;
use crate::{access, api, cti, numbers};

/// Everything that `callcast run` is told.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file that it was read from.
    #[serde(skip)]
    pub path: PathBuf,
    /// CTI sessions: one for each cluster, or several for a large one, each with its part of the inventory.
    #[serde(default, rename = "session")]
    pub sessions: Vec<cti::Config>,
    /// The HTTP listener and the page.
    #[serde(default)]
    pub api: api::Config,
    /// Who may ask, and what they may see.
    #[serde(default)]
    pub access: access::Config,
    /// The listener for admins.
    #[serde(default)]
    pub admin: api::AdminConfig,
    /// How much of the past is kept.
    #[serde(default)]
    pub journal: journal::Journal,
    /// What all webhooks have in common.
    #[serde(default, rename = "webhooks")]
    pub webhook_common: webhook::Common,
    /// Where events are sent.
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<webhook::Config>,
    /// What may be told of callers who withhold their number.
    #[serde(default)]
    pub privacy: Privacy,
    /// How numbers are written at the sites of the company.
    #[serde(default)]
    pub numbers: numbers::Config,
    /// When `/readyz` says that we are ready.
    #[serde(default)]
    pub ready: Ready,
    /// The log on standard error.
    #[serde(default)]
    pub log: Log,
}

/// Withheld numbers and names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// Tell them all the same. CTI delivers them although the caller withholds them: check what the law says before you do.
    pub reveal_withheld: bool,
}

/// Readiness.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ready {
    /// The share of the devices that must be in service, from 0 to 1.
    pub devices_in_service: f64,
}

impl Default for Ready {
    fn default() -> Self {
        Self { devices_in_service: 0.9 }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or what `RUST_LOG` takes, as `info,callcast::cti=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "info".into() }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}; name a file that callcast may read with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {source}{}", path.display(), hint(suggestion.as_deref()))]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line and column, and what is wrong there.
        source: Box<toml::de::Error>,
        /// The known key that an unknown one is nearest to.
        suggestion: Option<String>,
    },
    /// There is nothing to do.
    #[error("there is no [[session]]: name at least one CTIManager and its application user, as deploy/callcast.example.toml shows")]
    NoSession,
    /// A session cannot work.
    #[error("[[session]] {number}: {error}")]
    Session {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        error: cti::config::ConfigError,
    },
    /// Access that cannot work.
    #[error(transparent)]
    Access(#[from] access::ConfigError),
    /// Everybody could see everything.
    #[error(
        "`api.listen` is {0}, which other machines reach, and no access is configured: whoever reaches it would see all calls. \
         Configure [[access.token]] (`callcast token new` makes one) or [[access.issuer]]; or listen on 127.0.0.1; \
         or, where everybody may see everything, set `access.open = true`"
    )]
    OpenToAll(SocketAddr),
    /// A certificate that cannot be used.
    #[error("[{table}]: {error}")]
    Tls {
        /// The table.
        table: &'static str,
        /// What is wrong.
        error: Box<api::TlsError>,
    },
    /// Two listeners cannot have one address.
    #[error("`api.listen` and `admin.listen` are both {0}: give each its own port")]
    OneAddress(SocketAddr),
    /// A limit that keeps everybody out.
    #[error("`{0}` is 0, which keeps everybody out; give 1 or more")]
    Nobody(&'static str),
    /// Numbers that cannot be read like this.
    #[error(transparent)]
    Numbers(#[from] numbers::ConfigError),
    /// A share that is none.
    #[error("`ready.devices_in_service` is {0}; it is a share, from 0 to 1")]
    Share(f64),
    /// A log that cannot be kept like this.
    #[error(transparent)]
    Journal(#[from] journal::ConfigError),
    /// A webhook that cannot work.
    #[error("[[webhook]] {number} ({name}): {wrong}")]
    Webhook {
        /// Which, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        wrong: String,
    },
    /// Two webhooks of one name.
    #[error("[[webhook]] {number}: `name` is {name:?}, as of one before it: give each its own")]
    WebhookTwice {
        /// Which, from 1.
        number: usize,
        /// Its name.
        name: String,
    },
    /// Nothing would be kept of webhooks.
    #[error("`webhooks.{0}` is 0, which keeps nothing; give 1 or more")]
    WebhooksKeepNothing(&'static str),
    /// A level of the log that is none.
    #[error("`log.level` is {0:?}: give `error`, `warn`, `info`, `debug`, or a filter as `info,callcast::cti=debug`")]
    Level(String),
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("did you mean `{key}`?")).unwrap_or_default()
}

impl Config {
    /// The configuration in a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not one.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        let parsed = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.into(),
            suggestion: key::nearest(source.message()),
            source: Box::new(webhooks::without_secrets(source, &text)),
        });
        parsed.map(|config| Self { path: path.into(), ..config })
    }

    /// What is valid but unwise, in words.
    ///
    /// # Errors
    /// Everything that cannot work.
    pub fn check(&self) -> Result<Vec<String>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        if self.sessions.is_empty() {
            errors.push(ConfigError::NoSession);
        }
        for (session, number) in self.sessions.iter().zip(1..) {
            match session.check() {
                Ok(unwise) => warnings.extend(unwise.iter().map(|w| format!("[[session]] {number}: {w}"))),
                Err(wrong) => errors.extend(wrong.into_iter().map(|error| ConfigError::Session { number, error })),
            }
        }
        match self.numbers.check() {
            Ok(unwise) => warnings.extend(unwise.iter().map(ToString::to_string)),
            Err(wrong) => errors.extend(wrong.into_iter().map(ConfigError::Numbers)),
        }
        let has_file = self.sessions.iter().any(|session| session.inventory.file.is_some());
        if let Some(site) = self.numbers.sites.iter().find(|site| !site.device_pools.is_empty()).filter(|_| !has_file) {
            let pools = site.device_pools.join(", ");
            warnings.push(format!(
                "[[numbers.site]] names `device_pools` ({pools}), but no [[session]] has an `inventory.file` that tells them"
            ));
        }
        if !(0.0..=1.0).contains(&self.ready.devices_in_service) {
            errors.push(ConfigError::Share(self.ready.devices_in_service));
        }
        match self.journal.check() {
            Ok(unwise) => warnings.extend(unwise),
            Err(wrong) => errors.extend(wrong.into_iter().map(ConfigError::Journal)),
        }
        if crate::telemetry::level_filter(&self.log.level).is_none() {
            errors.push(ConfigError::Level(self.log.level.clone()));
        }
        match self.access.check() {
            Ok(unwise) => warnings.extend(unwise.iter().map(ToString::to_string)),
            Err(wrong) => errors.extend(wrong.into_iter().map(ConfigError::Access)),
        }
        self.check_listeners(&mut errors, &mut warnings);
        errors.extend(webhooks::check(&self.webhook_common, &self.webhooks));
        if self.privacy.reveal_withheld {
            warnings.push("`privacy.reveal_withheld` tells numbers and names that callers withhold: check what the law says".into());
        }
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }

    /// Who can reach the listeners, and what for.
    fn check_listeners(&self, errors: &mut Vec<ConfigError>, warnings: &mut Vec<String>) {
        let (api, admin) = (&self.api, &self.admin);
        let address = api.listen;
        let is_asked = self.access.is_configured();
        match (address.ip().is_loopback(), is_asked) {
            (true, _) => {}
            (false, false) if self.access.open => {
                warnings.push(format!("`api.listen` is {address} and `access.open` is true: whoever reaches it sees all calls"));
            }
            (false, false) => errors.push(ConfigError::OpenToAll(address)),
            (false, true) if api.tls.is_none() => warnings.push(format!(
                "`api.listen` is {address} without [api.tls]: tokens and calls go over the network in the clear, unless a proxy before it has TLS"
            )),
            (false, true) => {}
        }
        if let Some(address) = admin.listen {
            if !address.ip().is_loopback() {
                warnings.push(format!("`admin.listen` is {address}: whoever reaches it reads /metrics without a token"));
                if admin.tls.is_none() && is_asked {
                    warnings
                        .push(format!("`admin.listen` is {address} without [admin.tls]: admin tokens go over the network in the clear"));
                }
            }
            if address == api.listen && address.port() != 0 {
                errors.push(ConfigError::OneAddress(address));
            }
        }
        for (table, tls) in [("api.tls", &api.tls), ("admin.tls", &admin.tls)] {
            if let Some(Err(error)) = tls.as_ref().map(api::TlsConfig::check) {
                errors.push(ConfigError::Tls { table, error: error.into() });
            }
        }
        let limits = [
            ("api.max_connections", api.max_connections),
            ("api.websocket.max_clients", api.websocket.max_clients),
            ("api.websocket.max_clients_per_account", api.websocket.max_clients_per_account),
        ];
        errors.extend(limits.iter().filter(|(_, limit)| *limit == 0).map(|(key, _)| ConfigError::Nobody(key)));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callcast.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    pub const SESSION: &str =
        "[[session]]\nmanagers = ['cucm']\nuser = 'ctiuser'\npassword_env = 'P'\ninventory.control_list_only = true\n";

    #[test]
    fn the_example_is_valid_and_shows_the_defaults() {
        let example = Config::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/callcast.example.toml"))).unwrap();
        example.check().unwrap();
        let minimal = parse(SESSION).unwrap();
        let rest = |config: &Config| {
            let Config { api, access, admin, journal, webhook_common, webhooks, privacy, ready, log, .. } = config;
            format!("{api:?} {access:?} {admin:?} {journal:?} {webhook_common:?} {webhooks:?} {privacy:?} {ready:?} {log:?}")
        };
        assert_eq!(rest(&example), rest(&minimal));
        assert_eq!(format!("{:?}", example.numbers), format!("{:?}", minimal.numbers));
    }

    #[test]
    fn what_the_example_shows_of_numbers_is_valid_too() {
        let example = include_str!("../../deploy/callcast.example.toml");
        // From the first key of [numbers] to the table after it, all is a comment of one `#`.
        let numbers = example.split_once("\n[numbers]\n").unwrap().1.split_once("\n[ready]\n").unwrap().0;
        let uncommented: Vec<&str> = numbers.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| is_toml(line)).collect();
        assert!(uncommented.len() >= 15, "{uncommented:#?}");
        let config = parse(&format!("{SESSION}[numbers]\n{}", uncommented.join("\n"))).unwrap();
        config.check().unwrap();
        assert_eq!((config.numbers.region.as_deref(), config.numbers.sites.len()), (Some("FR"), 1));
    }

    pub fn is_toml(line: &str) -> bool {
        line.starts_with('[')
            || line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
    }

    #[test]
    fn a_mistake_in_numbers_names_its_place_and_value() {
        let text = format!("{SESSION}[numbers]\nregion = 'FR'\n[[numbers.site]]\nname = 'Rome'\nregion = 'Italy'\npartitions = ['P']\n");
        let errors = parse(&text).unwrap().check().unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().starts_with("[[numbers.site]] 1 (Rome): `region` is \"Italy\""), "{errors:?}");
    }

    #[test]
    fn device_pools_need_an_inventory_that_tells_them() {
        let text = format!("{SESSION}[numbers]\n[[numbers.site]]\ndevice_pools = ['DP-Rome']\n");
        let warnings = parse(&text).unwrap().check().unwrap();
        assert!(warnings.iter().any(|w| w.contains("DP-Rome") && w.contains("inventory.file")), "{warnings:?}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
        let error = parse(&format!("{SESSION}pase = 1\n")).unwrap_err().to_string();
        assert!(error.contains("line 6") && error.contains("did you mean `pace`?"), "{error}");
    }

    #[test]
    fn a_configuration_without_a_session_has_nothing_to_do() {
        let errors = parse("").unwrap().check().unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError::NoSession]), "{errors:?}");
    }

    #[test]
    fn a_mistake_in_a_session_names_the_session() {
        let errors =
            parse(&format!("{SESSION}[[session]]\nmanagers = []\nuser = 'x'\npassword_env = 'P'\ninventory.control_list_only = true"))
                .unwrap()
                .check()
                .unwrap_err();
        assert!(errors.iter().all(|e| e.to_string().starts_with("[[session]] 2")), "{errors:?}");
    }

    #[test]
    fn whoever_listens_beyond_loopback_asks_for_tokens_or_says_that_nobody_is_asked() {
        let check = |text: &str| parse(&format!("{SESSION}{text}")).unwrap().check();
        let beyond = "[api]\nlisten = '0.0.0.0:8080'\n";
        let token = format!("[[access.token]]\nname = 'a'\nsha256 = '{}'\neverything = true\n", "0".repeat(64));
        let errors = check(beyond).unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError::OpenToAll(_)]), "{errors:?}");
        assert!(errors[0].to_string().contains("callcast token new"));
        let warnings = check(&format!("{beyond}[access]\nopen = true\n")).unwrap();
        assert!(warnings.iter().any(|warning| warning.contains("access.open")), "{warnings:?}");
        let warnings = check(&format!("{beyond}{token}")).unwrap();
        assert!(warnings.iter().any(|warning| warning.contains("[api.tls]")), "{warnings:?}");
        assert!(!check(&token).unwrap().iter().any(|warning| warning.contains("api.listen")));
    }

    #[test]
    fn the_listener_for_admins_may_be_none_but_not_the_apis() {
        let none = parse(&format!("{SESSION}[admin]\nlisten = ''\n")).unwrap();
        assert_eq!(none.admin.listen, None);
        let errors = parse(&format!("{SESSION}[admin]\nlisten = '127.0.0.1:8080'\n")).unwrap().check().unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError::OneAddress(_)]), "{errors:?}");
        let error = parse(&format!("{SESSION}[admin]\nlisten = 'localhost'\n")).unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:9090"), "{error}");
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_told_before_the_start() {
        let text = format!("{SESSION}[api.tls]\ncertificate_file = 'no/such.pem'\nkey_file = 'no/such.key'\n");
        let errors = parse(&text).unwrap().check().unwrap_err();
        assert!(errors[0].to_string().starts_with("[api.tls]: `certificate_file` no/such.pem"), "{errors:?}");
    }

    #[test]
    fn a_limit_of_none_is_refused() {
        let errors = parse(&format!("{SESSION}[api.websocket]\nmax_clients_per_account = 0\n")).unwrap().check().unwrap_err();
        assert!(matches!(errors.as_slice(), [ConfigError::Nobody("api.websocket.max_clients_per_account")]), "{errors:?}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Path::new("no/such.toml")).unwrap_err().to_string();
        assert!(error.contains("no/such.toml"), "{error}");
    }
}
