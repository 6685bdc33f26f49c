//! Sinch's SMS API.

use relevo::adapters::sms::sinch::{SinchAdapter, SinchSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::{Row, body, replay};
use crate::peers::WiremockStubs;
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> SinchSettings {
    SinchSettings {
        service_plan_id: "plan-1".to_owned(),
        api_token: Secret::new("the-api-token"),
        from: "+34910000000".to_owned(),
        base_url,
        callback_url: None,
        webhook_secret: None,
        webhook_user: None,
        webhook_password: None,
    }
}

fn sinch(settings: &SinchSettings) -> SinchAdapter {
    SinchAdapter::new(settings, &Transport::default()).unwrap()
}

#[tokio::test]
async fn the_request_holds_what_sinch_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("sinch-request");
    stubs.answer(json!({}), json!({ "status": 201, "jsonBody": { "id": "01FC17" } })).await;
    let outcome = sinch(&settings(stubs.url())).deliver(&envelopes::to_phone("Olá 👋")).await;
    assert_eq!(outcome, Outcome::sent("01FC17"));
    let with_reports = SinchSettings {
        callback_url: Some("https://relevo.example.com/sinch".to_owned()),
        ..settings(stubs.url())
    };
    let own_sender = Envelope { from: Some("ACME".to_owned()), ..envelopes::to_phone("hello") };
    sinch(&with_reports).deliver(&own_sender).await;

    let requests = stubs.requests().await;
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first["url"], "/sinch-request/xms/v1/plan-1/batches");
    assert_eq!(first["headers"]["Authorization"], "Bearer the-api-token");
    let echo = format!("acme/{}/2", envelopes::to_phone("").message_id);
    assert_eq!(
        body(first),
        json!({
            "type": "mt_text",
            "from": "34910000000",
            "to": ["34600123456"],
            "body": "Olá 👋",
            "client_reference": echo,
        })
    );
    assert_eq!(
        body(second),
        json!({
            "type": "mt_text",
            "from": "ACME",
            "to": ["34600123456"],
            "body": "hello",
            "client_reference": echo,
            "delivery_report": "per_recipient",
            "callback_url": "https://relevo.example.com/sinch",
        })
    );
}

#[tokio::test]
async fn every_documented_error_of_sinch_has_its_outcome() {
    let stubs = WiremockStubs::new("sinch-errors");
    let rows = ROWS.iter().map(|&(outcome, status, code)| Row {
        status,
        body: json!({ "code": code, "text": "refused" }),
        outcome,
    });
    replay(&stubs, &sinch(&settings(stubs.url())), envelopes::to_phone, rows.collect()).await;
}

/// The outcome, the HTTP status, and the code.
const ROWS: &[(&str, u16, &str)] = &[
    ("policy", 400, "syntax_invalid_json"),
    ("policy", 400, "syntax_invalid_parameter_format"),
    ("policy", 400, "syntax_constraint_violation"),
    ("policy", 403, "unknown_group"),
    ("misconfigured", 403, "unknown_campaign"),
    ("misconfigured", 403, "missing_callback_url"),
    // Codes that are not in the table: by the status.
    ("policy", 400, "new"),
    ("misconfigured", 401, "new"),
    ("misconfigured", 403, "new"),
    ("misconfigured", 404, "new"),
    ("policy", 409, "new"),
    ("throttled", 429, "new"),
    ("unknown", 500, "new"),
    ("unavailable", 503, "new"),
];
