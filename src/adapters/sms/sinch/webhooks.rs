//! The webhooks of Sinch's SMS API: delivery reports and inbound messages (developers.sinch.com, "SMS: Delivery reports",
//! "Inbounds", "Webhooks"), and how they prove themselves.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::webhooks::{
    BasicAuth, DeliveryReport, ProviderEvent, REDELIVERY_WINDOW, SignatureAlgorithm, WebhookError,
    WebhookHandler, WebhookPayload, WebhookRequest, is_recent, is_valid_signature, parse_phone,
    parse_rfc3339, parse_unix_seconds,
};
use crate::model::{Address, InboundText, OutcomeEvidence, ReceiptStatus, Timestamp};
use crate::secret::Secret;

/// Takes the webhooks of a service plan. They have to prove themselves in every way that is set here.
#[derive(Debug)]
pub(super) struct SinchWebhooks {
    /// The user and password that Sinch was told to send with them.
    pub basic: Option<BasicAuth>,
    /// The secret by which Sinch signs.
    pub secret: Option<Secret>,
}

#[async_trait]
impl WebhookHandler for SinchWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("Sinch calls with POST"))?;
        if let Some(basic) = &self.basic {
            basic.verify(request)?;
        }
        if let Some(secret) = &self.secret {
            verify(secret, request, body)?;
        }
        read(body, request.now).map(WebhookPayload::Events)
    }
}

/// The signature is over the body, a nonce and the time, with a full stop between them (Sinch's SDK for Python 2.3,
/// `authentication_validation`).
fn verify(secret: &Secret, request: &WebhookRequest<'_>, body: &[u8]) -> Result<(), WebhookError> {
    let unauthenticated =
        WebhookError::Unauthenticated("x-sinch-webhook-signature is not that of this service plan");
    let signature = request.header("x-sinch-webhook-signature").and_then(|text| STANDARD.decode(text).ok());
    let nonce = request.header("x-sinch-webhook-signature-nonce");
    let timestamp = request.header("x-sinch-webhook-signature-timestamp");
    let (Some(signature), Some(nonce), Some(timestamp)) = (signature, nonce, timestamp) else {
        return Err(unauthenticated);
    };
    let parts = [body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()];
    if !is_valid_signature(SignatureAlgorithm::HmacSha256, secret.expose().as_bytes(), &parts, &signature) {
        return Err(unauthenticated);
    }
    if parse_unix_seconds(timestamp).is_some_and(|signed| is_recent(signed, request.now, REDELIVERY_WINDOW)) {
        Ok(())
    } else {
        Err(WebhookError::Unauthenticated("x-sinch-webhook-signature-timestamp is too far from now"))
    }
}

/// The parts we read of a webhook.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum SinchPayload {
    #[serde(rename = "recipient_delivery_report_sms")]
    Recipient(RecipientReport),
    #[serde(rename = "delivery_report_sms")]
    Batch(BatchReport),
    #[serde(rename = "mo_text")]
    Text(SinchInboundText),
    #[serde(rename = "mo_binary", alias = "mo_media")]
    Binary(SinchInboundText),
    #[serde(other)]
    Other,
}

/// What became of a message to one recipient.
#[derive(Deserialize)]
struct RecipientReport {
    batch_id: String,
    recipient: String,
    code: u32,
    status: String,
    at: String,
    client_reference: Option<String>,
}

/// What became of the messages of a batch. A batch of ours has one.
#[derive(Deserialize)]
struct BatchReport {
    batch_id: String,
    statuses: Vec<BatchStatus>,
    client_reference: Option<String>,
}

#[derive(Deserialize)]
struct BatchStatus {
    code: u32,
    status: String,
}

/// What somebody wrote.
#[derive(Deserialize)]
struct SinchInboundText {
    id: String,
    from: String,
    to: String,
    received_at: String,
    /// The text of a text.
    #[serde(default)]
    body: Value,
}

fn read(body: &[u8], now: Timestamp) -> Result<Vec<ProviderEvent>, WebhookError> {
    let malformed = |error| WebhookError::Malformed(format!("not a webhook of Sinch's SMS API: {error}"));
    Ok(match serde_json::from_slice(body).map_err(malformed)? {
        SinchPayload::Recipient(report) => {
            let (address, at) = (parse_phone(&report.recipient), parse_rfc3339(&report.at)?);
            delivery_report(
                &report.batch_id,
                report.client_reference.as_deref(),
                report.code,
                &report.status,
                address,
                at,
            )
            .into_iter()
            .collect()
        }
        // It says neither of whom nor when.
        SinchPayload::Batch(batch) => {
            let echo = batch.client_reference.as_deref();
            let one = |status: &BatchStatus| {
                delivery_report(&batch.batch_id, echo, status.code, &status.status, None, now)
            };
            batch.statuses.iter().filter_map(one).collect()
        }
        SinchPayload::Text(message) => {
            let text = message.body.as_str().unwrap_or_default().to_owned();
            inbound_text(message, text)?.into_iter().collect()
        }
        SinchPayload::Binary(message) => inbound_text(message, String::new())?.into_iter().collect(),
        SinchPayload::Other => Vec::new(),
    })
}

