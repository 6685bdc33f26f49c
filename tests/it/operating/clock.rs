//! A machine whose clock is wrong for a while, as after a start without a battery or a time server.

use std::time::Duration;

use relevo::clock::Clock;
use relevo::model::later;
use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::json;
use tokio::time::timeout;
use tonic_health::ServingStatus;

use crate::api::send;
use crate::cli;
use crate::gateway::client::has_ended;
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::{twilio, twilio_accepts, whatsapp};
use crate::gateway::{ana, by, order};
use crate::peers::{WiremockStubs, free_port};

/// The name under which health tells of the clock.
const CLOCK: &str = "relevo.clock";
const IN_DOUBT: &str = "the clock may be wrong";
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What a gateway with a right clock leaves behind.
struct LeftBehind {
    directory: GatewayDirectory,
    sms: WiremockStubs,
    /// A message that was sent, by its idempotency key.
    sent: String,
    /// One that waits for a provider, for a day more.
    waiting: String,
    /// One that is to be sent in 30 days.
    scheduled: String,
}

fn sms() -> v1::MessageSpec {
    by(&[Channel::Sms], order())
}

fn after(wait: Duration) -> Option<prost_types::Timestamp> {
    Some(relevo::wire::timestamp(later(Clock::system().unwrap().now(), wait)))
}

async fn send_keyed(gateway: &Gateway) -> v1::SendResponse {
    gateway
        .messages()
        .send(send(v1::MessageSpec { idempotency_key: "order-17".into(), ..sms() }))
        .await
        .unwrap()
        .into_inner()
}

async fn left_behind(name: &'static str) -> LeftBehind {
    let sms_provider = WiremockStubs::new(name);
    sms_provider.answer(json!({}), twilio_accepts()).await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let providers = twilio("sms", sms_provider.url(), "") + &whatsapp("whatsapp", nobody, "");
    let directory = GatewayDirectory::new(&providers).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let sent = send_keyed(&gateway).await.message_id;
    gateway.wait_until_ended(std::slice::from_ref(&sent)).await;
    let by_whatsapp = by(&[Channel::Whatsapp], order());
    let waiting = gateway.send(v1::MessageSpec { expire_time: after(DAY), ..by_whatsapp }).await;
    let has_waited = |event: &v1::Event| event.state() == MessageState::Waiting;
    gateway.wait_until_all(std::slice::from_ref(&waiting), has_waited).await;
    let (send_time, expire_time) = (after(30 * DAY), after(60 * DAY));
    let scheduled = gateway.send(v1::MessageSpec { send_time, expire_time, ..sms() }).await;
    gateway.stop().await;
    LeftBehind { directory, sms: sms_provider, sent, waiting, scheduled }
}

async fn state(gateway: &Gateway, id: &str) -> MessageState {
    gateway.message(id).await.state()
}

#[tokio::test]
async fn a_clock_that_is_weeks_ahead_at_a_start_loses_nothing() {
    let before = left_behind("clock-ahead").await;
    let gateway = before.directory.start_with_clock("+40d", &[]).await;
    gateway.wait_for_health_of(CLOCK, ServingStatus::NotServing).await;
    gateway.wait_for_health(ServingStatus::Serving).await;
    gateway.log.wait_for_line(IN_DOUBT, |line| line["message"].as_str().unwrap().starts_with(IN_DOUBT)).await;
    let server = format!("http://{}", gateway.address);
    let said = cli::run(&["health", "--server", &server]).await.out;
    assert!(said.contains("may be wrong") && said.contains("--trust-clock"), "{said}");

    let new = gateway.send_until_ended(sms()).await;
    assert_eq!(new.state(), MessageState::Sent, "what is new is sent");
    let again = send_keyed(&gateway).await;
    assert_eq!((&again.message_id, again.duplicate), (&before.sent, true), "it is still known");
    assert_eq!(before.sms.requests().await.len(), 2, "what is scheduled is not sent before its day");
    gateway.stop().await;

    let gateway = before.directory.start_with_clock("+0", &[]).await;
    gateway.wait_for_health_of(CLOCK, ServingStatus::Serving).await;
    let next = gateway.send_until_ended(sms()).await;
    assert_eq!(next.state(), MessageState::Sent);
    assert!(!has_ended(state(&gateway, &before.waiting).await), "it has a day");
    assert_eq!(state(&gateway, &before.scheduled).await, MessageState::Accepted);
    gateway.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_right_while_the_gateway_runs_is_believed_again() {
    let before = left_behind("clock-set-right").await;
    let gateway = before.directory.start_with_clock("+40d", &[]).await;
    gateway.wait_for_health_of(CLOCK, ServingStatus::NotServing).await;
    before.directory.set_clock("+0");
    let believed = gateway.wait_for_health_of(CLOCK, ServingStatus::Serving);
    let keep_sending = async {
        loop {
            // Whatever has work to do looks at the clock.
            gateway.send(sms()).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = believed => {}
        () = keep_sending => {}
    }
    assert!(!has_ended(state(&gateway, &before.waiting).await), "it has a day");
    assert_eq!(state(&gateway, &before.scheduled).await, MessageState::Accepted);
    gateway.stop().await;
}

#[tokio::test]
async fn an_operator_who_says_that_the_clock_is_right_is_believed() {
    let before = left_behind("clock-trusted").await;
    let gateway = before.directory.start_with_clock("+40d", &["--trust-clock"]).await;
    gateway.wait_for_health_of(CLOCK, ServingStatus::Serving).await;
    let ended = gateway.wait_until_ended(&[before.waiting, before.scheduled]).await;
    let states: Vec<_> = ended.iter().map(v1::Message::state).collect();
    assert_eq!(states, [MessageState::Expired, MessageState::Sent]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_breaker_open() {
    let provider = WiremockStubs::new("clock-set-back");
    provider.answer(json!({}), json!({ "status": 503 })).await;
    let directory = GatewayDirectory::new(&twilio("sms", provider.url(), "")).await;
    let gateway = directory.start_with_clock("+0", &[]).await;
    gateway.upsert_contact(ana()).await;
    for _ in 0..10 {
        gateway.send(sms()).await;
    }
    gateway.wait_for_breaker("sms", v1::BreakerState::Open).await;
    directory.set_clock("-1h");
    // Probes go on to be made, and to fail.
    let half_an_hour_ago = after(Duration::ZERO).unwrap().seconds - 1_800;
    let tripped_again = async {
        loop {
            gateway.send(sms()).await;
            let trip = gateway.provider("sms").await.trip;
            if trip.is_some_and(|trip| trip.time.unwrap().seconds < half_an_hour_ago) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, tripped_again).await.expect("a probe");
    let message = gateway.send(sms()).await;
    provider.answer(json!({}), twilio_accepts()).await;
    let sent = gateway.wait_until_ended(&[message]).await.remove(0);
    assert_eq!(sent.state(), MessageState::Sent);
    gateway.stop().await;
}
