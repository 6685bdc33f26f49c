//! A receiver of one's own, by webhook.

use relevo::adapters::custom_webhook::{CustomWebhookAdapter, CustomWebhookSettings};
use relevo::adapters::{Adapter, Envelope, Transport};
use relevo::clock::Clock;
use relevo::model::{Outcome, Timestamp};
use relevo::secret::Secret;
use reqwest::Client;
use serde_json::{Value, json};

use super::{Row, replay};
use crate::peers::{Peer, WiremockStubs, webhook};
use crate::support::envelopes;

const SECRET: &str = "whsec_dGhlLXNlY3JldC1vZi1hLXdlYmhvb2stLS0=";
const OTHER_SECRET: &str = "whsec_dGhlLXNlY3JldC1vZi1hbm90aGVyLXdlYmhvb2s=";

pub(super) fn settings(base_url: String) -> CustomWebhookSettings {
    CustomWebhookSettings {
        url: format!("{base_url}/in"),
        secret: Secret::new(SECRET),
        from: Some("ACME".to_owned()),
        callback_secret: None,
        repeat_window_minutes: None,
    }
}

fn adapter(settings: &CustomWebhookSettings) -> CustomWebhookAdapter {
    CustomWebhookAdapter::new(settings, &Transport::default()).unwrap()
}

fn at(now: Timestamp, text: &str) -> Envelope {
    Envelope { now, ..envelopes::to_phone(text) }
}

fn now() -> Timestamp {
    Clock::system().unwrap().now()
}

#[tokio::test]
async fn an_independent_verifier_accepts_our_signature() {
    let peer = webhook("accepts", SECRET);
    let outcome = adapter(&settings(peer.url())).deliver(&at(now(), "Olá & até já 👋")).await;
    assert_eq!(outcome, Outcome::sent("taken Olá & até já 👋"));
}

#[tokio::test]
async fn an_independent_verifier_refuses_another_key_and_an_old_time() {
    let peer = webhook("refuses", SECRET);
    let other = CustomWebhookSettings { secret: Secret::new(OTHER_SECRET), ..settings(peer.url()) };
    let an_hour = std::time::Duration::from_secs(3_600);
    for (settings, now, text) in [
        (other, now(), "No matching signature found"),
        (settings(peer.url()), now() - an_hour, "Message timestamp too old"),
        (settings(peer.url()), now() + an_hour, "Message timestamp too new"),
    ] {
        let outcome = adapter(&settings).deliver(&at(now, "hello")).await;
        let Outcome::Misconfigured { evidence } = outcome else { panic!("{outcome:?}") };
        assert_eq!((evidence.code.as_str(), evidence.text.as_str()), ("signature", text));
    }
}

#[tokio::test]
async fn an_independent_verifier_refuses_what_was_tampered_with() {
    let peer = webhook("tampered", SECRET);
    adapter(&settings(peer.url())).deliver(&at(now(), "pay 100")).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let posted: Value = client.get(peer.url()).send().await.unwrap().json().await.unwrap();
    let posted = &posted[0];
    let body = posted["body"].as_str().unwrap();
    let timestamp: i64 = posted["headers"]["webhook-timestamp"].as_str().unwrap().parse().unwrap();
    for (part, value, status) in [
        ("/body", body.to_owned(), 200),
        ("/body", body.replace("pay 100", "pay 900"), 401),
        ("/headers/webhook-timestamp", (timestamp + 1).to_string(), 401),
        ("/headers/webhook-id", "acme/another/1".to_owned(), 401),
    ] {
        let mut changed = posted.clone();
        *changed.pointer_mut(part).unwrap() = value.into();
        assert_eq!(post(&client, &peer, &changed).await, status, "{changed}");
    }
}

/// Posts what was posted before, and gives the status of the answer.
async fn post(client: &Client, peer: &Peer, posted: &Value) -> u16 {
    let mut request = client.post(peer.url()).body(posted["body"].as_str().unwrap().to_owned());
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        request = request.header(name, posted["headers"][name].as_str().unwrap());
    }
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_request_is_the_one_of_the_contract() {
    let stubs = WiremockStubs::new("webhook-request");
    stubs.answer(json!({}), json!({ "status": 204 })).await;
    let envelope = envelopes::to_phone("1 + 1 = 2 & más");
    let echo = format!("acme/{}/2", envelope.message_id);
    let outcome = adapter(&settings(stubs.url())).deliver(&envelope).await;
    assert_eq!(outcome, Outcome::sent(echo.clone()));

    let requests = stubs.requests().await;
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request["url"], "/webhook-request/in");
    let headers = &request["headers"];
    assert_eq!(headers["Content-Type"], "application/json");
    assert_eq!(headers["User-Agent"], concat!("relevo/", env!("CARGO_PKG_VERSION")));
    assert_eq!(headers["webhook-id"], echo);
    assert_eq!(headers["webhook-timestamp"], envelope.now.as_second().to_string());
    assert!(headers["webhook-signature"].as_str().unwrap().starts_with("v1,"));
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({
            "message_id": envelope.message_id.to_string(),
            "attempt": 2,
            "brand": "acme",
            "class": "transactional",
            "topic": "orders",
            "channel": "sms",
            "from": "ACME",
            "to": "+34600123456",
            "content": { "type": "text", "text": "1 + 1 = 2 & más" },
            "sent_at": "2026-11-22T10:00:00Z",
        })
    );
}

#[tokio::test]
async fn every_refusal_of_the_contract_has_its_outcome() {
    let stubs = WiremockStubs::new("webhook-errors");
    let rows = ROWS.iter().map(|&(outcome, status, said, cause)| {
        let mut body = json!({ "outcome": said, "code": "E1", "text": "refused" });
        if !cause.is_empty() {
            body["cause"] = cause.into();
        }
        Row { status, body, outcome }
    });
    replay(&stubs, &adapter(&settings(stubs.url())), envelopes::to_phone, rows.collect()).await;
}

/// The outcome, the HTTP status, and the receiver's own `outcome` and `cause`.
const ROWS: &[(&str, u16, &str, &str)] = &[
    ("bad address", 422, "rejected", "address"),
    ("opted out", 422, "rejected", "opted_out"),
    ("content", 422, "rejected", "content"),
    ("policy", 422, "rejected", "policy"),
    ("policy", 422, "rejected", ""),
    ("policy", 422, "rejected", "weather"),
    ("throttled", 429, "throttled", ""),
    ("unavailable", 503, "unavailable", ""),
    ("misconfigured", 401, "misconfigured", ""),
    // The word counts, whatever the status says.
    ("opted out", 200, "rejected", "opted_out"),
    ("content", 500, "rejected", "content"),
    ("unavailable", 504, "unavailable", ""),
    // Words that are not in the contract: by the status.
    ("policy", 400, "refused", "address"),
    ("misconfigured", 403, "refused", ""),
    ("unknown", 500, "refused", ""),
    ("unavailable", 503, "refused", ""),
    ("unknown", 200, "refused", ""),
    ("unknown", 504, "refused", ""),
];
