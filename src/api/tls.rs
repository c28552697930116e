//! TLS on a listener: a certificate and its key, which may be changed while we run.
//!
//! The files are read again on a reload and when what is in them changes. What cannot be used leaves the old certificate where it was.
//! Connections that are open keep the certificate that they began with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::aws_lc_rs::digest::{SHA256, digest};
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::telemetry::{Metrics, Occurrence};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;
/// What is answered to somebody who does not speak TLS: in HTTP, because that is what most of them speak.
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 45\r\nconnection: close\r\n\r\n\
                        This port speaks TLS: use https:// or wss://\n";

/// The tables `[api.tls]` and `[admin.tls]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate and those between it and an authority, in PEM, its own first.
    pub certificate_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
}

/// A certificate that cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}` {path}: {source}; name a file that callcast may read", path = path.display())]
    Unreadable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("`certificate_file` {path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----): {fault}", path = path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What there is.
        fault: String,
    },
    /// There is no key in the file.
    #[error("`key_file` {path} holds no private key in PEM (-----BEGIN PRIVATE KEY-----, without a passphrase): {fault}", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What there is.
        fault: String,
    },
    /// They do not belong together, or are of a kind that is not understood.
    #[error(
        "the key in {key_file} is not that of the first certificate in {certificate_file}, or one of them cannot be used: {fault}; \
         the certificate of callcast itself has to come first, and both are to be of the same request",
        key_file = key_file.display(),
        certificate_file = certificate_file.display()
    )]
    Mismatch {
        /// The certificate's file.
        certificate_file: PathBuf,
        /// The key's file.
        key_file: PathBuf,
        /// What does not fit.
        fault: rustls::Error,
    },
}

impl TlsConfig {
    /// Whether the files are there and fit.
    ///
    /// # Errors
    /// When they are not or do not.
    pub fn check(&self) -> Result<(), TlsError> {
        self.files()?.server().map(drop)
    }

    fn files(&self) -> Result<Files<'_>, TlsError> {
        let read = |key: &'static str, path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Unreadable { key, path: path.to_owned(), source })
        };
        let certificates = read("certificate_file", &self.certificate_file)?;
        Ok(Files { config: self, certificates, key: read("key_file", &self.key_file)? })
    }
}

/// What the files hold.
struct Files<'c> {
    config: &'c TlsConfig,
    certificates: Vec<u8>,
    key: Vec<u8>,
}

impl Files<'_> {
    /// By which a change is known. The key itself is not kept.
    fn fingerprint(&self) -> Fingerprint {
        [&self.certificates, &self.key].map(|bytes| digest(&SHA256, bytes).as_ref().to_vec())
    }

    fn server(&self) -> Result<ServerConfig, TlsError> {
        let TlsConfig { certificate_file, key_file } = self.config;
        let no_certificate = |fault: String| TlsError::NoCertificate { path: certificate_file.clone(), fault };
        let chain = CertificateDer::pem_slice_iter(&self.certificates).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|fault| no_certificate(fault.to_string()))?;
        if chain.is_empty() {
            return Err(no_certificate("there is none".into()));
        }
        let no_key = |fault: rustls::pki_types::pem::Error| TlsError::NoKey { path: key_file.clone(), fault: fault.to_string() };
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(no_key)?;
        let mismatch = |fault| TlsError::Mismatch { certificate_file: certificate_file.clone(), key_file: key_file.clone(), fault };
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(mismatch)?.with_no_client_auth();
        // That the key is the certificate's is checked by this.
        let mut config = builder.with_single_cert(chain, key).map_err(mismatch)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

type Fingerprint = [Vec<u8>; 2];

/// The certificate that a listener shows.
#[derive(Debug)]
pub(super) struct Certificate {
    config: TlsConfig,
    server: ArcSwap<ServerConfig>,
    /// What was last looked at, so that a bad file is told of once.
    seen: Mutex<Option<Fingerprint>>,
    look: Notify,
}

