//! A disk that fills up: what is new is refused with a clear error, what was acknowledged goes on, and when there is room
//! again everything works by itself.

use std::collections::BTreeSet;

use relevo::wire::v1::send_stream_response::Result as Answer;
use relevo::wire::v1::{self, Behavior, MessageState};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::ServingStatus;
use tonic_types::StatusExt;

use crate::api::send;
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::provider;
use crate::gateway::{ana, by, order};
use crate::support::small_disk::{MIB, SmallDisk};

/// Keeps this much of the disk free, and retries quickly.
fn config(min_free_bytes: usize) -> String {
    let sandbox = provider("sms", "sms", "", "[providers.sandbox]");
    format!(
        "min_free_bytes = {min_free_bytes}\n\n[retry]\nbackoff_ms = 100\nmax_backoff_ms = 200\n\n[health]\n\
         open_ms = 200\nmax_open_ms = 200\n{sandbox}"
    )
}

async fn set_behavior(gateway: &Gateway, behavior: Behavior) {
    let request = v1::SetBehaviorRequest {
        provider: "sms".into(),
        behavior: behavior.into(),
        ..v1::SetBehaviorRequest::default()
    };
    gateway.sandbox().set_behavior(request).await.unwrap();
}

fn spec() -> v1::MessageSpec {
    by(&[v1::Channel::Sms], order())
}

fn large_spec() -> v1::MessageSpec {
    let mut spec = spec();
    let content = spec.content.as_mut().unwrap();
    // Only the size matters.
    content.html = "x".repeat(300_000);
    spec
}

fn assert_full(status: &tonic::Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "STORE_FULL");
    assert!(status.message().contains("disk is full and nothing was stored"), "{status:?}");
}

