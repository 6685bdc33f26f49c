//! Why a server cannot be reached, as far as this side can find out: by what TLS says, and by trying TLS where plain text was
//! not understood.

use std::error::Error;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, ClientConnection, RootCertStore,
};
use url::Url;

/// How long each step of trying TLS may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The text for people about an error of a connection to `server`: what happened, and what to do.
pub(super) fn explained(server: &str, error: &(dyn Error + 'static)) -> String {
    let why = chain(error);
    let what_to_do = match tls_error(error) {
        Some(error) => of_tls(error),
        // HTTP/2 hands on no more than the text of what the server says once TLS stands.
        None if why.contains("received fatal alert: ") => WANTS_CERTIFICATE.to_owned(),
        None if has(error, &[io::ErrorKind::ConnectionRefused]) => IS_IT_THERE.to_owned(),
        // What it says may come after it has closed the connection, and is then not read.
        None if server.starts_with("https://") && was_closed(error, &why) => CLOSED_AFTER_TLS.to_owned(),
        None if speaks_tls(server) => "the server speaks TLS: begin --server with https://".to_owned(),
        None => IS_IT_THERE.to_owned(),
    };
    format!("{server} cannot be reached ({why}): {what_to_do}")
}

const IS_IT_THERE: &str = "is the gateway running, and is --server right?";

const CLOSED_AFTER_TLS: &str = "the server closed the connection once TLS stood: does it want a certificate of this client? If so, \
     give one with --client-cert and --client-key";

const WANTS_CERTIFICATE: &str = "the server wants a certificate of this client, by an authority that it knows: give one with \
     --client-cert and --client-key";

fn of_tls(error: &rustls::Error) -> String {
    use CertificateError as Wrong;
    match error {
        rustls::Error::InvalidCertificate(Wrong::UnknownIssuer) => {
            "its certificate is by an authority that is not trusted here: name a file with that authority's certificate by \
             --ca-file"
        }
        rustls::Error::InvalidCertificate(Wrong::NotValidForName | Wrong::NotValidForNameContext { .. }) => {
            "its certificate is for another name: put one that it is for into --server"
        }
        rustls::Error::InvalidCertificate(Wrong::Expired | Wrong::ExpiredContext { .. }) => {
            "its certificate has expired: whoever runs the gateway must renew it, unless this machine's clock is wrong"
        }
        rustls::Error::InvalidCertificate(Wrong::NotValidYet | Wrong::NotValidYetContext { .. }) => {
            "its certificate is not valid yet: is this machine's clock right?"
        }
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not valid: whoever runs the gateway must put it right"
        }
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS: begin --server with http://, if nobody can listen on the way"
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::HandshakeFailure
            | AlertDescription::AccessDenied,
        ) => WANTS_CERTIFICATE,
        _ => "TLS failed: is --server right?",
    }
    .to_owned()
}

/// What TLS says, wherever it is among the causes.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let inner = inner.map(|inner| inner as &(dyn Error + 'static));
        let found = [Some(error), inner].into_iter().flatten().find_map(|error| error.downcast_ref());
        if found.is_some() {
            return found;
        }
        cause = error.source();
    }
    None
}

/// Whether a connection that stood was closed by the other side.
fn was_closed(error: &(dyn Error + 'static), why: &str) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    // hyper has a text of its own for it.
    why.contains("connection closed")
        || has(error, &[BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof])
}

/// Whether an error of one of these kinds is among the causes.
fn has(error: &(dyn Error + 'static), kinds: &[io::ErrorKind]) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| kinds.contains(&error.kind())) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether a server that was asked in plain text answers to TLS. No certificate is trusted, and nothing is sent.
fn speaks_tls(server: &str) -> bool {
    let url = Url::parse(server).ok().filter(|url| url.scheme() == "http");
    url.and_then(|url| greeted(&url).err()).is_some_and(|error| {
        matches!(tls_error(&error), Some(error) if !matches!(error, rustls::Error::InvalidMessage(_)))
    })
}

/// Greets the server by TLS. It always fails: the error says by what.
fn greeted(url: &Url) -> io::Result<()> {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let host = host.trim_matches(['[', ']']);
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
    stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
    stream.set_write_timeout(Some(PROBE_TIMEOUT))?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Err(io::Error::other(rustls::Error::HandshakeNotComplete))
}

/// An error with its chain of sources, each once.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
