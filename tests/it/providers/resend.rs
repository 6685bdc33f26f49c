//! Resend's API.

use relevo::adapters::email::resend::{ResendAdapter, ResendSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::{Row, body, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> ResendSettings {
    ResendSettings {
        api_key: Secret::new("the-key-of-resend"),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_secret: None,
        base_url,
    }
}

fn resend(base_url: String) -> ResendAdapter {
    ResendAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn resends_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("resend") else { return };
    let with_answers =
        ResendSettings { reply_to: Some("help@example.com".to_owned()), ..settings(peer.url()) };
    let adapter = ResendAdapter::new(&with_answers, &Transport::default()).unwrap();
    for envelope in [envelopes::to_email("Olá 👋"), envelopes::to_email_with_html("Olá", "<p>Olá 👋</p>")]
    {
        let outcome = adapter.deliver(&envelope).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let wrong = json!({ "from": "a@example.com", "subject": "to nobody" });
    let request = client.post(format!("{}/emails", peer.url())).bearer_auth("key").json(&wrong);
    assert_eq!(request.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn the_request_holds_what_resend_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("resend-request");
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": { "id": "17" } })).await;
    let own_sender = Envelope {
        from: Some("\"Acme, Inc.\" <acme@acme.example>".to_owned()),
        attempt: 3,
        idempotency_attempt: 3,
        ..envelopes::to_email_with_html("Hello", "<p>Hello</p>")
    };
    let with_answers = ResendSettings { reply_to: Some("h@example.com".to_owned()), ..settings(stubs.url()) };
    let adapter = ResendAdapter::new(&with_answers, &Transport::default()).unwrap();
    for envelope in [envelopes::to_email("Hello"), own_sender] {
        assert_eq!(adapter.deliver(&envelope).await, Outcome::sent("17"));
    }

    let requests = stubs.requests().await;
    let [text, html] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/resend-request/emails");
    assert_eq!(text["headers"]["Authorization"], "Bearer the-key-of-resend");
    assert_eq!(text["headers"]["idempotency-key"], envelopes::echo());
    assert_eq!(
        body(text),
        json!({
            "from": "Shop <shop@example.com>",
            "to": ["ana@example.org"],
            "reply_to": "h@example.com",
            "subject": "Your order",
            "text": "Hello",
            "tags": [
                { "name": "relevo-brand", "value": "acme" },
                { "name": "relevo-message", "value": envelopes::to_email("").message_id.to_string() },
                { "name": "relevo-attempt", "value": "2" },
            ],
        })
    );
    assert_ne!(html["headers"]["idempotency-key"], text["headers"]["idempotency-key"]);
    assert_eq!(body(html)["from"], "\"Acme, Inc.\" <acme@acme.example>");
    assert_eq!((&body(html)["text"], &body(html)["html"]), (&json!("Hello"), &json!("<p>Hello</p>")));
}

#[tokio::test]
async fn every_documented_error_of_resend_has_its_outcome() {
    let stubs = WiremockStubs::new("resend-errors");
    let rows = ROWS.iter().map(|&(outcome, status, name, message)| Row {
        status,
        body: json!({ "statusCode": status, "name": name, "message": message }),
        outcome,
    });
    replay(&stubs, &resend(stubs.url()), envelopes::to_email, rows.collect()).await;
}

/// The outcome, the HTTP status, the name, and the message.
const ROWS: &[(&str, u16, &str, &str)] = &[
    ("doubtful address", 422, "validation_error", "Invalid `to` field. It must be an email address."),
    ("misconfigured", 422, "validation_error", "Invalid `from` field. It must be an email address."),
    ("misconfigured", 422, "validation_error", "Invalid `reply_to` field. It must be an email address."),
    ("policy", 400, "validation_error", "We found an error with one or more fields in the request."),
    ("content", 422, "missing_required_field", "Missing `subject` field."),
    ("policy", 422, "invalid_parameter", "The parameter is wrong."),
    ("content", 422, "invalid_attachment", "The attachment is wrong."),
    ("policy", 403, "validation_error", "You can only send testing emails to your own email address."),
    ("misconfigured", 403, "validation_error", "The example.com domain is not verified."),
    ("misconfigured", 401, "missing_api_key", "Missing API key in the authorization header."),
    ("misconfigured", 401, "restricted_api_key", "This API key is restricted."),
    ("misconfigured", 403, "invalid_api_key", "API key is invalid."),
    ("misconfigured", 403, "invalid_from_address", "Invalid `from` field."),
    ("misconfigured", 422, "invalid_access", "Access must be full or sending."),
    ("misconfigured", 422, "invalid_region", "Region must be known."),
    ("misconfigured", 400, "invalid_idempotency_key", "The key must be between 1-256 chars."),
    ("misconfigured", 404, "not_found", "The requested endpoint does not exist."),
    ("misconfigured", 405, "method_not_allowed", "Method is not allowed."),
    ("misconfigured", 451, "security_error", "We may have found a security issue with the request."),
    ("unknown", 409, "invalid_idempotent_request", "Same key, another payload."),
    ("unknown", 409, "concurrent_idempotent_requests", "The original request is still in progress."),
    ("throttled", 429, "rate_limit_exceeded", "Too many requests."),
    ("throttled", 429, "daily_quota_exceeded", "You have reached your daily quota."),
    ("misconfigured", 429, "monthly_quota_exceeded", "You have reached your monthly quota."),
    ("unavailable", 500, "application_error", "An unexpected error occurred."),
    ("unavailable", 500, "internal_server_error", "An unexpected error occurred."),
    // Names that are not in the table: by the status.
    ("policy", 400, "something_new", ""),
    ("misconfigured", 401, "something_new", ""),
    ("throttled", 429, "something_new", ""),
    ("unknown", 500, "something_new", ""),
];
