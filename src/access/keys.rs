//! The keys of an issuer: a shared secret, a public key in PEM, or a set of JSON Web Keys (RFC 7517).
//!
//! A key belongs to one algorithm from the moment when it is read: what a token says of its algorithm can only pick among them. A shared
//! secret comes from a file of its own and from nowhere else, so that no public key is ever taken for one.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value as Json;
use thiserror::Error;

/// Bytes of a shared secret, at least: RFC 7518, section 3.2.
pub(super) const SHORTEST_SECRET: usize = 32;
/// Bytes of a file or an answer with keys, at most.
pub(super) const LARGEST: usize = 1024 * 1024;
/// Bytes of an RSA modulus, at least: 2048 bits.
const SHORTEST_RSA: usize = 256;

/// Keys that cannot be used. What is in them is never part of the text.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{path}: {source}; name a file that callcast may read", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is far too long.
    #[error("{path} is larger than 1 MiB: no keys are", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The secret can be guessed.
    #[error("{path} holds {length} bytes; a secret needs {SHORTEST_SECRET} at least, as `openssl rand -hex 32` makes them", path = path.display())]
    ShortSecret {
        /// The file.
        path: PathBuf,
        /// Its length without the end of the line.
        length: usize,
    },
    /// The file holds what has to stay with the issuer.
    #[error("{path} holds a private key; callcast checks signatures and needs the public one alone: `openssl pkey -pubout`", path = path.display())]
    Private {
        /// The file.
        path: PathBuf,
    },
    /// Neither PEM nor JSON of a key.
    #[error("{place} holds neither a public key in PEM (-----BEGIN PUBLIC KEY-----) nor a JSON Web Key or a set of them: {fault}")]
    NoKey {
        /// The file or URL.
        place: String,
        /// What is wrong with it.
        fault: String,
    },
    /// There are keys, but none that is any use.
    #[error("{place} holds {found} keys, none of them for {algorithms}, with 2048 bits or more where it is RSA, and not for encryption")]
    NoneUsable {
        /// The file or URL.
        place: String,
        /// How many.
        found: usize,
        /// The algorithms of the issuer.
        algorithms: String,
    },
    /// The URL did not answer as it should.
    #[error("{url}: {fault}")]
    Fetch {
        /// The URL.
        url: String,
        /// What went wrong, with the cure.
        fault: String,
    },
}

/// A key and the one algorithm that it is for.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    /// The `kid` of a JSON Web Key.
    id: Option<String>,
}

/// The keys of an issuer.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// It is one key without a name: a token may call it what it likes.
    nameless: bool,
}

impl KeySet {
    /// A shared secret from a file, without the end of its line.
    pub(super) fn secret(path: &Path) -> Result<Self, KeyError> {
        let bytes = read(path)?;
        let secret = bytes.trim_ascii_end();
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::ShortSecret { path: path.into(), length: secret.len() });
        }
        let key = Key { algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret), id: None };
        Ok(Self { keys: vec![key], nameless: true })
    }

    /// The public key or keys in a file.
    pub(super) fn file(path: &Path, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private { path: path.into() });
        }
        let place = path.display().to_string();
        if text.trim_start().starts_with('{') { Self::json(&bytes, &place, algorithms) } else { Self::pem(&text, place, algorithms) }
    }

    fn pem(text: &str, place: String, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        // A certificate would be searched for the first thing that looks like a key.
        if !text.contains("PUBLIC KEY-----") {
            return Err(KeyError::NoKey { place, fault: "there is no -----BEGIN PUBLIC KEY----- in it".into() });
        }
        let bytes = text.as_bytes();
        let read = [DecodingKey::from_rsa_pem(bytes), DecodingKey::from_ec_pem(bytes), DecodingKey::from_ed_pem(bytes)];
        let mut strong = read.into_iter().flatten().filter(|key| is_strong(key, key.family()));
        let key = strong.find_map(|key| Some(Key { algorithm: pinned(key.family(), algorithms)?, key, id: None }));
        match key {
            Some(key) => Ok(Self { keys: vec![key], nameless: true }),
            None => Err(KeyError::NoneUsable { place, found: 1, algorithms: names(algorithms) }),
        }
    }

    /// A JSON Web Key, or a set of them, from a place that errors are to name. Keys of other algorithms and for other uses are passed over,
    /// and so are shared secrets: what is published is none.
    pub(super) fn json(bytes: &[u8], place: &str, algorithms: &[Algorithm]) -> Result<Self, KeyError> {
        /// Keys that we cannot read may stand beside those that we can.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Document {
            Set { keys: Vec<Json> },
            One(Json),
        }
        let no_key = |fault: serde_json::Error| KeyError::NoKey { place: place.into(), fault: fault.to_string() };
        let given = match serde_json::from_slice(bytes).map_err(no_key)? {
            Document::Set { keys } => keys,
            Document::One(key) => vec![key],
        };
        let found = given.len();
        let keys: Vec<Key> = given.into_iter().filter_map(|key| usable(&serde_json::from_value(key).ok()?, algorithms)).collect();
        if keys.is_empty() {
            return Err(KeyError::NoneUsable { place: place.into(), found, algorithms: names(algorithms) });
        }
        Ok(Self { keys, nameless: false })
    }

    /// The key for a token: the one that it names. A token that names none gets the only one there is for its algorithm.
    pub(super) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Option<&Key> {
        let mut keys = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match id {
            Some(id) if !self.nameless => keys.find(|key| key.id.as_deref() == Some(id)),
            _ => keys.next().filter(|_| keys.next().is_none()),
        }
    }

    /// Their names, for the log.
    pub(super) fn ids(&self) -> String {
        self.keys.iter().map(|key| key.id.as_deref().unwrap_or("(no kid)")).collect::<Vec<_>>().join(", ")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { path: path.into(), source };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LARGEST { Err(KeyError::TooLong { path: path.into() }) } else { Ok(bytes) }
}

/// What a JSON Web Key is to us, when it is anything.
fn usable(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<Key> {
    let common = &jwk.common;
    let verifies = common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !verifies || common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let family = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => AlgorithmFamily::Ec,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => AlgorithmFamily::Ed,
        _ => return None,
    };
    let algorithm = pinned(family, algorithms)?;
    // A key without `alg` is for what the configuration pins for its kind.
    if common.key_algorithm.is_some_and(|own| Algorithm::try_from(own).ok() != Some(algorithm)) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok().filter(|key| is_strong(key, family))?;
    Some(Key { algorithm, key, id: common.key_id.clone() })
}

/// The algorithm of an issuer that keys of this kind are for.
fn pinned(family: AlgorithmFamily, algorithms: &[Algorithm]) -> Option<Algorithm> {
    algorithms.iter().copied().find(|algorithm| algorithm.family() == family)
}

/// Whether it has the length that it has to have.
fn is_strong(key: &DecodingKey, family: AlgorithmFamily) -> bool {
    use jsonwebtoken::DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
    match (key.kind(), family) {
        (RsaModulusExponent { n, .. }, AlgorithmFamily::Rsa) => n.len() >= SHORTEST_RSA,
        // The modulus is inside of a DER sequence.
        (SecretOrDer(der), AlgorithmFamily::Rsa) => der.len() > SHORTEST_RSA,
        // An uncompressed point of P-256; both halves of a shorter or longer one have another length.
        (SecretOrDer(point), AlgorithmFamily::Ec) => point.len() == 65,
        (SecretOrDer(point), AlgorithmFamily::Ed) => point.len() == 32,
        _ => false,
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect::<Vec<_>>().join(", ")
}
