//! A bound on what a server may say at once: lettre reads a reply to its end, however long it is.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that a server may say before it is told something again, in bytes. A line of a reply has at most 512 (RFC 5321,
/// section 4.5.3.1.5), and the answer to EHLO some dozens of lines; a TLS handshake has a chain of certificates.
const MAX_REPLY_BYTES: usize = 64 << 10;

/// A connection whose server may say only so much at once.
#[derive(Debug)]
pub(super) struct ReplyLimit<S> {
    io: S,
    left: usize,
}

impl<S> ReplyLimit<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, left: MAX_REPLY_BYTES }
    }
}

impl<S: AsyncTokioStream> AsyncTokioStream for ReplyLimit<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(context, buffer))?;
        match self.left.checked_sub(buffer.filled().len() - before) {
            Some(left) => self.left = left,
            None => {
                let text = format!("the server's reply is longer than {MAX_REPLY_BYTES} bytes");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(context, bytes))?;
        self.left = MAX_REPLY_BYTES;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
