//! Mailgun's messages API.

use relevo::adapters::email::mailgun::{MailgunAdapter, MailgunSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::{Row, basic, form, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

const KEY: &str = "the-key-of-mailgun";

pub(super) fn settings(base_url: String) -> MailgunSettings {
    MailgunSettings {
        domain: "mg.example.com".to_owned(),
        api_key: Secret::new(KEY),
        from: "Shop <shop@example.com>".to_owned(),
        reply_to: None,
        webhook_signing_key: None,
        base_url,
    }
}

fn mailgun(settings: &MailgunSettings) -> MailgunAdapter {
    MailgunAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_request_holds_what_mailgun_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("mailgun-request");
    let accepted = json!({ "id": "<17@mg.example.com>", "message": "Queued. Thank you." });
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": accepted })).await;
    let outcome = mailgun(&settings(stubs.url())).deliver(&envelopes::to_email("1 + 1 = 2 & más")).await;
    assert_eq!(outcome, Outcome::sent("17@mg.example.com"));

    let own_sender = Envelope {
        from: Some("acme@acme.example".to_owned()),
        ..envelopes::to_email_with_html("Hello", "<p>Hello</p>")
    };
    let with_answers =
        MailgunSettings { reply_to: Some("Help <h@example.com>".to_owned()), ..settings(stubs.url()) };
    mailgun(&with_answers).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [text, html] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(text["url"], "/mailgun-request/v3/mg.example.com/messages");
    assert_eq!(text["headers"]["Authorization"], basic("api", KEY));
    let echo = envelopes::echo();
    assert_eq!(
        form(text),
        [
            ("from", "Shop <shop@example.com>"),
            ("to", "ana@example.org"),
            ("subject", "Your order"),
            ("v:relevo", echo.as_str()),
            ("text", "1 + 1 = 2 & más"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    assert_eq!(
        form(html),
        [
            ("from", "acme@acme.example"),
            ("to", "ana@example.org"),
            ("subject", "Your order"),
            ("v:relevo", echo.as_str()),
            ("text", "Hello"),
            ("html", "<p>Hello</p>"),
            ("h:Reply-To", "Help <h@example.com>"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn every_documented_error_of_mailgun_has_its_outcome() {
    let stubs = WiremockStubs::new("mailgun-errors");
    let rows = ROWS.iter().map(|&(outcome, status, message)| Row {
        status,
        body: json!({ "message": message }),
        outcome,
    });
    replay(&stubs, &mailgun(&settings(stubs.url())), envelopes::to_email, rows.collect()).await;
}

/// The outcome, the HTTP status, and the message.
const ROWS: &[(&str, u16, &str)] = &[
    ("doubtful address", 400, "to parameter is not a valid address. please check documentation"),
    ("misconfigured", 400, "from parameter is not a valid address. please check documentation"),
    ("misconfigured", 400, "from parameter is missing"),
    (
        "policy",
        400,
        "Domain a.example is not allowed to send: Sandbox. Add the address to authorized recipients.",
    ),
    (
        "policy",
        400,
        "Domain a.example is not allowed to send: Free account. Add it to authorized recipients.",
    ),
    (
        "policy",
        403,
        "Domain a.example is not allowed to send: Free account. Add it to Authorized Recipients.",
    ),
    ("misconfigured", 400, "Domain a.example is not allowed to send: The domain is unverified."),
    ("misconfigured", 400, "Domain a.example is not allowed to send: Please activate your Mailgun account."),
    ("policy", 400, "to parameter is missing"),
    ("content", 400, "Need at least one of 'text' or 'html' parameters specified"),
    ("policy", 400, "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total"),
    ("policy", 400, "'recipient-variables' parameter is not a valid JSON"),
    ("policy", 400, "invalid delivery time format"),
    (
        "throttled",
        400,
        "Domain a.example is not allowed to send: recipient limit exceeded, try again after a date",
    ),
    (
        "throttled",
        403,
        "Domain a.example is not allowed to send: request limit exceeded, try again after a date",
    ),
    ("misconfigured", 401, "Forbidden"),
    ("misconfigured", 402, "Payment required"),
    ("misconfigured", 403, "Domain a.example is not allowed to send large batches yet"),
    ("misconfigured", 403, "Rejected: the IP can't be used to send the message"),
    ("misconfigured", 404, "Domain not found: a.example"),
    ("content", 413, "request size exceeds 52.4MiB limit"),
    (
        "throttled",
        429,
        "Domain a.example is not allowed to send: request limit exceeded, try again after a date",
    ),
    (
        "throttled",
        429,
        "Domain a.example is not allowed to send: bytes limit exceeded, try again after a date",
    ),
    (
        "throttled",
        429,
        "Domain a.example is not allowed to send: recipient limit exceeded, try again after a date",
    ),
    // A server that failed may have taken the message before.
    ("unknown", 500, "Internal Server Error"),
    // Statuses that are not in the table, as HTTP has them.
    ("policy", 422, "something new"),
    ("unavailable", 503, "something new"),
    ("unknown", 504, "something new"),
];
