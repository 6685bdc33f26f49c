//! WhatsApp by Twilio's Messages API.

use relevo::adapters::sms::twilio::TwilioAccountSettings;
use relevo::adapters::whatsapp::twilio::{
    TwilioWhatsappAdapter, TwilioWhatsappSenderSettings, TwilioWhatsappSettings,
};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::twilio::{TOKEN, account, owned, rows};
use super::whatsapp::template;
use super::{basic, form, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

fn content_sid() -> String {
    format!("HX{}", "c".repeat(32))
}

pub(super) fn settings(base_url: String) -> TwilioWhatsappSettings {
    let languages = [("en_US".to_owned(), content_sid())];
    TwilioWhatsappSettings {
        account: TwilioAccountSettings {
            account_sid: account(),
            auth_token: Secret::new("the-auth-token"),
            account_auth_token: None,
            shared_key: None,
            api_key_sid: None,
            base_url,
            status_callback: None,
        },
        channel: TwilioWhatsappSenderSettings {
            from: "+34910000000".to_owned(),
            templates: [("order_update".to_owned(), languages.into())].into(),
        },
    }
}

fn twilio(settings: &TwilioWhatsappSettings) -> TwilioWhatsappAdapter {
    TwilioWhatsappAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn twilios_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("twilio_messages") else { return };
    for envelope in [envelopes::to_phone("Olá & até já 👋"), template(&["Ana", "A-17"]), template(&[])] {
        let outcome = twilio(&settings(peer.url())).deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", peer.url(), account());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong = [("To", "whatsapp:+34600123456"), ("ContentSid", "order_update")];
    let request = client.post(url).basic_auth(account(), Some("the-auth-token")).form(&wrong);
    assert_eq!(request.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn the_request_holds_what_twilio_needs_and_no_more() {
    let stubs = WiremockStubs::new("whatsapp-twilio-request");
    stubs.answer(json!({}), json!({ "status": 201, "jsonBody": { "sid": "SM17" } })).await;
    let outcome = twilio(&settings(stubs.url())).deliver(&envelopes::to_phone("1 + 1 = 2 & más")).await;
    assert_eq!(outcome, Outcome::sent("SM17"));
    let own_sender = Envelope { from: Some("+34920000000".to_owned()), ..template(&["Ana", "A-17"]) };
    let mut with_callback = settings(stubs.url());
    with_callback.account.status_callback = Some("https://relevo.example.com/twilio".to_owned());
    twilio(&with_callback).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [text, template] = requests.as_slice() else { panic!("{requests:?}") };
    let url = format!("/whatsapp-twilio-request/2010-04-01/Accounts/{}/Messages.json", account());
    assert_eq!(text["url"], url);
    assert_eq!(text["headers"]["Authorization"], basic(&account(), TOKEN));
    assert_eq!(
        form(text),
        [("To", "whatsapp:+34600123456"), ("From", "whatsapp:+34910000000"), ("Body", "1 + 1 = 2 & más")]
            .map(owned)
    );
    assert_eq!(
        form(template),
        [
            ("To", "whatsapp:+34600123456"),
            ("From", "whatsapp:+34920000000"),
            ("ContentSid", &content_sid()),
            ("ContentVariables", r#"{"1":"Ana","2":"A-17"}"#),
            ("StatusCallback", &format!("https://relevo.example.com/twilio?relevo={}", envelopes::echo())),
        ]
        .map(owned)
    );
}

#[tokio::test]
async fn every_documented_error_of_twilio_has_its_outcome() {
    let stubs = WiremockStubs::new("whatsapp-twilio-errors");
    replay(&stubs, &twilio(&settings(stubs.url())), envelopes::to_phone, rows()).await;
}
