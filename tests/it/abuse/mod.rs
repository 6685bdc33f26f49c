//! Peers that do what no client should: they hold memory, places and time, and others are served all the same.
//!
//! They speak raw TCP and HTTP/2 here. What a gateway may hold is a limit on its process, so that one that holds more ends.

mod connections;
mod memory;
mod public;
mod readers;
mod slow_reader;
mod stopping;

use std::net::SocketAddr;

use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use hyper::body::Bytes;
use hyper::{Request, Response};
use relevo::wire::v1;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::process::{Gateway, PATIENCE};

/// A connection that speaks HTTP/2 and nothing of gRPC by itself.
pub struct RawClient {
    send: SendRequest<Bytes>,
}

/// A call that was begun on it.
pub struct RawCall {
    answer: ResponseFuture,
    body: SendStream<Bytes>,
    /// What was answered. To drop it would cancel the call.
    answered: Option<Response<RecvStream>>,
}

impl RawClient {
    /// Connects. Each stream may be sent `window` bytes before it has read anything.
    pub async fn connect(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_max_send_streams(0);
        let (send, connection) = builder.handshake(stream).await.unwrap();
        // It ends when the gateway closes it.
        tokio::spawn(async move { drop(connection.await) });
        Self { send }
    }

    /// Begins a call of `path` with `key`, without a body so far.
    pub async fn begin(&mut self, path: &str, key: Option<&str>) -> RawCall {
        self.begin_with(path, key, &[]).await
    }

    /// The same with more headers.
    pub async fn begin_with(&mut self, path: &str, key: Option<&str>, more: &[(&str, &str)]) -> RawCall {
        let mut request = Request::post(format!("http://gateway/{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let ready = timeout(PATIENCE, self.send.clone().ready()).await.expect("the gateway lets calls begin");
        self.send = ready.unwrap();
        let (answer, body) = self.send.send_request(request.body(()).unwrap(), false).unwrap();
        RawCall { answer, body, answered: None }
    }

    /// Makes a call with an empty message.
    pub async fn call(&mut self, path: &str, key: Option<&str>) -> RawCall {
        let mut call = self.begin(path, key).await;
        call.send(b"\0\0\0\0\0", true);
        call
    }
}

impl RawCall {
    fn send(&mut self, bytes: &[u8], is_end: bool) {
        self.body.send_data(Bytes::copy_from_slice(bytes), is_end).unwrap();
    }

    /// The answer, when its head has come.
    pub async fn answered(&mut self) -> &mut Response<RecvStream> {
        if self.answered.is_none() {
            let answer = timeout(PATIENCE, &mut self.answer).await.expect("the call should be answered");
            self.answered = Some(answer.unwrap());
        }
        self.answered.as_mut().expect("it was just filled")
    }

    /// The code of gRPC with which the call was refused, or nothing when it was not.
    pub async fn refused(&mut self) -> Option<String> {
        let answer = self.answered().await;
        Some(answer.headers().get("grpc-status")?.to_str().unwrap().to_owned())
    }
}

/// RESOURCE_EXHAUSTED.
const EXHAUSTED: Option<&str> = Some("8");

/// Asserts that somebody else is served.
async fn assert_serves(gateway: &Gateway) {
    let mut messages = gateway.messages();
    let answer = timeout(PATIENCE, messages.list_messages(v1::ListMessagesRequest::default())).await;
    answer.expect("others should be served").unwrap();
}
