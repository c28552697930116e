//! An issuer of JWTs: whether a token is one of its own, and what it may see.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, dangerous, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::config::{ConfigError, IssuerConfig, IssuerError};
use super::jwks::Published;
use super::keys::{KeyError, KeySet};
use super::{Denied, Principal, Scope};
use crate::telemetry::Metrics;
use crate::time::Timestamp;

type Claims = Map<String, Json>;

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// Why a token was not taken, and whether newer keys could change that.
#[derive(Debug)]
pub(super) enum Failed {
    /// They could not.
    Denied(Denied),
    /// They could: its key is not there.
    Key(Denied),
}

impl Failed {
    pub(super) fn denied(self) -> Denied {
        match self {
            Self::Denied(denied) | Self::Key(denied) => denied,
        }
    }
}

impl From<Denied> for Failed {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// What a token says of itself before anything of it is checked: it may choose the issuer and the key that it is tried with, no more.
#[derive(Debug)]
pub(super) struct Unverified {
    algorithm: Algorithm,
    key: Option<String>,
    issuer: Option<String>,
}

impl Unverified {
    pub(super) fn read(token: &str) -> Result<Self, Denied> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            // `none` and what else we have no name for: that is all that is wrong with the header's JSON in practice.
            ErrorKind::Json(fault) if fault.is_data() => Denied::Algorithm,
            _ => Denied::Malformed,
        })?;
        if header.crit.is_some() {
            return Err(Denied::Critical);
        }
        let mut claims: Claims = dangerous::insecure_decode_claims(token).map_err(|_| Denied::Malformed)?;
        let issuer = match claims.remove("iss") {
            Some(Json::String(issuer)) => Some(issuer),
            _ => None,
        };
        Ok(Self { algorithm: header.alg, key: header.kid, issuer })
    }

    /// Whether it says whose it is.
    pub(super) fn has_issuer(&self) -> bool {
        self.issuer.is_some()
    }
}

/// Where keys come from.
#[derive(Debug)]
enum Source {
    Secret(PathBuf, ArcSwap<KeySet>),
    File(PathBuf, ArcSwap<KeySet>),
    Url(Box<Published>),
}

/// Somebody whose tokens are taken.
#[derive(Debug)]
pub(super) struct Issuer {
    name: Box<str>,
    issuer: Box<str>,
    audience: Vec<Box<str>>,
    algorithms: Vec<Algorithm>,
    /// In microseconds.
    leeway: u64,
    scope_claim: Option<Box<str>>,
    keys: Source,
}

