//! The preface of an HTTP/2 connection: what its client sends before anything else.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What every client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// With the head of the SETTINGS frame that has to follow.
const OPENING_BYTES: usize = PREFACE.len() + 9;

/// A connection of which the opening was read, and is read again by whoever reads it next.
pub(super) struct OpenedIo<T> {
    opening: [u8; OPENING_BYTES],
    /// How much of the opening was read again.
    read: usize,
    io: T,
}

/// What the server says to whoever speaks anything else: an empty SETTINGS frame, and GOAWAY with PROTOCOL_ERROR (RFC 9113,
/// sections 6.5 and 6.8). A client that began with TLS sees by it that this is no TLS.
const REFUSAL: &[u8; 26] = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01";
/// How much of what a refused peer sends is still read, so that what it was told is not lost with the connection.
const REFUSED_BYTES: u64 = 16 << 10;

/// Reads the opening of a connection. The caller bounds the time for it.
///
/// # Errors
/// When the connection ends, or the peer speaks anything but HTTP/2, which it is told.
pub(super) async fn read_opening<T: AsyncRead + AsyncWrite + Unpin>(mut io: T) -> io::Result<OpenedIo<T>> {
    let (mut opening, mut filled) = ([0; OPENING_BYTES], 0);
    while filled < OPENING_BYTES {
        let read = io.read(&mut opening[filled..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        let known = filled.min(PREFACE.len());
        if opening[..known] != PREFACE[..known] {
            refuse(&mut io).await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer does not speak HTTP/2"));
        }
    }
    Ok(OpenedIo { opening, read: 0, io })
}

async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(io: &mut T) -> io::Result<()> {
    io.write_all(REFUSAL).await?;
    io.shutdown().await?;
    tokio::io::copy(&mut io.take(REFUSED_BYTES), &mut tokio::io::sink()).await.map(drop)
}

impl<T: AsyncRead + Unpin> AsyncRead for OpenedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.opening[self.read..];
        if left.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, into);
        }
        let fitting = left.len().min(into.remaining());
        into.put_slice(&left[..fitting]);
        self.read += fitting;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for OpenedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_opening_is_read_again_and_nothing_else_is_taken_for_one() {
        let sent = [&PREFACE[..], b"\0\0\0\x04\0\0\0\0\0more"].concat();
        let mut opened = read_opening(tokio::io::join(&sent[..], tokio::io::sink())).await.unwrap();
        let mut read = Vec::new();
        opened.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, sent);
        for other in [&b"GET / HTTP/1.1\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b""] {
            assert!(read_opening(tokio::io::join(other, tokio::io::sink())).await.is_err());
        }
    }
}
