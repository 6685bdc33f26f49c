//! TLS from the first byte of a connection, for the protocols that are not HTTP.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::ProviderBuildError;
use super::settings::HOST_MUST;

/// Builds the connector that encrypts connections to servers with a certificate of an authority that the system trusts, or
/// of one in `ca_file`.
///
/// # Errors
/// When the file of certificates cannot be used.
pub(super) fn build_connector(ca_file: Option<&Path>) -> Result<TlsConnector, ProviderBuildError> {
    let mut roots = RootCertStore::empty();
    // A certificate of the system's that cannot be read is not trusted, as everywhere.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        for certificate in CertificateDer::pem_slice_iter(&read_ca_file(file)?) {
            let certificate = certificate.map_err(|error| ca_file_error(file, error))?;
            roots.add(certificate).map_err(|error| ca_file_error(file, error))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of every version of TLS that rustls speaks")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The name that a server's certificate must be for.
///
/// # Errors
/// When the setting `host` holds neither a name nor an address.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, ProviderBuildError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| ProviderBuildError::Setting { setting: "host", must: HOST_MUST })
}

/// Reads the file of the setting `ca_file`.
///
/// # Errors
/// When it cannot be read, or holds no certificate.
pub(super) fn read_ca_file(file: &Path) -> Result<Vec<u8>, ProviderBuildError> {
    let pem = std::fs::read(file).map_err(|error| ca_file_error(file, error))?;
    match CertificateDer::pem_slice_iter(&pem).next() {
        Some(_) => Ok(pem),
        None => Err(ca_file_error(file, "it holds no certificate in PEM")),
    }
}

/// The error of a file of the setting `ca_file` that cannot be used.
pub(super) fn ca_file_error(file: &Path, error: impl ToString) -> ProviderBuildError {
    ProviderBuildError::File {
        setting: "ca_file",
        path: file.display().to_string(),
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_certificates_must_hold_one() {
        let error = |path: &str| build_connector(Some(Path::new(path))).err().unwrap().to_string();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(error(path), format!("ca_file: {path} cannot be used: it holds no certificate in PEM"));
        assert!(error("/nonexistent").starts_with("ca_file: /nonexistent cannot be used: No such file"));
    }
}
