//! Who may ask: plain data, and what cannot work.

use std::net::IpAddr;
use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use thiserror::Error;
use url::{Host, Url};

use super::keys::KeyError;
use super::tokens;

/// The algorithms that there are.
const ALGORITHMS: [(&str, Algorithm); 4] =
    [("HS256", Algorithm::HS256), ("RS256", Algorithm::RS256), ("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDSA)];

/// The longest leeway: past it an expiry means little.
const LONGEST_LEEWAY: u32 = 600;

/// The table `[access]`. Neither tokens nor issuers: whoever reaches the listener sees everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whoever reaches the listener may see everything, even from other machines.
    pub open: bool,
    /// A token may stand in the URL as `access_token`. It then stands in logs of proxies and in the history of browsers, too.
    pub token_in_url: bool,
    /// Refused tokens of one address in a minute; what comes above is answered with 429, and has no keys fetched.
    pub failures_per_minute: u32,
    /// API tokens.
    #[serde(rename = "token")]
    pub tokens: Vec<TokenConfig>,
    /// Issuers of JWTs.
    #[serde(rename = "issuer")]
    pub issuers: Vec<IssuerConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self { open: false, token_in_url: false, failures_per_minute: 20, tokens: Vec::new(), issuers: Vec::new() }
    }
}

/// An API token: `[[access.token]]`, as `callcast token new` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenConfig {
    /// Whose it is: what limits per account count, and what the log says.
    pub name: String,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// Users whose devices it may see.
    pub users: Vec<String>,
    /// Devices that it may see.
    pub devices: Vec<String>,
    /// Directory numbers that it may see.
    pub lines: Vec<String>,
    /// Whether it may see everything.
    pub everything: bool,
    /// Whether it may use the admin endpoints.
    pub admin: bool,
}

/// An issuer of JWTs: `[[access.issuer]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerConfig {
    /// What logs and metrics call it; else its `issuer`.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What `aud` of its tokens may be: what the issuer calls callcast.
    pub audience: Vec<String>,
    /// `HS256`, `RS256`, `ES256`, `EdDSA`: what its tokens may be signed with. A token's header has no say.
    pub algorithms: Vec<String>,
    /// A file with the secret that is shared with the issuer, for `HS256`.
    pub secret_file: Option<PathBuf>,
    /// A file with its public key in PEM, or a JSON Web Key or a set of them.
    pub key_file: Option<PathBuf>,
    /// Where it publishes its keys: `https`, or `http` on loopback.
    pub jwks_url: Option<String>,
    /// Authorities that sign the certificate of `jwks_url`, in PEM; else those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// How often the keys are fetched, in minutes.
    pub refresh_minutes: u32,
    /// How long keys are used after the last time that they could be fetched, in hours.
    pub keep_keys_hours: u32,
    /// How far the issuer's clock may be off, in seconds.
    pub leeway_seconds: u32,
    /// Whether its tokens may say in the claim `scope_claim` that they may see more than their own user's devices. Whoever can put that
    /// claim into a token sees everything.
    pub trust_scope: bool,
    /// The claim that says so.
    pub scope_claim: String,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            issuer: String::new(),
            audience: Vec::new(),
            algorithms: Vec::new(),
            secret_file: None,
            key_file: None,
            jwks_url: None,
            ca_file: None,
            refresh_minutes: 10,
            keep_keys_hours: 24,
            leeway_seconds: 30,
            trust_scope: false,
            scope_claim: "callcast".into(),
        }
    }
}

/// Access that cannot work.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Open and closed at once.
    #[error("`access.open` is true, but there are [[access.token]] or [[access.issuer]]: remove `open`, or all of them")]
    OpenWithTokens,
    /// A token that cannot be used.
    #[error("[[access.token]] {number} ({name}): {error}")]
    Token {
        /// Which, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        error: TokenError,
    },
    /// A running gateway would ask nobody for a token any more.
    #[error("[access] has neither tokens nor issuers any more, and everybody would see everything: restart callcast if that is meant")]
    WouldOpen,
    /// A running gateway asked nobody for a token.
    #[error("[access] has tokens now, and nobody had to show one until now: restart callcast")]
    WouldClose,
    /// An issuer that cannot be used.
    #[error("[[access.issuer]] {number} ({name}): {error}")]
    Issuer {
        /// Which, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        error: Box<IssuerError>,
    },
}

