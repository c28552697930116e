//! How a password goes over the wire.
//!
//! `ProviderInitResponse` brings a nonce (text) and an X.509 certificate. The client answers in `ProviderOpenRequest` with
//! - `password`: 16 zero bytes (the IV), then AES-128-CBC(key, IV, PKCS#7(password));
//! - `encryptedKeyData`: RSA PKCS#1 v1.5, under the certificate's public key, of the AES key followed by the nonce.
//!
//! The bytes of the AES key are below 0x80: Cisco's client handles the key as text, and turns each byte of 0x80 or more into
//! three bytes. That is also why a server must take the *last* bytes of the plaintext for the nonce.
//! Only ASCII passwords were ever tried; others are sent as UTF-8, which is a guess.

use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey};
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Length of the AES key and of the IV, in bytes.
const BLOCK: usize = 16;

/// Why a password could not be sent, or what was received is none.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LoginError {
    /// CTIManager's certificate cannot be read.
    #[error("the certificate in ProviderInitResponse is neither DER nor PEM of an X.509 certificate")]
    Certificate,
    /// CTIManager's certificate has no RSA key that PKCS#1 v1.5 can use.
    #[error("the certificate in ProviderInitResponse has no usable RSA key: only RSA of 2048 bits or more is")]
    Key,
    /// The nonce is too long for the key.
    #[error("the nonce in ProviderInitResponse is too long for the certificate's key")]
    Nonce,
    /// The encrypted key cannot be decrypted, or does not end in the nonce.
    #[error("the encrypted key is not one for this nonce and certificate")]
    Proof,
    /// The encrypted password cannot be decrypted.
    #[error("the encrypted password cannot be decrypted")]
    Password,
    /// The machine has no randomness to give.
    #[error("the operating system gave no random bytes")]
    Random,
}

/// A password as `ProviderOpenRequest` carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPassword {
    /// The field `password`.
    pub password: Vec<u8>,
    /// The field `encryptedKeyData`.
    pub encrypted_key: Vec<u8>,
}

/// The client's side: seals a password for the certificate (DER or PEM) and nonce of a `ProviderInitResponse`.
///
/// # Errors
/// When the certificate cannot be used.
pub fn seal(password: &str, nonce: &[u8], certificate: &[u8]) -> Result<SealedPassword, LoginError> {
    let mut key = [0; BLOCK];
    rand::fill(&mut key).map_err(|_| LoginError::Random)?;
    key.iter_mut().for_each(|byte| *byte &= 0x7f);

    let public = Pkcs1PublicEncryptingKey::new(public_key(certificate)?).map_err(|_| LoginError::Key)?;
    let mut encrypted_key = vec![0; public.ciphertext_size()];
    let length = public.encrypt(&[&key, nonce].concat(), &mut encrypted_key).map_err(|_| LoginError::Nonce)?.len();
    encrypted_key.truncate(length);

    let mut sealed = password.as_bytes().to_vec();
    let cipher = UnboundCipherKey::new(&AES_128, &key).and_then(PaddedBlockEncryptingKey::cbc_pkcs7).map_err(|_| LoginError::Key)?;
    let iv = EncryptionContext::Iv128(FixedLength::from([0; BLOCK]));
    cipher.less_safe_encrypt(&mut sealed, iv).map_err(|_| LoginError::Password)?;
    Ok(SealedPassword { password: [&[0; BLOCK][..], &sealed].concat(), encrypted_key })
}

/// The server's side: the password, when it was sealed for this nonce under this key.
///
/// # Errors
/// When it was not, or is no sealed password at all.
pub fn unseal(password: &[u8], encrypted_key: &[u8], nonce: &[u8], private: &PrivateDecryptingKey) -> Result<String, LoginError> {
    let private = Pkcs1PrivateDecryptingKey::new(private.clone()).map_err(|_| LoginError::Key)?;
    let mut plain = vec![0; private.min_output_size()];
    let plain = private.decrypt(encrypted_key, &mut plain).map_err(|_| LoginError::Proof)?;
    let key = plain.strip_suffix(nonce).and_then(|k| k.first_chunk::<BLOCK>()).ok_or(LoginError::Proof)?;

    let (iv, sealed) = password.split_first_chunk::<BLOCK>().ok_or(LoginError::Password)?;
    let cipher = UnboundCipherKey::new(&AES_128, key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7).map_err(|_| LoginError::Password)?;
    let mut sealed = sealed.to_vec();
    let clear = cipher.decrypt(&mut sealed, DecryptionContext::Iv128(FixedLength::from(*iv))).map_err(|_| LoginError::Password)?;
    String::from_utf8(clear.to_vec()).map_err(|_| LoginError::Password)
}

/// The public key of a certificate in DER or PEM.
fn public_key(certificate: &[u8]) -> Result<PublicEncryptingKey, LoginError> {
    let pem;
    let der = if certificate.starts_with(b"-----BEGIN") {
        pem = x509_parser::pem::parse_x509_pem(certificate).map_err(|_| LoginError::Certificate)?.1;
        &pem.contents
    } else {
        certificate
    };
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| LoginError::Certificate)?;
    PublicEncryptingKey::from_der(parsed.public_key().raw).map_err(|_| LoginError::Key)
}
