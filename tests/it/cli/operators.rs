//! What operators see of providers and ask of them.

use super::{Gateway, seconds};

#[tokio::test]
async fn operators_see_and_control_providers() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.json(&["provider", "list"]).await.len(), 8);
    assert_eq!(gateway.ok(&["provider", "log"]).await, "Nobody has changed anything.\n");
    let set = [
        "provider",
        "set",
        "sms-north",
        "draining",
        "--reason",
        "maintenance",
        "--for",
        "2h",
        "--actor",
        "eva",
    ];
    assert!(gateway.ok(&set).await.contains("draining"));
    let log = gateway.json(&["provider", "log", "--provider", "sms-north"]).await;
    assert_eq!(log[0]["control"]["reason"], "maintenance");
    let length = seconds(&log[0]["control"]["expireTime"]) - seconds(&log[0]["control"]["updateTime"]);
    assert!((7_199..=7_200).contains(&length), "{log:?}");
    let answer = gateway.json(&["sandbox", "set", "hang", "--failure-domain", "meta"]).await;
    assert_eq!(answer[0]["providers"].as_array().unwrap().len(), 2);
    assert_eq!(gateway.ok(&["sandbox", "outbox"]).await, "Nothing was sent through sandbox providers.\n");
}
