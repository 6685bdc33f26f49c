//! What an outage costs, and that everything flows again by itself when it is over.

use relevo::clock::Clock;
use relevo::wire::v1::{self, BreakerState, Channel, MessageState, OutcomeKind};
use serde_json::json;
use tokio::time::timeout;

use crate::api::{contact, phone, send};
use crate::gateway::history::{Attempt, attempts, end_reason, ms, route_taken};
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::{twilio, twilio_accepts, twilio_refuses, whatsapp, whatsapp_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

const MESSAGES: usize = 40;

/// Answers come within half a second or not at all, and a breaker opens for two.
const IMPATIENT: &str = "[providers.limits]\nconnect_timeout_ms = 500\ntimeout_ms = 500";
const BREAKER: &str = "\n[health]\nopen_ms = 2000\n";

/// Quick retries.
const RETRY: &str = "\n[retry]\nbackoff_ms = 100\nmax_backoff_ms = 500\n";

async fn send_many(gateway: &Gateway, spec: &v1::MessageSpec) -> Vec<String> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..MESSAGES {
        let (mut messages, spec) = (gateway.messages(), spec.clone());
        calls.spawn(async move { messages.send(send(spec)).await.unwrap().into_inner().message_id });
    }
    calls.join_all().await
}

/// The attempts of these messages at a provider.
fn attempts_at(messages: &[v1::Message], provider: &str) -> Vec<Attempt> {
    messages.iter().flat_map(attempts).filter(|attempt| attempt.way.provider == provider).collect()
}

