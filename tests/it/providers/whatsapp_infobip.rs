//! WhatsApp by Infobip.

use relevo::adapters::whatsapp::infobip::{Infobip, Settings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::infobip::{entry, own_id, rows};
use super::whatsapp::template;
use super::{body, replay};
use crate::envelopes;
use crate::peers::Stubs;

pub(super) fn settings(base_url: String) -> Settings {
    Settings {
        api_key: Secret::new("the-api-key"),
        from: "+34910000000".to_owned(),
        base_url,
        webhook_user: None,
        webhook_password: None,
    }
}

fn infobip(base_url: String) -> Infobip {
    Infobip::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn a_text_goes_out_as_infobip_takes_it_under_our_own_id() {
    let stubs = Stubs::new("whatsapp-infobip-text");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": entry(1, 7) })).await;
    let outcome = infobip(stubs.url()).deliver(&envelopes::to_phone("Olá 👋")).await;
    assert_eq!(outcome, Outcome::Sent { reference: "m17".to_owned() });

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
    let stubs = Stubs::new("whatsapp-infobip-template");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "messages": [entry(1, 7)] } })).await;
    let own_sender = Envelope { from: Some("+34920000000".to_owned()), ..template(&["Ana", "A-17"]) };
    let outcome = infobip(stubs.url()).deliver(&own_sender).await;
    assert_eq!(outcome, Outcome::Sent { reference: "m17".to_owned() });

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
async fn every_documented_status_of_infobip_has_its_outcome() {
    let stubs = Stubs::new("whatsapp-infobip-errors");
    // A text is answered with its one entry.
    replay(&stubs, &infobip(stubs.url()), envelopes::to_phone, rows(|entry| entry)).await;
}
