//! Who asks, and what they may see.

mod scope;

use std::sync::Arc;

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
