//! What the server does, and the outcome it must come to.

use relevo::adapters::Adapter;
use relevo::adapters::email::SmtpAdapter;
use relevo::model::{Outcome, Rejection, ThrottleScope};

use super::{assert_sent, build_with_timeout, content, email, evidence, plain};
use crate::peers::{Smtp, free_port, smtp_sink};

async fn outcome_to(adapter: &SmtpAdapter, address: &str) -> Outcome {
    adapter.deliver(&email(address)).await
}

#[tokio::test]
async fn every_kind_of_reply_comes_to_its_outcome() {
    // The reply of 421 ends the first session.
    replies(Smtp::start("replies", &[]), 2).await;
}

#[tokio::test]
async fn the_replies_to_commands_sent_together_come_to_the_same_outcomes() {
    // A reply of 421 to the first commands on a kept connection may be about its age: another is tried.
    replies(Smtp::start("replies-together", &["--pipelining"]), 3).await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_text_to_nobody_is_left() {
    let peer = Smtp::start("careless", &["--pipelining", "--careless"]);
    let adapter = plain(peer.port());
    let outcome = outcome_to(&adapter, "rcpt-550-5.1.1@example.org").await;
    assert_eq!(outcome.as_str(), "rejected", "{}", evidence(&outcome));
    assert_sent(&adapter, &email("ana@example.org")).await;
    assert_eq!(peer.taken()[0]["session"], 2);
}

async fn replies(peer: Smtp, last_session: u64) {
    let adapter = plain(peer.port());
    let address = |certain| Some(Rejection::Address { certain });
    for (local, expected, cause, scope) in [
        ("rcpt-550-5.1.1", "rejected", address(true), None),
        ("rcpt-550", "rejected", address(false), None),
        ("rcpt-550-5.7.1", "rejected", Some(Rejection::Policy), None),
        ("rcpt-552-5.3.4", "rejected", Some(Rejection::Policy), None),
        ("text-554-5.7.1", "rejected", Some(Rejection::Content), None),
        ("text-554", "rejected", Some(Rejection::Policy), None),
        ("text-552-5.3.4", "rejected", Some(Rejection::Content), None),
        ("rcpt-552-5.2.2", "throttled", None, Some(ThrottleScope::Recipient)),
        ("rcpt-451-4.7.1", "throttled", None, Some(ThrottleScope::Recipient)),
        ("text-451-4.7.28", "throttled", None, Some(ThrottleScope::Provider)),
        ("text-550-5.4.5", "throttled", None, Some(ThrottleScope::Provider)),
        ("rcpt-550-5.1.90", "throttled", None, Some(ThrottleScope::Provider)),
        ("text-451-4.3.0", "unavailable", None, None),
        ("rcpt-421-4.3.2", "unavailable", None, None),
        ("text-550-5.7.26", "misconfigured", None, None),
        ("text-550-5.7.60", "misconfigured", None, None),
        ("text-554-5.2.252", "misconfigured", None, None),
        ("rcpt-530-5.7.0", "misconfigured", None, None),
    ] {
        let outcome = outcome_to(&adapter, &format!("{local}@example.org")).await;
        assert_eq!(outcome.as_str(), expected, "{local}: {}", evidence(&outcome));
        match outcome {
            Outcome::Rejected { cause: seen, .. } => assert_eq!(Some(seen), cause, "{local}"),
            Outcome::Throttled { scope: seen, .. } => assert_eq!(Some(seen), scope, "{local}"),
            _ => {}
        }
    }
    assert!(peer.taken().is_empty());
    // All other refusals leave the session as it was.
    assert_sent(&adapter, &email("ana@example.org")).await;
    assert_eq!(peer.taken()[0]["session"], last_session);
}

#[tokio::test]
async fn a_refused_sender_is_our_fault() {
    for options in [&[][..], &["--pipelining"]] {
        refused_sender(&Smtp::start("sender", options)).await;
    }
}

async fn refused_sender(peer: &Smtp) {
    let mut envelope = email("ana@example.org");
    envelope.from = Some("mail-550-5.1.8@acme.example".into());
    let outcome = plain(peer.port()).deliver(&envelope).await;
    assert_eq!(outcome.as_str(), "misconfigured");
    assert_eq!(evidence(&outcome), "550 5.1.8 as asked by *** (at MAIL FROM)");
}

#[tokio::test]
async fn silence_after_the_message_is_doubt() {
    let peer = Smtp::start("hang", &[]);
    let outcome = outcome_to(&plain(peer.port()), "hang@example.org").await;
    assert_eq!(outcome.as_str(), "unknown");
    assert_eq!(evidence(&outcome), "no answer in time (after the message)");
}

#[tokio::test]
async fn a_connection_cut_after_the_message_is_doubt() {
    let peer = Smtp::start("cut", &[]);
    let outcome = outcome_to(&plain(peer.port()), "drop@example.org").await;
    assert_eq!(outcome.as_str(), "unknown", "{}", evidence(&outcome));
    let sink = smtp_sink("cut", &["-q", "."]);
    let outcome = outcome_to(&plain(sink.port()), "ana@example.org").await;
    assert_eq!(outcome.as_str(), "unknown", "{}", evidence(&outcome));
}

#[tokio::test]
async fn whatever_happens_before_the_message_is_over_is_no_doubt() {
    for (name, options) in [
        ("cut-connect", ["-q", "connect"]),
        ("cut-ehlo", ["-q", "ehlo"]),
        ("cut-mail", ["-q", "mail"]),
        ("cut-rcpt", ["-q", "rcpt"]),
        ("cut-data", ["-q", "data"]),
        ("421-connect", ["-Q", "connect"]),
        ("421-mail", ["-Q", "mail"]),
        ("421-data", ["-Q", "data"]),
        ("slow-connect", ["-W", "connect:60"]),
        ("slow-mail", ["-W", "mail:60"]),
        ("slow-data", ["-W", "data:60"]),
    ] {
        let sink = smtp_sink(name, &options);
        let adapter = build_with_timeout(sink.port(), "tls = 'none'", 1_500).unwrap();
        let outcome = outcome_to(&adapter, "ana@example.org").await;
        assert_eq!(outcome.as_str(), "unavailable", "{name}: {}", evidence(&outcome));
    }
}

#[tokio::test]
async fn a_server_that_stops_reading_has_not_taken_the_message() {
    let sink = smtp_sink("stops", &["-H", "60", "-T", "1024"]);
    let text = "a line of a very long message\n".repeat(500_000);
    let envelope = content("ana@example.org", "Long", Some(&text), None);
    let outcome = plain(sink.port()).deliver(&envelope).await;
    assert_eq!(outcome.as_str(), "unavailable", "{}", evidence(&outcome));
}

#[tokio::test]
async fn a_refused_connection_is_an_outage() {
    let outcome = outcome_to(&plain(free_port()), "ana@example.org").await;
    assert_eq!(outcome.as_str(), "unavailable");
    assert!(evidence(&outcome).contains("refused"), "{}", evidence(&outcome));
}