/// What became of a message; `None` when that is nothing new. None of the codes is certain of the number: Sinch deletes a
/// message when the number does not exist as well as when the person opted out, and a carrier without a route (402) says
/// nothing of the person.
fn delivery_report(
    batch: &str,
    echo: Option<&str>,
    code: u32,
    word: &str,
    address: Option<Address>,
    reported_at: Timestamp,
) -> Option<ProviderEvent> {
    let status = status(word)?;
    let evidence = match status {
        ReceiptStatus::Failed => OutcomeEvidence::new(code, word),
        _ => OutcomeEvidence::default(),
    };
    let echo = echo.and_then(|text| text.parse().ok());
    let reference = batch.to_owned();
    Some(ProviderEvent::Receipt(DeliveryReport {
        reference,
        echo,
        address,
        aliases: Vec::new(),
        status,
        reported_at,
        evidence,
        objection: None,
    }))
}

/// What the status of a report says ("Delivery report statuses"); `None` when that is nothing new.
fn status(word: &str) -> Option<ReceiptStatus> {
    Some(match word {
        "Dispatched" => ReceiptStatus::Sent,
        "Delivered" => ReceiptStatus::Delivered,
        "Aborted" | "Rejected" | "Failed" | "Expired" | "Deleted" | "Cancelled" => ReceiptStatus::Failed,
        // Queued, Unknown, or a word that is not documented yet.
        _ => return None,
    })
}

