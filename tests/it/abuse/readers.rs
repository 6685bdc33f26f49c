//! Peers that never read what they are sent.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::api::send;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::sandbox;
use crate::gateway::{ana, order};
use crate::peers::free_port;

const LIST: &str = "relevo.v1.MessageService/ListMessages";

#[tokio::test]
async fn answers_that_are_not_read_hold_no_more_than_the_settings_allow() {
    let server = "max_answer_bytes_per_connection = 16777216\nwrite_timeout_ms = 3600000";
    let directory = GatewayDirectory::with_server(server, &sandbox()).await;
    let gateway = directory.start_within(1 << 30).await;
    gateway.upsert_contact(ana()).await;
    for _ in 0..4 {
        let mut spec = order();
        spec.content.as_mut().unwrap().text = "x".repeat(60_000);
        spec.content.as_mut().unwrap().html = "x".repeat(500_000);
        gateway.messages().send(send(spec)).await.unwrap();
    }
    // It has no room for any answer, and tells so of each call. It answers pings.
    let mut client = RawClient::connect(gateway.address, 0).await;
    let (mut refused, mut calls) = (0, Vec::new());
    for _ in 0..600 {
        let mut call = client.call(LIST, Some(&gateway.brand_key)).await;
        refused += usize::from(call.refused().await.as_deref() == EXHAUSTED);
        calls.push(call);
    }
    assert!(refused > 500, "{refused} of 600 calls were refused");
    assert_serves(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_that_does_not_take_its_answers_ends() {
    let directory = GatewayDirectory::with_server("write_timeout_ms = 50", &sandbox()).await;
    let gateway = directory.start().await;
    let mut client = RawClient::connect(gateway.address, 0).await;
    let mut call = client.call(LIST, Some(&gateway.brand_key)).await;
    let answer = call.answered().await;
    let body = timeout(PATIENCE, answer.body_mut().data()).await.expect("the connection should end");
    assert!(body.is_none_or(|data| data.is_err()), "there was no room for the answer");
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_pipelines_webhooks_and_never_reads_keeps_nobody_out() {
    let port = free_port();
    let inbound = format!(
        "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\nmax_connections = 5\n\
         max_calls_per_second = 1000000\n"
    );
    let directory = GatewayDirectory::new(&(inbound + &sandbox())).await;
    let gateway = directory.start().await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        let mut reader = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let writing = tokio::spawn(async move {
            let calls = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
            // Until the gateway reads no more, or closes.
            while reader.write_all(calls.as_bytes()).await.is_ok() {}
        });
        readers.push(writing);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = timeout(PATIENCE, client.get(format!("http://127.0.0.1:{port}/")).send()).await;
    assert_eq!(answer.expect("webhooks should be answered").unwrap().status(), 404);
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_never_reads_the_answers_to_webhooks_is_cut_off() {
    let port = free_port();
    let inbound = format!(
        "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\nwrite_timeout_ms = 50\n\
         max_calls_per_second = 1000000\n"
    );
    let directory = GatewayDirectory::new(&(inbound + &sandbox())).await;
    let gateway = directory.start().await;
    let mut reader = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let calls = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    let writing = async { while reader.write_all(calls.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, writing).await.expect("the gateway should close the connection");
    gateway.stop().await;
}
