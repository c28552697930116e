//! What the simulator logs.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ctiqbe::DecodeError;

/// Something worth a log line.
#[derive(Debug)]
pub(super) enum Occurrence<'a> {
    /// A client connected to a CTIManager.
    Connected { peer: SocketAddr },
    /// A client's connection ended.
    Disconnected { peer: SocketAddr },
    /// A client sent something that is not CTIQBE.
    NotCtiqbe { peer: SocketAddr, error: &'a DecodeError },
    /// A client does not read what it asked for.
    ClientTooSlow { waiting: usize, limit: usize },
    /// There are too many clients.
    TooManyClients { limit: usize },
    /// A client did not get through its TLS handshake.
    Handshake { peer: SocketAddr, error: &'a std::io::Error },
    /// A connection could not be accepted.
    Accept { error: &'a std::io::Error },
    /// A CTIManager goes down for a time.
    Down { address: SocketAddr, down: Duration },
    /// It is up again.
    Up { address: SocketAddr },
    /// A line of the script was not carried out.
    Script { line: usize, error: &'a super::control::CommandError },
    /// It cannot come up yet.
    StillDown { address: SocketAddr, error: &'a std::io::Error },
}

impl Occurrence<'_> {
    /// Writes the line.
    pub fn emit(&self) {
        match self {
            Self::Connected { peer } => tracing::info!(%peer, "client connected"),
            Self::Disconnected { peer } => tracing::info!(%peer, "client disconnected"),
            Self::NotCtiqbe { peer, error } => tracing::warn!(%peer, %error, "client dropped: it does not speak ctiqbe"),
            Self::ClientTooSlow { waiting, limit } => tracing::warn!(waiting, limit, "client dropped: it does not read its socket"),
            Self::TooManyClients { limit } => tracing::warn!(limit, "connection refused: too many clients"),
            Self::Handshake { peer, error } => tracing::warn!(%peer, %error, "tls handshake failed"),
            Self::Accept { error } => tracing::warn!(%error, "cannot accept a connection"),
            Self::Down { address, down } => tracing::info!(%address, ?down, "ctimanager goes down"),
            Self::Up { address } => tracing::info!(%address, "ctimanager is up again"),
            Self::Script { line, error } => tracing::warn!(line, %error, "a line of the script was not carried out"),
            Self::StillDown { address, error } => tracing::warn!(%address, %error, "ctimanager cannot listen yet"),
        }
    }
}
