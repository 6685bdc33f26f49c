//! Connections that say nothing: they keep nobody out, on any listener, in plain text and over TLS.

use std::fs;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::sandbox;
use crate::peers::free_port;

/// Opens `count` connections that send `bytes` and then nothing.
async fn silent(address: SocketAddr, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(bytes).await.unwrap();
        connections.push(connection);
    }
    connections
}

#[tokio::test]
async fn silent_connections_leave_room_for_those_who_call() {
    let server = "max_connections = 20\nkeepalive_interval_ms = 3600000";
    let directory = GatewayDirectory::with_server(server, &sandbox()).await;
    let gateway = directory.start().await;
    // Nothing; half of what HTTP/2 begins with; and all of it, but no call.
    let opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut known = gateway.messages();
    known.list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    for bytes in [&b""[..], &opening[..12], opening] {
        let _silent = silent(gateway.address, 30, bytes).await;
        assert_serves(&gateway).await;
    }
    known
        .list_messages(v1::ListMessagesRequest::default())
        .await
        .expect("whoever has a key keeps their place");
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_without_an_opening_ends_by_itself() {
    let directory = GatewayDirectory::with_server("handshake_timeout_ms = 50", &sandbox()).await;
    let gateway = directory.start().await;
    for bytes in [&b""[..], b"PRI * HTTP/2.0", b"GET / HTTP/1.1\r\n\r\n"] {
        for mut connection in silent(gateway.address, 3, bytes).await {
            let mut read = Vec::new();
            let ended = timeout(PATIENCE, connection.read_to_end(&mut read)).await;
            drop(ended.expect("the gateway should close it"));
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn silent_connections_over_tls_leave_room_and_do_not_delay_the_stop() {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let cert = file("cert.pem", certificate.cert.pem());
    let key = file("key.pem", certificate.signing_key.serialize_pem());
    let server = format!(
        "max_connections = 20\ndrain_timeout_ms = 3600000\nhandshake_timeout_ms = 3600000\n\
         [server.tls]\ncert_file = '{cert}'\nkey_file = '{key}'\nclient_ca_file = '{cert}'"
    );
    let directory = GatewayDirectory::with_server(&server, &sandbox()).await;
    let gateway = directory.start().await;
    // The head of a record of 512 bytes, and the first of them: half of a ClientHello.
    let half = [&[22, 3, 1, 2, 0, 1, 0, 1, 252][..], &[0; 100]].concat();
    let mut connections = Vec::new();
    for bytes in [&[][..], &half] {
        connections.extend(silent(gateway.address, 30, bytes).await);
        let mut newcomer = TcpStream::connect(gateway.address).await.unwrap();
        newcomer.write_all(b"this is no TLS").await.unwrap();
        let mut alert = Vec::new();
        let answered = timeout(PATIENCE, newcomer.read_to_end(&mut alert)).await;
        drop(answered.expect("a newcomer should be answered"));
        assert_eq!(alert.first(), Some(&21), "an alert of TLS");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_connection_without_a_call_does_not_delay_the_stop() {
    let (port, mail) = (free_port(), free_port());
    let hour = "3600000";
    let inbound = format!(
        "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\nrequest_timeout_ms = {hour}\n\
         write_timeout_ms = {hour}\n\
         [inbound.mail]\nlisten = '127.0.0.1:{mail}'\ntimeout_ms = {hour}\n"
    );
    let server =
        format!("drain_timeout_ms = {hour}\nkeepalive_interval_ms = {hour}\nhandshake_timeout_ms = {hour}");
    let directory = GatewayDirectory::with_server(&server, &(inbound + &sandbox())).await;
    let gateway = directory.start().await;
    let opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let (port, mail) = (([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], mail).into());
    let mut connections = Vec::new();
    for (address, bytes) in [
        (gateway.address, &b""[..]),
        (gateway.address, &opening[..12]),
        (gateway.address, opening),
        (port, b""),
        (port, b"POST /providers/x HTTP/1.1\r\nHost: x\r\n"),
        (mail, b""),
        (mail, b"LHLO x"),
    ] {
        connections.extend(silent(address, 1, bytes).await);
    }
    let mut client = RawClient::connect(gateway.address, 65_535).await;
    let mut reflection = client.begin("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", None).await;
    assert_eq!(reflection.refused().await, None, "it waits for the first question");
    // A call that was answered, by a peer that never closes.
    let mut served = silent(port, 1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.remove(0);
    served.read_exact(&mut [0; 12]).await.unwrap();
    let _unfinished = client.begin("grpc.health.v1.Health/Check", None).await;
    assert_serves(&gateway).await;
    gateway.stop().await;
}

#[tokio::test]
async fn silent_connections_leave_room_for_webhooks_and_mail() {
    let (port, mail) = (free_port(), free_port());
    let inbound = format!(
        "\n[inbound]\nlisten = '127.0.0.1:{port}'\npublic_url = 'https://hooks.example.com'\nmax_connections = 5\n\
         request_timeout_ms = 3600000\nwrite_timeout_ms = 3600000\n[inbound.mail]\nlisten = '127.0.0.1:{mail}'\nmax_connections = 5\n"
    );
    let directory = GatewayDirectory::new(&(inbound + &sandbox())).await;
    let gateway = directory.start().await;
    let (web, mail) = (([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], mail).into());
    let mut connections = silent(mail, 6, b"").await;
    // Nothing, half of a call, and a call after which the gateway closes and the peer does not.
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
    {
        connections.extend(silent(web, 6, bytes).await);
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = timeout(PATIENCE, client.get(format!("http://127.0.0.1:{port}/")).send()).await;
    assert_eq!(answer.expect("webhooks should be answered").unwrap().status(), 404);
    let mut session = TcpStream::connect(mail).await.unwrap();
    let mut greeting = [0; 4];
    let greeted = timeout(PATIENCE, session.read_exact(&mut greeting)).await;
    greeted.expect("mail should be taken").unwrap();
    assert_eq!(&greeting, b"220 ");
    drop(connections);
    gateway.stop().await;
}

#[tokio::test]
async fn a_call_ends_when_the_time_that_its_caller_gave_it_is_over() {
    let directory = GatewayDirectory::with_server("request_timeout_ms = 86400000", &sandbox()).await;
    let gateway = directory.start().await;
    let mut client = RawClient::connect(gateway.address, 1 << 20).await;
    let path = "relevo.v1.MessageService/ListMessages";
    // Its message never comes.
    let mut call = client.begin_with(path, Some(&directory.brand_key), &[("grpc-timeout", "50m")]).await;
    assert_eq!(call.refused().await.as_deref(), Some("4"), "DEADLINE_EXCEEDED");
    gateway.stop().await;
}
