//! The log never stops the gateway, whether somebody reads it or not; it tells of storms without being one; and no text makes a
//! line of its own.

use std::fs::File;
use std::process::Stdio;

use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::Value;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::api::send;
use crate::gateway::process::{Gateway, GatewayDirectory, Log, PATIENCE, UnreadStderr};
use crate::gateway::providers::provider;
use crate::gateway::{ana, by, offer, order};

/// A directory for a gateway with one sandbox.
async fn directory() -> GatewayDirectory {
    GatewayDirectory::new(&provider("sms", "sms", "", "[providers.sandbox]")).await
}

/// A pipe that holds as much as it can, for a writer that waits (`is_blocking`) or is told that it would have to.
async fn full_pipe(is_blocking: bool) -> (pipe::Receiver, Stdio) {
    let (sender, receiver) = pipe::pipe().unwrap();
    sender.writable().await.unwrap();
    while sender.try_write(&[b'\n'; 4_096]).is_ok() {}
    let sender = if is_blocking { sender.into_blocking_fd() } else { sender.into_nonblocking_fd() };
    (receiver, Stdio::from(sender.unwrap()))
}

/// Makes calls without a key, of each of which there is something to log.
async fn call_without_key(gateway: &Gateway, calls: usize) {
    let mut messages = gateway.messages_without_key();
    for _ in 0..calls {
        let refused = messages.send(v1::SendRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
}

/// A gateway whose log goes nowhere does everything that it should, and stops as it should.
async fn assert_works(directory: &GatewayDirectory, gateway: Gateway) {
    let works = async {
        gateway.upsert_contact(ana()).await;
        call_without_key(&gateway, 400).await;
        assert_eq!(gateway.send_until_ended(order()).await.state(), MessageState::Sent);
        assert_eq!(gateway.check_health().await.unwrap(), ServingStatus::Serving);
    };
    timeout(PATIENCE, works).await.expect("the log should not hold up the gateway");
    gateway.stop().await;
    assert!(directory.is_sealed(), "the store was closed cleanly");
}

#[tokio::test]
async fn a_gateway_without_standard_error_works_and_stops() {
    let directory = directory().await;
    let gateway = directory.start_unread(UnreadStderr::Closed).await;
    assert_works(&directory, gateway).await;
}

#[tokio::test]
async fn a_gateway_whose_log_has_no_room_on_its_disk_works_and_stops() {
    let directory = directory().await;
    let full = File::options().write(true).open("/dev/full").unwrap();
    let gateway = directory.start_unread(UnreadStderr::To(full.into())).await;
    assert_works(&directory, gateway).await;
}

#[tokio::test]
async fn a_gateway_whose_log_nobody_reads_works_and_stops() {
    for is_blocking in [true, false] {
        let directory = directory().await;
        let (_receiver, stderr) = full_pipe(is_blocking).await;
        let gateway = directory.start_unread(UnreadStderr::To(stderr)).await;
        assert_works(&directory, gateway).await;
    }
}

#[tokio::test]
async fn a_gateway_whose_reader_of_the_log_has_gone_works_and_stops() {
    let directory = directory().await;
    let (receiver, stderr) = full_pipe(true).await;
    drop(receiver);
    let gateway = directory.start_unread(UnreadStderr::To(stderr)).await;
    assert_works(&directory, gateway).await;
}

#[tokio::test]
async fn a_gateway_that_cannot_start_ends_even_if_nobody_reads_why() {
    let directory = directory().await;
    directory.add_log_settings("queue_bytes = 1");
    for is_blocking in [true, false] {
        let (_receiver, stderr) = full_pipe(is_blocking).await;
        let mut child = directory.spawn_unread(UnreadStderr::To(stderr));
        let status = timeout(PATIENCE, child.wait()).await.expect("it should end").unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

#[tokio::test]
async fn what_was_lost_while_nobody_read_is_told_when_somebody_does() {
    const MESSAGES: usize = 500;
    let directory = directory().await;
    directory.add_log_settings("queue_bytes = 65536");
    let (receiver, stderr) = full_pipe(true).await;
    let gateway = directory.start_unread(UnreadStderr::To(stderr)).await;
    gateway.upsert_contact(ana()).await;
    // Nobody opted in, so each ends at once with a line of its own, and all of them are more than there is room for.
    let mut ids = Vec::new();
    let mut messages = gateway.messages();
    for _ in 0..MESSAGES {
        ids.push(messages.send(send(offer())).await.unwrap().into_inner().message_id);
    }
    gateway.wait_until_ended(&ids).await;
    let log = Log::read(receiver);
    let told = log
        .wait_for("lines of the log were lost: standard error was not read, or its disk had no room")
        .await;
    let lost = usize::try_from(told["lines"].as_u64().unwrap()).unwrap();
    let written = log.count("a message ended");
    assert!(lost > 0 && written > 0 && written + lost >= MESSAGES, "{written} written and {lost} lost");
    gateway.stop().await;
    log.wait_for("relevo has stopped").await;
}

#[tokio::test]
async fn a_storm_of_calls_without_a_key_is_told_in_a_few_lines_and_hides_no_other() {
    const REFUSED: &str = "a call was refused because of its key";
    let directory = directory().await;
    directory.add_log_settings("repeat_interval_ms = 3600000");
    let mut gateway = directory.start().await;
    call_without_key(&gateway, 300).await;
    let other = gateway.messages_by("rlv_aaaa_bbbb").send(v1::SendRequest::default()).await;
    assert_eq!(other.unwrap_err().code(), Code::Unauthenticated);
    gateway.terminate().await;
    assert_eq!(gateway.ended().await.code(), Some(0));
    let summary = gateway.log.wait_for("lines like others shortly before were counted and left out").await;
    assert_eq!(
        (&summary["lines"], &summary["repeated"], &summary["reason"], &summary["peer.network"]),
        (&295.into(), &REFUSED.into(), &"KEY_MISSING".into(), &"127.0.0.0/24".into()),
        "{summary}"
    );
    let lines = gateway.log.lines();
    let refused: Vec<_> =
        lines.iter().filter(|line| line.contains(&format!("\"message\":\"{REFUSED}"))).collect();
    assert_eq!(refused.len(), 6, "{lines:#?}");
    let is_other = |line: &&&String| line.contains("KEY_MALFORMED") || line.contains("KEY_UNKNOWN");
    assert_eq!(refused.iter().filter(is_other).count(), 1, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("bbbb")), "{lines:#?}");
}

/// A campaign to people who never opted in is no news, message by message; whoever wants to know asks for it.
#[tokio::test]
async fn a_message_that_is_suppressed_is_no_news() {
    const ENDED: &str = "a message ended";
    for (filter, expected) in [("info", &["failed"][..]), ("debug", &["suppressed", "failed"])] {
        let directory = directory().await;
        directory.change_config("filter = 'info'", &format!("filter = '{filter}'"));
        let mut gateway = directory.start().await;
        gateway.upsert_contact(ana()).await;
        let suppressed = gateway.send_until_ended(by(&[Channel::Sms], offer())).await;
        // No provider carries it.
        let failed = gateway.send_until_ended(by(&[Channel::Telegram], order())).await;
        assert_eq!((suppressed.state(), failed.state()), (MessageState::Suppressed, MessageState::Failed));
        gateway.terminate().await;
        assert_eq!(gateway.ended().await.code(), Some(0));
        gateway.log.wait_for("relevo has stopped").await;
        let parsed = |line: &String| serde_json::from_str::<Value>(line).unwrap();
        let lines = gateway.log.lines();
        let ended = lines.iter().map(parsed).filter(|line| line["message"] == ENDED);
        let states: Vec<_> = ended.map(|line| (line["state"].clone(), line["level"].clone())).collect();
        let level = |state| if state == "failed" { "INFO" } else { "DEBUG" };
        let expected: Vec<_> =
            expected.iter().map(|state| (Value::from(*state), level(*state).into())).collect();
        assert_eq!(states, expected, "{filter}");
    }
}
