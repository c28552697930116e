//! Signatures by the Standard Webhooks specification 1.0: over the id, the time and the body, with a point between them.
//!
//! `v1` is HMAC-SHA256 with a shared secret (`whsec_…`), `v1a` Ed25519 with a private key (`whsk_…`). Every secret gives a signature, so that
//! a receiver may know the old one or the new one while they are exchanged.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::PlanError;
use crate::sinks::webhook::Secret;
use crate::sinks::webhook::config::SigningConfig;

/// What signs an endpoint's requests.
#[derive(Default)]
pub struct Signer {
    shared: Vec<hmac::Key>,
    pairs: Vec<Ed25519KeyPair>,
}

impl Signer {
    /// A signer with all secrets of the configuration. What is wrong with it is added to `problems`.
    pub fn new(config: &SigningConfig, problems: &mut Vec<PlanError>) -> Self {
        let mut signer = Self::default();
        for (at, secret) in config.secrets.iter().enumerate() {
            match decode(secret, "secrets", at, "whsec_").and_then(|(place, bytes)| shared(place, &bytes)) {
                Ok(key) => signer.shared.push(key),
                Err(problem) => problems.push(problem),
            }
        }
        for (at, secret) in config.ed25519.iter().enumerate() {
            match decode(secret, "ed25519", at, "whsk_").and_then(|(place, bytes)| pair(place, &bytes)) {
                Ok(pair) => signer.pairs.push(pair),
                Err(problem) => problems.push(problem),
            }
        }
        signer
    }

    /// Whether there is anything to sign with.
    pub fn signs(&self) -> bool {
        !self.shared.is_empty() || !self.pairs.is_empty()
    }

    /// The value of `webhook-signature` for a body behind a head, `<id>.<seconds>.`; none when there is nothing to sign with, and empty when
    /// no key made a signature.
    pub fn sign(&self, head: &[u8], body: &[u8]) -> Option<String> {
        if !self.signs() {
            return None;
        }
        let mut value = String::with_capacity(48 * self.shared.len() + 93 * self.pairs.len());
        for key in &self.shared {
            let mut context = hmac::Context::with_key(key);
            context.update(head);
            context.update(body);
            push(&mut value, "v1,", context.sign().as_ref());
        }
        if !self.pairs.is_empty() {
            let message = [head, body].concat();
            for pair in &self.pairs {
                // It fails only when the library has no memory left; a receiver then misses this one signature.
                if let Ok(signature) = pair.try_sign(&message) {
                    push(&mut value, "v1a,", signature.as_ref());
                }
            }
        }
        Some(value)
    }

    /// What receivers check `v1a` with: `whpk_…`, in the order of the private keys.
    pub fn public_keys(&self) -> Vec<String> {
        self.pairs.iter().map(|pair| format!("whpk_{}", BASE64.encode(pair.public_key()))).collect()
    }
}

fn push(value: &mut String, version: &str, signature: &[u8]) {
    if !value.is_empty() {
        value.push(' ');
    }
    value.push_str(version);
    BASE64.encode_string(signature, value);
}

fn decode(secret: &Secret, list: &str, at: usize, prefix: &'static str) -> Result<(String, Vec<u8>), PlanError> {
    let place = format!("signing.{list}[{at}]");
    let text = match secret.read() {
        Ok(text) => text,
        Err(source) => return Err(PlanError::Secret { place, source }),
    };
    let Some(text) = text.strip_prefix(prefix) else {
        let problem = if prefix == "whsec_" {
            "it has to begin with whsec_; `echo whsec_$(openssl rand -base64 32)` makes one"
        } else {
            "it has to begin with whsk_, followed by an Ed25519 private key in Base64"
        };
        return Err(PlanError::Key { place, problem });
    };
    match BASE64.decode(text) {
        Ok(bytes) => Ok((place, bytes)),
        Err(_) => Err(PlanError::Key { place, problem: "what follows its prefix is not Base64 (A-Z, a-z, 0-9, + and /, with padding)" }),
    }
}