/// Repeats a send until it is accepted, as callers do.
async fn send_until_accepted(gateway: &Gateway) -> String {
    let accepted = async {
        loop {
            match gateway.messages().send(send(spec())).await {
                Ok(answer) => return answer.into_inner().message_id,
                Err(status) => assert!(
                    [Code::ResourceExhausted, Code::Unavailable].contains(&status.code()),
                    "{status:?}"
                ),
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, accepted).await.expect("the gateway should recover by itself")
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_what_is_new_and_finishes_what_was_promised() {
    let Some(disk) = SmallDisk::mount() else { return };
    let directory = GatewayDirectory::with_data(&disk.data(), &config(16 * MIB)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    set_behavior(&gateway, Behavior::Fail).await;
    let mut promised = Vec::new();
    for _ in 0..20 {
        promised.push(gateway.send(spec()).await);
    }
    disk.fill(8 * MIB);
    let refused = gateway.messages().send(send(spec())).await.unwrap_err();
    assert_full(&refused);
    let requests = tokio_stream::once(v1::SendStreamRequest { message: Some(spec()), sequence: 7 });
    let mut answers = gateway.messages().send_stream(requests).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    let Some(Answer::Error(error)) = answer.result else { panic!("{answer:?}") };
    assert_eq!((answer.sequence, error.code, error.message.as_str()), (7, 8, refused.message()));

    // The disk is as full as before, and the provider returns.
    set_behavior(&gateway, Behavior::Accept).await;
    let sent = gateway.wait_until_ended(&promised).await;
    assert!(sent.iter().all(|message| message.state() == MessageState::Sent));
    assert_full(&gateway.messages().send(send(spec())).await.unwrap_err());

    disk.empty();
    let id = send_until_accepted(&gateway).await;
    assert_eq!(gateway.wait_until_ended(std::slice::from_ref(&id)).await[0].state(), MessageState::Sent);
    promised.push(id);
    assert_eq!(
        gateway.all_ids().await,
        promised.into_iter().collect::<BTreeSet<_>>(),
        "nothing else was stored"
    );
    gateway.stop().await;
}

/// How often the sandbox accepted each of these messages.
async fn deliveries(gateway: &Gateway, ids: &[String]) -> Vec<usize> {
    let request = v1::ListOutboxRequest { provider: "sms".into(), page_size: 1_000 };
    let outbox = gateway.sandbox().list_outbox(request).await.unwrap().into_inner().entries;
    ids.iter().map(|id| outbox.iter().filter(|entry| entry.message_id == *id).count()).collect()
}

#[tokio::test]
async fn a_full_disk_keeps_what_was_promised_until_there_is_room() {
    const WAITS: &str = "a step of a message waits because the store failed; trying again";
    let Some(disk) = SmallDisk::mount() else { return };
    let directory = GatewayDirectory::with_data(&disk.data(), &config(16 * MIB)).await;
    directory.add_log_settings("repeat_interval_ms = 2000\nmax_repeats = 1");
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    set_behavior(&gateway, Behavior::Fail).await;
    let mut promised = Vec::new();
    for _ in 0..20 {
        promised.push(gateway.send(spec()).await);
    }
    // Not even the room that is kept for promises is left.
    disk.fill(64 * 1_024);
    assert_full(&gateway.messages().send(send(spec())).await.unwrap_err());
    set_behavior(&gateway, Behavior::Accept).await;
    // What happens now cannot be recorded, so it must not happen, or must be remembered until it is.
    gateway.log.wait_for(WAITS).await;
    // Each of them tries again and again, which is told by its count.
    let summary = gateway.log.wait_for_line("a count of them", |line| line["repeated"] == WAITS).await;
    assert!(summary["level"] == "ERROR" && summary["lines"].as_u64() > Some(0), "{summary}");
    disk.empty();
    promised.push(send_until_accepted(&gateway).await);
    let sent = gateway.wait_until_ended(&promised).await;
    assert!(sent.iter().all(|message| message.state() == MessageState::Sent));
    assert_eq!(deliveries(&gateway, &promised).await, vec![1; promised.len()]);
    assert!(gateway.log.count(WAITS) <= 5, "{:#?}", gateway.log.lines());
    gateway.stop().await;
}

#[tokio::test]
async fn the_end_of_the_disk_in_the_middle_of_a_write_loses_nothing_that_was_acknowledged() {
    let Some(disk) = SmallDisk::mount() else { return };
    // Nothing is kept free, so the store itself meets the end of the disk.
    let directory = GatewayDirectory::with_data(&disk.data(), &config(0)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    set_behavior(&gateway, Behavior::Fail).await;
    let mut promised = Vec::new();
    disk.fill(2 * MIB);
    let refused = loop {
        match gateway.messages().send(send(large_spec())).await {
            Ok(answer) => promised.push(answer.into_inner().message_id),
            Err(status) => break status,
        }
    };
    gateway.wait_for_health(ServingStatus::NotServing).await;
    // It cannot be read either, until it is open again.
    assert!([Code::ResourceExhausted, Code::Unavailable].contains(&refused.code()), "{refused:?}");
    assert!(!promised.is_empty());
    disk.empty();
    // By itself, because balancers do not call a gateway that is not serving.
    gateway.wait_for_health(ServingStatus::Serving).await;
    promised.push(send_until_accepted(&gateway).await);
    set_behavior(&gateway, Behavior::Accept).await;
    let sent = gateway.wait_until_ended(&promised).await;
    assert!(sent.iter().all(|message| message.state() == MessageState::Sent));
    assert_eq!(deliveries(&gateway, &promised).await, vec![1; promised.len()]);
    gateway.stop().await;

    let gateway = directory.start().await;
    let kept = gateway.all_ids().await;
    assert!(promised.iter().all(|id| kept.contains(id)), "{} of {}", kept.len(), promised.len());
    gateway.stop().await;
}

/// Fills the disk, tries to start on it, frees it again, and starts.
async fn start_on_a_full_disk(directory: &GatewayDirectory, disk: &SmallDisk) -> Gateway {
    disk.fill(0);
    let failed = directory.run(&["serve"]).await;
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert!(stderr.trim_end().ends_with("free some space"), "{stderr}");
    disk.empty();
    directory.start().await
}

#[tokio::test]
async fn a_start_on_a_full_disk_fails_and_the_next_one_has_everything() {
    let Some(disk) = SmallDisk::mount() else { return };
    let directory = GatewayDirectory::with_data(&disk.data(), &config(MIB)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    set_behavior(&gateway, Behavior::Fail).await;
    let mut promised = Vec::new();
    for _ in 0..50 {
        promised.push(gateway.send(spec()).await);
    }
    gateway.kill().await;

    let gateway = start_on_a_full_disk(&directory, &disk).await;
    // Asked to stop while the disk is full, it may fail to seal the store, and loses nothing.
    promised.push(gateway.send(spec()).await);
    disk.fill(0);
    let mut gateway = gateway;
    gateway.terminate().await;
    gateway.ended().await;
    disk.empty();

    let gateway = start_on_a_full_disk(&directory, &disk).await;
    let kept = gateway.all_ids().await;
    assert!(promised.iter().all(|id| kept.contains(id)), "{} of {}", kept.len(), promised.len());
    let sent = gateway.wait_until_ended(&promised).await;
    assert!(sent.iter().all(|message| message.state() == MessageState::Sent));
    gateway.stop().await;
}
