//! A connection to a CTIManager: TCP, and TLS over it where that is configured.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::manager::ManagerAddress;
use super::tls;

/// A connection, in the clear or not.
pub type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The name means nothing.
    #[error("no such host: {address} ({source}); correct `managers`, or the name service of this machine")]
    NoSuchHost {
        /// Host and port.
        address: String,
        /// What the name service said.
        source: io::Error,
    },
    /// Nobody listens.
    #[error(
        "{address} refused the connection; is the service Cisco CTIManager started there \
         (Cisco Unified Serviceability > Tools > Control Center - Feature Services), and is the port right (2748, or 2749 with TLS)?"
    )]
    Refused {
        /// Host and port.
        address: String,
    },
    /// Nobody answers.
    #[error("{address} did not answer within {seconds} s; is the host up, and does a firewall let port 2748 (TLS: 2749) through?")]
    Timeout {
        /// Host and port.
        address: String,
        /// `timeouts.connect`, in seconds.
        seconds: u64,
    },
    /// Another fault of the network.
    #[error("no connection to {address}: {source}")]
    Network {
        /// Host and port.
        address: String,
        /// What it was.
        source: io::Error,
    },
    /// No TLS.
    #[error("no TLS with {address}: {fault}")]
    Tls {
        /// Host and port.
        address: String,
        /// What was wrong, and what to do about it.
        fault: String,
    },
}

/// Connects within `timeout`, TLS included.
///
/// # Errors
/// When that is not possible; says what to do about it.
pub async fn connect(
    manager: &ManagerAddress,
    tls: Option<&Arc<ClientConfig>>,
    server_name: Option<&str>,
    timeout: Duration,
) -> Result<Stream, ConnectError> {
    let late = |_| ConnectError::Timeout { address: manager.to_string(), seconds: timeout.as_secs() };
    tokio::time::timeout(timeout, connect_at_leisure(manager, tls, server_name)).await.map_err(late)?
}

async fn connect_at_leisure(
    manager: &ManagerAddress,
    tls: Option<&Arc<ClientConfig>>,
    server_name: Option<&str>,
) -> Result<Stream, ConnectError> {
    let address = || manager.to_string();
    let unknown = |source| ConnectError::NoSuchHost { address: address(), source };
    let addresses: Vec<_> = tokio::net::lookup_host((manager.host.as_str(), manager.port)).await.map_err(unknown)?.collect();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused { address: address() },
        _ => ConnectError::Network { address: address(), source },
    };
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let Some(config) = tls else { return Ok(Either::Left(stream)) };
    let name = server_name.unwrap_or(&manager.host);
    let invalid = |_| ConnectError::Tls {
        address: address(),
        fault: format!("{name:?} is neither a host name nor an IP address; set `tls.server_name`"),
    };
    let name = ServerName::try_from(name.to_owned()).map_err(invalid)?;
    let refused = |error: io::Error| ConnectError::Tls { address: address(), fault: tls::explain(&error) };
    TlsConnector::from(config.clone()).connect(name, stream).await.map(Either::Right).map_err(refused)
}
