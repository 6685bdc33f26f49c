//! A server that answers every request with what it was told last; and a proxy, behind which is nothing but certificates.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A status of every class that adapters tell apart.
pub const STATUSES: &[u16] =
    &[200, 201, 202, 204, 302, 400, 401, 402, 403, 404, 409, 413, 422, 429, 451, 500, 502, 503, 504];

/// How the path of a certificate ends.
const CERTIFICATE: &str = ".pem";

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Answers from now on with this status and body, and with `header` where providers say how long to wait or what went wrong.
pub fn answer(status: u16, header: &[u8], body: &[u8]) {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = written(status, header, body);
}

/// The URL of a certificate at this host, as the proxy serves it: whatever it is, it is in the path.
pub fn certificate_url(host: &str, certificate: &[u8]) -> String {
    format!("http://{host}/{}{CERTIFICATE}", URL_SAFE_NO_PAD.encode(certificate))
}

/// What is served to a request for a certificate, if it is one.
fn certificate(request: &str) -> Option<Vec<u8>> {
    let path = request.split(' ').nth(1)?.strip_suffix(CERTIFICATE)?;
    let certificate = URL_SAFE_NO_PAD.decode(path.rsplit('/').next()?).ok()?;
    Some(written(200, b"", &certificate))
}

fn written(status: u16, header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    let header: Vec<u8> =
        header.iter().copied().filter(|byte| (b' '..=b'~').contains(byte)).take(1_000).collect();
    for name in ["retry-after", "x-sib-ratelimit-reset", "x-amzn-errortype", "x-message-id"] {
        answer.extend([name.as_bytes(), b": ", &header, b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    // Neither has a body (RFC 9110, section 6.4.1).
    if status != 204 {
        answer.extend(body);
    }
    answer
}

/// Its base URL.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                thread::spawn(move || serve(connection));
            }
        });
        format!("http://{address}")
    })
}

/// Answers requests until the other side leaves.
fn serve(connection: TcpStream) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(connection.try_clone().ok()?);
    let mut writer = connection;
    loop {
        let (mut request, mut length) = (String::new(), 0);
        // Nothing is behind a tunnel.
        if reader.read_line(&mut request).ok()? == 0 || request.starts_with("CONNECT") {
            return None;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let told_last = || ANSWER.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writer.write_all(&certificate(&request).unwrap_or_else(told_last)).ok()?;
    }
}
