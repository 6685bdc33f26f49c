//! The connection to an SMSC: octets in and out, in whole PDUs. Both directions can be given up at any await without losing
//! or repeating an octet.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::pdu::{self, Pdu};
use super::settings::{SmppSettings, SmppTls};
use crate::adapters::{ProviderBuildError, name_lookup, tls};

/// How long unbinding and closing may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

trait SmppStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> SmppStream for S {}

/// The endpoint of an SMSC: host, port and encryption.
pub(super) struct SmscEndpoint {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl SmscEndpoint {
    pub(super) fn new(settings: &SmppSettings) -> Result<Self, ProviderBuildError> {
        let tls = match settings.tls {
            SmppTls::None => None,
            SmppTls::Implicit => {
                Some((tls::build_connector(settings.ca_file.as_deref())?, tls::server_name(&settings.host)?))
            }
        };
        Ok(Self { host: settings.host.clone(), port: settings.port(), tls })
    }

    /// Connects and encrypts. Whoever calls it ends it when `limit` is over.
    pub(super) async fn connect(&self, limit: Duration) -> io::Result<SmppConnection> {
        let stream = name_lookup::connect(&self.host, self.port, limit).await?;
        // Messages are small, and each is written at once.
        stream.set_nodelay(true)?;
        let stream: Box<dyn SmppStream> = match &self.tls {
            Some((connector, name)) => Box::new(connector.connect(name.clone(), stream).await?),
            None => Box::new(stream),
        };
        let (input, output) = tokio::io::split(stream);
        let input = PduInput { stream: input, octets: Vec::new() };
        let output = PduOutput { stream: output, octets: Vec::new(), is_flushed: true };
        Ok(SmppConnection(Some((input, output))))
    }
}

/// The PDUs that the SMSC sends.
pub(super) struct PduInput {
    stream: ReadHalf<Box<dyn SmppStream>>,
    octets: Vec<u8>,
}

impl PduInput {
    /// The next PDU.
    pub(super) async fn next(&mut self) -> io::Result<Pdu> {
        let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        loop {
            let length = pdu::length(&self.octets).map_err(malformed)?;
            if let Some(whole) = length.filter(|&length| length <= self.octets.len()) {
                let pdu = Pdu::read(&self.octets[..whole]).map_err(malformed)?;
                self.octets.drain(..whole);
                return Ok(pdu);
            }
            if self.stream.read_buf(&mut self.octets).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the SMSC closed the connection"));
            }
        }
    }
}

/// The PDUs that the SMSC is sent.
pub(super) struct PduOutput {
    stream: WriteHalf<Box<dyn SmppStream>>,
    /// What still has to be written.
    octets: Vec<u8>,
    is_flushed: bool,
}

impl PduOutput {
    /// Adds a PDU behind what still has to be written.
    pub(super) fn push(&mut self, pdu: &[u8]) {
        self.octets.extend(pdu);
        self.is_flushed = false;
    }

    /// How many octets still have to be written.
    pub(super) fn waiting(&self) -> usize {
        self.octets.len()
    }

    /// Whether everything is on its way.
    pub(super) fn is_done(&self) -> bool {
        self.octets.is_empty() && self.is_flushed
    }

    /// Writes what there is.
    pub(super) async fn write(&mut self) -> io::Result<()> {
        while !self.octets.is_empty() {
            let written = self.stream.write(&self.octets).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.octets.drain(..written);
        }
        self.stream.flush().await?;
        self.is_flushed = true;
        Ok(())
    }
}

/// Both directions of a connection. When it is dropped, the PDUs that are queued are still written in the background, and the
/// SMSC is given the time to close.
pub(super) struct SmppConnection(Option<(PduInput, PduOutput)>);

impl SmppConnection {
    /// Both directions at once.
    pub(super) fn ends(&mut self) -> (&mut PduInput, &mut PduOutput) {
        let (input, output) = self.0.as_mut().expect("the ends are taken when it is dropped, and not before");
        (input, output)
    }

    /// Queues a PDU to be written after those that wait already.
    pub(super) fn queue_pdu(&mut self, pdu: &[u8]) {
        self.ends().1.push(pdu);
    }
}

impl Drop for SmppConnection {
    fn drop(&mut self) {
        let Some((mut input, mut output)) = self.0.take() else { return };
        let closing = async move {
            output.write().await?;
            output.stream.shutdown().await?;
            while input.next().await.is_ok() {}
            io::Result::Ok(())
        };
        // Where no runtime is left, the process is at its end and closes the connection.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(timeout(CLOSE_TIMEOUT, closing));
        }
    }
}
