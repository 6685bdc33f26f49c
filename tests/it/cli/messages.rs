//! Messages: one by one, in files, and as they are followed.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Gateway, seconds};

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
    assert_eq!(gateway.ok(&["message", "cancel", id]).await, format!("Message {id} is cancelled.\n"));
    assert!(gateway.ok(&["message", "get", id]).await.contains(": CANCELLED\n"));
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
