//! Encryption. lettre upgrades a connection by STARTTLS; one that is encrypted from the first byte is opened here, because
//! lettre leaves Nagle's algorithm on when it opens one itself.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::{AsyncTokioStream, Certificate, TlsParameters};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::settings::{SmtpSettings, SmtpTls};
use crate::adapters::{ProviderBuildError, tls};

/// How the connection to one server is encrypted.
pub(super) enum TlsMode {
    /// Not at all.
    None,
    /// After STARTTLS.
    Starttls(TlsParameters),
    /// From the first byte.
    Implicit(TlsConnector, ServerName<'static>),
}

impl TlsMode {
    /// Prepares what the settings say for the server `host`.
    ///
    /// # Errors
    /// When the file of certificates cannot be used.
    pub(super) fn new(settings: &SmtpSettings, host: &str) -> Result<Self, ProviderBuildError> {
        let file = settings.ca_file.as_deref();
        match settings.tls {
            SmtpTls::None => Ok(Self::None),
            SmtpTls::Starttls => parameters(host, file).map(Self::Starttls),
            SmtpTls::Implicit => Ok(Self::Implicit(tls::build_connector(file)?, tls::server_name(host)?)),
        }
    }
}

fn parameters(host: &str, file: Option<&Path>) -> Result<TlsParameters, ProviderBuildError> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(file) = file {
        let certificate = Certificate::from_pem(&tls::read_ca_file(file)?)
            .map_err(|error| tls::ca_file_error(file, error))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| tls::ca_file_error(file.unwrap_or(Path::new("")), error))
}

/// An encrypted connection in the form that lettre takes.
#[derive(Debug)]
pub(super) struct TlsConnection(pub(super) TlsStream<TcpStream>);

impl AsyncTokioStream for TlsConnection {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

impl AsyncRead for TlsConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
