//! Who asks, and what they may see.
//!
//! A token is one of two things. An **API token** is 256 random bits that `callcast token new` made; its SHA-256 stands in the
//! configuration. A **JWT** is signed by an issuer whose keys we have from a file or fetch from a URL. Either becomes a [`Principal`].
//!
//! What a JWT says of itself decides nothing before its signature is checked: `iss` only chooses whose keys are tried, `kid` which of
//! them, and an algorithm has to be one that the configuration pins for that issuer *and* the one that the key is for.

mod accounts;
mod config;
mod denied;
mod failures;
mod issuer;
mod jwks;
mod keys;
mod scope;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

pub use accounts::{Accounts, Seat, TooMany};
pub use config::{Config, ConfigError, IssuerConfig, TokenConfig, Warning};
pub use denied::Denied;
pub use keys::KeyError;
pub use scope::Scope;
pub use tokens::{NewToken, NoRandom};

use crate::telemetry::{Metrics, Occurrence};
use crate::time::Timestamp;
use failures::{Failures, Standing};
use issuer::{Failed, Issuer};
use tokens::Tokens;

/// Bytes of a token: a longer one is refused before anything is read of it.
pub const LONGEST: usize = 8 * 1024;

/// Whoever holds a token that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose it is: the `sub` of a JWT, or the name of an API token. What limits per user count.
    pub account: Arc<str>,
    /// What it may see.
    pub scope: Arc<Scope>,
    /// Whether it may use the admin endpoints.
    pub admin: bool,
    /// When the token is no longer taken: its `exp` and the leeway.
    pub expires: Option<Timestamp>,
    /// Whether it was taken back.
    pub revocation: Revocation,
}

/// Whether an API token was taken back, as whoever holds it shares it with us.
#[derive(Clone, Debug, Default)]
pub struct Revocation(Arc<AtomicBool>);

impl Revocation {
    /// Whether it was.
    pub fn is_revoked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn revoke(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl PartialEq for Revocation {
    fn eq(&self, other: &Self) -> bool {
        self.is_revoked() == other.is_revoked()
    }
}

impl Eq for Revocation {}

impl Principal {
    /// Everybody, where no access is configured.
    pub fn anyone() -> Self {
        Self {
            account: "anyone".into(),
            scope: Arc::new(Scope::everything()),
            admin: false,
            expires: None,
            revocation: Revocation::default(),
        }
    }
}

/// Decides on tokens. Shared by all that ask for one.
#[derive(Debug)]
pub struct Access {
    tokens: ArcSwap<Tokens>,
    issuers: Vec<Issuer>,
    configured: Vec<IssuerConfig>,
    token_in_url: bool,
    failures: Failures,
    metrics: Arc<Metrics>,
}

impl Access {
    /// Access as configured: reads the files of keys. Keys behind a URL are fetched by [`Access::run`], or when a token needs them.
    ///
    /// # Errors
    /// Everything that cannot work.
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, Vec<ConfigError>> {
        config.check()?;
        let issuers: Vec<_> = config.issuers.iter().zip(1..).map(|(issuer, number)| Issuer::new(issuer, number)).collect();
        let (issuers, wrong): (Vec<_>, Vec<_>) = issuers.into_iter().partition(Result::is_ok);
        let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            tokens: ArcSwap::from_pointee(Tokens::new(&config.tokens)),
            issuers: issuers.into_iter().flatten().collect(),
            configured: config.issuers.clone(),
            token_in_url: config.token_in_url,
            failures: Failures::new(config.failures_per_minute),
            metrics,
        })
    }

    /// No access is configured: whoever reaches us sees all, and there are no admin endpoints.
    pub fn open(metrics: Arc<Metrics>) -> Self {
        let tokens = ArcSwap::from_pointee(Tokens::new(&[]));
        Self { tokens, issuers: Vec::new(), configured: Vec::new(), token_in_url: false, failures: Failures::new(0), metrics }
    }

    /// Whether a token is asked for.
    pub fn required(&self) -> bool {
        !self.tokens.load().is_empty() || !self.issuers.is_empty()
    }

    /// Whether a token may stand in a URL.
    pub fn token_in_url(&self) -> bool {
        self.token_in_url
    }