#[tokio::test]
async fn a_hanging_provider_costs_each_message_one_timeout_and_those_after_it_none() {
    let (meta, sms) = (WiremockStubs::new("hang-whatsapp"), WiremockStubs::new("hang-sms"));
    meta.answer(json!({}), json!({ "status": 200, "fixedDelayMilliseconds": 10_000 })).await;
    sms.answer(json!({}), twilio_accepts()).await;
    let providers = whatsapp("whatsapp", meta.url(), IMPATIENT) + &twilio("sms", sms.url(), "");
    let directory = GatewayDirectory::new(&format!("{BREAKER}{providers}")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let spec = by(&[Channel::Whatsapp, Channel::Sms], order());

    // In flight when it begins: one timeout each at most.
    let during = send_many(&gateway, &spec).await;
    let open = gateway.wait_for_breaker("whatsapp", BreakerState::Open).await;
    let closed_until = ms(&open.probe_time.unwrap());
    // The rest: straight to the next way.
    let after = send_many(&gateway, &spec).await;
    let during = gateway.wait_until_ended(&during).await;
    let after = gateway.wait_until_ended(&after).await;
    for message in during.iter().chain(&after) {
        let path = route_taken(message);
        assert!(["sms SENT", "whatsapp UNKNOWN timeout, sms SENT"].contains(&path.as_str()), "{path}");
    }
    let paid = attempts_at(&during, "whatsapp").len() + attempts_at(&after, "whatsapp").len();
    assert!(paid >= 5, "the breaker opened for a reason");
    let too_soon =
        attempts_at(&after, "whatsapp").iter().filter(|attempt| ms(&attempt.started) < closed_until).count();
    assert_eq!(too_soon, 0, "an open breaker admits nothing");
    let straight = after.iter().filter(|message| route_taken(message) == "sms SENT").count();
    assert!(straight >= MESSAGES - 3, "all but a few probes: {straight}");
    assert_eq!(meta.requests().await.len(), paid, "every call is on record");

    // It returns: probes find out, and traffic flows back.
    meta.answer(json!({}), whatsapp_accepts()).await;
    let recovers = async {
        while gateway.provider("whatsapp").await.breaker() != BreakerState::Closed {
            let sent = gateway.send_until_ended(spec.clone()).await;
            assert_eq!(sent.state(), MessageState::Sent);
        }
    };
    timeout(PATIENCE, recovers).await.expect("the breaker should close");
    let back = gateway.wait_until_ended(&send_many(&gateway, &spec).await).await;
    assert!(back.iter().all(|message| route_taken(message) == "whatsapp SENT"));
    gateway.stop().await;
}

#[tokio::test]
async fn when_everything_is_down_messages_wait_on_disk_and_flow_again_by_themselves() {
    let sms = WiremockStubs::new("down-sms");
    sms.answer(json!({}), twilio_refuses(503, 20503)).await;
    let directory = GatewayDirectory::new(&format!(
        "{RETRY}{BREAKER}max_open_ms = 2000\n{}",
        twilio("sms", sms.url(), "")
    ))
    .await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let spec = by(&[Channel::Sms], order());
    let waiting = send_many(&gateway, &spec).await;
    gateway.wait_for_breaker("sms", BreakerState::Open).await;
    let is_waiting = |event: &v1::Event| event.state() == MessageState::Waiting;
    gateway.wait_until_all(&waiting, is_waiting).await;
    gateway.stop().await;

    let gateway = directory.start().await;
    for id in &waiting {
        let state = gateway.message(id).await.state();
        // A restart forgets the breaker, so a few may be trying at this moment.
        assert!([MessageState::Waiting, MessageState::Sending].contains(&state), "{state:?}");
    }
    let soon = Clock::system().unwrap().now().as_second() + 3;
    let expire_time = Some(prost_types::Timestamp { seconds: soon, nanos: 0 });
    let expired = gateway.send_until_ended(v1::MessageSpec { expire_time, ..spec.clone() }).await;
    assert_eq!((expired.state(), end_reason(&expired)), (MessageState::Expired, "expired"));
    assert!(ms(&expired.update_time.unwrap()) >= soon * 1_000, "not before its time");
    assert!(
        attempts(&expired).iter().all(|attempt| ms(&attempt.started) < soon * 1_000),
        "never after its time"
    );

    sms.answer(json!({}), twilio_accepts()).await;
    let sent = gateway.wait_until_ended(&waiting).await;
    let outcomes = attempts_at(&sent, "sms");
    let count = |kind| outcomes.iter().filter(|attempt| attempt.outcome() == kind).count();
    assert!(sent.iter().all(|message| message.state() == MessageState::Sent));
    assert_eq!(count(OutcomeKind::Sent), MESSAGES);
    assert_eq!(count(OutcomeKind::Sent) + count(OutcomeKind::Unavailable), outcomes.len());
    // An attempt whose decision no longer held when its turn came was recorded and not made.
    let made = |attempt: &&Attempt| attempt.code() != "not_called";
    let calls = outcomes.iter().filter(made).count() + attempts(&expired).iter().filter(made).count();
    assert_eq!(sms.requests().await.len(), calls, "every call is on record");
    gateway.stop().await;
}

#[tokio::test]
async fn one_persons_trouble_is_no_outage() {
    // Only the messages to one person fail; the breaker must not close the way for all others.
    let sms = WiremockStubs::new("one-sms");
    sms.answer(json!({}), twilio_accepts()).await;
    sms.answer(json!({ "bodyPatterns": [{ "contains": "34600999999" }] }), twilio_refuses(400, 21211)).await;
    let directory = GatewayDirectory::new(&twilio("sms", sms.url(), "")).await;
    let gateway = directory.start().await;
    for index in 0..10 {
        gateway
            .upsert_contact(contact(&format!("bob-{index}"), vec![phone(&format!("+3460099999{index}"))]))
            .await;
    }
    gateway.upsert_contact(ana()).await;
    let to_bob = |index: usize| {
        let recipient = Some(v1::message_spec::Recipient::ContactId(format!("bob-{index}")));
        by(&[Channel::Sms], v1::MessageSpec { recipient, ..order() })
    };
    for _ in 0..2 {
        for index in 0..10 {
            let message = gateway.send_until_ended(to_bob(index)).await;
            let is_bad = index == 9;
            assert_eq!(message.state() == MessageState::Sent, !is_bad, "{}", route_taken(&message));
        }
    }
    let sent = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(sent.state(), MessageState::Sent);
    assert_eq!(gateway.provider("sms").await.breaker(), BreakerState::Closed);
    // The bad number was suppressed the first time.
    let calls = sms.requests().await;
    let to_bad =
        calls.iter().filter(|request| request["body"].as_str().unwrap().contains("34600999999")).count();
    assert_eq!(to_bad, 1);
    gateway.stop().await;
}
