//! What the providers of email tell later, signed by their own software.

use std::fs;
use std::path::PathBuf;

use relevo::clock::Clock;
use relevo::wire::v1::{self, Channel, ConsentAction, MessageState};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::hooks::{Called, reference, sign};
use super::process::SECRET;
use super::providers::provider;
use super::{by, order};
use crate::peers::{Stubs, root, scratch, sns_validator};

/// The secret in the file `webhook` of every home.
fn webhook_secret() -> String {
    use base64::Engine as _;
    format!("whsec_{}", base64::prelude::BASE64_STANDARD.encode(format!("{SECRET}, signing")))
}

fn seconds() -> i64 {
    Clock::system().unwrap().now().as_second()
}

fn email() -> v1::MessageSpec {
    by(&[Channel::Email], order())
}

/// What every provider asks for in an event: which message it is about.
fn echo_of(message: &v1::Message) -> String {
    format!("acme/{}/1", message.message_id)
}

/// Sends two messages, each with an opt-in; the first is to be delivered, and the second complained about.
async fn sends(called: &Called) -> [v1::Message; 2] {
    called.gateway.records(ConsentAction::Grant, Channel::Email, "offers").await;
    let first = called.gateway.sends_to_the_end(email()).await;
    let second = called.gateway.sends_to_the_end(email()).await;
    assert_eq!([first.state(), second.state()], [MessageState::Sent; 2]);
    [first, second]
}

/// The complaint is on record, once: the address is suppressed, the opt-in is withdrawn, and nothing is sent any more.
async fn complained(called: &Called, provider: &str) {
    let consent = called.consent().await;
    let [suppression] = consent.suppressions.as_slice() else { panic!("{consent:?}") };
    assert_eq!((suppression.channel(), suppression.reason.as_str()), (Channel::Email, "complaint"));
    assert_eq!(suppression.recorded_by, provider);
    let actions: Vec<_> = consent.ledger.iter().map(v1::ConsentEntry::action).collect();
    assert_eq!(actions, [ConsentAction::Grant, ConsentAction::Revoke]);
    let third = called.gateway.sends_to_the_end(email()).await;
    assert_eq!(third.state(), MessageState::Suppressed);
}

/// Nothing is on record.
async fn untouched(called: &Called, sent: &[v1::Message]) {
    for message in sent {
        assert_eq!(called.gateway.message(&message.message_id).await.history, message.history);
    }
    assert!(called.consent().await.suppressions.is_empty());
}