    /// Whose token somebody shows; counts and logs when it is nobody's.
    ///
    /// # Errors
    /// When the token is not taken.
    pub async fn admit(&self, token: &str, peer: SocketAddr, now: Timestamp) -> Result<Principal, Denied> {
        // Whoever failed too often gets no more keys fetched; a good token is taken from there all the same.
        let is_beyond = self.failures.is_beyond(peer.ip(), now);
        let found = if is_beyond { self.authenticate_now(token, now) } else { self.authenticate(token, now).await };
        let denied = match found {
            // That our keys are not there is nobody's failure but the issuer's.
            Ok(_) | Err(Denied::NoKeys) => return found,
            Err(denied) => denied,
        };
        match self.failures.count(peer.ip(), now) {
            Standing::Within => {
                self.metrics.emit(Occurrence::TokenDenied { peer, denied });
                return Err(denied);
            }
            Standing::Reached => self.metrics.emit(Occurrence::TooManyFailures { peer }),
            Standing::Beyond => {}
        }
        Err(Denied::TooMany)
    }

    /// Whose token this is. Waits only when the issuer's keys have to be fetched first.
    ///
    /// # Errors
    /// When the token is not taken.
    pub async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Principal, Denied> {
        match self.known(token, now) {
            Ok(principal) => Ok(principal),
            Err((Failed::Denied(denied), _)) => Err(denied),
            Err((Failed::Key(denied), issuer)) => {
                // Boxed, because it hardly ever happens: it is not to make larger what waits for us.
                let fetched = match issuer {
                    Some(issuer) => Box::pin(issuer.fetch_for_unknown_key(now, &self.metrics)).await,
                    None => false,
                };
                if fetched { self.authenticate_now(token, now) } else { Err(denied) }
            }
        }
    }

    /// The same with the keys that are there.
    ///
    /// # Errors
    /// When the token is not taken.
    pub fn authenticate_now(&self, token: &str, now: Timestamp) -> Result<Principal, Denied> {
        self.known(token, now).map_err(|(failed, _)| failed.denied())
    }

    fn known(&self, token: &str, now: Timestamp) -> Result<Principal, (Failed, Option<&Issuer>)> {
        let denied = |denied| (Failed::Denied(denied), None);
        if token.len() > LONGEST {
            return Err(denied(Denied::TooLong));
        }
        if !self.required() {
            return Ok(Principal::anyone());
        }
        // A JWT has two dots, an API token none.
        if !token.contains('.') {
            return self.tokens.load().find(token).ok_or_else(|| denied(Denied::Unknown));
        }
        let unverified = issuer::Unverified::read(token).map_err(denied)?;
        if !unverified.has_issuer() {
            return Err(denied(Denied::Claim("iss")));
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.is(&unverified)).ok_or_else(|| denied(Denied::Issuer))?;
        issuer.verify(token, &unverified, now).map_err(|failed| (failed, Some(issuer)))
    }

    /// Keeps the keys behind URLs fresh until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let fresh = futures_util::future::join_all(self.issuers.iter().map(|issuer| issuer.keep_fresh(&self.metrics)));
        tokio::select! {
            () = stop.cancelled() => {}
            () = async { fresh.await; stop.cancelled().await } => {}
        }
    }

    /// Takes the API tokens of the configuration as it is now. Whoever holds one that is not among them is let go. What a restart is needed
    /// for leaves the tokens as they were, and is logged; so is what else changed.
    pub fn renew(&self, config: &Config) {
        let renewed = config.check().map_err(|mut wrong| wrong.swap_remove(0)).and_then(|_| self.take(config));
        if let Err(error) = renewed {
            self.metrics.emit(Occurrence::TokensStay { error: &error });
        }
        if config.issuers != self.configured {
            self.metrics.emit(Occurrence::IssuersChanged);
        }
    }

    fn take(&self, config: &Config) -> Result<(), ConfigError> {
        match (self.required(), config.tokens.is_empty() && self.issuers.is_empty()) {
            (true, true) => return Err(ConfigError::WouldOpen),
            (false, false) => return Err(ConfigError::WouldClose),
            _ => {}
        }
        let (tokens, revoked) = self.tokens.load().renewed(&config.tokens);
        self.metrics.emit(Occurrence::TokensRead { tokens: tokens.len(), revoked });
        self.tokens.store(Arc::new(tokens));
        Ok(())
    }

    /// Reads files of keys again, and has those behind URLs fetched. What cannot be used leaves the keys as they were, and is logged.
    /// Reads files: it blocks.
    pub fn reload(&self) {
        for issuer in &self.issuers {
            if let Err(error) = issuer.reload() {
                self.metrics.emit(Occurrence::KeysRefused { issuer: issuer.name(), error: &error });
            }
        }
    }
}
