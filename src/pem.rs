//! Certificates from files in PEM.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// All certificates of a file, in its order: at least one.
///
/// # Errors
/// What is wrong with the file, without its name.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = found.map_err(|fault| fault.to_string())?;
    if found.is_empty() { Err("there is no certificate in it (PEM, -----BEGIN CERTIFICATE-----)".into()) } else { Ok(found) }
}
