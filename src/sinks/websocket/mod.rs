//! Events for browsers and programs: WebSocket, text frames of JSON.
//!
//! Two subprotocols: `callcast.v1`, in which a client asks for what it wants (docs/websocket.md has the words), and `cloudevents.json`,
//! in which every frame is an event as it stands, and what is wanted is said by the query of the URL.
//!
//! A client that does not read falls behind alone: it catches up from the log, and is closed with code [`FELL_BEHIND`] when it takes too
//! long for that.

mod client;
mod config;
mod protocol;
mod snapshot;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::access::{Access, Accounts, Principal};
use crate::event::Filter;
use crate::gateway::Gateway;
use crate::journal::Cursor;
use crate::stream::Stream;

pub use client::serve;
pub use config::Config;

/// The subprotocol with operations.
pub const SUBPROTOCOL: &str = "callcast.v1";

/// The subprotocol of the CloudEvents WebSocket binding.
pub const CLOUDEVENTS: &str = "cloudevents.json";

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

/// How a client and we talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `callcast.v1`.
    Operations,
    /// `cloudevents.json`: events of this filter, after this one.
    CloudEvents(Box<(Filter, Option<Cursor>)>),
}

/// A client whose handshake is done.
#[derive(Debug)]
pub struct Accepted {
    /// Its connection.
    pub stream: Stream,
    /// What it sent behind the handshake.
    pub early: Vec<u8>,
    /// Where it is.
    pub peer: SocketAddr,
    /// How it talks.
    pub protocol: Protocol,
    /// Whose it is, if it said so.
    pub principal: Option<Principal>,
}
