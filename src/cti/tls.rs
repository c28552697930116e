//! TLS towards CTIManager: authorities, our certificate, and pins for certificates that no authority signed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use thiserror::Error;

use super::config::Tls;
use crate::pem;

/// A SHA-256 fingerprint of a certificate.
type Fingerprint = [u8; 32];

/// A fingerprint from 64 hexadecimal digits, with or without colons between them.
pub(super) fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    crate::ctiqbe::json::from_hex(&digits)?.try_into().ok()
}

fn fingerprint_of(certificate: &[u8]) -> Option<Fingerprint> {
    digest::digest(&digest::SHA256, certificate).as_ref().try_into().ok()
}

/// TLS that cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that is not there, or no PEM.
    #[error("`tls.{key}` {path}: {fault}", path = path.display())]
    File {
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The certificate and its key do not belong together, or the like.
    #[error("`tls`: {0}")]
    Setup(#[from] rustls::Error),
    /// The fingerprint is none.
    #[error("`tls.pinned_sha256` is not a SHA-256 fingerprint of 64 hexadecimal digits")]
    Fingerprint,
}

/// The client's side of TLS, as configured.
///
/// # Errors
/// When a file cannot be read, or what is in it cannot be used.
pub(super) fn client(tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let pin = match (&tls.pinned_certificate_file, &tls.pinned_sha256) {
        (Some(path), _) => {
            let chain = certificates("pinned_certificate_file", path)?;
            Some(chain.first().and_then(|c| fingerprint_of(c)).ok_or(TlsError::Fingerprint)?)
        }
        (None, Some(text)) => Some(fingerprint(text).ok_or(TlsError::Fingerprint)?),
        (None, None) => None,
    };
    let builder = match pin {
        Some(pin) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned { pin, provider })),
        None => {
            let mut roots = RootCertStore::empty();
            if let Some(path) = &tls.ca_file {
                for certificate in certificates("ca_file", path)? {
                    roots.add(certificate)?;
                }
            }
            builder.with_root_certificates(roots)
        }
    };
    let config = match (&tls.client_certificate_file, &tls.client_key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("client_certificate_file", certificate)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|fault| file("client_key_file", key, fault))?;
            builder.with_client_auth_cert(chain, private)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    pem::certificates(path).map_err(|fault| file(key, path, fault))
}

fn file(key: &'static str, path: &Path, fault: impl fmt::Display) -> TlsError {
    TlsError::File { key, path: path.to_owned(), fault: fault.to_string() }
}

/// Accepts exactly one certificate, whatever its names, dates and issuer; the peer has to have its key all the same.
#[derive(Debug)]
struct Pinned {
    pin: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if fingerprint_of(certificate) == Some(self.pin) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a TLS handshake failed, in words that name the cure.
pub(super) fn explain(error: &io::Error) -> String {
    let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return format!("{error}; is this the port of a CTIManager with TLS (2749), and does it accept our client certificate?");
    };
    match fault {
        rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => format!(
            "its certificate is for {names}, not for {expected}; set `tls.server_name` to one of its names, or pin the certificate",
            names = if presented.is_empty() { "no name at all".to_owned() } else { presented.join(", ") },
            expected = expected.to_str(),
        ),
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "its certificate is not the pinned one; if CTIManager's certificate was renewed, set the new one in \
             `tls.pinned_certificate_file` or `tls.pinned_sha256`"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate was not signed by an authority in `tls.ca_file`; \
             for a self-signed one set `tls.pinned_certificate_file` or `tls.pinned_sha256`"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(fault) => format!("its certificate is not accepted: {fault}"),
        rustls::Error::AlertReceived(alert) => format!(
            "it refused us ({alert:?}); CTIManager asks for a client certificate that the cluster knows: \
             `tls.client_certificate_file` and `tls.client_key_file`"
        ),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS; is this port 2749, and the cluster in mixed mode? In the clear it is port 2748 without the table `tls`"
                .to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_may_have_colons() {
        let colons = "AB:".repeat(31) + "ab";
        assert_eq!(fingerprint(&colons), Some([0xab; 32]));
        assert_eq!((fingerprint("abcd"), fingerprint("xy")), (None, None));
    }

    #[test]
    fn a_file_without_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "nothing").unwrap();
        let error = client(&Tls { ca_file: Some(path), ..Tls::default() }).unwrap_err().to_string();
        assert!(error.contains("`tls.ca_file`") && error.contains("ca.pem"), "{error}");
    }
}
