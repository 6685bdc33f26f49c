//! WhatsApp by Infobip.

use relevo::adapters::sms::infobip::InfobipSettings;
use relevo::adapters::whatsapp::infobip::{InfobipWhatsappAdapter, InfobipWhatsappSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::{ButtonAction, Outcome, TemplateButton, TemplateHeader};
use relevo::secret::Secret;
use serde_json::json;

use super::infobip::{entry, own_id, rows};
use super::whatsapp::{filled, template};
use super::{body, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> InfobipWhatsappSettings {
    InfobipWhatsappSettings(InfobipSettings {
        api_key: Secret::new("the-api-key"),
        from: "+34910000000".to_owned(),
        base_url,
        webhook_user: None,
        webhook_password: None,
        repeat_window_minutes: None,
    })
}

fn infobip(base_url: String) -> InfobipWhatsappAdapter {
    InfobipWhatsappAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn a_text_goes_out_as_infobip_takes_it_under_our_own_id() {
    let stubs = WiremockStubs::new("whatsapp-infobip-text");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": entry(1, 7) })).await;
    let outcome = infobip(stubs.url()).deliver(&envelopes::to_phone("Olá 👋")).await;
    assert_eq!(outcome, Outcome::sent("m17"));

    let requests = stubs.requests().await;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request["url"], "/whatsapp-infobip-text/whatsapp/1/message/text");
    assert_eq!(request["headers"]["Authorization"], "App the-api-key");
    assert_eq!(
        body(request),
        json!({
            "from": "34910000000",
            "to": "34600123456",
            "messageId": own_id(),
            "content": { "text": "Olá 👋" },
            "callbackData": own_id(),
        })
    );
}

#[tokio::test]
async fn a_template_goes_out_as_infobip_takes_it_under_our_own_id() {
    let stubs = WiremockStubs::new("whatsapp-infobip-template");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "messages": [entry(1, 7)] } })).await;
    let own_sender = Envelope { from: Some("+34920000000".to_owned()), ..template(&["Ana", "A-17"]) };
    let outcome = infobip(stubs.url()).deliver(&own_sender).await;
    assert_eq!(outcome, Outcome::sent("m17"));

    let requests = stubs.requests().await;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request["url"], "/whatsapp-infobip-template/whatsapp/1/message/template");
    assert_eq!(
        body(request),
        json!({ "messages": [{
            "from": "34920000000",
            "to": "34600123456",
            "messageId": own_id(),
            "content": {
                "templateName": "order_update",
                "templateData": { "body": { "placeholders": ["Ana", "A-17"] } },
                "language": "en_US",
            },
            "callbackData": own_id(),
        }] })
    );
}

#[tokio::test]
async fn a_header_and_buttons_go_out_as_infobip_takes_them() {
    let stubs = WiremockStubs::new("whatsapp-infobip-header");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "messages": [entry(1, 7)] } })).await;
    let button = |index, action| TemplateButton { index, action };
    let buttons = [
        button(2, ButtonAction::Url("A-17".to_owned())),
        button(0, ButtonAction::QuickReply("yes".to_owned())),
        button(5, ButtonAction::CopyCode("25OFF".to_owned())),
    ];
    let url = || "https://example.com/a".to_owned();
    let headers = [
        (TemplateHeader::Text("May".to_owned()), json!({ "type": "TEXT", "placeholder": "May" })),
        (TemplateHeader::Image(url()), json!({ "type": "IMAGE", "mediaUrl": url() })),
        (
            TemplateHeader::Document { url: url(), filename: "bill.pdf".to_owned() },
            json!({ "type": "DOCUMENT", "mediaUrl": url(), "filename": "bill.pdf" }),
        ),
        (TemplateHeader::Video(url()), json!({ "type": "VIDEO", "mediaUrl": url() })),
    ];
    for (header, _) in &headers {
        infobip(stubs.url()).deliver(&filled(&["Ana"], Some(header.clone()), &buttons)).await;
    }
    for (request, (_, header)) in stubs.requests().await.iter().zip(headers) {
        let expected = json!({
            "body": { "placeholders": ["Ana"] },
            "header": header,
            "buttons": [
                { "type": "QUICK_REPLY", "parameter": "yes" },
                { "type": "URL", "parameter": "A-17" },
                { "type": "COPY_CODE", "parameter": "25OFF" },
            ],
        });
        assert_eq!(body(request)["messages"][0]["content"]["templateData"], expected);
    }
}

#[tokio::test]
async fn every_documented_status_of_infobip_has_its_outcome() {
    let stubs = WiremockStubs::new("whatsapp-infobip-errors");
    // A text is answered with its one entry.
    replay(&stubs, &infobip(stubs.url()), envelopes::to_phone, rows(|entry| entry)).await;
}