/// What somebody wrote; `None` when it comes from no number.
fn inbound_text(message: SinchInboundText, text: String) -> Result<Option<ProviderEvent>, WebhookError> {
    let at = parse_rfc3339(&message.received_at)?;
    let SinchInboundText { id, from, to, .. } = message;
    let text = |from| InboundText { id, from, aliases: Vec::new(), to: Some(to), text, reply_to: None, at };
    Ok(parse_phone(&from).map(text).map(ProviderEvent::Text))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-22T10:00:00Z";
    const NONCE: &str = "01FJA8B4A7BM43YGWSG9GBV067";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn by_secret(secret: &str) -> SinchWebhooks {
        SinchWebhooks { basic: None, secret: Some(Secret::new(secret)) }
    }

    async fn handle(
        handler: &SinchWebhooks,
        headers: &[(&'static str, String)],
        body: &str,
    ) -> Result<WebhookPayload, WebhookError> {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let url = "https://hooks.example.com/providers/sms";
        handler
            .handle(&WebhookRequest {
                url,
                query: "",
                headers: &headers,
                body: Some(body.as_bytes()),
                now: now(),
            })
            .await
    }

    fn signed(body: &str, at: &str) -> [(&'static str, String); 3] {
        let seconds = at.parse::<Timestamp>().unwrap().as_second().to_string();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
        let signature = ring::hmac::sign(&key, format!("{body}.{NONCE}.{seconds}").as_bytes());
        [
            ("x-sinch-webhook-signature", STANDARD.encode(signature)),
            ("x-sinch-webhook-signature-nonce", NONCE.to_owned()),
            ("x-sinch-webhook-signature-timestamp", seconds),
        ]
    }

    fn events_in(body: &Value) -> Vec<ProviderEvent> {
        read(body.to_string().as_bytes(), now()).unwrap()
    }

    fn report(status: &str, code: u32) -> Vec<ProviderEvent> {
        events_in(&json!({
            "type": "recipient_delivery_report_sms", "batch_id": "01FC66621", "recipient": "34600123456",
            "code": code, "status": status, "at": "2026-11-22T09:59:58.331Z", "number_of_message_parts": 1,
            "client_reference": "acme/01900000-0000-7000-8000-000000000000/2",
        }))
    }

    #[test]
    fn a_report_says_what_became_of_the_message() {
        for (word, expected) in [
            ("Dispatched", ReceiptStatus::Sent),
            ("Delivered", ReceiptStatus::Delivered),
            ("Aborted", ReceiptStatus::Failed),
            ("Rejected", ReceiptStatus::Failed),
            ("Failed", ReceiptStatus::Failed),
            ("Expired", ReceiptStatus::Failed),
            ("Deleted", ReceiptStatus::Failed),
            ("Cancelled", ReceiptStatus::Failed),
        ] {
            let events = report(word, 402);
            let [ProviderEvent::Receipt(report)] = &events[..] else { panic!("{events:?}") };
            assert_eq!(
                (report.reference.as_str(), report.status, report.objection),
                ("01FC66621", expected, None)
            );
            assert_eq!(
                (&report.address, report.echo.as_ref().unwrap().attempt),
                (&parse_phone("34600123456"), 2)
            );
            assert_eq!(report.reported_at, "2026-11-22T09:59:58.331Z".parse().unwrap());
            assert_eq!(
                report.evidence.code.as_str(),
                if expected == ReceiptStatus::Failed { "402" } else { "" }
            );
        }
        for word in ["Queued", "Unknown", "A-word-of-tomorrow"] {
            assert_eq!(report(word, 400), [], "{word}");
        }
        let batch = events_in(&json!({
            "type": "delivery_report_sms", "batch_id": "01FC66621", "total_message_count": 1,
            "statuses": [{ "code": 0, "status": "Delivered", "count": 1, "recipients": ["34600123456"] }],
        }));
        let [ProviderEvent::Receipt(report)] = &batch[..] else { panic!("{batch:?}") };
        assert_eq!((report.status, report.reported_at), (ReceiptStatus::Delivered, now()));
    }

    #[test]
    fn what_people_write_is_a_text_and_what_they_show_an_empty_one() {
        let inbound_events = |kind: &str, from: &str, body: Value| {
            events_in(&json!({
                "type": kind, "id": "01XXXXX21", "from": from, "to": "34910000000", "body": body,
                "operator_id": "35000", "received_at": NOW,
            }))
        };
        let text = |text: &str| InboundText {
            id: "01XXXXX21".to_owned(),
            from: parse_phone("34600123456").unwrap(),
            aliases: Vec::new(),
            to: Some("34910000000".to_owned()),
            text: text.to_owned(),
            reply_to: None,
            at: now(),
        };
        assert_eq!(
            inbound_events("mo_text", "34600123456", json!("STOP")),
            [ProviderEvent::Text(text("STOP"))]
        );
        assert_eq!(
            inbound_events("mo_binary", "34600123456", json!("c3RvcA==")),
            [ProviderEvent::Text(text(""))]
        );
        assert_eq!(
            inbound_events("mo_media", "34600123456", json!({ "media": [] })),
            [ProviderEvent::Text(text(""))]
        );
        assert_eq!(inbound_events("mo_text", "ACME", json!("hello")), []);
        assert_eq!(inbound_events("a_word_of_tomorrow", "34600123456", json!("hello")), []);
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = r#"{"type":"tomorrow"}"#;
        let right = signed(body, NOW);
        assert_eq!(handle(&by_secret("secret"), &right, body).await, Ok(WebhookPayload::Events(vec![])));
        let is_unauthenticated = |answer| matches!(answer, Err(WebhookError::Unauthenticated(_)));
        assert!(is_unauthenticated(handle(&by_secret("secret"), &right, r#"{"type":"today"}"#).await));
        assert!(is_unauthenticated(handle(&by_secret("other"), &right, body).await));
        for at in 0..right.len() {
            let mut changed = right.clone();
            changed[at].1.insert(0, '1');
            assert!(is_unauthenticated(handle(&by_secret("secret"), &changed, body).await), "{changed:?}");
            let missing = [&right[..at], &right[at + 1..]].concat();
            assert!(is_unauthenticated(handle(&by_secret("secret"), &missing, body).await), "{missing:?}");
        }
        assert!(handle(&by_secret("secret"), &signed(body, "2026-11-21T10:00:00Z"), body).await.is_ok());
        for at in ["2026-11-21T09:59:59Z", "2026-11-22T10:05:01Z"] {
            assert!(is_unauthenticated(handle(&by_secret("secret"), &signed(body, at), body).await), "{at}");
        }
    }

    #[tokio::test]
    async fn every_proof_that_is_set_is_asked_for() {
        let body = r#"{"type":"tomorrow"}"#;
        let basic = || Some(BasicAuth { user: "relevo".to_owned(), password: Secret::new("sesame") });
        let both = SinchWebhooks { basic: basic(), ..by_secret("secret") };
        let by_user = [("Authorization", format!("Basic {}", STANDARD.encode("relevo:sesame")))];
        assert!(handle(&SinchWebhooks { basic: basic(), secret: None }, &by_user, body).await.is_ok());
        assert!(handle(&both, &by_user, body).await.is_err());
        assert!(handle(&both, &signed(body, NOW), body).await.is_err());
        assert!(handle(&both, &[&by_user[..], &signed(body, NOW)].concat(), body).await.is_ok());
    }

    #[test]
    fn what_is_no_webhook_is_malformed() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"type":"mo_text"}"#,
            r#"{"type":"mo_text","id":"1","from":"34600123456","to":"1","received_at":"yesterday"}"#,
        ] {
            assert!(matches!(read(body.as_bytes(), now()), Err(WebhookError::Malformed(_))), "{body}");
        }
    }
}
