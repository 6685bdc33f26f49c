//! SendGrid's Web API.

use relevo::adapters::email::sendgrid::{SendgridAdapter, SendgridSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::{Row, body, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> SendgridSettings {
    SendgridSettings {
        api_key: Secret::new("the-key-of-sendgrid"),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_public_key: None,
        base_url,
    }
}

fn sendgrid(base_url: String) -> SendgridAdapter {
    SendgridAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn sendgrids_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("sendgrid_mail_send") else { return };
    let with_answers =
        SendgridSettings { reply_to: Some("help@example.com".to_owned()), ..settings(peer.url()) };
    let adapter = SendgridAdapter::new(&with_answers, &Transport::default()).unwrap();
    for envelope in [envelopes::to_email("Olá 👋"), envelopes::to_email_with_html("Olá", "<p>Olá 👋</p>")]
    {
        // The description knows nothing of the header with the id: accepted, and of whom is in doubt.
        let outcome = adapter.deliver(&envelope).await;
        let Outcome::Unknown { evidence, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(evidence.code, "202");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong =
        json!({ "personalizations": [{ "subject": "to nobody" }], "from": { "email": "a@example.com" } });
    let request = client.post(format!("{}/v3/mail/send", peer.url())).bearer_auth("key").json(&wrong);
    assert_eq!(request.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_request_holds_what_sendgrid_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("sendgrid-request");
    stubs.answer(json!({}), json!({ "status": 202, "headers": { "X-Message-Id": "17" } })).await;
    let own_sender = Envelope {
        from: Some("acme@acme.example".to_owned()),
        ..envelopes::to_email_with_html("Hello", "<p>Hello</p>")
    };
    for envelope in [envelopes::to_email("Hello"), own_sender] {
        let with_answers =
            SendgridSettings { reply_to: Some("Help <h@example.com>".to_owned()), ..settings(stubs.url()) };
        let outcome =
            SendgridAdapter::new(&with_answers, &Transport::default()).unwrap().deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("17"));
    }

    let requests = stubs.requests().await;
    let [text, html] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/sendgrid-request/v3/mail/send");
    assert_eq!(text["headers"]["Authorization"], "Bearer the-key-of-sendgrid");
    assert_eq!(
        body(text),
        json!({
            "personalizations": [{
                "to": [{ "email": "ana@example.org" }],
                "custom_args": { "relevo": envelopes::echo() },
            }],
            "from": { "email": "shop@example.com", "name": "Shop" },
            "reply_to": { "email": "h@example.com", "name": "Help" },
            "subject": "Your order",
            "content": [{ "type": "text/plain", "value": "Hello" }],
        })
    );
    assert_eq!(body(html)["from"], json!({ "email": "acme@acme.example" }));
    assert_eq!(
        body(html)["content"],
        json!([{ "type": "text/plain", "value": "Hello" }, { "type": "text/html", "value": "<p>Hello</p>" }])
    );
}

#[tokio::test]
async fn every_documented_error_of_sendgrid_has_its_outcome() {
    let stubs = WiremockStubs::new("sendgrid-errors");
    let rows = ROWS.iter().map(|&(outcome, status, field)| {
        let field = if field.is_empty() { Value::Null } else { json!(field) };
        let error = json!({ "message": "refused", "field": field, "help": null });
        Row { status, body: json!({ "errors": [error] }), outcome }
    });
    replay(&stubs, &sendgrid(stubs.url()), envelopes::to_email, rows.collect()).await;
}

/// The outcome, the HTTP status, and the field.
const ROWS: &[(&str, u16, &str)] = &[
    ("doubtful address", 400, "personalizations.0.to.0.email"),
    ("doubtful address", 400, "personalizations.0.to"),
    ("misconfigured", 400, "from.email"),
    ("misconfigured", 400, "reply_to.email"),
    ("content", 400, "content.0.value"),
    ("content", 400, "subject"),
    ("policy", 400, ""),
    ("policy", 400, "custom_args"),
    ("misconfigured", 401, ""),
    ("misconfigured", 403, "from"),
    ("misconfigured", 403, ""),
    ("misconfigured", 404, ""),
    ("misconfigured", 405, ""),
    ("misconfigured", 406, ""),
    ("content", 413, ""),
    ("throttled", 429, ""),
    ("misconfigured", 451, ""),
    // A server that failed may have taken the message before.
    ("unknown", 500, ""),
    // A status that is not in the table, as HTTP has it.
    ("policy", 422, ""),
    ("unavailable", 503, ""),
    ("unknown", 504, ""),
];
