//! Bounces and complaints by mail, delivered by LMTP with Python's client and Postfix, or by HTTP.

use std::process::Command;

use relevo::wire::v1::{self, Channel, MessageState};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::api::{contact, email};
use crate::gateway::history::route_taken;
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::smtp;
use crate::gateway::{ana, by, offer, order};
use crate::peers::{Smtp, free_port, installed, postfix, root};

const BOUNCES: &str = "tls = 'none'\nbounce_address = 'bounce@bounces.example.com'\nbounce_secret = { file = 'secret' }\nnotices = 'all'";

/// A gateway that sends by `peer` and accepts reports by LMTP and HTTP.
struct MailReportGateway {
    gateway: Gateway,
    _directory: GatewayDirectory,
    peer: Smtp,
    lmtp: u16,
    url: String,
}

impl MailReportGateway {
    async fn start(name: &str) -> Self {
        let peer = Smtp::start(name, &[]);
        let (port, lmtp) = (peer.port(), free_port());
        Self::sending_to(peer, port, lmtp).await
    }

    /// The same with a server on `port` before the peer.
    async fn sending_to(peer: Smtp, port: u16, lmtp: u16) -> Self {
        let http = free_port();
        let listeners = format!(
            "\n[inbound]\nlisten = '127.0.0.1:{http}'\npublic_url = 'https://hooks.example.com'\n\
             [inbound.mail]\nlisten = '127.0.0.1:{lmtp}'\nmax_message_bytes = 20_000\n{}",
            smtp("mail", port, BOUNCES, "")
        );
        let directory = GatewayDirectory::new(&listeners).await;
        let gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        let url = format!("http://127.0.0.1:{http}/providers/mail");
        Self { gateway, _directory: directory, peer, lmtp, url }
    }

    /// Sends a message, and returns it with its envelope sender.
    async fn send(&self, spec: v1::MessageSpec) -> (v1::Message, String) {
        let sent = self.gateway.send_until_ended(by(&[Channel::Email], spec)).await;
        assert_eq!(route_taken(&sent), "mail SENT");
        let taken = self.peer.taken().pop().unwrap();
        (sent, taken["from"].as_str().unwrap().to_owned())
    }

    /// Delivers a mail by LMTP. Returns the replies to LHLO, MAIL and RCPT, and to the text where it comes to that.
    fn deliver_by_lmtp(&self, recipient: &str, mail: &[&str]) -> Vec<String> {
        serde_json::from_slice(&lmtp(&[&[&self.lmtp.to_string(), recipient], mail].concat())).unwrap()
    }

    /// The code of the last reply.
    fn code(&self, recipient: &str, mail: &[&str]) -> String {
        self.deliver_by_lmtp(recipient, mail).pop().unwrap()[..3].to_owned()
    }

    async fn consent(&self) -> v1::GetConsentResponse {
        let request = v1::GetConsentRequest { contact_id: "ana".into(), ..Default::default() };
        self.gateway.consents().get_consent(request).await.unwrap().into_inner()
    }
}

