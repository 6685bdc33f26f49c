//! What one provider says of a message, and what it says of itself: two providers of one channel, of which the first refuses.

use relevo::wire::v1::{Channel, ConsentAction, MessageState};
use serde_json::{Value, json};

use crate::api::{contact, email};
use crate::gateway::history::{route_taken, wait_reasons};
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::*;
use crate::gateway::whatsapp_and_sms::now;
use crate::gateway::{ana, by, offer, order};
use crate::peers::{Smtp, WiremockStubs, smtp_sink};

/// A gateway with the contact `ana`, and with two accounts for SMS, of which the first is tried first.
struct TwoAccounts {
    first: WiremockStubs,
    second: WiremockStubs,
    _directory: GatewayDirectory,
    gateway: Gateway,
}

impl TwoAccounts {
    /// Starts it with stubs of these names; the second account takes everything.
    async fn start(first: &'static str, second: &'static str) -> Self {
        let (first, second) = (WiremockStubs::new(first), WiremockStubs::new(second));
        second.answer(json!({}), twilio_accepts()).await;
        let providers =
            [twilio("first", first.url(), "tier = 1"), twilio("second", second.url(), "tier = 2")].concat();
        let directory = GatewayDirectory::new(&providers).await;
        let gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        Self { first, second, _directory: directory, gateway }
    }

    /// The way of a transactional message whose first call is answered like this.
    async fn route(&self, answer: Value) -> String {
        self.first.answer(json!({}), answer).await;
        let message = self.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
        assert_eq!(message.state(), MessageState::Sent, "{message:#?}");
        route_taken(&message)
    }
}

/// Measured elsewhere: of messages that were taken and then answered with 500 or 502, each commercial one came twice.
#[tokio::test]
async fn what_a_failing_server_may_have_taken_is_sent_again_only_where_a_copy_is_better_than_none() {
    let pair = TwoAccounts::start("doubt-first", "doubt-second").await;
    pair.gateway.record_consent(ConsentAction::Grant, Channel::Sms, "*").await;
    for (sent, status) in [500, 502].into_iter().enumerate() {
        let page = json!({ "status": status, "body": "<html>Error</html>" });
        assert_eq!(pair.route(page).await, format!("first UNKNOWN {status}, second SENT"));

        let id = pair.gateway.send(by(&[Channel::Sms], offer())).await;
        pair.gateway
            .wait_until_all(std::slice::from_ref(&id), |event| event.state() == MessageState::Waiting)
            .await;
        let message = pair.gateway.message(&id).await;
        assert_eq!(route_taken(&message), format!("first UNKNOWN {status}"));
        assert_eq!(wait_reasons(&message), ["in_doubt"]);
        assert_eq!(pair.second.requests().await.len(), sent + 1, "of the commercial ones none came again");
    }
    // Who says that it does not serve has not begun, and then no class has a copy to fear.
    assert_eq!(pair.route(json!({ "status": 503 })).await, "first UNAVAILABLE 503, second SENT");
    pair.gateway.stop().await;
}

#[tokio::test]
async fn a_refusal_leaves_out_who_refused_and_nobody_else() {
    let pair = TwoAccounts::start("refuses-first", "refuses-second").await;
    // No sender for this country; its own number; filtered; a code that nobody documented.
    for code in [21703, 21266, 30007, 99999] {
        assert_eq!(
            pair.route(twilio_refuses(400, code)).await,
            format!("first REJECTED {code}, second SENT")
        );
    }
    assert_eq!(pair.route(json!({ "status": 422 })).await, "first REJECTED 422, second SENT");
    // The pool of senders is empty, whoever the message is for: its breaker opens.
    assert_eq!(pair.route(twilio_refuses(400, 21704)).await, "first MISCONFIGURED 21704, second SENT");
    pair.gateway.stop().await;
}

/// An email to a contact whose address makes the first server answer as it says; the second takes everything.
#[tokio::test]
async fn what_one_server_says_of_its_account_or_doubts_of_an_address_is_not_said_of_the_next() {
    let (mail, sink) = (Smtp::start("refuses", &[]), smtp_sink("refused", &[]));
    let providers = [
        smtp("first", mail.port(), "tls = 'none'", "tier = 1"),
        smtp("second", sink.port(), "tls = 'none'", "tier = 2"),
    ];
    let directory = GatewayDirectory::new(&providers.concat()).await;
    let gateway = directory.start().await;
    for (local, expected) in [
        // The words of a server that doubts the address, or says nothing of whom or what it refuses.
        ("rcpt-550", "first REJECTED 550, second SENT"),
        ("rcpt-552-5.3.4", "first REJECTED 552 5.3.4, second SENT"),
        ("text-554", "first REJECTED 554, second SENT"),
        // The limit of a day, which is that of everybody it writes to.
        ("text-550-5.1.90", "first THROTTLED 550 5.1.90, second SENT"),
        ("ana", "second SENT"),
    ] {
        gateway.upsert_contact(contact("ana", vec![email(&format!("{local}@example.org"))])).await;
        let message = gateway.send_until_ended(by(&[Channel::Email], order())).await;
        assert_eq!((message.state(), route_taken(&message).as_str()), (MessageState::Sent, expected));
    }
    let first = gateway.provider("first").await;
    let hour = first.throttled_until.unwrap().seconds - now().seconds;
    assert!((3_500..=3_600).contains(&hour), "the quota stops it for an hour, and no longer: {first:?}");
    gateway.stop().await;
}
