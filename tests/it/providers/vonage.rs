//! Vonage's SMS API.

use relevo::adapters::sms::vonage::{VonageSignatureMethod, VonageSmsAdapter, VonageSmsSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::model::Outcome;
use relevo::secret::Secret;
use serde_json::json;

use super::twilio::owned;
use super::{Row, form, replay};
use crate::peers::{WiremockStubs, prism};
use crate::support::envelopes;

pub(super) fn settings(base_url: String) -> VonageSmsSettings {
    VonageSmsSettings {
        api_key: "abcd1234".to_owned(),
        api_secret: Secret::new("the-api-secret"),
        from: "+34910000000".to_owned(),
        base_url,
        signature_secret: None,
        signature_method: VonageSignatureMethod::default(),
    }
}

fn vonage(base_url: String) -> VonageSmsAdapter {
    VonageSmsAdapter::new(&settings(base_url), &Transport::default()).unwrap()
}

#[tokio::test]
async fn vonages_own_description_accepts_our_requests_and_refuses_a_wrong_one() {
    let Some(peer) = prism("vonage_sms") else { return };
    // Prism makes its answers from the examples, in which the status is 0 and the id is there.
    for text in ["1 + 1 = 2 & más", "Olá 👋"] {
        let outcome = vonage(peer.url()).deliver(&envelopes::to_phone(text)).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let nobody = [("api_key", "abcd1234"), ("from", "ACME"), ("text", "to nobody")];
    let request = client.post(format!("{}/sms/json", peer.url())).form(&nobody);
    assert_eq!(request.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn the_request_holds_what_vonage_needs_and_the_attempt_it_belongs_to() {
    let stubs = WiremockStubs::new("vonage-request");
    let answer = json!({ "message-count": "1", "messages": [{ "status": "0", "message-id": "0A17" }] });
    stubs.answer(json!({}), json!({ "status": 200, "jsonBody": answer })).await;
    let own_sender = Envelope { from: Some("ACME".to_owned()), ..envelopes::to_phone("Olá 👋") };
    for envelope in [envelopes::to_phone("1 + 1 = 2 & ñ"), own_sender] {
        let outcome = vonage(stubs.url()).deliver(&envelope).await;
        assert_eq!(outcome, Outcome::sent("0A17"));
    }

    let requests = stubs.requests().await;
    let [first, second] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(first["url"], "/vonage-request/sms/json");
    assert_eq!(first["headers"]["Content-Type"], "application/x-www-form-urlencoded");
    let echo = format!("acme/{}/2", envelopes::to_phone("").message_id);
    let expected = |from, text, kind| {
        [
            ("api_key", "abcd1234"),
            ("api_secret", "the-api-secret"),
            ("to", "34600123456"),
            ("from", from),
            ("text", text),
            ("type", kind),
            ("client-ref", &echo),
        ]
        .map(owned)
    };
    assert_eq!(form(first), expected("34910000000", "1 + 1 = 2 & ñ", "text"));
    assert_eq!(form(second), expected("ACME", "Olá 👋", "unicode"));
}

#[tokio::test]
async fn every_documented_status_of_vonage_has_its_outcome() {
    let stubs = WiremockStubs::new("vonage-errors");
    let rows = ROWS.iter().flat_map(|&(outcome, codes)| {
        codes.iter().map(move |&code| {
            let message =
                json!({ "status": code.to_string(), "error-text": format!("refused for reason {code}") });
            // The HTTP status says nothing.
            Row { status: 200, body: json!({ "message-count": "1", "messages": [message] }), outcome }
        })
    });
    replay(&stubs, &vonage(stubs.url()), envelopes::to_phone, rows.collect()).await;
}

/// The outcome and the statuses.
const ROWS: &[(&str, &[u32])] = &[
    ("bad address", &[33]),
    ("doubtful address", &[6]),
    ("perhaps opted out", &[7]),
    ("policy", &[29]),
    ("throttled", &[1, 10]),
    ("unavailable", &[5]),
    ("misconfigured", &[4, 8, 9, 11, 14, 15, 23, 32]),
    ("content", &[12]),
    ("policy", &[2, 3, 22]),
    // Statuses that are not in the table.
    ("policy", &[34, 99, 999]),
];
