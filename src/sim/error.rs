//! What can keep a simulated cluster from starting.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why a simulated cluster cannot start, or run on.
#[derive(Debug, Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another simulator running there, or the address not one of this machine?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no CTIManager to run.
    #[error("no address to listen on: give --listen at least once")]
    NoManager,
    /// More TLS addresses than CTIManagers.
    #[error("--tls-listen is given {tls} times and --listen {plain}: each belongs to the --listen at the same place")]
    TlsAddresses {
        /// How many `--tls-listen` there are.
        tls: usize,
        /// How many `--listen` there are.
        plain: usize,
    },
    /// The key cannot be made or read.
    #[error("cannot make the cluster's certificate: {0}; a key that is given must be RSA, PKCS#8 in PEM")]
    Key(rcgen::Error),
    /// The key cannot decrypt.
    #[error("the cluster's key cannot decrypt logins: it must be RSA of 2048 bits or more")]
    KeyUse,
    /// TLS does not take the certificate.
    #[error("cannot offer TLS: {0}")]
    Tls(rustls::Error),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A flow file is not one.
    #[error("{}:{}: {}; this is read as a flow file, because a recorded session begins with `{{`", path.display(), error.line, error.fault)]
    Flow {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: super::flow::FlowError,
    },
    /// A line of a recording is not one.
    #[error("{}:{line}: {what}; a recording has a JSON object with dir, message and hex on each line", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A line of a script is not one.
    #[error("{}:{line}: {what}; a line of a script is SECONDS COMMAND, or a comment that begins with #", path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The shares of features are more than all calls.
    #[error(
        "the shares of --transferred, --blind, --conference, --parked, --picked-up, --forwarded and --hunted add up to {0:.2}: at most 1"
    )]
    Shares(f64),
    /// The signals that end the process cannot be had.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

impl Error {
    /// Whether the call, or a file that it names, is wrong: trying it again changes nothing.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::NoManager
            | Self::TlsAddresses { .. }
            | Self::Flow { .. }
            | Self::Recording { .. }
            | Self::Script { .. }
            | Self::Shares(_) => true,
            Self::Listen { .. } | Self::Key(_) | Self::KeyUse | Self::Tls(_) | Self::File { .. } | Self::Signals(_) => false,
        }
    }
}
