//! Nobody knows whether a provider took a message: it is asked again where that is safe, and few copies are sent where it is
//! not.

use relevo::wire::v1::{Channel, ConsentAction, MessageState};
use serde_json::{Value, json};

use crate::api::{contact, email};
use crate::gateway::history::{attempts, end_reason, route_taken};
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::*;
use crate::gateway::{ana, by, offer, order};
use crate::peers::{Smtp, WiremockStubs, smtp_sink};

/// The connection is cut when the request is there: whether it was carried out, nobody can tell.
fn cut() -> Value {
    json!({ "fault": "CONNECTION_RESET_BY_PEER" })
}

fn body_of(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_call_that_was_cut_is_repeated_under_its_key_and_nobody_gets_two() {
    let (stubs, sink) = (WiremockStubs::new("doubt-resend"), smtp_sink("doubt-resend", &[]));
    let providers = resend("mail", stubs.url()) + &smtp("other", sink.port(), "tls = 'none'", "tier = 2");
    let directory = GatewayDirectory::new(&providers).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    gateway.record_consent(ConsentAction::Grant, Channel::Email, "*").await;
    let taken = json!({ "status": 200, "jsonBody": { "id": "r-1" } });
    stubs.answer_in_turn(&[cut(), cut(), taken.clone(), cut(), cut(), taken]).await;
    for spec in [order(), offer()] {
        let message = gateway.send_until_ended(by(&[Channel::Email], spec)).await;
        assert_eq!(message.state(), MessageState::Sent, "{message:#?}");
        let codes: Vec<_> = attempts(&message).iter().map(|attempt| attempt.way.provider.clone()).collect();
        assert_eq!(codes, ["mail", "mail", "mail"], "nobody else is asked");
        let requests = stubs.requests().await;
        let [first, second, third] = requests.as_slice() else { panic!("{requests:?}") };
        let call = |request: &Value| (request["headers"]["idempotency-key"].clone(), body_of(request));
        assert_eq!(call(first).0, format!("acme/{}/1", message.message_id));
        assert!(call(first) == call(second) && call(second) == call(third), "{requests:#?}");
        stubs.forget().await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_repeat_that_the_provider_knows_already_says_that_the_first_was_taken() {
    let stubs = WiremockStubs::new("doubt-brevo");
    let adapter = format!(
        "[providers.brevo]\napi_key = {{ file = 'secret' }}\nfrom = 'Shop <shop@example.com>'\nbase_url = '{}'",
        stubs.url()
    );
    let directory = GatewayDirectory::new(&provider("mail", "email", "", &adapter)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    gateway.record_consent(ConsentAction::Grant, Channel::Email, "*").await;
    let duplicate = json!({ "code": "duplicate_request", "message": "Request already processed" });
    let known = json!({ "status": 400, "jsonBody": duplicate });
    stubs.answer_in_turn(&[cut(), known.clone(), cut(), known]).await;
    for spec in [order(), offer()] {
        let message = gateway.send_until_ended(by(&[Channel::Email], spec)).await;
        assert_eq!(message.state(), MessageState::Sent, "{message:#?}");
        let requests = stubs.requests().await;
        let keys: Vec<_> =
            requests.iter().map(|call| body_of(call)["headers"]["idempotencyKey"].clone()).collect();
        assert!(matches!(keys.as_slice(), [first, second] if first == second), "{keys:?}");
        stubs.forget().await;
    }
    gateway.stop().await;
}

/// Measured before: a server that answered 12 seconds after the dot got 7 copies of a mail in 150.
#[tokio::test]
async fn a_mail_server_that_answers_late_gets_one_copy() {
    let mail = Smtp::start("doubt-late", &["--late", "1.5"]);
    let limits = "[providers.limits]\nconnect_timeout_ms = 500\ntimeout_ms = 1000";
    let directory = GatewayDirectory::new(&smtp("mail", mail.port(), "tls = 'none'", limits)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(contact("ana", vec![email("late@example.org")])).await;
    let message = gateway.send_until_ended(by(&[Channel::Email], order())).await;
    assert_eq!((message.state(), route_taken(&message).as_str()), (MessageState::Sent, "mail SENT"));
    assert_eq!(mail.taken().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_mail_that_is_sent_again_has_the_same_message_id() {
    let mail = Smtp::start("doubt-copies", &["--late", "2"]);
    let server = |name| smtp(name, mail.port(), "tls = 'none'\nfinal_reply_timeout_ms = 300", "");
    let retry = "\n[retry]\ndoubt_wait_ms = 500\n";
    let directory = GatewayDirectory::new(&(server("one") + &server("two") + retry)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(contact("ana", vec![email("late@example.org")])).await;
    let message = gateway.send_until_ended(by(&[Channel::Email], order())).await;
    assert_eq!((message.state(), end_reason(&message)), (MessageState::InDoubt, "in_doubt"));
    let id = |mail: &Value| mail["parsed"]["headers"]["message-id"].as_str().unwrap().to_owned();
    let taken: Vec<_> = mail.taken().iter().map(id).collect();
    assert!(matches!(taken.as_slice(), [one, two] if one == two), "two copies, and no more: {taken:?}");
    gateway.stop().await;
}

/// Measured before: seven paid ones.
#[tokio::test]
async fn of_a_message_that_nobody_answers_for_there_are_at_most_two_copies() {
    let (first, second) = (WiremockStubs::new("doubt-one"), WiremockStubs::new("doubt-two"));
    for stubs in [&first, &second] {
        stubs.answer(json!({}), cut()).await;
    }
    let retry = "\n[retry]\ndoubt_wait_ms = 1500\n";
    let accounts = twilio("first", first.url(), "tier = 1") + &twilio("second", second.url(), "tier = 2");
    let directory = GatewayDirectory::new(&(accounts + retry)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let message = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!((message.state(), end_reason(&message)), (MessageState::InDoubt, "in_doubt"), "{message:#?}");
    assert_eq!((first.requests().await.len(), second.requests().await.len()), (1, 1));
    gateway.stop().await;
}