/// The output of Python's LMTP client.
fn lmtp(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(installed("venv/bin/python"));
    let output = command.arg(root().join("tests/peers/lmtp.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

const GONE: &[&str] = &["delivery", "failed", "5.1.1", "smtp; 550 5.1.1 <ana@example.com>: no such user"];

#[tokio::test]
async fn a_bounce_fails_its_message_and_suppresses_the_address_once() {
    let inbound = MailReportGateway::start("bounce").await;
    let (sent, sender) = inbound.send(order()).await;
    let forged = sender.replacen('+', "+a", 1);
    let changed = format!("{}{}", &sender[..8], &sender[8..].replacen('a', "b", 1));
    for (recipient, mail) in [(forged.as_str(), GONE), (&changed, GONE), ("ana@example.com", GONE)] {
        assert_eq!(inbound.code(recipient, mail), "550", "{recipient}");
    }
    // The address without a token takes complaints, but not without a token inside.
    assert_eq!(inbound.code("bounce@bounces.example.com", GONE), "550");
    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);

    assert_eq!(inbound.code(&sender, &["delivery", "delayed", "4.4.1", "smtp; 450 later"]), "250");
    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);
    for _ in 0..2 {
        assert_eq!(inbound.code(&sender, GONE), "250");
    }
    let failed = inbound.gateway.message(&sent.message_id).await;
    assert_eq!(failed.state(), MessageState::Failed);
    assert_eq!(failed.history.len(), sent.history.len() + 2, "the receipt and the end, once");
    let consent = inbound.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Email, "bad_address"));
    assert_eq!(suppression.recorded_by, "mail");
    let next = inbound.gateway.send_until_ended(by(&[Channel::Email], order())).await;
    assert_eq!(next.state(), MessageState::Suppressed);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_complaint_suppresses_the_address_and_withdraws_the_opt_in() {
    let inbound = MailReportGateway::start("complaint").await;
    inbound.gateway.record_consent(v1::ConsentAction::Grant, Channel::Email, "offers").await;
    let (sent, sender) = inbound.send(offer()).await;
    assert_eq!(inbound.code("bounce@bounces.example.com", &["complaint", "abuse", &sender]), "250");
    assert_eq!(inbound.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    let consent = inbound.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!(suppression.reason, "complaint");
    let withdrawn = consent.ledger.iter().any(|entry| entry.action() == v1::ConsentAction::Revoke);
    assert!(withdrawn, "{consent:?}");
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_mail_by_http_says_the_same() {
    let inbound = MailReportGateway::start("bounce-http").await;
    let (sent, sender) = inbound.send(order()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |recipient: &str, action: &str| {
        let mail = lmtp(&["print", "somebody@example.org", "delivery", action, "2.0.0", "smtp; 250 taken"]);
        let call = client.post(&inbound.url).query(&[("recipient", recipient)]).body(mail);
        call.send().await.unwrap().status()
    };
    assert_eq!(post(&sender.replacen('+', "+a", 1), "delivered").await, StatusCode::UNAUTHORIZED);
    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);
    assert_eq!(post(&sender, "delivered").await, StatusCode::OK);
    assert_eq!(inbound.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_no_report_or_too_large_changes_nothing() {
    let inbound = MailReportGateway::start("no-report").await;
    let (sent, sender) = inbound.send(order()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    let hand_over = |text: &str| {
        std::fs::write(&file, text).unwrap();
        inbound.deliver_by_lmtp(&sender, &["file", file.to_str().unwrap()]).pop().unwrap()
    };
    let holiday = "Auto-Submitted: auto-replied\r\nSubject: Out of office\r\n\r\n.\r\nBack on Monday.\r\n";
    assert!(hand_over(holiday).starts_with("250"));
    assert!(hand_over(&format!("{holiday}{}", "a line\r\n".repeat(5_000))).starts_with("552"));
    assert_eq!(inbound.gateway.message(&sent.message_id).await.history, sent.history);
    inbound.gateway.stop().await;
}

/// The replies to bytes that are sent in one go, up to the end of the connection.
async fn replies(port: u16, sent: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut replies = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut replies)).await.unwrap().unwrap();
    replies.lines().map(|line| &line[..4]).filter(|code| code.ends_with(' ')).collect()
}

#[tokio::test]
async fn a_mail_ends_where_its_dot_is_and_nothing_comes_after_too_much() {
    let inbound = MailReportGateway::start("raw").await;
    let (_, sender) = inbound.send(order()).await;
    let begin = format!("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{sender}>\r\nDATA\r\n");
    let smuggled = "Subject: a\r\n\r\nb\n.\r\nc\r.\r\nd\r\n.\nMAIL FROM:<>\r\n..\r\n.\r\nNOOP\r\nQUIT\r\n";
    let said = replies(inbound.lmtp, &format!("{begin}{smuggled}")).await;
    assert_eq!(said, "220 250 250 250 354 250 250 221 ", "one mail, NOOP and QUIT");
    // A line whose end is in two pieces as it is read.
    let long = format!("Subject: a\r\n\r\n{}\r\n.\r\nQUIT\r\n", "x".repeat(8 * 1_024 - 1));
    assert_eq!(replies(inbound.lmtp, &format!("{begin}{long}")).await, "220 250 250 250 354 250 221 ");
    for (line, said) in [
        ("LHLO x\nQUIT\r\n", "220 500 "),
        (&"x".repeat(1_024), "220 500 "),
        ("\0\u{ff}\r\nQUIT\r\n", "220 500 221 "),
    ] {
        assert_eq!(replies(inbound.lmtp, line).await, said, "{line:?}");
    }
    inbound.gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_stays_when_the_gateway_goes_is_told() {
    let inbound = MailReportGateway::start("stays").await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", inbound.lmtp)).await.unwrap();
    let mut greeting = [0; b"220 relevo LMTP\r\n".len()];
    stream.read_exact(&mut greeting).await.unwrap();
    inbound.gateway.stop().await;
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "421 4.3.2 closing down\r\n");
}

#[tokio::test]
async fn postfix_hands_its_reports_over() {
    let (peer, lmtp) = (Smtp::start("behind-postfix", &[]), free_port());
    let Some(relay) = postfix("reports", peer.port(), "bounces.example.com", lmtp) else {
        return eprintln!("skipped: Postfix starts as root only; run this test as root to have it in");
    };
    let inbound = MailReportGateway::sending_to(peer, relay.port(), lmtp).await;
    let gone = contact("ana", vec![email("rcpt-550-5.1.1@example.org")]);
    inbound.gateway.upsert_contact(gone).await;
    let refused = inbound.gateway.send(by(&[Channel::Email], order())).await;
    inbound
        .gateway
        .wait_until_all(std::slice::from_ref(&refused), |event| event.state() == MessageState::Failed)
        .await;
    let consent = inbound.consent().await;
    let suppression = &consent.suppressions[0];
    assert_eq!(suppression.reason, "bad_address");
    assert!(suppression.explanation.contains("550 5.1.1"), "{suppression:?}");
    inbound.gateway.stop().await;
}
