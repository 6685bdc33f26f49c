//! A server whose certificate has expired.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A TLS server for `localhost` whose certificate was valid until the end of 2020.
pub struct ExpiredCertificate {
    /// The port on which it listens.
    pub port: u16,
    /// The certificate in PEM, which is its own authority.
    pub pem: String,
    server: JoinHandle<()>,
}

impl Drop for ExpiredCertificate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ExpiredCertificate {
    /// Starts one on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()])?;
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2020, 12, 31);
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Nobody who looks at the certificate goes on.
                tokio::spawn(acceptor.accept(stream));
            }
        });
        Ok(Self { port, pem: certificate.pem(), server })
    }
}
