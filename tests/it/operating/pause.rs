//! A process that stands still for a while, as when its machine is moved or suspended, takes nothing for lost that has
//! arrived meanwhile.

use std::time::Duration;

use relevo::wire::v1::Channel;
use serde_json::json;

use crate::gateway::history::route_taken;
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::{twilio, twilio_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

/// Longer than it takes to see that the calls have begun, and shorter than the time-out.
const ANSWER_AFTER_MS: u64 = 1_500;
const TIMEOUT_MS: u64 = 3_000;

#[tokio::test]
async fn an_answer_that_came_while_the_process_was_paused_counts() {
    let sms = WiremockStubs::new("paused-sms");
    let mut answer = twilio_accepts();
    answer["fixedDelayMilliseconds"] = json!(ANSWER_AFTER_MS);
    sms.answer(json!({}), answer).await;
    let limits = format!("[providers.limits]\ntimeout_ms = {TIMEOUT_MS}");
    let directory = GatewayDirectory::new(&twilio("sms", sms.url(), &limits)).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(gateway.send(by(&[Channel::Sms], order())).await);
    }
    while sms.requests().await.len() < ids.len() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gateway.pause().await;
    // Every answer arrives, and every time-out passes.
    tokio::time::sleep(Duration::from_millis(2 * TIMEOUT_MS)).await;
    gateway.resume().await;
    for message in gateway.wait_until_ended(&ids).await {
        assert_eq!(route_taken(&message), "sms SENT");
    }
    assert_eq!(sms.requests().await.len(), ids.len(), "no message was sent twice");
    gateway.stop().await;
}
