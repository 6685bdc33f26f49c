//! A provider takes a message and never tells what became of it: the message is found, and rescued where its policy asks.

use relevo::wire::v1::event::Detail;
use relevo::wire::v1::{self, Channel, MessageState};
use reqwest::StatusCode;
use serde_json::json;

use super::webhooks::{InboundGateway, PUBLIC_URL, reference};
use crate::gateway::history::{plans, route_taken};
use crate::gateway::providers::{twilio, twilio_accepts};
use crate::gateway::{by, order};
use crate::peers::WiremockStubs;

/// The ids of the messages that were taken and never confirmed, newest first.
async fn without_receipt(inbound: &InboundGateway) -> Vec<String> {
    let request = v1::ListMessagesRequest { without_receipt: true, ..Default::default() };
    let listed = inbound.gateway.messages().list_messages(request).await.unwrap().into_inner();
    listed.messages.into_iter().map(|message| message.message_id).collect()
}

#[tokio::test]
async fn what_was_taken_and_never_confirmed_is_found_and_rescued_by_another_provider_of_the_channel() {
    let (silent, sound) = (WiremockStubs::new("rescue-silent"), WiremockStubs::new("rescue-sound"));
    for stubs in [&silent, &sound] {
        stubs.answer(json!({}), twilio_accepts()).await;
    }
    let providers =
        [twilio("silent", silent.url(), "tier = 1"), twilio("sound", sound.url(), "tier = 2")].concat();
    let inbound = InboundGateway::start(&providers).await;
    let left = inbound.gateway.send_until_ended(by(&[Channel::Sms], order())).await;
    let undelivered_after = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let fallback = Some(v1::FallbackPolicy { undelivered_after, ..Default::default() });
    let id = inbound.gateway.send(v1::MessageSpec { fallback, ..by(&[Channel::Sms], order()) }).await;
    let is_rescued = |event: &v1::Event| matches!(&event.detail, Some(Detail::AttemptFinished(finished)) if finished.attempt == 2);
    inbound.gateway.wait_until_all(std::slice::from_ref(&id), is_rescued).await;

    let rescued = inbound.gateway.message(&id).await;
    assert_eq!(route_taken(&rescued), "silent SENT, sound SENT");
    let why = rescued.history.iter().find_map(|event| match &event.detail {
        Some(Detail::FellBack(fell)) => Some(fell.explanation.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("silent did not report it as delivered in time."));
    let left_out: Vec<_> = plans(&rescued).last().unwrap().left_out.iter().collect();
    let [of_silent] = left_out.as_slice() else { panic!("{left_out:?}") };
    assert_eq!((of_silent.provider.as_str(), of_silent.reason.as_str()), ("silent", "tried"));
    assert_eq!(without_receipt(&inbound).await, [id.clone(), left.message_id.clone()]);

    let url = format!("{PUBLIC_URL}/providers/sound");
    let form = format!("MessageSid={}&MessageStatus=delivered&To=%2B34600123456", reference(&rescued));
    assert_eq!(inbound.twilio(&url, "/providers/sound", &form).await, StatusCode::OK);
    assert_eq!(inbound.gateway.message(&id).await.state(), MessageState::Delivered);
    assert_eq!(without_receipt(&inbound).await, [left.message_id], "nobody asked for a rescue of this one");
    assert_eq!((silent.requests().await.len(), sound.requests().await.len()), (2, 1));
    inbound.gateway.stop().await;
}
