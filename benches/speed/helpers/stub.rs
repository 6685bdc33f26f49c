//! A loopback server that stands in for Twilio, Telegram and WhatsApp: HTTP/1.1 with connections kept open, no more work
//! a request than telling where it ends. It takes every message and gives each an id of its own, unless it was told
//! otherwise by a request for `/behave/...`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it was told to do with messages.
const TAKE: u8 = 0;
const HANG: u8 = 1;
const THROTTLE: u8 = 2;

#[derive(Default)]
struct Stub {
    taken: AtomicU64,
    behavior: AtomicU8,
}

/// Tells whoever started this helper where it serves.
pub fn ready(address: SocketAddr) {
    println!("{address}");
}

/// Serves on a free port until it is killed.
pub async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    ready(listener.local_addr()?);
    let stub = Arc::new(Stub::default());
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let stub = Arc::clone(&stub);
        // Whoever breaks a connection off sees it for themselves.
        tokio::spawn(async move { stub.serve(connection).await });
    }
}

impl Stub {
    async fn serve(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut received = Vec::with_capacity(8 * 1024);
        loop {
            let Some(length) = request_length(&received) else {
                if connection.read_buf(&mut received).await? == 0 {
                    return Ok(());
                }
                continue;
            };
            let answer = self.answer(&received[..length]);
            received.drain(..length);
            match answer {
                Some(answer) => connection.write_all(answer.as_bytes()).await?,
                None => std::future::pending().await,
            }
        }
    }

    /// The answer to a request; none to let the caller wait.
    fn answer(&self, request: &[u8]) -> Option<String> {
        let target = request.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        if let Some(told) = target.strip_prefix(b"/behave/") {
            let behavior = match told {
                b"hang" => HANG,
                b"throttle" => THROTTLE,
                _ => TAKE,
            };
            self.behavior.store(behavior, Ordering::Relaxed);
            return Some(http("200 OK", "{}"));
        }
        match self.behavior.load(Ordering::Relaxed) {
            HANG => None,
            THROTTLE => {
                Some(http("429 Too Many Requests", r#"{"code":20429,"message":"too many requests"}"#))
            }
            _ => Some(taken(target, self.taken.fetch_add(1, Ordering::Relaxed))),
        }
    }
}

/// What the API at this path says when it takes a message.
fn taken(target: &[u8], number: u64) -> String {
    if target.ends_with(b"/Messages.json") {
        http("201 Created", &format!(r#"{{"sid":"SM{number:032x}","status":"queued"}}"#))
    } else if target.ends_with(b"/sendMessage") {
        http(
            "200 OK",
            &format!(r#"{{"ok":true,"result":{{"message_id":{},"chat":{{"id":1}}}}}}"#, number + 1),
        )
    } else {
        http("200 OK", &format!(r#"{{"messages":[{{"id":"wamid.{number:032x}"}}]}}"#))
    }
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// How long the first request in `bytes` is, once all of it is there.
fn request_length(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let head = bytes.windows(END.len()).position(|window| window == END)? + END.len();
    let length = bytes[..head].split(|byte| *byte == b'\n').find_map(content_length).unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
}
