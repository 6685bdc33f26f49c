//! Brevo's transactional API.

use relevo::adapters::email::brevo::{BrevoAdapter, BrevoSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::{Value, json};

use super::{Row, body, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> BrevoSettings {
    BrevoSettings {
        api_key: Secret::new("the-key-of-brevo"),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_user: None,
        webhook_password: None,
        webhook_token: None,
        base_url,
    }
}

fn brevo(settings: &BrevoSettings) -> BrevoAdapter {
    BrevoAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_request_holds_what_brevo_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("brevo-request");
    let accepted = json!({ "messageId": "<17@smtp-relay.example.com>" });
    stubs.answer(json!({}), json!({ "status": 201, "jsonBody": accepted })).await;
    let outcome = brevo(&settings(stubs.url())).deliver(&envelopes::to_email("Hello")).await;
    assert_eq!(outcome, Outcome::sent("<17@smtp-relay.example.com>"));

    let own_sender = Envelope {
        from: Some("acme@acme.example".to_owned()),
        attempt: 3,
        idempotency_attempt: 3,
        ..envelopes::to_email_with_html("Hello", "<p>Hello</p>")
    };
    let with_answers =
        BrevoSettings { reply_to: Some("Help <h@example.com>".to_owned()), ..settings(stubs.url()) };
    brevo(&with_answers).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [text, html] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/brevo-request/v3/smtp/email");
    assert_eq!(text["headers"]["api-key"], "the-key-of-brevo");
    let mut first = body(text);
    let key = take_key(&mut first);
    assert_eq!(
        first,
        json!({
            "sender": { "email": "shop@example.com", "name": "Shop" },
            "to": [{ "email": "ana@example.org" }],
            "subject": "Your order",
            "textContent": "Hello",
            "headers": { "X-Mailin-custom": envelopes::echo() },
        })
    );
    let mut second = body(html);
    assert_ne!(take_key(&mut second), key);
    assert_eq!(second["sender"], json!({ "email": "acme@acme.example" }));
    assert_eq!(second["replyTo"], json!({ "email": "h@example.com", "name": "Help" }));
    assert_eq!(second["htmlContent"], "<p>Hello</p>");
}

/// The idempotency key, which must be a UUID.
fn take_key(body: &mut Value) -> uuid::Uuid {
    let key = body["headers"].as_object_mut().unwrap().remove("idempotencyKey").unwrap();
    key.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_documented_error_of_brevo_has_its_outcome() {
    let stubs = WiremockStubs::new("brevo-errors");
    let rows = ROWS.iter().map(|&(outcome, status, code, message)| Row {
        status,
        body: json!({ "code": code, "message": message }),
        outcome,
    });
    replay(&stubs, &brevo(&settings(stubs.url())), envelopes::to_email, rows.collect()).await;
}

/// The outcome, the HTTP status, the code, and the message.
const ROWS: &[(&str, u16, &str, &str)] = &[
    ("doubtful address", 400, "invalid_parameter", "email is not valid in to"),
    ("misconfigured", 400, "invalid_parameter", "valid sender email required"),
    ("misconfigured", 400, "missing_parameter", "sender is missing"),
    ("misconfigured", 400, "invalid_parameter", "email is not valid in replyTo"),
    ("content", 400, "invalid_parameter", "htmlContent is too long"),
    ("policy", 400, "invalid_parameter", "Invalid value"),
    ("content", 400, "missing_parameter", "subject is missing"),
    ("policy", 400, "out_of_range", "Out of range"),
    ("policy", 400, "duplicate_parameter", "Twice the same"),
    ("policy", 400, "bad_request", "Input must be a valid JSON object"),
    ("misconfigured", 401, "unauthorized", "Key not found"),
    ("misconfigured", 403, "permission_denied", "Not activated"),
    ("misconfigured", 403, "account_under_validation", "Under validation"),
    ("misconfigured", 402, "not_enough_credits", "No credits"),
    ("misconfigured", 403, "reseller_permission_denied", "Not allowed"),
    ("misconfigured", 404, "document_not_found", "No such document"),
    ("misconfigured", 405, "method_not_allowed", "No such method"),
    ("misconfigured", 406, "not_acceptable", "No such form"),
    ("sent", 400, "duplicate_request", "Already processed"),
    ("throttled", 429, "too_many_requests", "Slow down"),
    // The code counts, whatever the status says.
    ("misconfigured", 400, "account_under_validation", "Under validation"),
    // Codes that are not in the table: by the status.
    ("policy", 400, "something_new", ""),
    ("misconfigured", 401, "something_new", ""),
    ("unknown", 500, "something_new", ""),
    ("unavailable", 503, "something_new", ""),
];