impl Issuer {
    /// The issuer as configured, with what its files hold.
    pub(super) fn new(config: &IssuerConfig, number: usize) -> Result<Self, ConfigError> {
        let algorithms = config.pinned();
        let wrong = |error| ConfigError::Issuer { number, name: config.name().into(), error: Box::new(error) };
        let keys = Source::new(config, &algorithms).map_err(wrong)?;
        Ok(Self {
            name: config.name().into(),
            issuer: config.issuer.as_str().into(),
            audience: config.audience.iter().map(|audience| audience.as_str().into()).collect(),
            algorithms,
            leeway: u64::from(config.leeway_seconds) * 1_000_000,
            scope_claim: config.trust_scope.then(|| config.scope_claim.as_str().into()),
            keys,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a token says that it is this issuer's.
    pub(super) fn is(&self, token: &Unverified) -> bool {
        token.issuer.as_deref() == Some(&*self.issuer)
    }

    /// Whose token it is. The signature is checked before anything that the token claims.
    pub(super) fn verify(&self, token: &str, unverified: &Unverified, now: Timestamp) -> Result<Principal, Failed> {
        let algorithm = unverified.algorithm;
        if !self.algorithms.contains(&algorithm) {
            return Err(Denied::Algorithm.into());
        }
        let keys = self.keys.now(now).ok_or(Failed::Key(Denied::NoKeys))?;
        let key = keys.find(algorithm, unverified.key.as_deref()).ok_or(Failed::Key(Denied::Key))?;
        // The library checks the signature; of the claims it would let pass what is not of the form that it expects, so we do that.
        let mut validation = Validation::new(key.algorithm);
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let claims = decode::<Claims>(token, &key.key, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Denied::Signature,
            ErrorKind::InvalidAlgorithm => Denied::Algorithm,
            _ => Denied::Malformed,
        })?;
        Ok(self.principal(&claims.claims, now)?)
    }

    fn principal(&self, claims: &Claims, now: Timestamp) -> Result<Principal, Denied> {
        if claims.get("iss").and_then(Json::as_str) != Some(&self.issuer) {
            return Err(Denied::Issuer);
        }
        if !self.is_audience(claims.get("aud").ok_or(Denied::Claim("aud"))?)? {
            return Err(Denied::Audience);
        }
        let expires = time(claims, "exp")?.ok_or(Denied::Claim("exp"))?;
        let expires = Timestamp(expires.0.saturating_add(self.leeway));
        if now >= expires {
            return Err(Denied::Expired);
        }
        if time(claims, "nbf")?.is_some_and(|begins| begins.0 > now.0.saturating_add(self.leeway)) {
            return Err(Denied::NotYet);
        }
        let user = claims.get("sub").and_then(Json::as_str).filter(|user| !user.is_empty()).ok_or(Denied::Claim("sub"))?;
        let more = self.scope_claim.as_ref().and_then(|name| claims.get(&**name));
        let more = more.map(Granted::deserialize).transpose().map_err(|_| Denied::Scope)?.unwrap_or_default();
        let Granted { everything, admin, mut users, devices, lines } = more;
        if !users.iter().any(|known| **known == *user) {
            users.push(user.into());
        }
        let scope = Scope { everything, users, devices, lines };
        Ok(Principal {
            account: user.into(),
            scope: Arc::new(scope),
            admin,
            expires: Some(expires),
            revocation: super::Revocation::default(),
        })
    }

    fn is_audience(&self, claimed: &Json) -> Result<bool, Denied> {
        let ours = |text: &str| self.audience.iter().any(|audience| **audience == *text);
        match claimed {
            Json::String(audience) => Ok(ours(audience)),
            Json::Array(audiences) => Ok(audiences.iter().filter_map(Json::as_str).any(ours)),
            _ => Err(Denied::Claim("aud")),
        }
    }

    /// Fetches the keys for a token that is signed with one that we do not have. Whether there are other ones now.
    pub(super) async fn fetch_for_unknown_key(&self, now: Timestamp, metrics: &Metrics) -> bool {
        match &self.keys {
            Source::Url(published) => published.fetch_if_due(now, &self.name, metrics).await,
            Source::Secret(..) | Source::File(..) => false,
        }
    }

    /// Fetches keys when they are due, for as long as somebody waits.
    pub(super) async fn keep_fresh(&self, metrics: &Metrics) {
        if let Source::Url(published) = &self.keys {
            published.keep_fresh(&self.name, metrics).await;
        }
    }

    /// Reads files again, and has what is behind a URL fetched soon.
    pub(super) fn reload(&self) -> Result<(), KeyError> {
        match &self.keys {
            Source::Secret(path, keys) => keys.store(Arc::new(KeySet::secret(path)?)),
            Source::File(path, keys) => keys.store(Arc::new(KeySet::file(path, &self.algorithms)?)),
            Source::Url(published) => published.fetch_soon(),
        }
        Ok(())
    }
}

impl Source {
    fn new(config: &IssuerConfig, algorithms: &[Algorithm]) -> Result<Self, IssuerError> {
        let wrong = |key| move |error| IssuerError::Keys { key, error };
        match (&config.secret_file, &config.key_file, &config.jwks_url) {
            (Some(path), None, None) => {
                let keys = KeySet::secret(path).map_err(wrong("secret_file"))?;
                Ok(Self::Secret(path.clone(), ArcSwap::from_pointee(keys)))
            }
            (None, Some(path), None) => {
                let keys = KeySet::file(path, algorithms).map_err(wrong("key_file"))?;
                Ok(Self::File(path.clone(), ArcSwap::from_pointee(keys)))
            }
            (None, None, Some(url)) => Ok(Self::Url(Box::new(Published::new(url, config, algorithms)?))),
            _ => Err(IssuerError::KeySource),
        }
    }

    /// The keys, when there are any that may be used.
    fn now(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        match self {
            Self::Secret(_, keys) | Self::File(_, keys) => Some(keys.load_full()),
            Self::Url(published) => published.keys(now),
        }
    }
}

/// What the scope claim may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Granted {
    everything: bool,
    admin: bool,
    users: Vec<Box<str>>,
    devices: Vec<Box<str>>,
    lines: Vec<Box<str>>,
}

/// A `NumericDate`: seconds since 1970, maybe with a fraction.
fn time(claims: &Claims, name: &'static str) -> Result<Option<Timestamp>, Denied> {
    let Some(claimed) = claims.get(name) else { return Ok(None) };
    let seconds = claimed.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0).ok_or(Denied::Claim(name))?;
    // A time past all that can be told is the last that can.
    Ok(Some(Timestamp((seconds * SECOND) as u64)))
}
