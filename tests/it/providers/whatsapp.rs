//! WhatsApp's Cloud API.

use relevo::adapters::whatsapp::cloud::{WhatsappCloudAdapter, WhatsappCloudSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::{ButtonAction, Outcome, RenderedContent, Template, TemplateButton, TemplateHeader};
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::{Row, body, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> WhatsappCloudSettings {
    WhatsappCloudSettings {
        phone_number_id: "106540352242922".to_owned(),
        access_token: Secret::new("the-access-token"),
        app_secret: None,
        verify_token: None,
        api_version: "v23.0".to_owned(),
        base_url,
    }
}

fn cloud(base_url: String) -> WhatsappCloudAdapter {
    WhatsappCloudAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

/// A template to a phone number.
pub(super) fn template(parameters: &[&str]) -> Envelope {
    let content = RenderedContent::Template(Template {
        name: "order_update".to_owned(),
        language: "en_US".to_owned(),
        parameters: parameters.iter().map(|&text| text.to_owned()).collect(),
        ..Template::default()
    });
    Envelope { content, ..envelopes::to_phone("") }
}

#[tokio::test]
async fn metas_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("meta_whatsapp_v23") else { return };
    let cloud = cloud(peer.url());
    let plain = [envelopes::to_phone("Olá 👋"), template(&["Ana", "A-17"]), template(&[])];
    for envelope in plain.into_iter().chain(described()) {
        let outcome = cloud.deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong = |kind: &str, content: Value| json!({ "messaging_product": "whatsapp", "to": "34600123456", "type": kind, kind: content });
    let component = |component: Value| {
        let template = json!({ "name": "a", "language": { "code": "es" }, "components": [component] });
        wrong("template", template)
    };
    let parameters = json!([{ "type": "text", "text": "A-17" }]);
    for wrong in [
        wrong("text", json!({})),
        component(json!({ "type": "button", "sub_type": "sing", "index": "1", "parameters": parameters })),
        component(json!({ "type": "footer", "parameters": parameters })),
    ] {
        let request = client.post(format!("{}/v23.0/106540352242922/messages", peer.url()));
        let answer = request.bearer_auth("t").json(&wrong).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{wrong}");
    }
}

/// Templates with each kind of header, and buttons. Buttons that copy a code, and most places of buttons, are missing in
/// Meta's description.
pub(super) fn described() -> Vec<Envelope> {
    let url = || "https://example.com/a".to_owned();
    let headers = [
        TemplateHeader::Text("May".to_owned()),
        TemplateHeader::Image(url()),
        TemplateHeader::Document { url: url(), filename: "bill.pdf".to_owned() },
        TemplateHeader::Video(url()),
    ];
    let button = |index, action| TemplateButton { index, action };
    let buttons = [
        button(1, ButtonAction::QuickReply("yes".to_owned())),
        button(2, ButtonAction::Url("A-17".to_owned())),
    ];
    let filled = |header| filled(&["Ana"], Some(header), &buttons);
    headers.into_iter().map(filled).collect()
}

/// A template with a header and buttons, to a phone number.
pub(super) fn filled(
    parameters: &[&str],
    header: Option<TemplateHeader>,
    buttons: &[TemplateButton],
) -> Envelope {
    let mut envelope = template(parameters);
    if let RenderedContent::Template(template) = &mut envelope.content {
        (template.header, template.buttons) = (header, buttons.to_vec());
    }
    envelope
}

#[tokio::test]
async fn the_request_holds_what_meta_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("whatsapp-request");
    let answer = json!({ "messaging_product": "whatsapp", "messages": [{ "id": "wamid.17" }] });
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": answer })).await;
    let own_sender = Envelope { from: Some("777".to_owned()), ..template(&["Ana"]) };
    for envelope in [envelopes::to_phone("hello"), own_sender] {
        let outcome = cloud(stubs.url()).deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("wamid.17"));
    }

    let requests = stubs.requests().await;
    let [text, template] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/whatsapp-request/v23.0/106540352242922/messages");
    assert_eq!(text["headers"]["Authorization"], "Bearer the-access-token");
    let echo = format!("acme/{}/2", envelopes::to_phone("").message_id);
    assert_eq!(
        body(text),
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "34600123456",
            "type": "text",
            "text": { "body": "hello", "preview_url": false },
            "biz_opaque_callback_data": echo,
        })
    );
    assert_eq!(template["url"], "/whatsapp-request/v23.0/777/messages");
    assert_eq!(body(template)["type"], "template");
    assert_eq!(body(template)["template"]["components"][0]["parameters"][0]["text"], "Ana");
}

#[tokio::test]
async fn every_documented_error_of_whatsapp_has_its_outcome() {
    let stubs = WiremockStubs::new("whatsapp-errors");
    let rows = ROWS.iter().flat_map(|&(outcome, status, codes)| {
        codes.iter().map(move |&code| Row { status, body: error(code, json!(null)), outcome })
    });
    let no_such_number = Row { status: 400, body: error(100, json!(33)), outcome: "misconfigured" };
    let rows = rows.chain([no_such_number]).collect();
    replay(&stubs, &cloud(stubs.url()), envelopes::to_phone, rows).await;
}

fn error(code: u32, subcode: Value) -> Value {
    json!({ "error": {
        "message": format!("(#{code}) refused"),
        "type": "OAuthException",
        "code": code,
        "error_subcode": subcode,
        "error_data": { "messaging_product": "whatsapp", "details": "the reason in more words" },
        "fbtrace_id": "trace",
    } })
}

/// The outcome, an HTTP status, and the codes. Meta says not to go by the status, so most are 400 here.
const ROWS: &[(&str, u16, &[u32])] = &[
    ("doubtful address", 400, &[131_026]),
    ("bad address", 400, &[131_021]),
    ("opted out of marketing", 400, &[131_050]),
    ("policy", 400, &[131_047, 131_049, 130_472, 131_030, 130_497]),
    ("policy", 400, &[132_001, 132_007, 132_015, 132_016]),
    ("content", 400, &[132_000, 132_005, 132_012, 132_068, 132_069]),
    ("content", 400, &[131_051, 131_052, 131_053]),
    ("policy", 400, &[100, 131_008, 131_009, 135_000]),
    ("throttled", 400, &[4, 80_007, 130_429, 131_048, 133_016]),
    ("throttled recipient", 400, &[131_056]),
    ("unavailable", 400, &[1, 2, 131_000, 131_016, 131_057, 133_004]),
    ("misconfigured", 400, &[0, 3, 10, 33, 190, 200, 299, 368, 131_005]),
    ("misconfigured", 400, &[131_031, 131_037, 131_042, 131_045, 133_010, 134_000, 134_101]),
    // The code counts, whatever the status says.
    ("misconfigured", 500, &[190]),
    ("throttled", 503, &[130_429]),
    // Codes that are not in the table: by the status.
    ("policy", 400, &[999_999]),
    ("misconfigured", 401, &[999_999]),
    ("unknown", 500, &[999_999]),
];