/// What is wrong with an API token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Nobody's.
    #[error("it has no `name`: what holds it, as \"crm\"")]
    NoName,
    /// Another has the same name or hash.
    #[error("`{0}` is that of another token: give each its own (`callcast token new` makes one)")]
    Twice(&'static str),
    /// Not a hash.
    #[error("`sha256` is not 64 hexadecimal digits; it is the hash of the token, not the token: `callcast token new` prints it")]
    Hash,
    /// Good for nothing.
    #[error("it may see nothing: give it `users`, `devices`, `lines`, `everything = true` or `admin = true`")]
    Nothing,
    /// A text that is empty matches nothing that there is.
    #[error("`{0}` has an empty text in it: remove it")]
    Empty(&'static str),
}

/// What is wrong with an issuer.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// Anybody's.
    #[error("it has no `issuer`: the `iss` of its tokens, as \"https://login.example.com/\"")]
    NoIssuer,
    /// Another has the same `iss`.
    #[error("`issuer` is that of another: put what both take into one table")]
    Twice,
    /// Tokens for others would be taken.
    #[error("it has no `audience`: without one, tokens that it made for any other service would be taken here")]
    NoAudience,
    /// None is pinned.
    #[error("it has no `algorithms`: name what its tokens are signed with, of {}", known())]
    NoAlgorithm,
    /// A name of nothing that is known.
    #[error("`algorithms` has {0:?}, which is none of {known}", known = known())]
    Algorithm(String),
    /// None or several.
    #[error("it has to have exactly one of `secret_file`, `key_file` and `jwks_url`")]
    KeySource,
    /// A secret is for one algorithm.
    #[error("`secret_file` is for `algorithms = [\"HS256\"]` and nothing else; public keys belong into `key_file` or `jwks_url`")]
    SecretForKeys,
    /// A public key is no secret.
    #[error("\"HS256\" needs a secret that the issuer and callcast share: `secret_file`. A public key is none")]
    KeyForSecret,
    /// Not to be fetched from.
    #[error("`jwks_url` is {0:?}: give an https URL without a name or password in it; http is for loopback addresses alone")]
    Url(String),
    /// A CA without TLS.
    #[error("`ca_file` is for a `jwks_url` with https")]
    CaWithoutTls,
    /// A number that has to be more than none.
    #[error("`{0}` has to be 1 or more")]
    Zero(&'static str),
    /// Expired tokens would live on.
    #[error("`leeway_seconds` is {0}; more than {LONGEST_LEEWAY} is no leeway: set the clocks")]
    Leeway(u32),
    /// A claim that means something else.
    #[error("`scope_claim` is {0:?}, which RFC 7519 gives another meaning, or nothing at all: give a name of your own, as \"callcast\"")]
    Claim(String),
    /// The keys in its files.
    #[error("{key}: {error}")]
    Keys {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong.
        error: KeyError,
    },
}

/// What can work but is unwise.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Warning {
    /// Tokens end up in logs.
    #[error("`access.token_in_url`: tokens in URLs end up in the logs of proxies and in the history of browsers; headers do not")]
    TokenInUrl,
    /// The issuer decides on everything.
    #[error("[[access.issuer]] {0}: `trust_scope` lets it give anybody everything, and admin rights, by the claim {1:?}")]
    TrustScope(String, String),
}

fn known() -> String {
    ALGORITHMS.map(|(name, _)| name).join(", ")
}

impl Config {
    /// What is valid but unwise. Files of keys are read when access is built, not here.
    ///
    /// # Errors
    /// Everything that cannot work.
    pub fn check(&self) -> Result<Vec<Warning>, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if self.open && self.is_configured() {
            errors.push(ConfigError::OpenWithTokens);
        }
        for ((index, token), number) in self.tokens.iter().enumerate().zip(1..) {
            let before = self.tokens.get(..index).unwrap_or_default();
            let wrong = token.check(before);
            errors.extend(wrong.into_iter().map(|error| ConfigError::Token { number, name: token.name.clone(), error }));
        }
        for ((index, issuer), number) in self.issuers.iter().enumerate().zip(1..) {
            let mut wrong = issuer.check();
            if self.issuers.iter().take(index).any(|other| other.issuer == issuer.issuer) {
                wrong.push(IssuerError::Twice);
            }
            errors.extend(wrong.into_iter().map(|error| ConfigError::Issuer { number, name: issuer.name().into(), error: error.into() }));
        }
        if errors.is_empty() { Ok(self.warnings()) } else { Err(errors) }
    }

    /// Whether anybody is asked for a token.
    pub fn is_configured(&self) -> bool {
        !self.tokens.is_empty() || !self.issuers.is_empty()
    }

    fn warnings(&self) -> Vec<Warning> {
        let trusted = self.issuers.iter().filter(|issuer| issuer.trust_scope);
        let trusted = trusted.map(|issuer| Warning::TrustScope(issuer.name().into(), issuer.scope_claim.clone()));
        self.token_in_url.then_some(Warning::TokenInUrl).into_iter().chain(trusted).collect()
    }
}

