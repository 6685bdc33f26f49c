//! An operator takes a provider out of service: nothing goes there, everybody can see why, and a restart changes nothing.

use relevo::clock::Clock;
use relevo::wire::v1::{self, Channel, ControlMode, MessageState};
use serde_json::json;

use crate::gateway::history::{attempts, left_out_reason, ms, plans, route_taken, wait_reasons};
use crate::gateway::process::{Gateway, GatewayDirectory};
use crate::gateway::providers::{twilio, twilio_accepts, whatsapp, whatsapp_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

async fn set_control(
    gateway: &Gateway,
    provider: &str,
    mode: ControlMode,
    reason: &str,
    expire_at: Option<i64>,
) {
    let request = v1::SetProviderControlRequest {
        provider: provider.into(),
        mode: mode.into(),
        reason: reason.into(),
        expire_time: expire_at.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
        actor: "ana in operations".into(),
    };
    gateway.providers().set_provider_control(request).await.unwrap();
}

async fn control_changes(gateway: &Gateway) -> Vec<(String, ControlMode, String, String)> {
    let request = v1::ListProviderControlChangesRequest::default();
    let changes =
        gateway.providers().list_provider_control_changes(request).await.unwrap().into_inner().changes;
    let row = |change: v1::ProviderControlChange| {
        let control = change.control.unwrap();
        (change.provider, control.mode(), control.reason, control.actor)
    };
    changes.into_iter().map(row).collect()
}

#[tokio::test]
async fn out_of_service_holds_across_a_restart_and_is_on_record() {
    let (meta, sms) = (WiremockStubs::new("control-whatsapp"), WiremockStubs::new("control-sms"));
    meta.answer(json!({}), whatsapp_accepts()).await;
    sms.answer(json!({}), twilio_accepts()).await;
    let directory =
        GatewayDirectory::new(&(whatsapp("whatsapp", meta.url(), "") + &twilio("sms", sms.url(), ""))).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let spec = by(&[Channel::Whatsapp, Channel::Sms], order());
    set_control(&gateway, "whatsapp", ControlMode::OutOfService, "number under review", None).await;
    let message = gateway.send_until_ended(spec.clone()).await;
    assert_eq!(route_taken(&message), "sms SENT");
    assert_eq!(left_out_reason(plans(&message)[0], Channel::Whatsapp), Some("out_of_service"));
    // A message that has no other way waits; it is not lost and not sent there.
    let waiting = gateway.send(by(&[Channel::Whatsapp], order())).await;
    let is_waiting = |event: &v1::Event| event.state() == MessageState::Waiting;
    gateway.wait_until_all(std::slice::from_ref(&waiting), is_waiting).await;
    let actor = control_changes(&gateway).await[0].3.clone();
    assert!(actor.ends_with(" (ana in operations)"), "{actor}");
    assert!(directory.gateway_key.contains(actor.split(' ').next().unwrap()), "the key is named: {actor}");
    gateway.stop().await;

    let gateway = directory.start().await;
    let control = gateway.provider("whatsapp").await.control.unwrap();
    assert_eq!((control.mode(), control.reason.as_str()), (ControlMode::OutOfService, "number under review"));
    assert_eq!(route_taken(&gateway.send_until_ended(spec.clone()).await), "sms SENT");
    let held = gateway.message(&waiting).await;
    assert_eq!((held.state(), wait_reasons(&held)), (MessageState::Waiting, vec!["out_of_service"]));
    assert!(meta.requests().await.is_empty());

    set_control(&gateway, "whatsapp", ControlMode::InService, "review passed", None).await;
    assert_eq!(route_taken(&gateway.send_until_ended(spec).await), "whatsapp SENT");
    let record = |mode, reason: &str| ("whatsapp".to_owned(), mode, reason.to_owned(), actor.clone());
    assert_eq!(
        control_changes(&gateway).await,
        [
            record(ControlMode::InService, "review passed"),
            record(ControlMode::OutOfService, "number under review")
        ]
    );
    let held = gateway.wait_until_ended(&[waiting]).await.remove(0);
    assert_eq!(route_taken(&held), "whatsapp SENT");
    gateway.stop().await;
}

#[tokio::test]
async fn a_control_that_expires_lets_messages_flow_again_by_itself() {
    let sms = WiremockStubs::new("expiry-sms");
    sms.answer(json!({}), twilio_accepts()).await;
    let directory = GatewayDirectory::new(&twilio("sms", sms.url(), "")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let until = Clock::system().unwrap().now().as_second() + 3;
    set_control(&gateway, "sms", ControlMode::OutOfService, "maintenance at Twilio", Some(until)).await;
    let message = gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    assert_eq!(
        (wait_reasons(&message), route_taken(&message)),
        (vec!["out_of_service"], "sms SENT".to_owned())
    );
    assert!(ms(&attempts(&message)[0].started) >= until * 1_000, "not before the control expired");
    assert_eq!(sms.requests().await.len(), 1);
    gateway.stop().await;
}