impl Certificate {
    pub(super) fn load(config: &TlsConfig) -> Result<Arc<Self>, TlsError> {
        let files = config.files()?;
        let server = files.server()?;
        let seen = Mutex::new(Some(files.fingerprint()));
        Ok(Arc::new(Self { config: config.clone(), server: ArcSwap::from_pointee(server), seen, look: Notify::new() }))
    }

    /// Has [`Certificate::keep_fresh`] look at the files now.
    pub(super) fn look_soon(&self) {
        self.look.notify_one();
    }

    /// Looks at the files again and again.
    pub(super) async fn keep_fresh(self: Arc<Self>, metrics: &Metrics) {
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.look.notified() => {}
            }
            let this = Arc::clone(&self);
            // A file may be on another machine that does not answer.
            let Ok(looked) = tokio::task::spawn_blocking(move || this.look()).await else { continue };
            match looked {
                Ok(true) => metrics.emit(Occurrence::CertificateLoaded { path: &self.config.certificate_file }),
                Ok(false) => {}
                Err(error) => metrics.emit(Occurrence::CertificateRefused { error: &error }),
            }
        }
    }

    /// Takes what the files hold, when that is not what was last looked at. Whether there is a new certificate.
    fn look(&self) -> Result<bool, TlsError> {
        let files = self.config.files();
        let fingerprint = files.as_ref().ok().map(Files::fingerprint);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == fingerprint {
                return Ok(false);
            }
            *seen = fingerprint;
        }
        self.server.store(Arc::new(files?.server()?));
        Ok(true)
    }

    /// The server's side of a handshake. None when there is nobody to talk to: that is told to who does not speak TLS, and to nobody else.
    pub(super) async fn accept(&self, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first == [HANDSHAKE] => TlsAcceptor::from(self.server.load_full()).accept(stream).await.ok(),
            Ok(1) => {
                // A close with something unread would take the answer with it.
                let _ = stream.write_all(NO_TLS).await;
                let _ = stream.shutdown().await;
                let mut rest = [0; 1024];
                while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> TlsConfig {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let config = TlsConfig { certificate_file: folder.join(format!("{name}.pem")), key_file: folder.join(format!("{name}.key")) };
        std::fs::write(&config.certificate_file, made.cert.pem()).unwrap();
        std::fs::write(&config.key_file, made.signing_key.serialize_pem()).unwrap();
        config
    }

    #[test]
    fn the_answer_to_who_speaks_no_tls_is_as_long_as_it_says() {
        let answer = std::str::from_utf8(NO_TLS).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }

    #[test]
    fn files_that_do_not_fit_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (write(folder.path(), "first"), write(folder.path(), "second"));
        first.check().unwrap();
        let crossed = TlsConfig { key_file: second.key_file, ..first.clone() };
        assert!(matches!(crossed.check(), Err(TlsError::Mismatch { .. })));
        let swapped = TlsConfig { certificate_file: first.key_file.clone(), key_file: first.certificate_file.clone() };
        assert!(matches!(swapped.check(), Err(TlsError::NoCertificate { .. })));
        let no_key = TlsConfig { key_file: first.certificate_file.clone(), ..first.clone() };
        let error = no_key.check().unwrap_err().to_string();
        assert!(error.contains("first.pem") && error.contains("PRIVATE KEY"), "{error}");
        let missing = TlsConfig { key_file: "no/such.key".into(), ..first };
        assert!(missing.check().unwrap_err().to_string().contains("no/such.key"));
    }

    #[test]
    fn a_change_is_taken_once_and_a_bad_one_is_told_once_and_leaves_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let (config, other) = (write(folder.path(), "used"), write(folder.path(), "other"));
        let certificate = Certificate::load(&config).unwrap();
        let before = certificate.server.load_full();
        assert!(!certificate.look().unwrap());
        std::fs::copy(&other.certificate_file, &config.certificate_file).unwrap();
        assert!(matches!(certificate.look(), Err(TlsError::Mismatch { .. })));
        assert!(!certificate.look().unwrap());
        assert!(Arc::ptr_eq(&before, &certificate.server.load_full()));
        std::fs::copy(&other.key_file, &config.key_file).unwrap();
        assert!(certificate.look().unwrap());
        assert!(!Arc::ptr_eq(&before, &certificate.server.load_full()));
    }
}
