//! What an endpoint is told: plain data, the same in the file (`[[webhook]]`) and in the API (JSON).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// What all endpoints have in common: the table `[webhooks]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// How long attempts are kept, in hours.
    pub keep_attempts_hours: u32,
    /// How much of them is kept for each endpoint, in MiB.
    pub keep_attempts_mib: u32,
    /// How long dead letters are known, in hours. Their events are in the journal, for as long as that keeps them.
    pub keep_dead_hours: u32,
    /// How many of them are known for each endpoint, in MiB: some 16,000 a MiB.
    pub keep_dead_mib: u32,
}

impl Default for Common {
    fn default() -> Self {
        Self { keep_attempts_hours: 72, keep_attempts_mib: 64, keep_dead_hours: 168, keep_dead_mib: 256 }
    }
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What it is called: 1 to 40 of `a-z`, `0-9`, `-` and `_`, the first a letter or digit.
    pub name: String,
    /// Where events go: `http` or `https`; a template when it has `{{`.
    pub url: Secret,
    /// `POST`, `PUT`, `PATCH`, `DELETE` or `GET`; a template when it has `{{`. Empty for `POST`.
    pub method: String,
    /// Headers beside our own; each value is a template when it has `{{`.
    pub headers: BTreeMap<String, Secret>,
    /// Which events.
    pub filter: FilterConfig,
    /// What the body is.
    pub body: BodyConfig,
    /// How it is signed.
    pub signing: SigningConfig,
    /// How fast and how long.
    pub delivery: DeliveryConfig,
    /// What is done after a failure.
    pub retry: RetryConfig,
    /// When an endpoint is left alone.
    pub breaker: BreakerConfig,
    /// What it may be reached by, and whom we trust.
    pub network: NetworkConfig,
    /// How we say who we are.
    pub auth: AuthConfig,
}

/// Which events an endpoint gets. What is empty does not limit; what is given has to fit all together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterConfig {
    /// `leg.alerting`, `call.*`, `*`; without any, all but `webhook.*`.
    pub types: Vec<String>,
    /// Ids of users; `*` and `?` stand for what they usually do.
    pub users: Vec<String>,
    /// Names of devices, likewise.
    pub devices: Vec<String>,
    /// Directory numbers, likewise.
    pub lines: Vec<String>,
    /// `inbound` or `outbound`: of the leg or pop, or of the call's first leg.
    pub direction: String,
    /// A minijinja expression on the event, as `data.remote.number is startingwith "0"`.
    pub expression: String,
}

/// What the body is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BodyConfig {
    /// The kind.
    pub mode: Mode,
    /// A ready template, for `template`: `zammad` or `form`.
    pub preset: String,
    /// The template itself.
    pub template: String,
    /// A file with it.
    pub template_file: Option<PathBuf>,
    /// The `Content-Type` of what the template makes; empty for `application/json`, or what the preset says.
    pub content_type: String,
}

/// How events are put into a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The CloudEvent as JSON: `application/cloudevents+json`.
    #[default]
    Structured,
    /// `data` as the body, the rest as `ce-` headers.
    Binary,
    /// Several: `application/cloudevents-batch+json`. Events of one call never overtake each other.
    Batch,
    /// What a template makes of it.
    Template,
}

/// Signatures by the Standard Webhooks specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SigningConfig {
    /// `whsec_…`: 24 to 64 bytes in Base64. Each gives a `v1` signature, so that old and new are good while they are exchanged.
    pub secrets: Vec<Secret>,
    /// `whsk_…`: Ed25519 private keys in Base64. Each gives a `v1a` signature.
    pub ed25519: Vec<Secret>,
}

