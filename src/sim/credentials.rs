//! The cluster's key and certificate, and the nonces of its logins.

use aws_lc_rs::rand;
use aws_lc_rs::rsa::PrivateDecryptingKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};

use super::Error;

/// The name in the certificate of a simulated CTIManager, beside `localhost` and its loopback address.
pub const HOST_NAME: &str = "cucm-pub.example";

/// Key, certificate and nonces.
pub struct Credentials {
    private: PrivateDecryptingKey,
    private_der: Vec<u8>,
    certificate: Vec<u8>,
    nonce: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// A new RSA key, or the one given as PKCS#8 in PEM, with a self-signed certificate.
    ///
    /// With a `nonce` every login gets that one, for recorded sessions; else each gets its own.
    ///
    /// # Errors
    /// When the key is no RSA key, or none can be made.
    pub fn new(key_pem: Option<&str>, nonce: Option<String>) -> Result<Self, Error> {
        let key = match key_pem {
            Some(pem) => KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).map_err(Error::Key)?,
            None => KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(Error::Key)?,
        };
        let names = vec![HOST_NAME.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).map_err(Error::Key)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, HOST_NAME);
        let certificate = params.self_signed(&key).map_err(Error::Key)?.der().to_vec();
        let private_der = key.serialize_der();
        let private = PrivateDecryptingKey::from_pkcs8(&private_der).map_err(|_| Error::KeyUse)?;
        Ok(Self { private, private_der, certificate, nonce })
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key in PKCS#8 DER.
    pub fn private_der(&self) -> &[u8] {
        &self.private_der
    }

    /// The private key.
    pub fn private_key(&self) -> &PrivateDecryptingKey {
        &self.private
    }

    /// The nonce of a new login: 16 hexadecimal digits.
    pub fn nonce(&self) -> String {
        if let Some(nonce) = &self.nonce {
            return nonce.clone();
        }
        let mut bytes = [0; 8];
        // Without randomness the nonce is constant, which a test server can live with.
        let _ = rand::fill(&mut bytes);
        crate::ctiqbe::json::to_hex(&bytes)
    }
}
