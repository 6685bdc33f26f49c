//! Requests that never end: what they hold is bounded.

use std::pin::pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::{sandbox, twilio};
use crate::peers::free_port;

/// What a gateway may use. It uses less than half of that for itself.
const MEMORY: u64 = 1 << 30;

const SEND: &str = "relevo.v1.MessageService/Send";
const SEND_STREAM: &str = "relevo.v1.MessageService/SendStream";

/// The head of a message of 4,000,000 bytes.
const LARGE: [u8; 5] = [0, 0, 0x3d, 0x09, 0];

#[tokio::test]
async fn unfinished_requests_of_one_key_hold_no_more_than_the_settings_allow() {
    let directory = GatewayDirectory::with_server("request_timeout_ms = 3600000", &sandbox()).await;
    let gateway = directory.start_within(MEMORY).await;
    let (mut clients, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..6 {
        let mut client = RawClient::connect(gateway.address, 65_535).await;
        for _ in 0..100 {
            let mut call = client.begin(SEND, Some(&gateway.brand_key)).await;
            call.send(&LARGE, false);
            calls.push(call);
        }
        clients.push(client);
    }
    // 67,108,864 bytes a key are room for 16.
    let answers: FuturesUnordered<_> = calls.iter_mut().map(RawCall::refused).collect();
    let refused: Vec<_> = answers.take(600 - 16).collect().await;
    assert!(refused.iter().all(|code| code.as_deref() == EXHAUSTED), "{refused:?}");
    drop(calls);
    drop(clients);
    assert_serves(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn nothing_of_a_request_is_read_before_its_key_was_looked_at() {
    let directory = GatewayDirectory::new(&sandbox()).await;
    let gateway = directory.start_within(MEMORY).await;
    let wrong = format!("{}x", &gateway.brand_key[..gateway.brand_key.len() - 1]);
    let mut clients = Vec::new();
    for key in [None, Some("nonsense"), Some(&*wrong)] {
        let mut client = RawClient::connect(gateway.address, 65_535).await;
        for _ in 0..300 {
            let mut call = client.begin(SEND, key).await;
            call.send(&LARGE, false);
            assert_eq!(call.refused().await.as_deref(), Some("16"), "UNAUTHENTICATED");
            clients.push(call);
        }
    }
    assert_serves(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_that_sends_more_than_the_settings_allow_is_slowed_down() {
    let server = "max_request_bytes_per_key = 4194304\nmax_request_bytes_per_connection = 4194304\n\
                  request_timeout_ms = 3600000";
    let directory = GatewayDirectory::with_server(server, &sandbox()).await;
    let gateway = directory.start_within(MEMORY).await;
    let mut client = RawClient::connect(gateway.address, 65_535).await;
    let mut first = client.begin(SEND_STREAM, Some(&gateway.brand_key)).await;
    first.send(&LARGE, false);
    assert_eq!(first.refused().await, None, "it is open");
    let mut second = client.begin(SEND_STREAM, Some(&gateway.brand_key)).await;
    // A message of 300,000 bytes, for which there is room only when the first has ended. It is no message that can be read.
    second.send(&[&[0, 0, 4, 0x93, 0xe0][..], &vec![0x80; 300_000]].concat(), true);
    let answers = second.answered().await.body_mut();
    let mut ended = pin!(answers.trailers());
    tokio::select! {
        biased;
        trailers = &mut ended => panic!("{trailers:?}"),
        () = assert_serves(&gateway) => {}
    }
    drop(first);
    let trailers = timeout(PATIENCE, ended).await.expect("it is read").unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "13");
    gateway.stop().await;
}

#[tokio::test]
async fn a_message_of_a_stream_that_does_not_come_in_ends_the_stream() {
    let directory = GatewayDirectory::with_server("request_timeout_ms = 500", &sandbox()).await;
    let gateway = directory.start_within(MEMORY).await;
    let mut client = RawClient::connect(gateway.address, 65_535).await;
    let mut stream = client.begin(SEND_STREAM, Some(&gateway.brand_key)).await;
    stream.send(&LARGE, false);
    let answers = stream.answered().await.body_mut();
    let trailers = timeout(PATIENCE, answers.trailers()).await.expect("it should end").unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "4");
    gateway.stop().await;
}

#[tokio::test]
async fn unfinished_webhooks_hold_no_more_than_the_settings_allow() {
    let port = free_port();
    let inbound = format!(
        "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\nmax_body_bytes = 1000000\n\
         max_request_bytes = 1000000\nrequest_timeout_ms = 3600000\n"
    );
    let directory = GatewayDirectory::new(&(inbound + &twilio("sms", "http://127.0.0.1:1", ""))).await;
    let gateway = directory.start().await;
    let call = || {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = client.post(format!("http://127.0.0.1:{port}/providers/sms")).body(vec![b' '; 100_000]);
        async { call.send().await.unwrap().status().as_u16() }
    };
    let until = async |status| while call().await != status {};
    timeout(PATIENCE, until(401)).await.expect("there is room");
    let mut unfinished = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = b"POST /providers/sms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    unfinished.write_all(&[&head[..], &vec![b' '; 999_999]].concat()).await.unwrap();
    timeout(PATIENCE, until(503)).await.expect("there is no room");
    drop(unfinished);
    timeout(PATIENCE, until(401)).await.expect("there is room again");
    gateway.stop().await;
}
