//! Issuers that are made up for a test: their keys, and the tokens that they sign.

use std::path::{Path, PathBuf};

use callcast::access::{IssuerConfig, NewToken, TokenConfig};
use callcast::time::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value as Json, json};

/// The issuer's name in tokens.
pub const ISSUER: &str = "https://login.example.com/";
/// What it calls callcast.
pub const AUDIENCE: &str = "callcast";

/// Somebody who signs tokens.
pub struct Signer {
    pub algorithm: Algorithm,
    pub key: EncodingKey,
    /// The public key in PEM, or the shared secret.
    pub public: String,
}

impl Signer {
    pub fn new(algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::HS256 => {
                let public = "a secret of 32 bytes or more, which this is".to_owned();
                return Self { algorithm, key: EncodingKey::from_secret(public.as_bytes()), public };
            }
            Algorithm::RS256 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Algorithm::ES256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            _ => KeyPair::generate_for(&PKCS_ED25519),
        };
        let pair = pair.unwrap();
        let pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_ed_pem(pem.as_bytes()),
        };
        Self { algorithm, key: key.unwrap(), public: pair.public_key_pem() }
    }

    /// Its public key as a JSON Web Key with a name.
    pub fn jwk(&self, id: &str) -> Json {
        let public = self.public.as_bytes();
        let key = match self.algorithm {
            Algorithm::RS256 => DecodingKey::from_rsa_pem(public),
            Algorithm::ES256 => DecodingKey::from_ec_pem(public),
            _ => DecodingKey::from_ed_pem(public),
        };
        let jwk = Jwk::from_decoding_key(&key.unwrap(), Some(self.algorithm)).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = id.into();
        jwk
    }

    /// A table of the configuration that knows its key from a file.
    pub fn configured(&self, folder: &Path) -> IssuerConfig {
        let path = folder.join(format!("{:?}.key", self.algorithm));
        std::fs::write(&path, format!("{}\n", self.public)).unwrap();
        let (secret_file, key_file) = if self.algorithm == Algorithm::HS256 { (Some(path), None) } else { (None, Some(path)) };
        IssuerConfig { secret_file, key_file, ..issuer(self.algorithm) }
    }

    pub fn sign(&self, claims: &Json) -> String {
        self.sign_as(&Header::new(self.algorithm), claims)
    }

    pub fn sign_named(&self, id: &str, claims: &Json) -> String {
        self.sign_as(&Header { kid: Some(id.into()), ..Header::new(self.algorithm) }, claims)
    }

    pub fn sign_as(&self, header: &Header, claims: &Json) -> String {
        encode(header, claims, &self.key).unwrap()
    }
}

/// An issuer without keys.
pub fn issuer(algorithm: Algorithm) -> IssuerConfig {
    IssuerConfig {
        issuer: ISSUER.into(),
        audience: vec![AUDIENCE.into()],
        algorithms: vec![format!("{algorithm:?}")],
        ..IssuerConfig::default()
    }
}

/// Claims of a token of a user that is good for an hour.
pub fn claims(user: &str) -> Json {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "exp": now_seconds() + 3600})
}

/// Claims with one of them changed; null takes it away.
pub fn changed(user: &str, name: &str, value: Json) -> Json {
    let mut claims = claims(user);
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

pub fn now_seconds() -> u64 {
    Timestamp::now().0 / 1_000_000
}

/// An API token, and the table that knows it.
pub fn api_token(name: &str, change: impl FnOnce(&mut TokenConfig)) -> (String, TokenConfig) {
    let token = NewToken::random().unwrap();
    let mut config = TokenConfig { name: name.into(), sha256: token.sha256(), ..TokenConfig::default() };
    change(&mut config);
    (token.reveal().to_owned(), config)
}

/// A certificate for localhost and 127.0.0.1 with its key, in files.
pub fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}
