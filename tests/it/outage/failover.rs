//! Every kind of refusal and failure, and the provider that is called next.

use relevo::wire::v1::{self, BreakerState, Channel, ConsentAction, MessageState};
use serde_json::json;

use crate::gateway::history::{attempts, left_out_reason, ms, plans, route_taken, wait_reasons};
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::*;
use crate::gateway::whatsapp_and_sms::{WHATSAPP_THEN_SMS, WhatsappAndSms};
use crate::gateway::{ana, by, offer, order};
use crate::peers::WiremockStubs;

#[tokio::test]
async fn a_failing_channel_is_left_for_the_next_one() {
    let limits = "[providers.limits]\nconnect_timeout_ms = 500\ntimeout_ms = 1000";
    let pair = WhatsappAndSms::start("fails-whatsapp", "fails-sms", limits).await;
    let failures = [
        (whatsapp_refuses(500, 131_000), "whatsapp UNAVAILABLE 131000"),
        (json!({ "fault": "CONNECTION_RESET_BY_PEER" }), "whatsapp UNKNOWN"),
        (json!({ "status": 200, "fixedDelayMilliseconds": 10_000 }), "whatsapp UNKNOWN timeout"),
    ];
    for (calls, (failure, expected)) in failures.into_iter().enumerate() {
        pair.whatsapp.answer(json!({}), failure).await;
        let message = pair.gateway.send_until_ended(by(WHATSAPP_THEN_SMS, order())).await;
        assert_eq!(message.state(), MessageState::Sent);
        let path = route_taken(&message);
        assert!(path.starts_with(expected) && path.ends_with(", sms SENT"), "{path}");
        assert_eq!(pair.counts().await, (calls + 1, calls + 1));
    }
    // Nobody knows whether a commercial message was sent, so it is not sent again.
    for channel in WHATSAPP_THEN_SMS {
        pair.gateway.record_consent(ConsentAction::Grant, *channel, "*").await;
    }
    let id = pair.gateway.send(by(WHATSAPP_THEN_SMS, offer())).await;
    pair.gateway
        .wait_until_all(std::slice::from_ref(&id), |event| event.state() == MessageState::Waiting)
        .await;
    let message = pair.gateway.message(&id).await;
    assert_eq!(
        (route_taken(&message).as_str(), wait_reasons(&message)),
        ("whatsapp UNKNOWN timeout", vec!["in_doubt"])
    );
    assert_eq!(pair.counts().await, (4, 3));
    pair.gateway.stop().await;
}

#[tokio::test]
async fn a_call_in_doubt_is_repeated_under_its_key_and_any_other_has_its_own() {
    let stubs = WiremockStubs::new("repeats");
    let taken = json!({ "status": 200, "jsonBody": { "id": "17" } });
    let answers = [json!({ "status": 503 }), json!({ "status": 504 }), json!({ "status": 503 }), taken];
    stubs.answer_in_turn(&answers).await;
    let retry = "\n[retry]\nbackoff_ms = 10\nmax_backoff_ms = 50\n";
    let directory = GatewayDirectory::new(&[retry, &resend("mail", stubs.url())].concat()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let message = gateway.send_until_ended(by(&[Channel::Email], order())).await;
    let expected = "mail UNAVAILABLE 503, mail UNKNOWN 504, mail UNAVAILABLE 503, mail SENT";
    assert_eq!(route_taken(&message), expected);
    let requests = stubs.requests().await;
    let key = |turn: usize| requests[turn]["headers"]["idempotency-key"].as_str().unwrap();
    assert!(key(0).ends_with("/1") && key(1).ends_with("/2"), "{requests:?}");
    // The provider refuses a known key with another body.
    for repeated in [2, 3] {
        assert_eq!((key(repeated), &requests[repeated]["body"]), (key(1), &requests[1]["body"]));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_provider_that_asks_for_a_pause_gets_it() {
    let sms = WiremockStubs::new("pause-sms");
    let slow_down = json!({ "status": 429, "headers": { "Retry-After": "2" }, "body": "slow down" });
    sms.answer_in_turn(&[slow_down, twilio_accepts()]).await;
    let directory = GatewayDirectory::new(&twilio("sms", sms.url(), "")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let message = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    let [first, second] = &attempts(&message)[..] else { panic!("{}", route_taken(&message)) };
    assert_eq!(first.outcome(), v1::OutcomeKind::Throttled);
    assert_eq!(second.outcome(), v1::OutcomeKind::Sent);
    let (asked, _) = first.ended.as_ref().unwrap();
    assert!(ms(&second.started) - ms(asked) >= 2_000, "{message:#?}");
    assert_eq!(wait_reasons(&message), ["throttled"]);
    assert_eq!(sms.requests().await.len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn wrong_credentials_take_a_provider_out_at_once_and_are_shown() {
    let pair = WhatsappAndSms::start("wrong-whatsapp", "wrong-sms", "").await;
    pair.sms.answer(json!({}), twilio_refuses(401, 20003)).await;
    let channels = [Channel::Sms, Channel::Whatsapp];
    let message = pair.gateway.send_until_ended(by(&channels, order())).await;
    assert_eq!(route_taken(&message), "sms MISCONFIGURED 20003, whatsapp SENT");
    let provider = pair.gateway.provider("sms").await;
    assert_eq!(provider.breaker(), BreakerState::Open);
    assert!(provider.last_failure.contains("misconfigured") && provider.last_failure.contains("20003"));
    let message = pair.gateway.send_until_ended(by(&channels, order())).await;
    assert_eq!(route_taken(&message), "whatsapp SENT");
    assert_eq!(left_out_reason(plans(&message)[0], Channel::Sms), Some("breaker_open"));
    assert_eq!(pair.counts().await, (2, 1));
    pair.gateway.stop().await;
}
