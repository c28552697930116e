//! What the HTTP server is told.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::tls::TlsConfig;
use crate::sinks::websocket;

/// The HTTP server's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Names by which browsers reach it, as `callcast.example.com`. When it listens on loopback, `localhost` and loopback addresses are
    /// always allowed and other names have to stand here. Elsewhere any name is allowed as long as none stands here.
    pub public_host_names: Vec<String>,
    /// Origins of other pages that may open the WebSocket, as `https://crm.example.com`. Its own page always may.
    pub allowed_origins: Vec<String>,
    /// HTTP connections at a time; a WebSocket no longer counts once it is open.
    pub max_connections: usize,
    /// Seconds in which a request's head has to be there.
    pub header_timeout_seconds: u32,
    /// Seconds that a stop waits for clients to be told and to leave.
    pub drain_seconds: u32,
    /// TLS on the listener; without this table it is in the clear.
    pub tls: Option<TlsConfig>,
    /// What the page offers.
    pub page: PageConfig,
    /// Limits on WebSocket clients.
    pub websocket: websocket::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            public_host_names: Vec::new(),
            allowed_origins: Vec::new(),
            max_connections: 1024,
            header_timeout_seconds: 10,
            drain_seconds: 5,
            tls: None,
            page: PageConfig::default(),
            websocket: websocket::Config::default(),
        }
    }
}

/// What the page offers; sent to it as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageConfig {
    /// What the screen-pop opens, until the user says otherwise: `{number}`, `{e164}`, `{name}`, `{call_id}` and `{dn}` are replaced.
    /// Empty for nothing.
    pub url_template: String,
    /// Schemes that a template may have beside `http` and `https`, as `tel` or a CRM client's own.
    pub url_schemes: Vec<String>,
}
