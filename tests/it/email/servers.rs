//! Several servers for one provider.

use relevo::adapters::Adapter;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};

use super::{assert_sent, build, email, evidence};
use crate::peers::{Smtp, smtp_sink};

/// A port that refuses connections, for as long as its socket is held: nothing else can listen there.
fn closed() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn settings(fallback: u16) -> String {
    format!("tls = 'none'\nfallback_hosts = ['localhost:{fallback}']")
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_costs_no_message() {
    let next = Smtp::start("next", &[]);
    let (_held, port) = closed();
    let adapter = build(port, &settings(next.port())).unwrap();
    assert_sent(&adapter, &email("ana@example.org")).await;
    assert_sent(&adapter, &email("bob@example.org")).await;
    assert_eq!(next.taken().len(), 2);
    for (name, options) in [
        ("first-421", ["-Q", "connect"]),
        ("first-cut", ["-q", "ehlo"]),
        ("first-silent", ["-W", "connect:60"]),
    ] {
        let first = smtp_sink(name, &options);
        let before = next.taken().len();
        assert_sent(&build(first.port(), &settings(next.port())).unwrap(), &email("ana@example.org")).await;
        assert_eq!(next.taken().len(), before + 1, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_has_the_message_is_asked_alone() {
    let next = Smtp::start("not-next", &[]);
    let first = Smtp::start("first", &[]);
    let adapter = build(first.port(), &settings(next.port())).unwrap();
    for (address, expected) in [
        ("rcpt-550-5.1.1@example.org", "rejected"),
        ("drop@example.org", "unknown"),
        ("a@example.org", "sent"),
    ] {
        let outcome = adapter.deliver(&email(address)).await;
        assert_eq!(outcome.as_str(), expected, "{}", evidence(&outcome));
    }
    assert_eq!((first.taken().len(), next.taken().len()), (1, 0));
}

#[tokio::test]
async fn without_any_server_it_is_an_outage() {
    let ((_first, port), (_second, fallback)) = (closed(), closed());
    let outcome = build(port, &settings(fallback)).unwrap().deliver(&email("ana@example.org")).await;
    assert_eq!(outcome.as_str(), "unavailable", "{}", evidence(&outcome));
}

#[tokio::test]
async fn a_reply_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for line in [&b"220 "[..], &b"220-more\r\n"[..]] {
        let endless = async {
            let (mut peer, _) = listener.accept().await.unwrap();
            let mut said = 0;
            while peer.write_all(line).await.is_ok() && said < 256 << 20 {
                peer.write_all(&line.repeat(1_000)).await.ok();
                said += line.len() * 1_000;
            }
            said
        };
        let adapter = build(port, "tls = 'none'").unwrap();
        let message = email("ana@example.org");
        let (outcome, said) = tokio::join!(adapter.deliver(&message), endless);
        assert_eq!(outcome.as_str(), "unavailable", "{}", evidence(&outcome));
        // What fits into the buffers of the system is more than what was read.
        assert!(said < 32 << 20, "{said} bytes were taken");
    }
}
