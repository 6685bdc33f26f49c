//! Messages: one by one, in files, and as they are followed.

use std::process::Stdio;

use relevo::model::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::{Gateway, seconds};
use crate::gateway::process::PATIENCE;

#[tokio::test]
async fn a_message_goes_its_way_from_the_command_line() {
    let gateway = Gateway::start().await;
    let upsert = ["contact", "upsert", "ana", "--email", "ana@example.com", "--phone", "600 123 456"];
    assert!(gateway.ok(&upsert).await.contains("+34600123456"));
    let found = gateway.json(&["contact", "find", "--phone", "600123456"]).await;
    assert_eq!(found[0]["contactId"], "ana");
    let link = gateway.json(&["contact", "telegram-link", "ana"]).await;
    assert!(link[0]["url"].as_str().unwrap().starts_with("https://t.me/shop_bot?start="), "{link:?}");

    let send = ["send", "--email", "ana@example.com", "--topic", "orders", "--text", "It is on its way"];
    let options =
        ["--send-at", "1h", "--expire-at", "1d", "--idempotency-key", "order-1", "--label", "shop=north"];
    let send = [&send[..], &options[..]].concat();
    let accepted = gateway.json(&send).await;
    let id = accepted[0]["messageId"].as_str().unwrap();
    let again = gateway.run(&[&send[..], &["--channel", "sms"]].concat()).await;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("ALREADY_EXISTS"), "{}", again.err);

    let message = gateway.json(&["message", "get", id]).await.remove(0);
    assert_eq!(message["labels"]["shop"], "north");
    let hour = seconds(&message["sendTime"]) - seconds(&message["acceptTime"]);
    assert!((3_590..=3_600).contains(&hour), "{message}");
    let listed = gateway.json(&["message", "list", "--label", "shop=north", "--state", "accepted"]).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(gateway.ok(&["message", "list", "--state", "failed"]).await, "No message matches.\n");
    let unconfirmed = ["message", "list", "--without-receipt", "--until", "10m"];
    assert_eq!(gateway.ok(&unconfirmed).await, "No message matches.\n");
    assert_eq!(gateway.ok(&["message", "cancel", id]).await, format!("Message {id} is cancelled.\n"));
    assert!(gateway.ok(&["message", "get", id]).await.contains(": CANCELLED\n"));
}

#[tokio::test]
async fn a_watch_that_missed_events_says_so_beside_them() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let send = ["send", "--contact", "ana", "--topic", "orders", "--text", "hello"];
    let sent = gateway.json(&send).await;
    let watch = async |cursor: &str, more: &[&str]| {
        let mut program = gateway.command(&[&["message", "watch", "--cursor", cursor], more].concat());
        let mut program = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut events = BufReader::new(program.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, events.next_line()).await.expect("an answer").unwrap().unwrap();
        program.kill().await.unwrap();
        (first, String::from_utf8(program.wait_with_output().await.unwrap().stderr).unwrap())
    };
    let first: Value = serde_json::from_str(&watch("0", &["--json"]).await.0).unwrap();
    assert_eq!(first["messageId"], sent[0]["messageId"]);
    let cursor = first["cursor"].as_str().unwrap();
    gateway.ok(&["message", "cancel", sent[0]["messageId"].as_str().unwrap()]).await;
    let later = Timestamp::constant(4_000_000_000, 0);
    assert_eq!(gateway.stores.work.purge(later, 10).await.unwrap(), 1);
    let kept = gateway.json(&send).await;

    let (event, said) = watch(cursor, &[]).await;
    assert!(event.contains(kept[0]["messageId"].as_str().unwrap()), "{event}");
    insta::assert_snapshot!(said, @"Some events after the cursor are no longer kept, because their retention period is over. See what became of messages with relevo message list. The events kept follow.");
    let gap: Value = serde_json::from_str(&watch(cursor, &["--json"]).await.0).unwrap();
    let event: Value = serde_json::from_str(&watch("0", &["--json"]).await.0).unwrap();
    assert_eq!(gap, serde_json::json!({ "cursor": cursor, "gap": { "oldestCursor": event["cursor"] } }));
}

#[tokio::test]
async fn events_are_followed_as_they_happen() {
    let gateway = Gateway::start().await;
    gateway.ok(&["contact", "upsert", "ana", "--email", "ana@example.com"]).await;
    let mut program = gateway.command(&["message", "watch", "--cursor", "0", "--json"]);
    let mut program = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(program.stdout.take().unwrap()).lines();
    for text in ["first", "second"] {
        let sent = gateway.json(&["send", "--contact", "ana", "--topic", "orders", "--text", text]).await;
        let event: Value = serde_json::from_str(&events.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(event["messageId"], sent[0]["messageId"]);
    }
    program.kill().await.unwrap();
}