fn shared(place: String, bytes: &[u8]) -> Result<hmac::Key, PlanError> {
    if (24..=64).contains(&bytes.len()) {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    } else {
        Err(PlanError::Key { place, problem: "it has to be of 24 to 64 bytes, in Base64 32 to 88 characters after whsec_" })
    }
}

/// A key is a seed of 32 bytes; many tools write the public key behind it.
fn pair(place: String, bytes: &[u8]) -> Result<Ed25519KeyPair, PlanError> {
    let pair = match bytes.split_at_checked(32) {
        Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
        Some((seed, public)) if public.len() == 32 => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        _ => return Err(PlanError::Key { place, problem: "it has to be of 32 bytes, or of 64 with the public key behind them" }),
    };
    pair.map_err(|_| PlanError::Key { place, problem: "its second half is not the public key of its first" })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    fn signer(shared: &[&str], pairs: &[&str]) -> Result<Signer, Vec<String>> {
        let secrets = |texts: &[&str]| texts.iter().map(|text| Secret::from(*text)).collect();
        let mut problems = Vec::new();
        let signer = Signer::new(&SigningConfig { secrets: secrets(shared), ed25519: secrets(pairs) }, &mut problems);
        if problems.is_empty() { Ok(signer) } else { Err(problems.iter().map(ToString::to_string).collect()) }
    }

    fn refused(shared: &[&str], pairs: &[&str]) -> String {
        signer(shared, pairs).err().unwrap().join("; ")
    }

    /// RFC 8032, section 7.1, test 2.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_shared_secret_signs_as_the_specification_does() {
        let signer = signer(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], &[]).unwrap();
        let value = signer.sign(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.", br#"{"test": 2432232314}"#);
        assert_eq!(value.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_private_key_is_taken_with_and_without_the_public_key_behind_it() {
        let alone = format!("whsk_{}", BASE64.encode(bytes(SEED)));
        let both = format!("whsk_{}", BASE64.encode(bytes(&format!("{SEED}{PUBLIC}"))));
        let signer = signer(&[], &[&alone, &both]).unwrap();
        let public = format!("whpk_{}", BASE64.encode(bytes(PUBLIC)));
        assert_eq!(signer.public_keys(), [public.clone(), public]);
        let value = signer.sign(b"1-2.3.", b"body").unwrap();
        let signatures: Vec<&str> = value.split(' ').collect();
        assert_eq!(signatures[0], signatures[1]);
        let signature = BASE64.decode(signatures[0].strip_prefix("v1a,").unwrap()).unwrap();
        UnparsedPublicKey::new(&ED25519, bytes(PUBLIC)).verify(b"1-2.3.body", &signature).unwrap();
    }

    #[test]
    fn every_secret_gives_a_signature() {
        let key = format!("whsk_{}", BASE64.encode([7; 32]));
        let signer =
            signer(&[&format!("whsec_{}", BASE64.encode([1; 24])), &format!("whsec_{}", BASE64.encode([2; 64]))], &[&key]).unwrap();
        let value = signer.sign(b"1-2.3.", b"").unwrap();
        assert_eq!(value.split(' ').map(|one| one.split_once(',').unwrap().0).collect::<Vec<_>>(), ["v1", "v1", "v1a"]);
    }

    #[test]
    fn without_a_secret_nothing_is_signed() {
        assert!(signer(&[], &[]).unwrap().sign(b"1-2.3.", b"").is_none());
    }

    #[test]
    fn a_secret_of_the_wrong_form_is_refused_by_its_place_and_not_shown() {
        assert!(refused(&["hunter2hunter2"], &[]).starts_with("signing.secrets[0]: it has to begin with whsec_"));
        assert!(refused(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ"], &[]).contains("secrets[1]: it has to be of 24 to 64"));
        assert!(refused(&["whsec_!"], &[]).contains("not Base64"));
        assert!(refused(&[], &["whsk_MfKQ"]).contains("ed25519[0]: it has to be of 32"));
        let wrong = format!("whsk_{}", BASE64.encode([7; 64]));
        assert!(refused(&[], &[&wrong]).contains("public key"));
        assert!(!refused(&["hunter2hunter2"], &[]).contains("hunter2"));
    }
}
