//! A lean HTTP/1.1 on both ends of a rival: what loads it, and what it delivers to. It parses as little as it can, so that
//! the two cores are the rival's.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::arrivals::{Arrivals, Counter};
use crate::stopwatch::Stopwatch;

/// A kept-open connection that reads messages with a length, one after the other.
struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(4_096) })
    }

    /// The first line and the body of the next message; nothing when the connection is closed.
    async fn next(&mut self) -> anyhow::Result<Option<(String, Vec<u8>)>> {
        let head = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        };
        let text = String::from_utf8_lossy(&self.read[..head]).into_owned();
        let end = head + body_length(&text)?;
        while self.read.len() < end {
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the connection ended within a message");
        }
        let body = self.read[head..end].to_vec();
        self.read.drain(..end);
        let first = text.lines().next().unwrap_or_default().to_owned();
        Ok(Some((first, body)))
    }

    /// Writes a request and gives the body of the answer.
    async fn call(&mut self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        self.stream.write_all(request).await?;
        let (status, body) = self.next().await?.context("the connection was closed instead of an answer")?;
        let accepted = status.split(' ').nth(1).is_some_and(|code| code.starts_with('2'));
        ensure!(accepted, "a request was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }
}

fn body_length(head: &str) -> anyhow::Result<usize> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    length.map_or(Ok(0), |length| length.trim().parse().context("a length that is no number"))
}

/// Sends one request to a loopback port and gives the body of the answer.
pub async fn call(port: u16, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    Wire::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?)?.call(request).await
}

/// What a load met.
pub struct Load {
    /// Answers a second.
    pub rate: f64,
    /// The time that 99 of 100 requests took at most.
    pub p99: Duration,
}

/// Sends requests to a loopback port over kept-open connections, each with one request at a time, and waits for all
/// answers. `request` makes the request with this number.
///
/// # Errors
/// When one is refused or unanswered.
pub async fn load(
    port: u16,
    connections: usize,
    requests: usize,
    request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> anyhow::Result<Load> {
    let request = Arc::new(request);
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Stopwatch::start();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (request, next) = (Arc::clone(&request), Arc::clone(&next));
        clients.spawn(async move {
            let mut wire = Wire::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?)?;
            let mut took = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return anyhow::Ok(took);
                }
                let request = request(number);
                let asked = Stopwatch::start();
                wire.call(&request).await?;
                took.push(asked.elapsed());
            }
        });
    }
    let mut took = Vec::with_capacity(requests);
    while let Some(client) = clients.join_next().await {
        took.extend(client??);
    }
    let rate = requests as f64 / begin.elapsed().as_secs_f64();
    took.sort_unstable();
    Ok(Load { rate, p99: took[(took.len() * 99).div_ceil(100) - 1] })
}

/// A provider's HTTP interface that takes everything at once.
pub struct Stub {
    /// The loopback port it listens on.
    pub port: u16,
    /// How many requests it has answered.
    pub taken: Arrivals,
    server: JoinHandle<()>,
}

impl Stub {
    /// Starts one that answers every request with 200 and this body.
    pub async fn start(body: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (counter, taken) = Arrivals::new();
        Ok(Self { port, taken, server: tokio::spawn(serve(listener, answer.into(), counter)) })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, answer: Arc<str>, counter: Counter) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (answer, counter) = (Arc::clone(&answer), counter.clone());
        connections.spawn(async move {
            let mut wire = Wire::new(stream)?;
            while wire.next().await?.is_some() {
                wire.stream.write_all(answer.as_bytes()).await?;
                counter.send_modify(|taken| *taken += 1);
            }
            anyhow::Ok(())
        });
        while connections.try_join_next().is_some() {}
    }
}
