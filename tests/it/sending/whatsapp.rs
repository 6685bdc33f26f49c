//! Several WhatsApp providers for one brand: each with what it calls the sender, and each with templates of its own.

use relevo::wire::v1::{self, Channel, MessageState};
use serde_json::{Value, json};

use crate::gateway::history::path;
use crate::gateway::process::Home;
use crate::gateway::providers::*;
use crate::gateway::{ana, by, order};
use crate::peers::Stubs;

/// WhatsApp by Twilio, which knows no template.
fn whatsapp_twilio(name: &str, url: String, more: &str) -> String {
    let adapter = format!(
        "[providers.whatsapp_twilio]\naccount_sid = 'AC{}'\nauth_token = {{ file = 'secret' }}\n\
         from = '+34910000000'\nbase_url = '{url}'",
        "1".repeat(32)
    );
    provider(name, "whatsapp", more, &adapter)
}

async fn urls(stubs: &Stubs) -> Vec<Value> {
    stubs.requests().await.into_iter().map(|own| own["url"].clone()).collect()
}

#[tokio::test]
async fn a_template_that_one_account_has_paused_goes_by_another_and_then_by_another_channel() {
    let (first, second, sms) = (Stubs::new("paused-a"), Stubs::new("paused-b"), Stubs::new("paused-sms"));
    first.answer(json!({}), whatsapp_refuses(400, 132_015)).await;
    second.answer(json!({}), whatsapp_refuses(404, 132_001)).await;
    sms.answer(json!({}), twilio_takes()).await;
    let providers = [
        whatsapp("wa-a", first.url(), "tier = 1"),
        whatsapp_twilio("wa-twilio", "http://127.0.0.1:9".to_owned(), "tier = 2"),
        whatsapp("wa-b", second.url(), "tier = 3"),
        twilio("sms", sms.url(), ""),
    ];
    let home = Home::new(&providers.concat()).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    let sent = gateway.sends_to_the_end(by(&[Channel::Whatsapp, Channel::Sms], order())).await;
    assert_eq!(sent.state(), MessageState::Sent);
    let expected = "wa-a REJECTED 132015, wa-twilio REJECTED, wa-b REJECTED 132001, sms SENT";
    assert_eq!(path(&sent), expected);
    gateway.stop().await;
}

#[tokio::test]
async fn a_brand_has_a_sender_of_its_own_with_each_provider() {
    let (meta, sms) = (Stubs::new("senders-meta"), Stubs::new("senders-sms"));
    meta.answer(json!({}), whatsapp_takes()).await;
    sms.answer(json!({}), twilio_takes()).await;
    let own = "\n[brands.acme.senders]\nwhatsapp = '+34920000000'\nsms = 'ACME'\n";
    let providers =
        [own, &whatsapp("meta", meta.url(), "senders = { acme = '777' }"), &twilio("sms", sms.url(), "")];
    let home = Home::new(&providers.concat()).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    for channel in [Channel::Whatsapp, Channel::Sms] {
        let sent = gateway.sends_to_the_end(by(&[channel], order())).await;
        assert_eq!(sent.state(), MessageState::Sent, "{}", path(&sent));
    }
    assert_eq!(urls(&meta).await, ["/senders-meta/v23.0/777/messages"]);
    let body = sms.requests().await[0]["body"].clone();
    assert!(body.as_str().unwrap().contains("From=ACME"), "{body}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_header_and_buttons_go_out_with_the_template() {
    let meta = Stubs::new("header-meta");
    meta.answer(json!({}), whatsapp_takes()).await;
    let home = Home::new(&whatsapp("meta", meta.url(), "")).await;
    let gateway = home.start().await;
    gateway.knows(ana()).await;
    let mut spec = by(&[Channel::Whatsapp], order());
    let template = spec.content.as_mut().unwrap().whatsapp.as_mut().unwrap().template.as_mut().unwrap();
    let image = v1::whatsapp_template_header::Value::ImageUrl("https://example.com/a.png".into());
    template.header = Some(v1::WhatsappTemplateHeader { value: Some(image) });
    let action = Some(v1::whatsapp_template_button::Action::UrlSuffix("A-17".into()));
    template.buttons = vec![v1::WhatsappTemplateButton { index: 1, action }];
    let sent = gateway.sends_to_the_end(spec).await;
    assert_eq!(path(&sent), "meta SENT");
    let body: Value = serde_json::from_str(meta.requests().await[0]["body"].as_str().unwrap()).unwrap();
    let kinds = body["template"]["components"].as_array().unwrap().iter().map(|own| own["type"].clone());
    assert_eq!(kinds.collect::<Vec<_>>(), ["header", "body", "button"]);
    gateway.stop().await;
}