impl TokenConfig {
    fn check(&self, before: &[Self]) -> Vec<TokenError> {
        let lists = [("users", &self.users), ("devices", &self.devices), ("lines", &self.lines)];
        let hash = tokens::parse(&self.sha256);
        let mut errors: Vec<TokenError> =
            lists.iter().filter(|(_, list)| list.iter().any(String::is_empty)).map(|(key, _)| TokenError::Empty(key)).collect();
        let mut require = |met: bool, error: TokenError| {
            if !met {
                errors.push(error);
            }
        };
        require(!self.name.is_empty(), TokenError::NoName);
        require(!before.iter().any(|other| other.name == self.name), TokenError::Twice("name"));
        require(hash.is_some(), TokenError::Hash);
        require(hash.is_none() || !before.iter().any(|other| tokens::parse(&other.sha256) == hash), TokenError::Twice("sha256"));
        require(self.everything || self.admin || lists.iter().any(|(_, list)| !list.is_empty()), TokenError::Nothing);
        errors
    }
}

impl IssuerConfig {
    /// What it is called.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { &self.issuer } else { &self.name }
    }

    /// The algorithms that are pinned. Unknown ones are left out; [`Config::check`] refuses them.
    pub(super) fn pinned(&self) -> Vec<Algorithm> {
        self.algorithms.iter().filter_map(|name| algorithm(name)).collect()
    }

    fn check(&self) -> Vec<IssuerError> {
        let mut errors: Vec<IssuerError> =
            self.algorithms.iter().filter(|name| algorithm(name).is_none()).map(|name| IssuerError::Algorithm(name.clone())).collect();
        let mut require = |met: bool, error: IssuerError| {
            if !met {
                errors.push(error);
            }
        };
        require(!self.issuer.is_empty(), IssuerError::NoIssuer);
        require(!self.audience.is_empty() && !self.audience.iter().any(String::is_empty), IssuerError::NoAudience);
        require(!self.algorithms.is_empty(), IssuerError::NoAlgorithm);
        let sources = [self.secret_file.is_some(), self.key_file.is_some(), self.jwks_url.is_some()];
        require(sources.iter().filter(|is_there| **is_there).count() == 1, IssuerError::KeySource);
        let pinned = self.pinned();
        if self.secret_file.is_some() {
            require(pinned.iter().all(|algorithm| *algorithm == Algorithm::HS256), IssuerError::SecretForKeys);
        } else {
            require(!pinned.contains(&Algorithm::HS256), IssuerError::KeyForSecret);
        }
        let url = self.jwks_url.as_deref().map(fetchable);
        if let (Some(None), Some(text)) = (&url, &self.jwks_url) {
            require(false, IssuerError::Url(text.clone()));
        }
        require(self.ca_file.is_none() || matches!(&url, Some(Some(url)) if url.scheme() == "https"), IssuerError::CaWithoutTls);
        require(self.refresh_minutes > 0, IssuerError::Zero("refresh_minutes"));
        require(self.keep_keys_hours > 0, IssuerError::Zero("keep_keys_hours"));
        require(self.leeway_seconds <= LONGEST_LEEWAY, IssuerError::Leeway(self.leeway_seconds));
        let taken = ["", "iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
        require(!taken.contains(&self.scope_claim.as_str()), IssuerError::Claim(self.scope_claim.clone()));
        errors
    }
}

