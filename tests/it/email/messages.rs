//! What arrives is what was given, as Python's own parser reads it; and connections are shared.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use relevo::adapters::Adapter;
use relevo::model::{Outcome, Rejection};

use super::{assert_sent, build, content, email, plain};
use crate::peers::{Smtp, smtp_sink};

#[tokio::test]
async fn a_message_arrives_as_it_was_given() {
    let peer = Smtp::start("arrives", &[]);
    let html = format!("<p>¡Olé!</p><p>{}</p>", "A long line. ".repeat(200));
    let text = "¡Olé!\r\n.\n..two dots\nA lone\rreturn";
    let mut envelope = content("Añá@bücher.example", "Tu pedido ya está aquí 🎉", Some(text), Some(&html));
    envelope.from = Some("Tienda Ñandú <tienda@acme.example>".into());
    let Outcome::Sent { reference, .. } = plain(peer.port()).deliver(&envelope).await else {
        panic!("not sent");
    };

    let taken = &peer.taken()[0];
    assert_eq!(taken["from"], "tienda@acme.example");
    assert_eq!(taken["to"][0], "Añá@xn--bcher-kva.example");
    assert_eq!(taken["hello"], "gateway.example");
    let size = format!("SIZE={}", BASE64_STANDARD.decode(taken["raw"].as_str().unwrap()).unwrap().len());
    assert_eq!(taken["options"], serde_json::json!(["SMTPUTF8", "BODY=8BITMIME", size]));
    let parsed = &taken["parsed"];
    assert_eq!(parsed["defects"], serde_json::json!([]));
    let headers = &parsed["headers"];
    assert_eq!(headers["subject"], "Tu pedido ya está aquí 🎉");
    assert_eq!(headers["from"], "Tienda Ñandú <tienda@acme.example>");
    assert_eq!(headers["date"], "Sun, 22 Nov 2026 10:00:00 +0000");
    assert_eq!(headers["message-id"], reference);
    assert_eq!(reference, format!("<{}@acme.example>", envelope.message_id));
    assert_eq!(parsed["type"], "multipart/alternative");
    // Line ends within encoded texts are CRLF too (RFC 2045, section 6.8).
    assert_eq!(parsed["parts"]["plain"], "¡Olé!\r\n.\r\n..two dots\r\nA lone\r\nreturn");
    assert_eq!(parsed["parts"]["html"], html);
}

#[tokio::test]
async fn an_address_that_needs_quotes_is_written_to() {
    let peer = Smtp::start("quoted", &[]);
    for address in ["\"a b\"@x.example", "\"a@b\"@x.example", "\"a\\\"b\"@x.example", "\"a,b\"@x.example"] {
        assert_sent(&plain(peer.port()), &content(address, "Hi", Some("Text"), None)).await;
        let taken = peer.taken().pop().unwrap();
        assert_eq!(taken["to"][0], address);
        assert_eq!(taken["parsed"]["headers"]["to"], address);
    }
}

#[tokio::test]
async fn an_injected_header_stays_in_the_subject() {
    let peer = Smtp::start("injected", &[]);
    let envelope = content("ana@example.org", "Hi\r\nBcc: eve@example.net\r\n\r\nbody", Some("Text"), None);
    assert_sent(&plain(peer.port()), &envelope).await;
    let parsed = &peer.taken()[0]["parsed"];
    assert_eq!(parsed["headers"]["subject"], "Hi Bcc: eve@example.net body");
    assert_eq!(parsed["headers"]["bcc"], serde_json::Value::Null);
    assert_eq!(parsed["type"], "text/plain");
    assert_eq!(parsed["parts"]["plain"].as_str().unwrap().trim_end(), "Text");
}

#[tokio::test]
async fn a_subject_of_one_endless_word_arrives_whole() {
    let peer = Smtp::start("endless", &[]);
    let word = "ñ".repeat(20) + &"x".repeat(2_000);
    assert_sent(&plain(peer.port()), &content("ana@example.org", &word, Some("Text"), None)).await;
    assert_eq!(peer.taken()[0]["parsed"]["headers"]["subject"], word);
}

#[tokio::test]
async fn a_local_part_beyond_ascii_needs_a_server_that_takes_it() {
    let peer = Smtp::start("ascii", &["--no-smtputf8"]);
    let adapter = plain(peer.port());
    let outcome = adapter.deliver(&email("añá@example.org")).await;
    assert!(super::evidence(&outcome).contains("SMTPUTF8"), "{outcome:?}");
    // Another provider may take it.
    assert!(matches!(outcome, Outcome::Rejected { cause: Rejection::Policy, .. }));
    assert_sent(&adapter, &email("ana@bücher.example")).await;
    assert_eq!(peer.taken()[0]["to"][0], "ana@xn--bcher-kva.example");
    assert!(!peer.taken()[0]["options"].to_string().contains("SMTPUTF8"));
}

#[tokio::test]
async fn messages_share_a_connection_also_after_a_refusal() {
    let peer = Smtp::start("shared", &[]);
    let adapter = plain(peer.port());
    assert_sent(&adapter, &email("ana@example.org")).await;
    for refused in ["rcpt-550-5.1.1@example.org", "text-554-5.6.0@example.org"] {
        assert_eq!(adapter.deliver(&email(refused)).await.as_str(), "rejected");
    }
    assert_sent(&adapter, &email("bob@example.org")).await;
    let taken = peer.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0]["session"], taken[1]["session"]);
}

#[tokio::test]
async fn a_connection_the_server_closed_meanwhile_costs_nothing() {
    let peer = Smtp::start("closed", &[]);
    let adapter = plain(peer.port());
    for address in ["leave@example.org", "leave@example.org", "ana@example.org"] {
        assert_sent(&adapter, &email(address)).await;
    }
    let sessions: Vec<_> = peer.taken().iter().map(|taken| taken["session"].clone()).collect();
    assert_eq!(sessions, [1, 2, 3]);
}

#[tokio::test]
async fn a_call_dropped_in_doubt_does_not_confuse_the_next() {
    let peer = Smtp::start("dropped", &[]);
    let adapter = plain(peer.port());
    assert_sent(&adapter, &email("ana@example.org")).await;
    let hanging = email("hang@example.org");
    tokio::select! {
        outcome = adapter.deliver(&hanging) => panic!("{outcome:?}"),
        () = peer.wait_for_event("hangs", 1) => {}
    }
    assert_sent(&adapter, &email("bob@example.org")).await;
    let taken = peer.taken();
    assert_eq!(taken[1]["to"][0], "bob@example.org");
    assert_ne!(taken[0]["session"], taken[1]["session"]);
}

#[tokio::test]
async fn idle_connections_are_left_in_time_and_in_number() {
    let peer = Smtp::start("idle", &[]);
    let short = build(peer.port(), "tls = 'none'\nidle_timeout_ms = 100").unwrap();
    assert_sent(&short, &email("ana@example.org")).await;
    peer.wait_for_event("quit", 1).await;
    let none = build(peer.port(), "tls = 'none'\nmax_idle_connections = 0").unwrap();
    assert_sent(&none, &email("ana@example.org")).await;
    peer.wait_for_event("quit", 2).await;
}

#[tokio::test]
async fn smtp_sink_takes_many_messages_at_once() {
    let sink = smtp_sink("many", &[]);
    let adapter = plain(sink.port());
    let envelope = email("ana@example.org");
    let sending = (0..50).map(|_| assert_sent(&adapter, &envelope));
    futures_util::future::join_all(sending).await;
}
