//! Who asks, and what they may see.

mod accounts;
mod scope;

use std::sync::Arc;

use thiserror::Error;

pub use accounts::{Accounts, Seat, TooMany};
pub use scope::Scope;

use crate::time::Timestamp;

/// Whoever holds a token that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose it is: the `sub` of a JWT, or the name of an API token. What limits per user count.
    pub account: Arc<str>,
    /// What it may see.
    pub scope: Arc<Scope>,
    /// Whether it may use the admin endpoints.
    pub admin: bool,
    /// When the token ends.
    pub expires: Option<Timestamp>,
}

impl Principal {
    /// Everybody, where no access is configured.
    pub fn anyone() -> Self {
        Self { account: "anyone".into(), scope: Arc::new(Scope::everything()), admin: false, expires: None }
    }
}

/// A token is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// Not known.
    #[error("the token is not known")]
    Unknown,
}

/// Decides on tokens.
#[derive(Debug)]
pub struct Access;

impl Access {
    /// Everybody sees everything.
    pub fn open() -> Self {
        Self
    }

    /// Whether a token is asked for.
    pub fn required(&self) -> bool {
        false
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn authenticate(&self, _token: &str, _now: Timestamp) -> Result<Principal, Denied> {
        Ok(Principal::anyone())
    }
}