fn algorithm(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

/// The URL, when keys may be fetched from it: who can change what comes from there can be anybody.
pub(super) fn fetchable(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(address).is_loopback(),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "[[token]]\nname = 'crm'\nsha256 = '0000000000000000000000000000000000000000000000000000000000000000'\n";
    const ISSUER: &str = "[[issuer]]\nissuer = 'https://login.example'\naudience = ['callcast']\n";

    fn parse(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    fn wrong(text: &str) -> String {
        parse(text).check().unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_right_is_right() {
        parse("").check().unwrap();
        parse(&format!("{TOKEN}users = ['bsmith']\n")).check().unwrap();
        for keys in [
            "algorithms = ['HS256']\nsecret_file = 'x'",
            "algorithms = ['RS256', 'ES256', 'EdDSA']\njwks_url = 'https://login.example/keys'\nca_file = 'x'",
            "algorithms = ['EdDSA']\nkey_file = 'x'",
            "algorithms = ['ES256']\njwks_url = 'http://[::1]:8000/keys'",
            "algorithms = ['ES256']\njwks_url = 'http://localhost/keys'",
        ] {
            assert_eq!(parse(&format!("{ISSUER}{keys}\n")).check().unwrap(), []);
        }
    }

    #[test]
    fn what_is_wrong_with_an_api_token_is_named() {
        let good = format!("{TOKEN}everything = true\n");
        for (text, expected) in [
            (TOKEN.to_owned(), "may see nothing"),
            (format!("{TOKEN}users = ['']\n"), "`users` has an empty text"),
            (good.replace("crm", ""), "no `name`"),
            (good.replace("00000000'", "'"), "not 64 hexadecimal digits"),
            (good.replace("00000000'", "0000000x'"), "not 64 hexadecimal digits"),
            (format!("{good}{good}"), "`name` is that of another"),
            (format!("{good}{}", good.replace("crm", "other")), "`sha256` is that of another"),
            (format!("open = true\n{good}"), "access.open"),
        ] {
            let wrong = wrong(&text);
            assert!(wrong.contains(expected), "{expected}: {wrong}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_issuer_is_named() {
        let good = format!("{ISSUER}algorithms = ['RS256']\njwks_url = 'https://login.example/keys'\n");
        let without = |line: &str| good.lines().filter(|known| !known.starts_with(line)).collect::<Vec<_>>().join("\n");
        let url = |url: &str| good.replace("https://login.example/keys", url);
        for (text, expected) in [
            (without("issuer"), "no `issuer`"),
            (without("audience"), "no `audience`"),
            (good.replace("['callcast']", "['']"), "no `audience`"),
            (without("algorithms"), "no `algorithms`"),
            (without("jwks_url"), "exactly one of"),
            (format!("{good}key_file = 'x'\n"), "exactly one of"),
            (format!("{}secret_file = 'x'\nkey_file = 'x'\n", without("jwks_url") + "\n"), "exactly one of"),
            (good.replace("RS256", "RS257"), "\"RS257\", which is none of HS256, RS256, ES256, EdDSA"),
            (good.replace("RS256", "none"), "\"none\""),
            (good.replace("RS256", "HS256"), "needs a secret"),
            (format!("{}secret_file = 'x'\n", without("jwks_url") + "\n"), "`secret_file` is for"),
            (url("http://login.example/keys"), "give an https URL"),
            (url("http://127.0.0.1.evil.example/keys"), "give an https URL"),
            (url("https://user:pw@login.example/keys"), "give an https URL"),
            (url("file:///etc/keys"), "give an https URL"),
            (format!("{}ca_file = 'x'\n", url("http://127.0.0.1/keys")), "`ca_file`"),
            (format!("{good}leeway_seconds = 3600\n"), "leeway_seconds"),
            (format!("{good}refresh_minutes = 0\n"), "refresh_minutes"),
            (format!("{good}scope_claim = 'sub'\n"), "scope_claim"),
            (format!("{good}{good}"), "`issuer` is that of another"),
        ] {
            let wrong = wrong(&text);
            assert!(wrong.contains(expected) && wrong.contains("[[access.issuer]]"), "{expected}: {wrong}");
        }
    }

    #[test]
    fn what_is_unwise_is_told() {
        let text = format!("token_in_url = true\n{ISSUER}algorithms = ['ES256']\nkey_file = 'x'\ntrust_scope = true\n");
        let warnings = parse(&text).check().unwrap();
        assert!(matches!(warnings.as_slice(), [Warning::TokenInUrl, Warning::TrustScope(..)]), "{warnings:?}");
    }
}
