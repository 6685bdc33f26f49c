//! WhatsApp by Vonage's Messages API.

use relevo::adapters::whatsapp::vonage::{VonageWhatsappAdapter, VonageWhatsappSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::{ButtonAction, Outcome, RenderedContent, TemplateButton, TemplateHeader};
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::whatsapp::{described, filled, template};
use super::{Row, body, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> VonageWhatsappSettings {
    VonageWhatsappSettings {
        api_key: "abcd1234".to_owned(),
        api_secret: Secret::new("the-api-secret"),
        from: "+34910000000".to_owned(),
        base_url,
        signature_secret: None,
    }
}

fn vonage(base_url: String) -> VonageWhatsappAdapter {
    VonageWhatsappAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn vonages_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("vonage_messages") else { return };
    let plain = [envelopes::to_phone("Olá 👋"), template(&["Ana", "A-17"]), template(&[])];
    for envelope in plain.into_iter().chain(described()) {
        let outcome = vonage(peer.url()).deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong =
        json!({ "channel": "whatsapp", "message_type": "text", "from": "34910000000", "text": "to nobody" });
    let request = client.post(format!("{}/v1/messages", peer.url())).basic_auth("k", Some("s")).json(&wrong);
    assert_eq!(request.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn the_request_holds_what_vonage_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("whatsapp-vonage-request");
    stubs.answer(json!({}), json!({ "status": 202, "jsonBody": { "message_uuid": "aaaa-17" } })).await;
    let own_sender = Envelope { from: Some("+34920000000".to_owned()), ..template(&["Ana", "A-17"]) };
    for envelope in [envelopes::to_phone("hello"), own_sender] {
        let outcome = vonage(stubs.url()).deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("aaaa-17"));
    }

    let requests = stubs.requests().await;
    let [text, template] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/whatsapp-vonage-request/v1/messages");
    // abcd1234:the-api-secret
    assert_eq!(text["headers"]["Authorization"], "Basic YWJjZDEyMzQ6dGhlLWFwaS1zZWNyZXQ=");
    let echo = format!("acme/{}/2", envelopes::to_phone("").message_id);
    assert_eq!(
        body(text),
        json!({
            "channel": "whatsapp",
            "message_type": "text",
            "to": "34600123456",
            "from": "34910000000",
            "text": "hello",
            "client_ref": echo,
        })
    );
    assert_eq!(
        body(template),
        json!({
            "channel": "whatsapp",
            "message_type": "template",
            "to": "34600123456",
            "from": "34920000000",
            "template": { "name": "order_update", "parameters": ["Ana", "A-17"] },
            "whatsapp": { "policy": "deterministic", "locale": "en_US" },
            "client_ref": echo,
        })
    );
}

#[tokio::test]
async fn a_header_and_buttons_go_out_in_metas_own_form() {
    let stubs = WiremockStubs::new("whatsapp-vonage-custom");
    stubs.answer(json!({}), json!({ "status": 202, "jsonBody": { "message_uuid": "aaaa-17" } })).await;
    let button = TemplateButton { index: 0, action: ButtonAction::CopyCode("25OFF".to_owned()) };
    let mut envelope = filled(&["Ana"], Some(TemplateHeader::Text("May".to_owned())), &[button]);
    let RenderedContent::Template(template) = &mut envelope.content else { panic!() };
    template.name = "9b6b4fcb_da19:order_update".to_owned();
    vonage(stubs.url()).deliver(&envelope).await;
    let sent = body(&stubs.requests().await[0]);
    assert_eq!(sent["message_type"], "custom");
    assert_eq!(
        sent["custom"],
        json!({
            "type": "template",
            "template": {
                "namespace": "9b6b4fcb_da19",
                "name": "order_update",
                "language": { "policy": "deterministic", "code": "en_US" },
                "components": [
                    { "type": "header", "parameters": [{ "type": "text", "text": "May" }] },
                    { "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] },
                    {
                        "type": "button", "sub_type": "copy_code", "index": "0",
                        "parameters": [{ "type": "coupon_code", "coupon_code": "25OFF" }],
                    },
                ],
            },
        })
    );
}

#[tokio::test]
async fn every_documented_error_of_vonages_messages_has_its_outcome() {
    let stubs = WiremockStubs::new("whatsapp-vonage-errors");
    let titles = TITLES.iter().map(|&(outcome, status, code, title)| Row {
        status,
        body: problem(code, title),
        outcome,
    });
    let codes = CODES.iter().flat_map(|&(outcome, status, codes)| {
        codes.iter().map(move |&code| Row {
            status,
            body: problem(&code.to_string(), "Another title"),
            outcome,
        })
    });
    replay(&stubs, &vonage(stubs.url()), envelopes::to_phone, titles.chain(codes).collect()).await;
}

fn problem(code: &str, title: &str) -> Value {
    json!({
        "type": format!("https://developer.nexmo.com/api-errors/messages-olympus#{code}"),
        "title": title,
        "detail": "in more words",
        "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
    })
}

/// The outcome, the HTTP status, the code and the title: the examples of the API's description.
const TITLES: &[(&str, u16, &str, &str)] = &[
    ("unavailable", 500, "1000", "Internal error"),
    ("throttled", 429, "1000", "Rate Limit Hit"),
    ("misconfigured", 422, "1060", "Invalid client reference"),
    ("policy", 422, "1150", "Invalid params"),
    ("policy", 422, "1140", "Invalid message type"),
    ("doubtful address", 422, "110", "Invalid recipient"),
    ("misconfigured", 422, "1120", "Invalid sender"),
    ("policy", 422, "1110", "Invalid channel parameters"),
    ("misconfigured", 422, "1100", "Unsupported channel"),
    ("policy", 422, "invalid-json", "The request body did not contain valid JSON"),
    ("misconfigured", 402, "low-balance", "Low balance"),
    ("misconfigured", 401, "unprovisioned", "The credentials provided do not have access"),
    ("misconfigured", 401, "unathorized", "You did not provide correct credentials."),
];

/// The outcome, an HTTP status, and the codes.
const CODES: &[(&str, u16, &[u32])] = &[
    ("sent", 422, &[1320]),
    ("bad address", 422, &[1170, 1190]),
    ("doubtful address", 422, &[1040, 1200, 1250, 1260, 1280, 1300, 1310]),
    ("opted out", 422, &[1240]),
    ("perhaps opted out", 422, &[1050]),
    ("content", 422, &[1090]),
    ("policy", 422, &[1010, 1020, 1021, 1022, 1150, 1210]),
    ("policy", 422, &[1340, 1270, 1160]),
    ("throttled", 422, &[1000, 1241]),
    ("unavailable", 422, &[1030, 1100, 1230, 1180, 1220, 1290, 1330, 1360]),
    ("misconfigured", 422, &[1060, 1070, 1080, 1140, 1370, 1380, 1110, 1120, 1130]),
    // Codes that are not in the table: by the status.
    ("policy", 422, &[9999]),
    ("misconfigured", 403, &[9999]),
    ("throttled", 429, &[9999]),
    ("unknown", 500, &[9999]),
];
