//! A provider that is busy: who stands in, how long the better way is waited for, and that room is used as soon as there is any.

use relevo::wire::v1::{self, Channel, ControlMode, MessageState};

use crate::api::send;
use crate::gateway::history::{route_taken, wait_reasons};
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::provider;
use crate::gateway::{ana, by, order};

/// One call in ten seconds, which is nothing beside what a test lasts.
const CRAWLING: &str = "[providers.limits]\nrate_per_second = 0.1";

const SANDBOX: &str = "[providers.sandbox]";

/// Sends so many messages by text message, and counts those that each of the two providers took.
async fn taken_by(gateway: &Gateway, messages: usize) -> [usize; 2] {
    let mut ids = Vec::new();
    for _ in 0..messages {
        let spec = by(&[Channel::Sms], order());
        ids.push(gateway.messages().send(send(spec)).await.unwrap().into_inner().message_id);
    }
    let routes: Vec<String> = gateway.wait_until_ended(&ids).await.iter().map(route_taken).collect();
    ["busy SENT", "idle SENT"].map(|route| routes.iter().filter(|taken| *taken == route).count())
}

#[tokio::test]
async fn what_does_not_fit_at_a_provider_goes_by_another_of_its_tier_at_once() {
    let config = provider("busy", "sms", CRAWLING, SANDBOX) + &provider("idle", "sms", "", SANDBOX);
    let gateway = GatewayDirectory::new(&config).await.start().await;
    gateway.upsert_contact(ana()).await;
    let [busy, idle] = taken_by(&gateway, 40).await;
    assert!((1..10).contains(&busy) && busy + idle == 40, "{busy} by the busy one, {idle} by the other");
    gateway.stop().await;
}

#[tokio::test]
async fn a_better_tier_that_is_busy_is_waited_for_until_the_patience_ends() {
    let idle = provider("idle", "sms", "tier = 2", SANDBOX);
    let config = provider("busy", "sms", CRAWLING, SANDBOX) + &idle;
    let directory = GatewayDirectory::new(&config).await;
    directory.change_config("[brands.acme]", "[brands.acme]\ntransactional_patience_seconds = 1");
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let [busy, idle] = taken_by(&gateway, 12).await;
    assert!((1..6).contains(&busy) && busy + idle == 12, "{busy} by the busy one, {idle} by the other");
    gateway.stop().await;
}

#[tokio::test]
async fn how_long_a_message_would_wait_for_its_turn_is_explained() {
    let gateway = GatewayDirectory::new(&provider("busy", "sms", CRAWLING, SANDBOX)).await.start().await;
    gateway.upsert_contact(ana()).await;
    let spec = by(&[Channel::Sms], order());
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(gateway.send(spec.clone()).await);
    }
    gateway.wait_until_all(&waiting[2..], |event| event.state() == MessageState::Waiting).await;
    let request = v1::ExplainRouteRequest { message: Some(spec) };
    let explained = gateway.messages().explain_route(request).await.unwrap().into_inner();
    assert_eq!(explained.next, "try");
    let words: Vec<&str> = explained.explanation.split(' ').collect();
    let seconds: u64 = words[words.len() - 2].parse().expect(&explained.explanation);
    assert!((30..=60).contains(&seconds), "{}", explained.explanation);
    gateway.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_provider_goes_as_soon_as_an_operator_puts_it_back_into_service() {
    let directory = GatewayDirectory::new(&provider("sms", "sms", "", SANDBOX)).await;
    let config = "[retry]\nrecheck_ms = 3600000\n[brands.acme]";
    directory.change_config("[brands.acme]", config);
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let control = |mode: ControlMode| v1::SetProviderControlRequest {
        provider: "sms".into(),
        mode: mode.into(),
        reason: "under review".into(),
        actor: "ana".into(),
        expire_time: None,
    };
    gateway.providers().set_provider_control(control(ControlMode::OutOfService)).await.unwrap();
    let waiting = gateway.send(by(&[Channel::Sms], order())).await;
    let is_waiting = |event: &v1::Event| event.state() == MessageState::Waiting;
    gateway.wait_until_all(std::slice::from_ref(&waiting), is_waiting).await;
    gateway.providers().set_provider_control(control(ControlMode::InService)).await.unwrap();
    let ended = gateway.wait_until_ended(std::slice::from_ref(&waiting)).await.remove(0);
    assert_eq!((route_taken(&ended).as_str(), wait_reasons(&ended)), ("sms SENT", vec!["out_of_service"]));
    gateway.stop().await;
}