/// How fast and how long.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Requests at a time, 1 to 256; never two for one call.
    pub in_flight: usize,
    /// Events of a batch, 1 to 1000.
    pub batch_events: usize,
    /// Bytes of a batch, uncompressed.
    pub batch_bytes: usize,
    /// How long a connection may take, in seconds.
    pub connect_seconds: f64,
    /// How long the answer's head may take from the request on, in seconds.
    pub first_byte_seconds: f64,
    /// How long all may take, in seconds.
    pub whole_seconds: f64,
    /// Compress bodies.
    pub gzip: bool,
    /// Requests a second; 0 for as many as it takes.
    pub per_second: u32,
    /// How long an event is worth delivering, in seconds, by its type (`pop.*`, `call.ended`, `*`). The most exact pattern counts.
    pub deadlines_seconds: BTreeMap<String, u64>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            in_flight: 16,
            batch_events: 100,
            batch_bytes: 256 * 1024,
            connect_seconds: 5.0,
            first_byte_seconds: 15.0,
            whole_seconds: 30.0,
            gzip: false,
            per_second: 0,
            deadlines_seconds: [("leg.*", 60), ("pop.*", 60), ("*", 72 * 3600)].map(|(types, time)| (types.into(), time)).into(),
        }
    }
}

/// What is done after a failure.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Pauses in seconds; the last is repeated.
    pub pauses_seconds: Vec<u64>,
    /// By how much they vary, as a share: 0.2 is from 80 to 120 %.
    pub jitter: f64,
    /// The longest `Retry-After` that is obeyed, in seconds.
    pub retry_after_max_seconds: u64,
    /// Statuses that make that one event a dead letter.
    pub dead_statuses: Vec<u16>,
    /// Statuses that open the breaker; the event is tried again.
    pub breaker_statuses: Vec<u16>,
    /// Statuses that disable the endpoint.
    pub disable_statuses: Vec<u16>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            pauses_seconds: vec![5, 30, 120, 600, 1800, 7200, 18_000, 36_000],
            jitter: 0.2,
            retry_after_max_seconds: 3600,
            dead_statuses: vec![400, 413, 422],
            breaker_statuses: vec![401, 403, 404, 407],
            disable_statuses: vec![410],
        }
    }
}

/// When an endpoint is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open before one request is tried, in seconds; doubled each time that fails.
    pub pause_seconds: u64,
    /// The longest such pause, in seconds.
    pub pause_max_seconds: u64,
    /// After so many hours of nothing but failure the endpoint is disabled; 0 for never.
    pub disable_after_hours: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 10, pause_seconds: 5, pause_max_seconds: 60, disable_after_hours: 120 }
    }
}

/// What an endpoint may be reached by, and whom we trust.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Networks that are refused unless they stand here, as `10.0.0.0/8`: loopback, link-local, private and other special ranges.
    pub allow: Vec<String>,
    /// Authorities that sign its certificate, in PEM; else those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Public keys that it may have, as `sha256/` and Base64 of the hash of the SubjectPublicKeyInfo: any certificate of the chain.
    pub pins: Vec<String>,
    /// Our certificate, in PEM.
    pub certificate_file: Option<PathBuf>,
    /// Its key, in PEM.
    pub key_file: Option<PathBuf>,
    /// HTTP/2 where it is offered.
    pub http2: bool,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), ca_file: None, pins: Vec::new(), certificate_file: None, key_file: None, http2: true }
    }
}

/// How we say who we are. One of them, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// A name and a password.
    pub basic: Option<BasicConfig>,
    /// A token.
    pub bearer: Secret,
    /// A token that is fetched: OAuth 2.0 client credentials, RFC 6749, section 4.4.
    pub oauth2: Option<Oauth2Config>,
}

/// HTTP Basic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BasicConfig {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Where a token is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oauth2Config {
    /// Where: `https`, or what `network.allow` allows.
    pub token_url: String,
    /// Who we are.
    pub client_id: String,
    /// What proves it.
    pub client_secret: Secret,
    /// What we ask for, with spaces between; empty for what there is.
    pub scope: String,
    /// For whom the token is; empty for whom it usually is.
    pub audience: String,
    /// The secret goes into the body instead of a Basic header.
    pub secret_in_body: bool,
}
