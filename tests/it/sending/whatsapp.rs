//! WhatsApp: its service window, and several providers for one brand, each with its own sender and its own templates.

use relevo::wire::v1::{self, BreakerState, Channel, MessageState};
use serde_json::{Value, json};

use crate::gateway::history::{left_out_reason, plans, route_taken};
use crate::gateway::process::GatewayDirectory;
use crate::gateway::providers::*;
use crate::gateway::whatsapp_and_sms::{WHATSAPP_THEN_SMS, WhatsappAndSms, ana_who_wrote};
use crate::gateway::{ana, by, order};
use crate::peers::WiremockStubs;

/// WhatsApp by Twilio, which knows no template.
fn whatsapp_twilio(name: &str, url: String, more: &str) -> String {
    let adapter = format!(
        "[providers.whatsapp_twilio]\naccount_sid = 'AC{}'\nauth_token = {{ file = 'secret' }}\n\
         from = '+34910000000'\nbase_url = '{url}'",
        "1".repeat(32)
    );
    provider(name, "whatsapp", more, &adapter)
}

async fn urls(stubs: &WiremockStubs) -> Vec<Value> {
    stubs.requests().await.into_iter().map(|request| request["url"].clone()).collect()
}

#[tokio::test]
async fn a_template_that_one_account_has_paused_goes_by_another_and_then_by_another_channel() {
    let (first, second, sms) =
        (WiremockStubs::new("paused-a"), WiremockStubs::new("paused-b"), WiremockStubs::new("paused-sms"));
    first.answer(json!({}), whatsapp_refuses(400, 132_015)).await;
    second.answer(json!({}), whatsapp_refuses(404, 132_001)).await;
    sms.answer(json!({}), twilio_accepts()).await;
    let providers = [
        whatsapp("wa-a", first.url(), "tier = 1"),
        whatsapp_twilio("wa-twilio", "http://127.0.0.1:9".to_owned(), "tier = 2"),
        whatsapp("wa-b", second.url(), "tier = 3"),
        twilio("sms", sms.url(), ""),
    ];
    let directory = GatewayDirectory::new(&providers.concat()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let sent = gateway.send_until_ended(by(&[Channel::Whatsapp, Channel::Sms], order())).await;
    assert_eq!(sent.state(), MessageState::Sent);
    let expected = "wa-a REJECTED 132015, wa-twilio REJECTED, wa-b REJECTED 132001, sms SENT";
    assert_eq!(route_taken(&sent), expected);
    gateway.stop().await;
}

#[tokio::test]
async fn a_brand_has_a_sender_of_its_own_with_each_provider() {
    let (meta, sms) = (WiremockStubs::new("senders-meta"), WiremockStubs::new("senders-sms"));
    meta.answer(json!({}), whatsapp_accepts()).await;
    sms.answer(json!({}), twilio_accepts()).await;
    let senders = "\n[brands.acme.senders]\nwhatsapp = '+34920000000'\nsms = 'ACME'\n";
    let providers =
        [senders, &whatsapp("meta", meta.url(), "senders = { acme = '777' }"), &twilio("sms", sms.url(), "")];
    let directory = GatewayDirectory::new(&providers.concat()).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    for channel in [Channel::Whatsapp, Channel::Sms] {
        let sent = gateway.send_until_ended(by(&[channel], order())).await;
        assert_eq!(sent.state(), MessageState::Sent, "{}", route_taken(&sent));
    }
    assert_eq!(urls(&meta).await, ["/senders-meta/v23.0/777/messages"]);
    let body = sms.requests().await[0]["body"].clone();
    assert!(body.as_str().unwrap().contains("From=ACME"), "{body}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_header_and_buttons_go_out_with_the_template() {
    let meta = WiremockStubs::new("header-meta");
    meta.answer(json!({}), whatsapp_accepts()).await;
    let directory = GatewayDirectory::new(&whatsapp("meta", meta.url(), "")).await;
    let gateway = directory.start().await;
    gateway.upsert_contact(ana()).await;
    let mut spec = by(&[Channel::Whatsapp], order());
    let template = spec.content.as_mut().unwrap().whatsapp.as_mut().unwrap().template.as_mut().unwrap();
    let image = v1::whatsapp_template_header::Value::ImageUrl("https://example.com/a.png".into());
    template.header = Some(v1::WhatsappTemplateHeader { value: Some(image) });
    let action = Some(v1::whatsapp_template_button::Action::UrlSuffix("A-17".into()));
    template.buttons = vec![v1::WhatsappTemplateButton { index: 1, action }];
    let sent = gateway.send_until_ended(spec).await;
    assert_eq!(route_taken(&sent), "meta SENT");
    let body: Value = serde_json::from_str(meta.requests().await[0]["body"].as_str().unwrap()).unwrap();
    let kinds =
        body["template"]["components"].as_array().unwrap().iter().map(|component| component["type"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), ["header", "body", "button"]);
    gateway.stop().await;
}

#[tokio::test]
async fn the_service_window_decides_between_text_template_and_another_channel() {
    let pair = WhatsappAndSms::start("window-whatsapp", "window-sms", "").await;
    let without_template = || {
        let mut spec = by(WHATSAPP_THEN_SMS, order());
        spec.content.as_mut().unwrap().whatsapp = None;
        spec
    };
    let kind = |request: &Value| {
        serde_json::from_str::<Value>(request["body"].as_str().unwrap()).unwrap()["type"].clone()
    };
    // Closed: the template, or no WhatsApp at all.
    let message = pair.gateway.send_until_ended(by(WHATSAPP_THEN_SMS, order())).await;
    assert_eq!(route_taken(&message), "whatsapp SENT");
    let message = pair.gateway.send_until_ended(without_template()).await;
    assert_eq!(route_taken(&message), "sms SENT");
    assert_eq!(left_out_reason(plans(&message)[0], Channel::Whatsapp), Some("window_closed"));
    // Open: the text.
    pair.gateway.upsert_contact(ana_who_wrote()).await;
    let message = pair.gateway.send_until_ended(without_template()).await;
    assert_eq!(route_taken(&message), "whatsapp SENT");
    let kinds: Vec<Value> = pair.whatsapp.requests().await.iter().map(kind).collect();
    assert_eq!(kinds, ["template", "text"]);
    // We think it is open, and Meta knows better.
    pair.whatsapp.answer(json!({}), whatsapp_refuses(400, 131_047)).await;
    let message = pair.gateway.send_until_ended(without_template()).await;
    assert_eq!(route_taken(&message), "whatsapp REJECTED 131047, sms SENT");
    assert_eq!(pair.gateway.provider("whatsapp").await.breaker(), BreakerState::Closed);
    pair.gateway.stop().await;
}
