//! A provider or a brand is left out of the configuration by mistake, and put back.

use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::json;
use tokio::time::timeout;

use crate::api::send;
use crate::gateway::history::{end_reason, wait_reasons};
use crate::gateway::process::{Gateway, GatewayDirectory, PATIENCE};
use crate::gateway::providers::{sandbox, twilio, twilio_accepts};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

/// The longest wait of a message whose provider failed: less than a second.
const BACKOFF_MS: u32 = 500;

async fn wait_until_waiting(gateway: &Gateway, id: &str, reason: &str) {
    let waits = |event: &v1::Event| matches!(&event.detail, Some(v1::event::Detail::Waiting(waiting)) if waiting.reason == reason);
    gateway.wait_until_all(&[id.to_owned()], waits).await;
}

/// A gateway with a message that waits because its provider is down.
async fn gateway_with_waiting_message(directory: &GatewayDirectory) -> (Gateway, String) {
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let message = gateway.send(by(&[Channel::Sms], order())).await;
    let waits = |event: &v1::Event| event.state() == MessageState::Waiting;
    gateway.wait_until_all(std::slice::from_ref(&message), waits).await;
    (gateway, message)
}

/// What the check of the configuration says, with a gateway that runs or without.
async fn checked(directory: &GatewayDirectory) -> String {
    let output = directory.run(&["check"]).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A gateway that is started on a configuration that lacks what a message waits for, and says so, as the check does.
async fn start_warned(directory: &GatewayDirectory, warning: &str) -> Gateway {
    let told = checked(directory).await;
    assert!(told.contains(&format!("warning: brand acme: {warning}")), "{told}");
    let gateway = directory.start().await;
    let line = gateway.log.wait_for("messages wait for what is not in the configuration").await;
    assert_eq!((line["subject"].as_str(), line["detail"].as_str()), (Some("brand acme"), Some(warning)));
    gateway
}

#[tokio::test]
async fn what_waits_for_a_provider_that_was_left_out_is_sent_when_it_is_back() {
    let provider = WiremockStubs::new("left-out-provider");
    provider.answer(json!({}), json!({ "status": 503 })).await;
    let sms = twilio("sms", provider.url(), "");
    let mail = sandbox().replace("'sms'", "'email'");
    let directory = GatewayDirectory::new(&(mail + &sms)).await;
    let (gateway, message) = gateway_with_waiting_message(&directory).await;
    let never = gateway.send_until_ended(by(&[Channel::Telegram], order())).await;
    assert_eq!(
        (never.state(), end_reason(&never)),
        (MessageState::Failed, "no_way_left"),
        "nobody ever carried it"
    );
    gateway.stop().await;

    assert!(!checked(&directory).await.contains("waits"), "the provider is there");
    directory.change_config(&sms, "");
    let warning = "1 message waits until this is mended or it expires: no provider carries sms for the brand";
    let gateway = start_warned(&directory, warning).await;
    wait_until_waiting(&gateway, &message, "no_provider").await;
    gateway.stop().await;

    directory.change_config("", &sms);
    provider.answer(json!({}), twilio_accepts()).await;
    let gateway = directory.start().await;
    let sent = gateway.wait_until_ended(&[message]).await.remove(0);
    assert_eq!(sent.state(), MessageState::Sent);
    assert!(wait_reasons(&sent).contains(&"no_provider"), "{:?}", wait_reasons(&sent));
    gateway.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_brand_that_was_left_out_is_sent_when_it_is_back() {
    let provider = WiremockStubs::new("left-out-brand");
    provider.answer(json!({}), json!({ "status": 503 })).await;
    let retry = format!("\n[retry]\nbackoff_ms = {BACKOFF_MS}\nmax_backoff_ms = {BACKOFF_MS}\n");
    let directory = GatewayDirectory::new(&(retry + &twilio("sms", provider.url(), ""))).await;
    let (gateway, message) = gateway_with_waiting_message(&directory).await;
    gateway.stop().await;

    provider.answer(json!({}), twilio_accepts()).await;
    directory.change_config("[brands.acme]", "[brands.other]");
    let other = directory.create_key(&["--brand", "other"]).await;
    let warning = "1 message waits until this is mended or it expires: the brand is not in the configuration";
    let gateway = start_warned(&directory, warning).await;
    let request = v1::UpsertContactRequest { contact: Some(ana()), update_mask: None };
    let contact =
        gateway.contacts_by(&other).upsert_contact(request).await.unwrap().into_inner().contact.unwrap();
    // Due later than whatever waited when the gateway stopped, which is looked at before it.
    let now = contact.update_time.unwrap();
    let later = prost_types::Timestamp { seconds: now.seconds + 1, ..now };
    let order = v1::MessageSpec { send_time: Some(later), ..order() };
    let mut messages = gateway.messages_by(&other);
    let message_id = messages.send(send(by(&[Channel::Sms], order))).await.unwrap().into_inner().message_id;
    let sent = async {
        loop {
            let request = v1::GetMessageRequest { message_id: message_id.clone(), ..Default::default() };
            let message = messages.get_message(request).await.unwrap().into_inner().message.unwrap();
            if message.state() == MessageState::Sent {
                return;
            }
        }
    };
    timeout(PATIENCE, sent).await.expect("the other brand's message should be sent");
    gateway.stop().await;

    directory.change_config("[brands.other]", "[brands.acme]");
    let gateway = directory.start().await;
    let sent = gateway.wait_until_ended(&[message]).await.remove(0);
    assert_eq!(sent.state(), MessageState::Sent);
    assert!(wait_reasons(&sent).contains(&"brand_unknown"), "{:?}", wait_reasons(&sent));
    gateway.stop().await;
}
