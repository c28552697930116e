//! A client whose handshake is done, as the HTTP server hands it over.

use std::net::SocketAddr;

use crate::access::{Principal, Seat};
use crate::stream::Stream;

/// What is spoken on a socket, by the subprotocol that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Operations and events as JSON: [`crate::sinks::websocket`].
    CallcastV1,
    /// Bare CloudEvents, one a frame, of what the URL asks for; the client says nothing.
    CloudEvents,
}

impl Protocol {
    /// All that there are.
    pub const ALL: [Self; 2] = [Self::CallcastV1, Self::CloudEvents];

    /// The name of the subprotocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallcastV1 => "callcast.v1",
            Self::CloudEvents => "cloudevents.json",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Whether a client may say anything in it, as its token.
    pub fn has_messages(self) -> bool {
        self == Self::CallcastV1
    }
}

/// A client whose handshake is done.
#[derive(Debug)]
pub struct Accepted {
    /// Its connection.
    pub stream: Stream,
    /// What it sent behind the handshake.
    pub early: Vec<u8>,
    /// Its address.
    pub peer: SocketAddr,
    /// What it speaks.
    pub protocol: Protocol,
    /// Who it is; none when it has to say so in its first message. Boxed, because the client's task keeps room for it as long as it lives.
    pub principal: Option<Box<Principal>>,
    /// Its place among the connections of its account. Without a principal, and where no access is configured, there is none.
    pub seat: Option<Seat>,
    /// The query of its URL, without a token.
    pub query: Option<String>,
}
