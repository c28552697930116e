//! What can be wrong with how an endpoint is to be reached.

use std::net::IpAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::sinks::webhook::SecretError;

/// A setting that cannot be used. No text holds a URL or a credential.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No URL.
    #[error(
        "`{key}` has to begin with `http://` or `https://`, a host and, if need be, a port, all written out: no template may be in these"
    )]
    Url {
        /// The key.
        key: &'static str,
    },
    /// A password in a URL.
    #[error("`{key}` has a user or password before its host: URLs show up in too many places; set `auth.basic`")]
    UserInUrl {
        /// The key.
        key: &'static str,
    },
    /// A URL that is nobody's business but cannot be read.
    #[error("`{key}` cannot be read: {source}")]
    Secret {
        /// The key.
        key: &'static str,
        /// Why not.
        source: SecretError,
    },
    /// An address that is not allowed.
    #[error("`{key}` leads to {address}, which is not allowed: {kind}; if that is meant, name its network in `network.allow`")]
    Forbidden {
        /// The key.
        key: &'static str,
        /// The address.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// Not a network.
    #[error("`network.allow` has {0:?}, which is no network; write it as 10.0.0.0/8, 192.168.1.7/32 or fd00::/8")]
    Network(String),
    /// Not a pin.
    #[error("`network.pins` has {0:?}, which is no pin: `sha256/` and the Base64 of 32 bytes, the hash of a SubjectPublicKeyInfo")]
    Pin(String),
    /// A file that is not there, or no PEM.
    #[error("`{key}` {path}: {fault}", path = path.display())]
    File {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// One of two that belong together.
    #[error("`{given}` is set, `{missing}` is not: a certificate and its key belong together")]
    Half {
        /// What is there.
        given: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// What belongs to TLS, without TLS.
    #[error("`{0}` is of no use to an endpoint of http: make its `url` one of https, or leave it out")]
    OnlyTls(&'static str),
    /// A key that is another certificate's.
    #[error("`network.key_file` is not the key of the first certificate in `network.certificate_file`, or one cannot be used: {0}")]
    Mismatch(rustls::Error),
    /// Nobody to trust.
    #[error("no authorities to check certificates by: {0}; install ca-certificates, or set `network.ca_file`")]
    Roots(String),
    /// TLS itself.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// A time out of bounds.
    #[error("`delivery.{key}` is {value}: it has to be more than 0 and at most 3600 seconds")]
    Time {
        /// The key.
        key: &'static str,
        /// What there is.
        value: f64,
    },
    /// Too many at once, or none.
    #[error("`delivery.in_flight` is {0}: it has to be from 1 to 256")]
    InFlight(usize),
    /// Several ways to say who we are.
    #[error("`auth` has {0}: only one of `basic`, `bearer` and `oauth2` can be used")]
    SeveralAuths(String),
    /// A user of Basic with a colon.
    #[error("`auth.basic.user` has a colon, which Basic cannot say: it is where the password begins")]
    Colon,
    /// What cannot be in a header.
    #[error("`{0}` has a character that no header may have: line breaks, control characters, or others than those of ASCII")]
    Unwritable(&'static str),
    /// Something that has to be there.
    #[error("`{0}` is empty")]
    Missing(&'static str),
}
