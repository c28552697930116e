//! Events for browsers and programs: WebSocket, text frames of JSON.
//!
//! Two subprotocols: `callcast.v1`, in which a client asks for what it wants (docs/websocket.md has the words), and `cloudevents.json`,
//! in which every frame is an event as it stands, and what is wanted is said by the query of the URL.
//!
//! A client that does not read falls behind alone: it catches up from the log, and is closed with code [`FELL_BEHIND`] when it takes too
//! long for that.

mod accepted;
mod client;
mod config;
mod frames;
pub(super) mod protocol;
pub(super) mod snapshot;

use std::sync::Arc;

use crate::access::{Access, Accounts};
use crate::gateway::Gateway;

pub use accepted::{Accepted, Protocol};
pub use client::serve;
pub use config::Config;

/// The subprotocol with operations.
pub const SUBPROTOCOL: &str = Protocol::CallcastV1.name();

/// The close code of a client that did not say who it is, or no longer.
pub const UNAUTHENTICATED: u16 = 4001;

/// The close code of a client that did not read what it subscribed to in time.
pub const FELL_BEHIND: u16 = 4008;

/// The close code of a client that sends too much.
pub const TOO_MANY_MESSAGES: u16 = 4029;

/// What the clients have in common.
#[derive(Debug)]
pub struct Edge {
    /// Where events come from.
    pub gateway: Arc<Gateway>,
    /// Limits.
    pub config: Config,
    /// Who may come in.
    pub access: Arc<Access>,
    /// How many clients each account has.
    pub accounts: Arc<Accounts>,
}

impl Edge {
    /// The same, with other rules of who may come in.
    pub fn with_access(&self, access: Arc<Access>) -> Self {
        Self { gateway: Arc::clone(&self.gateway), config: self.config.clone(), access, accounts: Arc::clone(&self.accounts) }
    }
}
