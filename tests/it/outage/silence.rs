//! A provider takes everything and delivers nothing: its calls go well, and its receipts stay away.

use std::time::Duration;

use relevo::wire::v1::{self, Behavior, Channel, MessageState};
use tokio::time::{interval, timeout};

use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::provider;
use crate::gateway::{ana, by, order};

/// Sends a message each 20 ms until `is_reached`, which is asked after each ten of them.
async fn send_until(gateway: &Gateway, is_reached: impl AsyncFn() -> bool) -> Vec<String> {
    let (mut pace, mut ids) = (interval(Duration::from_millis(20)), Vec::new());
    let sent = async {
        loop {
            for _ in 0..10 {
                pace.tick().await;
                ids.push(gateway.send(by(&[Channel::Sms], order())).await);
            }
            if is_reached().await {
                break;
            }
        }
    };
    timeout(PATIENCE, sent).await.expect("what the messages are sent for is reached");
    ids
}

#[tokio::test]
async fn a_provider_whose_receipts_stay_away_is_left_for_another_of_its_channel() {
    let sandbox = |name| provider(name, "sms", "", "[providers.sandbox]\nreceipt_delay_ms = 50");
    let directory = GatewayDirectory::new(&[sandbox("first"), sandbox("second")].concat()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    // Long enough for each to be known by its receipts: about a hundred each.
    let sent = tokio::sync::Mutex::new(0);
    let enough = async || {
        let mut sent = sent.lock().await;
        *sent += 10;
        *sent >= 200
    };
    let ids = send_until(&gateway, enough).await;
    gateway.wait_until_all(&ids, |event| event.state() == MessageState::Delivered).await;
    let weight = async |name| gateway.provider(name).await.live_weight_percent;
    assert_eq!((weight("first").await, weight("second").await), (100.0, 100.0));

    let silent = v1::SetBehaviorRequest {
        provider: "first".to_owned(),
        behavior: Behavior::Silent.into(),
        ..Default::default()
    };
    gateway.sandbox().set_behavior(silent).await.unwrap();
    send_until(&gateway, async || weight("first").await < 10.0).await;
    let first = gateway.provider("first").await;
    let shift = first.last_weight_shift.unwrap();
    assert!(shift.reason.ends_with("% of its messages have no receipt in time"), "{shift:?}");
    assert_eq!(first.recent_failures, 0, "its calls go well");
    assert_eq!(weight("second").await, 100.0);
    gateway.stop().await;
}