#[tokio::test]
async fn sendgrids_events_move_the_message_and_a_complaint_ends_the_opt_in() {
    let stubs = Stubs::new("hooks-sendgrid");
    let takes = json!({
        "status": 202, "headers": { "X-Message-Id": "{{randomValue length=22 type='ALPHANUMERIC'}}" },
        "transformers": ["response-template"],
    });
    stubs.answer(json!({}), takes).await;
    let adapter = format!(
        "[providers.sendgrid]\napi_key = {{ file = 'secret' }}\nfrom = 'shop@example.com'\nbase_url = '{}'\n\
         webhook_public_key = '{}'",
        stubs.url(),
        sign(&["sendgrid-key", SECRET])
    );
    let called = Called::start(&provider("sendgrid", "email", "", &adapter)).await;
    let sent = sends(&called).await;
    let event = |message: &v1::Message, event: &str, echo: String| {
        json!({
            "event": event, "email": "ana@example.com", "timestamp": seconds(), "sg_event_id": event,
            "sg_message_id": format!("{}.recvd-1-67BADEEA-6.0", reference(message)), "relevo": echo,
        })
    };
    // The first is known by SendGrid's id alone, the second by our echo.
    let body = json!([
        event(&sent[0], "processed", String::new()),
        event(&sent[0], "delivered", String::new()),
        event(&sent[1], "spamreport", echo_of(&sent[1])),
    ])
    .to_string();
    let time = seconds().to_string();
    let signature = sign(&["sendgrid", SECRET, &time, &body]);
    let call = |time: &str, body: &str| {
        let call = called.post("/providers/sendgrid", body);
        let call = call.header("X-Twilio-Email-Event-Webhook-Signature", &signature);
        call.header("X-Twilio-Email-Event-Webhook-Timestamp", time).send()
    };

    let later = (seconds() + 60).to_string();
    for (time, body) in [(&time, &body.replace("ana@", "eve@")), (&later, &body)] {
        assert_eq!(call(time, body).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    untouched(&called, &sent).await;

    for _ in 0..2 {
        assert_eq!(call(&time, &body).await.unwrap().status(), StatusCode::OK);
    }
    let delivered = called.gateway.message(&sent[0].message_id).await;
    assert_eq!(delivered.state(), MessageState::Delivered);
    complained(&called, "sendgrid").await;
    called.gateway.stop().await;
}

#[tokio::test]
async fn resends_webhooks_move_the_message_and_a_complaint_ends_the_opt_in() {
    let stubs = Stubs::new("hooks-resend");
    let takes = json!({
        "status": 200, "jsonBody": { "id": "{{randomValue type='UUID'}}" }, "transformers": ["response-template"],
    });
    stubs.answer(json!({}), takes).await;
    let adapter = format!(
        "[providers.resend]\napi_key = {{ file = 'secret' }}\nfrom = 'shop@example.com'\nbase_url = '{}'\n\
         webhook_secret = {{ file = 'webhook' }}",
        stubs.url()
    );
    let called = Called::start(&provider("resend", "email", "", &adapter)).await;
    let sent = sends(&called).await;
    let body = |message: &v1::Message, kind: &str| {
        json!({
            "type": kind, "created_at": "2026-11-22T09:59:58.126Z",
            "data": {
                "email_id": reference(message), "to": ["ana@example.com"],
                "tags": {
                    "relevo-brand": "acme", "relevo-message": message.message_id, "relevo-attempt": "1",
                },
            },
        })
        .to_string()
    };
    let time = seconds().to_string();
    let signature = |body: &str| sign(&["svix", &webhook_secret(), "msg_1", &time, body]);
    let call = |signature: String, id: &str, body: &str| {
        let call = called.post("/providers/resend", body).header("svix-id", id);
        call.header("svix-timestamp", &time).header("svix-signature", signature).send()
    };
    let [delivered, complaint] = [body(&sent[0], "email.delivered"), body(&sent[1], "email.complained")];

    let right = signature(&delivered);
    for (id, body) in [("msg_1", &complaint), ("msg_2", &delivered)] {
        assert_eq!(call(right.clone(), id, body).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    untouched(&called, &sent).await;

    let both = format!("v1,bm90IHRoaXM= {right}");
    assert_eq!(call(both, "msg_1", &delivered).await.unwrap().status(), StatusCode::OK);
    for _ in 0..2 {
        let answer = call(signature(&complaint), "msg_1", &complaint).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(called.gateway.message(&sent[0].message_id).await.state(), MessageState::Delivered);
    complained(&called, "resend").await;
    called.gateway.stop().await;
}

/// A topic of SNS as a test plays it: WireMock serves the certificate and is asked to confirm.
struct Sns {
    stubs: Stubs,
    key: String,
    certificate: PathBuf,
    topic: &'static str,
}

impl Sns {
    async fn new(name: &'static str) -> Self {
        let (stubs, key) = (Stubs::new(name), scratch("sns.key").display().to_string());
        let (certificate, pem) = (scratch("sns.pem"), sign(&["sns-certificate", &key]));
        fs::write(&certificate, &pem).unwrap();
        stubs.answer(json!({ "method": "GET" }), json!({ "status": 200 })).await;
        let serves = json!({ "status": 200, "body": pem });
        stubs.answer(json!({ "method": "GET", "urlPathPattern": "cert.pem" }), serves).await;
        Self { stubs, key, certificate, topic: "arn:aws:sns:eu-west-1:123456789012:ses-events" }
    }

    /// A signed message that Amazon's validator accepts; `more` holds its type and what goes with it.
    fn signed(&self, certificate: &str, more: Value) -> String {
        let mut own = json!({
            "MessageId": "22b80b92", "TopicArn": self.topic, "SignatureVersion": "2",
            "Timestamp": Clock::system().unwrap().now().to_string(),
            "SigningCertURL": format!("{}/{certificate}", self.stubs.url()),
        });
        own.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let signed = sign(&["sns", &self.key, &own.to_string()]);
        assert_eq!(self.validated(&signed), Ok(()));
        signed
    }

    /// What Amazon's validator says of a message.
    fn validated(&self, message: &str) -> Result<(), String> {
        let mut answers = sns_validator(&self.certificate, &self.stubs.url(), &[message.to_owned()]);
        answers.pop().unwrap()
    }

    fn notification(&self, event: &Value) -> String {
        self.signed("cert.pem", json!({ "Type": "Notification", "Message": event.to_string() }))
    }
}

#[tokio::test]
async fn the_events_of_ses_come_by_sns_once_it_is_confirmed_and_end_the_opt_in() {
    let sns = Sns::new("hooks-ses").await;
    let takes = json!({
        "status": 200, "jsonBody": { "MessageId": "{{randomValue type='UUID'}}" },
        "transformers": ["response-template"],
    });
    sns.stubs.answer(json!({ "urlPathPattern": ".*outbound-emails" }), takes).await;
    let host = sns.stubs.url().split('/').nth(2).unwrap().to_owned();
    let adapter = format!(
        "[providers.ses]\nregion = 'eu-west-1'\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\n\
         secret_access_key = {{ file = 'secret' }}\nfrom = 'shop@example.com'\nbase_url = '{}'\n\
         topic_arn = '{}'\nsns_certificate_hosts = ['{host}']",
        sns.stubs.url(),
        sns.topic
    );
    let called = Called::start(&provider("ses", "email", "", &adapter)).await;
    let call = async |body: &str| called.post("/providers/ses", body).send().await.unwrap().status();

    let subscribe = format!("{}/?Action=ConfirmSubscription&Token=2336", sns.stubs.url());
    let question = json!({
        "Type": "SubscriptionConfirmation", "Message": "You have chosen", "Token": "2336", "SubscribeURL": subscribe,
    });
    assert_eq!(call(&sns.signed("cert.pem", question)).await, StatusCode::OK);
    let gets = async |query: &str| {
        let all = sns.stubs.requests().await;
        all.iter().filter(|own| own["url"].as_str().unwrap().contains(query)).count()
    };
    assert_eq!(gets("ConfirmSubscription").await, 1);

    let sent = sends(&called).await;
    let event = |message: &v1::Message, kind: &str, more: Value| {
        let mut own = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-22T09:00:00.000Z", "messageId": reference(message),
                "destination": ["ana@example.com"], "tags": { "relevo": [echo_of(message).replace('/', "_")] },
            },
        });
        own[kind.to_lowercase()] = more;
        own
    };
    let delivered =
        sns.notification(&event(&sent[0], "Delivery", json!({ "recipients": ["ana@example.com"] })));
    let complainers = json!({ "complainedRecipients": [{ "emailAddress": "ana@example.com" }] });
    let complaint = sns.notification(&event(&sent[1], "Complaint", complainers));

    for (right, wrong) in
        [("Complaint", "Delivery"), ("ses-events", "other"), ("http://", "https://example.com/")]
    {
        let tampered = complaint.replace(right, wrong);
        assert!(sns.validated(&tampered).is_err(), "{wrong}");
        assert_eq!(call(&tampered).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    let elsewhere = sns.signed("gone.pem", json!({ "Type": "Notification", "Message": "{}" }));
    sns.stubs
        .answer(json!({ "method": "GET", "urlPathPattern": "gone.pem" }), json!({ "status": 500 }))
        .await;
    assert_eq!(call(&elsewhere).await, StatusCode::SERVICE_UNAVAILABLE, "it cannot be proven now");
    untouched(&called, &sent).await;

    assert_eq!(call(&delivered).await, StatusCode::OK);
    for _ in 0..2 {
        assert_eq!(call(&complaint).await, StatusCode::OK);
    }
    assert_eq!(called.gateway.message(&sent[0].message_id).await.state(), MessageState::Delivered);
    complained(&called, "ses").await;
    assert_eq!(gets("/cert.pem").await, 1, "the certificate is fetched once");
    called.gateway.stop().await;
}

/// What the unit tests of the SNS hook believe and refuse is what Amazon's validator does.
#[test]
fn amazons_validator_judges_the_messages_of_the_unit_tests_as_they_do() {
    let folder = root().join("src/adapters/webhooks/sns");
    let signed = fs::read_to_string(folder.join("signed.json")).unwrap();
    let signed: serde_json::Map<String, Value> = serde_json::from_str(&signed).unwrap();
    let right = signed.values().map(|message| (message.clone(), true));
    let wrong = signed.values().flat_map(|message| {
        message.as_object().unwrap().keys().map(|field| {
            let mut changed = message.clone();
            changed[field] = json!(format!("x{}", message[field].as_str().unwrap()));
            (changed, false)
        })
    });
    let all: Vec<(Value, bool)> = right.chain(wrong).collect();
    let messages: Vec<String> = all.iter().map(|(message, _)| message.to_string()).collect();
    let answers = sns_validator(&folder.join("certificate.pem"), "", &messages);
    for ((message, is_right), answer) in all.iter().zip(answers) {
        assert_eq!(answer.is_ok(), *is_right, "{message} {answer:?}");
    }
}
