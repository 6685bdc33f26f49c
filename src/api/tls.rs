//! The TLS side of the API: a certificate, and the authority of its clients where there is one.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::settings::TlsSettings;

/// Why the TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The authority of the clients cannot be used.
    #[error("the authority of clients {path} cannot be used: {source}", path = path.display())]
    ClientCa {
        /// The file of its certificates.
        path: PathBuf,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificate and its key cannot be used.
    #[error("the certificate {cert} with the key {key} cannot be used: {source}", cert = cert.display(), key = key.display())]
    Identity {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of its key.
        key: PathBuf,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Accepts TLS connections as the settings say. HTTP/2 is all that is offered by ALPN.
///
/// # Errors
/// When a file cannot be read, or does not hold what it should.
pub(super) fn acceptor(settings: &TlsSettings) -> Result<TlsAcceptor, TlsError> {
    let TlsSettings { cert_file, key_file, client_ca_file } = settings;
    let (cert, key) = (read(cert_file)?, read(key_file)?);
    let builder = ServerConfig::builder();
    let builder = match client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = read(path)?;
            let verifier = client_verifier(&roots);
            builder.with_client_cert_verifier(
                verifier.map_err(|source| TlsError::ClientCa { path: path.clone(), source })?,
            )
        }
    };
    let identity = |source| TlsError::Identity { cert: cert_file.clone(), key: key_file.clone(), source };
    let (chain, key) = parse_identity(&cert, &key).map_err(|error| identity(error.into()))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| identity(error.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn parse_identity(
    cert: &[u8],
    key: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), pem::Error> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(cert).collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(pem::Error::NoItemsFound);
    }
    Ok((chain, PrivateKeyDer::from_pem_slice(key)?))
}

fn client_verifier(
    roots: &[u8],
) -> Result<Arc<dyn tokio_rustls::rustls::server::danger::ClientCertVerifier>, Box<dyn Error + Send + Sync>> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        store.add(root?)?;
    }
    Ok(WebPkiClientVerifier::builder(Arc::new(store)).build()?)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}
