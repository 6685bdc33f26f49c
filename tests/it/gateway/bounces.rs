//! Reports on mail, handed over by LMTP with Python's own client, or by HTTP.

use std::process::Command;

use relevo::wire::v1::{self, Channel, MessageState};
use reqwest::StatusCode;

use super::process::{Gateway, Home};
use super::providers::smtp;
use super::story::path;
use super::{ana, by, offer, order};
use crate::peers::{Smtp, free_port, installed, root};

const BOUNCES: &str =
    "tls = 'none'\nbounce_address = 'bounce@bounces.example.com'\nbounce_secret = { file = 'secret' }";

/// A gateway that sends by `peer` and takes what comes back.
struct Mailed {
    gateway: Gateway,
    _home: Home,
    peer: Smtp,
    lmtp: u16,
    url: String,
}

impl Mailed {
    async fn start(name: &str) -> Self {
        let peer = Smtp::start(name, &[]);
        let (http, lmtp) = (free_port(), free_port());
        let listeners = format!(
            "\n[inbound]\nlisten = '127.0.0.1:{http}'\npublic_url = 'https://hooks.example.com'\n\
             [inbound.mail]\nlisten = '127.0.0.1:{lmtp}'\nmax_message_bytes = 20_000\n{}",
            smtp("mail", peer.port(), BOUNCES, "")
        );
        let home = Home::new(&listeners).await;
        let gateway = home.start().await;
        gateway.knows(ana()).await;
        let url = format!("http://127.0.0.1:{http}/providers/mail");
        Self { gateway, _home: home, peer, lmtp, url }
    }

    /// Sends a message to the end, and tells the envelope sender that it had.
    async fn sends(&self, spec: v1::MessageSpec) -> (v1::Message, String) {
        let sent = self.gateway.sends_to_the_end(by(&[Channel::Email], spec)).await;
        assert_eq!(path(&sent), "mail SENT");
        let taken = self.peer.taken().pop().unwrap();
        (sent, taken["from"].as_str().unwrap().to_owned())
    }

    /// What is replied to a mail: to LHLO, MAIL and RCPT, and to its text if it comes to that.
    fn hand_over(&self, recipient: &str, mail: &[&str]) -> Vec<String> {
        serde_json::from_slice(&lmtp(&[&[&self.lmtp.to_string(), recipient], mail].concat())).unwrap()
    }

    /// The code of the last reply.
    fn code(&self, recipient: &str, mail: &[&str]) -> String {
        self.hand_over(recipient, mail).pop().unwrap()[..3].to_owned()
    }

    async fn consent(&self) -> v1::GetConsentResponse {
        let request = v1::GetConsentRequest { contact_id: "ana".into() };
        self.gateway.consents().get_consent(request).await.unwrap().into_inner()
    }
}

/// What Python's client prints.
fn lmtp(arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(installed("venv/bin/python"));
    let output = command.arg(root().join("tests/peers/lmtp.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

const GONE: &[&str] = &["delivery", "failed", "5.1.1", "smtp; 550 5.1.1 <ana@example.com>: no such user"];

#[tokio::test]
async fn a_bounce_fails_its_message_and_suppresses_the_address_once() {
    let mailed = Mailed::start("bounce").await;
    let (sent, sender) = mailed.sends(order()).await;
    let forged = sender.replacen('+', "+a", 1);
    let changed = format!("{}{}", &sender[..8], &sender[8..].replacen('a', "b", 1));
    for (recipient, mail) in [(forged.as_str(), GONE), (&changed, GONE), ("ana@example.com", GONE)] {
        assert_eq!(mailed.code(recipient, mail), "550", "{recipient}");
    }
    // The address without a token takes complaints, but not without a token inside.
    assert_eq!(mailed.code("bounce@bounces.example.com", GONE), "550");
    assert_eq!(mailed.gateway.message(&sent.message_id).await.history, sent.history);

    assert_eq!(mailed.code(&sender, &["delivery", "delayed", "4.4.1", "smtp; 450 later"]), "250");
    assert_eq!(mailed.gateway.message(&sent.message_id).await.history, sent.history);
    for _ in 0..2 {
        assert_eq!(mailed.code(&sender, GONE), "250");
    }
    let failed = mailed.gateway.message(&sent.message_id).await;
    assert_eq!(failed.state(), MessageState::Failed);
    assert_eq!(failed.history.len(), sent.history.len() + 2, "the receipt and the end, once");
    let consent = mailed.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Email, "bad_address"));
    assert_eq!(suppression.recorded_by, "mail");
    let next = mailed.gateway.sends_to_the_end(by(&[Channel::Email], order())).await;
    assert_eq!(next.state(), MessageState::Suppressed);
    mailed.gateway.stop().await;
}

#[tokio::test]
async fn a_complaint_suppresses_the_address_and_withdraws_the_opt_in() {
    let mailed = Mailed::start("complaint").await;
    mailed.gateway.records(v1::ConsentAction::Grant, Channel::Email, "offers").await;
    let (sent, sender) = mailed.sends(offer()).await;
    assert_eq!(mailed.code("bounce@bounces.example.com", &["complaint", "abuse", &sender]), "250");
    assert_eq!(mailed.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    let consent = mailed.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!(suppression.reason, "complaint");
    let withdrawn = consent.ledger.iter().any(|own| own.action() == v1::ConsentAction::Revoke);
    assert!(withdrawn, "{consent:?}");
    mailed.gateway.stop().await;
}

#[tokio::test]
async fn a_mail_by_http_says_the_same() {
    let mailed = Mailed::start("bounce-http").await;
    let (sent, sender) = mailed.sends(order()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |recipient: &str, action: &str| {
        let mail = lmtp(&["print", "somebody@example.org", "delivery", action, "2.0.0", "smtp; 250 taken"]);
        let call = client.post(&mailed.url).query(&[("recipient", recipient)]).body(mail);
        call.send().await.unwrap().status()
    };
    assert_eq!(post(&sender.replacen('+', "+a", 1), "delivered").await, StatusCode::UNAUTHORIZED);
    assert_eq!(mailed.gateway.message(&sent.message_id).await.history, sent.history);
    assert_eq!(post(&sender, "delivered").await, StatusCode::OK);
    assert_eq!(mailed.gateway.message(&sent.message_id).await.state(), MessageState::Delivered);
    mailed.gateway.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_no_report_or_too_large_changes_nothing() {
    let mailed = Mailed::start("no-report").await;
    let (sent, sender) = mailed.sends(order()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail");
    let hand_over = |text: &str| {
        std::fs::write(&file, text).unwrap();
        mailed.hand_over(&sender, &["file", file.to_str().unwrap()]).pop().unwrap()
    };
    let holiday = "Auto-Submitted: auto-replied\r\nSubject: Out of office\r\n\r\n.\r\nBack on Monday.\r\n";
    assert!(hand_over(holiday).starts_with("250"));
    assert!(hand_over(&format!("{holiday}{}", "a line\r\n".repeat(5_000))).starts_with("552"));
    assert_eq!(mailed.gateway.message(&sent.message_id).await.history, sent.history);
    mailed.gateway.stop().await;
}
