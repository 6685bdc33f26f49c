//! This machine is out of files: that is no provider's fault, and everything flows again when there are some.

use std::collections::HashSet;

use relevo::wire::v1::{self, BreakerState, Channel, MessageState, OutcomeKind};
use serde_json::json;
use tokio::time::timeout;
use tonic::Streaming;

use crate::api::send;
use crate::gateway::history::{Attempt, attempts};
use crate::gateway::process::{GatewayDirectory, PATIENCE};
use crate::gateway::providers::{twilio, twilio_accepts, whatsapp, whatsapp_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

/// Reads events until each of these messages waits.
async fn wait_until_all_wait(mut events: Streaming<v1::WatchMessagesResponse>, ids: &[String]) {
    let mut left: HashSet<&String> = ids.iter().collect();
    while !left.is_empty() {
        let next = timeout(PATIENCE, events.message()).await.expect("an event").unwrap().expect("no end");
        if next.event.is_some_and(|event| event.state() == MessageState::Waiting) {
            left.remove(&next.message_id);
        }
    }
}

const RETRY: &str = "\n[retry]\nbackoff_ms = 100\nmax_backoff_ms = 300\n";

#[tokio::test]
async fn a_machine_without_files_is_held_against_no_provider() {
    let (meta, sms) = (WiremockStubs::new("files-whatsapp"), WiremockStubs::new("files-sms"));
    meta.answer(json!({}), whatsapp_accepts()).await;
    sms.answer(json!({}), twilio_accepts()).await;
    // One by its address, and one by a name, which takes a file to look up.
    let by_name = meta.url().replace("127.0.0.1", "localhost");
    let providers = whatsapp("whatsapp", by_name, "") + &twilio("sms", sms.url(), "");
    let directory = GatewayDirectory::new(&format!("{RETRY}{providers}")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    // Connections that are there already: no other can be accepted.
    let (mut messages, mut watcher, mut providers) =
        (gateway.messages(), gateway.messages(), gateway.providers());
    let watch = watcher.watch_messages(v1::WatchMessagesRequest::default()).await.unwrap();
    let list = v1::ListProvidersRequest::default;
    messages.list_messages(v1::ListMessagesRequest::default()).await.unwrap();
    providers.list_providers(list()).await.unwrap();
    gateway.limit_files(1).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        let spec = by(&[Channel::Whatsapp, Channel::Sms], order());
        ids.push(messages.send(send(spec)).await.unwrap().into_inner().message_id);
    }
    wait_until_all_wait(watch.into_inner(), &ids).await;
    for provider in providers.list_providers(list()).await.unwrap().into_inner().providers {
        assert_eq!(provider.breaker(), BreakerState::Closed, "{provider:#?}");
    }
    gateway.limit_files(1_024).await;
    for message in gateway.wait_until_ended(&ids).await {
        // An attempt whose decision no longer held when its turn came was recorded and not made.
        let mut made = attempts(&message);
        made.retain(|attempt| attempt.code() != "not_called");
        let (last, others) = made.split_last().unwrap();
        assert_eq!(last.outcome(), OutcomeKind::Sent, "{message:#?}");
        let is_local = |attempt: &Attempt| attempt.outcome() == OutcomeKind::LocalFailure;
        assert!(others.len() > 1 && others.iter().all(is_local), "{message:#?}");
    }
    gateway.stop().await;
}
