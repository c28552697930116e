//! API tokens: random, shown once, kept as a hash.
//!
//! A token has 256 random bits, so that a plain SHA-256 of it tells nothing: a slow hash is for what people make up and others can guess.
//!
//! Looking a token up takes as long for a wrong one as for a right one, as far as anybody outside can tell. The table's key is the
//! token's hash under a key that this process made up when it started, so that nobody knows in which bucket a guess ends; and what is
//! found is compared with the configured hash in constant time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{constant_time, digest, hmac, rand};
use thiserror::Error;

use super::config::TokenConfig;
use super::{Principal, Revocation, Scope};
use crate::ctiqbe::json::{from_hex, to_hex};

/// What tokens begin with, so that tools that look for leaked secrets know them.
const PREFIX: &str = "callcast_";
/// Bytes of randomness in a token.
const RANDOM: usize = 32;

/// A SHA-256.
pub(super) type Hash = [u8; 32];

/// The machine has no randomness to give.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the operating system gave no random bytes, and without them no token can be made")]
pub struct NoRandom;

/// A token that was just made. `Debug` does not show it.
pub struct NewToken(String);

impl NewToken {
    /// Makes one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random() -> Result<Self, NoRandom> {
        let mut bytes = [0; RANDOM];
        rand::fill(&mut bytes).map_err(|_| NoRandom)?;
        Ok(Self(format!("{PREFIX}{}", to_hex(&bytes))))
    }

    /// The token itself, for whoever is to use it and for nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the configuration keeps of it.
    pub fn sha256(&self) -> String {
        to_hex(&hash(&self.0))
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewToken(not shown)")
    }
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    // The digest of SHA-256 has the length of a hash.
    hash.iter_mut().zip(digest::digest(&digest::SHA256, token.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// A hash from its 64 hexadecimal digits.
pub(super) fn parse(sha256: &str) -> Option<Hash> {
    from_hex(sha256)?.try_into().ok()
}

/// The tokens of the configuration.
pub(super) struct Tokens {
    secret: hmac::Key,
    by_key: HashMap<Vec<u8>, (Hash, Principal)>,
}

impl Tokens {
    /// Those of the configuration, which was checked.
    pub(super) fn new(tokens: &[TokenConfig]) -> Self {
        let mut secret = [0; RANDOM];
        // Without randomness the comparison in constant time still holds.
        let _ = rand::fill(&mut secret);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let known = tokens.iter().filter_map(|token| Some((parse(&token.sha256)?, principal(token))));
        let by_key = known.map(|(hash, principal)| (key(&secret, &hash), (hash, principal))).collect();
        Self { secret, by_key }
    }

    /// Those of another configuration, which was checked. What it does not have, or has for something else, is revoked; how many those are.
    pub(super) fn renewed(&self, tokens: &[TokenConfig]) -> (Self, usize) {
        let mut renewed = Self::new(tokens);
        let mut revoked = 0;
        for (hash, principal) in self.by_key.values() {
            match renewed.by_key.get_mut(&key(&renewed.secret, hash)) {
                Some((_, same)) if same == principal => *same = principal.clone(),
                _ => {
                    principal.revocation.revoke();
                    revoked += 1;
                }
            }
        }
        (renewed, revoked)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Whose token it is.
    pub(super) fn find(&self, token: &str) -> Option<Principal> {
        let hash = hash(token);
        let (known, principal) = self.by_key.get(&key(&self.secret, &hash))?;
        constant_time::verify_slices_are_equal(known, &hash).ok()?;
        Some(principal.clone())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({} of them)", self.by_key.len())
    }
}

fn key(secret: &hmac::Key, hash: &Hash) -> Vec<u8> {
    hmac::sign(secret, hash).as_ref().to_vec()
}

fn principal(token: &TokenConfig) -> Principal {
    let boxed = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    let scope =
        Scope { everything: token.everything, users: boxed(&token.users), devices: boxed(&token.devices), lines: boxed(&token.lines) };
    Principal {
        account: Arc::from(token.name.as_str()),
        scope: Arc::new(scope),
        admin: token.admin,
        expires: None,
        revocation: Revocation::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash_alone() {
        let (made, other) = (NewToken::random().unwrap(), NewToken::random().unwrap());
        let config =
            TokenConfig { name: "crm".into(), sha256: made.sha256().to_uppercase(), users: vec!["u".into()], ..TokenConfig::default() };
        let tokens = Tokens::new(&[config]);
        let found = tokens.find(made.reveal()).unwrap();
        assert_eq!((&*found.account, &*found.scope, found.admin), ("crm", &Scope::of_user("u"), false));
        for wrong in [other.reveal(), "", &made.sha256(), &made.reveal()[1..], &format!("{} ", made.reveal())] {
            assert_eq!(tokens.find(wrong), None);
        }
    }

    #[test]
    fn whoever_holds_a_token_that_is_no_longer_configured_or_for_something_else_is_told() {
        let (stays, changes, goes) = (NewToken::random().unwrap(), NewToken::random().unwrap(), NewToken::random().unwrap());
        let of = |token: &NewToken, user: &str| TokenConfig { sha256: token.sha256(), users: vec![user.into()], ..TokenConfig::default() };
        let tokens = Tokens::new(&[of(&stays, "a"), of(&changes, "b"), of(&goes, "c")]);
        let held = [&stays, &changes, &goes].map(|token| tokens.find(token.reveal()).unwrap());
        let (renewed, revoked) = tokens.renewed(&[of(&stays, "a"), of(&changes, "c")]);
        assert_eq!(held.each_ref().map(|principal| principal.revocation.is_revoked()), [false, true, true]);
        assert_eq!((revoked, renewed.len()), (2, 2));
        renewed.renewed(&[]);
        assert!(held[0].revocation.is_revoked(), "a token that stayed once can go later");
    }

    #[test]
    fn a_token_has_256_random_bits_and_does_not_show_when_it_is_printed() {
        let made = NewToken::random().unwrap();
        assert_eq!(made.reveal().strip_prefix(PREFIX).unwrap().len(), 64);
        assert!(!format!("{made:?}").contains(&made.reveal()[PREFIX.len()..]));
    }
}
