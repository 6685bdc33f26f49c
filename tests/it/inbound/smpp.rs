//! Receipts and texts on the connection to an SMSC, by SMPP.

use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::json;

use crate::gateway::history::route_taken;
use crate::gateway::process::{GatewayDirectory, SECRET};
use crate::gateway::providers::smpp;
use crate::gateway::{ana, by, order};
use crate::peers::Smsc;

fn saying(text: &str) -> v1::MessageSpec {
    let mut spec = by(&[Channel::Sms], order());
    spec.content.as_mut().unwrap().text = text.into();
    spec
}

#[tokio::test]
async fn a_receipt_on_the_line_makes_a_message_delivered_even_before_the_answer() {
    let smsc = Smsc::start("gateway", &json!({}));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for rule in ["{\"receipt\":\"DELIVRD\"}\n", "{\"receipt\":\"DELIVRD\",\"before\":true}\n"] {
        let id = gateway.send(saying(rule)).await;
        let is_delivered = |event: &v1::Event| event.state() == MessageState::Delivered;
        gateway.wait_until_all(std::slice::from_ref(&id), is_delivered).await;
        let message = gateway.message(&id).await;
        assert_eq!(route_taken(&message), "carrier SENT", "{rule}");
    }
    let submits = smsc.events("submit");
    assert_eq!((submits.len(), &submits[0]["to"]), (2, &json!("34600123456")));
    assert_eq!(smsc.events("bind")[0]["password"], SECRET);
    let answers = smsc.wait_for_events("deliver_sm_resp", 2).await;
    assert!(answers.iter().all(|answer| answer["status"] == 0), "{answers:?}");

    let log = gateway.log.lines().join("\n");
    assert!(!log.contains(SECRET) && !log.contains("34600123456"), "{log}");
    gateway.stop().await;
    smsc.wait_for_events("unbind", 1).await;
}

#[tokio::test]
async fn who_writes_stop_on_the_line_is_not_written_to_again() {
    let mo = json!({ "stop": [{ "message": "Stop." }] });
    let smsc = Smsc::start("gateway-stop", &json!({ "mo": mo }));
    let directory = GatewayDirectory::new(&smpp("carrier", smsc.port())).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    gateway.send_until_ended(saying("{\"mo\":\"stop\"}\n")).await;
    // It is answered once it is on disk.
    assert_eq!(smsc.wait_for_events("deliver_sm_resp", 1).await[0]["status"], 0);
    let message = gateway.send_until_ended(saying("Are you still there?")).await;
    assert_eq!(message.state(), MessageState::Suppressed, "{message:#?}");
    assert_eq!(smsc.events("submit").len(), 1);
    gateway.stop().await;
}
