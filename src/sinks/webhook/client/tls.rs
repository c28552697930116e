//! TLS towards a receiver: whom we trust, which keys it may have, and our own certificate.

use std::io;
use std::sync::Arc;

use ::aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::answer;
use super::error::ClientError;
use crate::pem;
use crate::sinks::webhook::config::NetworkConfig;

/// The SHA-256 of a SubjectPublicKeyInfo.
type Pin = [u8; 32];

/// Our side of TLS, as configured, with HTTP/2 offered when that is wanted.
pub(super) fn client(network: &NetworkConfig) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let pins = network.pins.iter().map(|text| pin(text)).collect::<Result<Vec<_>, _>>()?;
    let roots = Arc::new(roots(network)?);
    let builder = if pins.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build();
        let usual = usual.map_err(|error| ClientError::Roots(error.to_string()))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned { usual, roots, pins, provider }))
    };
    let mut config = match (&network.certificate_file, &network.key_file) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let file = |key, path: &std::path::Path, fault| ClientError::File { key, path: path.to_owned(), fault };
            let chain = pem::certificates(certificate).map_err(|fault| file("network.certificate_file", certificate, fault))?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|fault| file("network.key_file", key, fault.to_string()))?;
            builder.with_client_auth_cert(chain, private).map_err(ClientError::Mismatch)?
        }
        (Some(_), None) => return Err(ClientError::Half { given: "network.certificate_file", missing: "network.key_file" }),
        (None, Some(_)) => return Err(ClientError::Half { given: "network.key_file", missing: "network.certificate_file" }),
    };
    config.alpn_protocols = if network.http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

/// Without HTTP/2, for what sends one request and goes.
pub(super) fn one_request(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn roots(network: &NetworkConfig) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &network.ca_file {
        let file = |fault| ClientError::File { key: "network.ca_file", path: path.clone(), fault };
        for certificate in pem::certificates(path).map_err(file)? {
            roots.add(certificate).map_err(|fault| file(fault.to_string()))?;
        }
        return Ok(roots);
    }
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let faults = found.errors.iter().map(|error| format!(": {error}")).collect::<String>();
        return Err(ClientError::Roots(format!("the operating system has none{faults}")));
    }
    Ok(roots)
}

/// `sha256/` and Base64, with or without padding.
fn pin(text: &str) -> Result<Pin, ClientError> {
    let bytes = text.strip_prefix("sha256/").and_then(|code| STANDARD.decode(code).or_else(|_| STANDARD_NO_PAD.decode(code)).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| ClientError::Pin(text.into()))
}

/// The usual verifier, and then one of the keys has to be in the chain that it accepted. What else the other side sends does not count.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn has(&self, key: &[u8]) -> bool {
        self.pins.iter().any(|pin| digest::digest(&digest::SHA256, key).as_ref() == pin)
    }

    fn has_one_of(&self, path: &VerifiedPath<'_>) -> bool {
        self.has(&path.end_entity().subject_public_key_info())
            || path.intermediate_certificates().any(|certificate| self.has(&certificate.subject_public_key_info()))
            || self.has(&sequence(&path.anchor().subject_public_key_info))
    }
}

/// An anchor keeps the inside of its key's SEQUENCE; the hash is of all of it.
fn sequence(inside: &[u8]) -> Vec<u8> {
    let length = inside.len();
    let mut all = vec![0x30];
    match length {
        0..0x80 => all.push(length as u8),
        0x80..0x100 => all.extend([0x81, length as u8]),
        _ => all.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    all.extend_from_slice(inside);
    all
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now)?;
        // The usual verifier does not say which chain it took: one with a pin in it is looked for.
        let pinned = |path: &VerifiedPath<'_>| self.has_one_of(path).then_some(()).ok_or(webpki::Error::UnknownIssuer);
        let algorithms = self.provider.signature_verification_algorithms.all;
        let found = EndEntityCert::try_from(certificate).and_then(|end| {
            let usage = KeyUsage::server_auth();
            end.verify_for_usage(algorithms, &self.roots.roots, intermediates, now, usage, None, Some(&pinned)).map(drop)
        });
        found.map(|()| verified).map_err(|_| CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether it was TLS that failed.
pub(super) fn is_of_tls(error: &io::Error) -> bool {
    fault(error).is_some()
}

fn fault(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Why TLS failed, in words that name the cure.
pub(super) fn explain(error: &io::Error) -> String {
    use rustls::Error as E;
    let Some(fault) = fault(error) else {
        return format!("it ended the TLS handshake ({error}); is this a port of HTTPS?");
    };
    match fault {
        E::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => format!(
            "its certificate is for {names}, not for {expected}",
            names = if presented.is_empty() { "no name at all".to_owned() } else { answer::cut(&presented.join(", ")) },
            expected = expected.to_str(),
        ),
        E::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "none of the keys in its chain is one of `network.pins`; if its key was changed, add the pin of the new one".to_owned()
        }
        // The other is an authority with the name of ours and another key.
        E::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate was not signed by an authority that we trust; name that authority in `network.ca_file`".to_owned()
        }
        E::InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::Expired) => {
            "its certificate has expired; have it renewed".to_owned()
        }
        E::InvalidCertificate(fault) => format!("its certificate is not accepted: {}", answer::cut(&fault.to_string())),
        E::AlertReceived(alert) => format!(
            "it refused us ({alert:?}); if it asks for a certificate of ours, set `network.certificate_file` and `network.key_file`"
        ),
        E::InvalidMessage(_) => "it does not speak TLS; is this a port of HTTPS?".to_owned(),
        other => format!("TLS failed: {}", answer::cut(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_may_lack_its_padding() {
        let padded = format!("sha256/{}", STANDARD.encode([7; 32]));
        assert_eq!(pin(&padded).unwrap(), [7; 32]);
        assert_eq!(pin(padded.trim_end_matches('=')).unwrap(), [7; 32]);
        for wrong in ["", "sha256/", "sha256/AAAA", "sha1/AAAA", "sha256//////"] {
            assert!(pin(wrong).unwrap_err().to_string().contains("no pin"), "{wrong}");
        }
    }

    #[test]
    fn of_the_names_in_a_certificate_not_all_are_told() {
        let expected = ServerName::try_from("crm.example").unwrap();
        let presented = vec!["x".repeat(60) + ".example"; 1000];
        let fault = rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented });
        let told = explain(&io::Error::other(fault));
        assert!(told.ends_with("not for crm.example") && told.chars().count() < 400, "{told}");
    }

    #[test]
    fn the_key_of_an_anchor_is_hashed_as_that_of_a_certificate() {
        for kind in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_RSA_SHA256] {
            let key = rcgen::KeyPair::generate_for(kind).unwrap();
            let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(certificate.der().clone()).unwrap();
            let whole = EndEntityCert::try_from(certificate.der()).unwrap().subject_public_key_info();
            assert_eq!(sequence(&roots.roots[0].subject_public_key_info), whole.as_ref());
        }
    }
}
