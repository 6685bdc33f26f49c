//! The callbacks of a service of one's own: receipts, texts and reports on addresses. The contract is in
//! `docs/providers/webhook.md`.

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, StandardWebhooksKey, WebhookError, WebhookHandler, WebhookPayload,
    WebhookRequest, parse_rfc3339,
};
use crate::model::{
    Address, AddressChange, AddressReport, InboundText, Objection, OutcomeEvidence, Phone, ReceiptStatus,
    Timestamp,
};

/// Takes the webhook requests of a service.
#[derive(Debug)]
pub(super) struct ReceiverWebhooks {
    /// The key by which it signs.
    pub signed: StandardWebhooksKey,
}

#[async_trait]
impl WebhookHandler for ReceiverWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        self.signed.verify(request, "webhook")?;
        read(request.body.unwrap_or_default(), request.now).map(WebhookPayload::Events)
    }
}

/// One event that a service reports. Fields that are not in the contract are passed over.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum CallbackEvent {
    Receipt(CallbackReceipt),
    Text(CallbackText),
    Address(CallbackAddressReport),
}

#[derive(Deserialize)]
struct CallbackReceipt {
    reference: Option<String>,
    webhook_id: Option<String>,
    to: Option<String>,
    status: String,
    objection: Option<String>,
    at: Option<String>,
    #[serde(flatten)]
    evidence: CallbackEvidence,
}

#[derive(Deserialize)]
struct CallbackText {
    id: String,
    from: String,
    to: Option<String>,
    text: String,
    reply_to: Option<String>,
    at: Option<String>,
}

#[derive(Deserialize)]
struct CallbackAddressReport {
    id: String,
    address: String,
    to: Option<String>,
    change: String,
    new_address: Option<String>,
    at: Option<String>,
    #[serde(flatten)]
    evidence: CallbackEvidence,
}

/// What the service says of the cause, in its own words.
#[derive(Deserialize)]
struct CallbackEvidence {
    /// A text or a number.
    #[serde(default)]
    code: Value,
    #[serde(default)]
    detail: String,
}

impl CallbackEvidence {
    fn outcome_evidence(&self) -> OutcomeEvidence {
        match &self.code {
            Value::Null => OutcomeEvidence::new("", &self.detail),
            Value::String(code) => OutcomeEvidence::new(code, &self.detail),
            code => OutcomeEvidence::new(code, &self.detail),
        }
    }
}

/// One event, or a list of them.
fn read(body: &[u8], now: Timestamp) -> Result<Vec<ProviderEvent>, WebhookError> {
    let events = if body.trim_ascii_start().starts_with(b"[") { parse(body)? } else { vec![parse(body)?] };
    events.into_iter().map(|event| provider_event(event, now)).collect()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, WebhookError> {
    serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(error.to_string()))
}

fn malformed(must: &str) -> WebhookError {
    WebhookError::Malformed(must.to_owned())
}

fn provider_event(event: CallbackEvent, now: Timestamp) -> Result<ProviderEvent, WebhookError> {
    match event {
        CallbackEvent::Receipt(receipt) => delivery_report(receipt, now).map(ProviderEvent::Receipt),
        CallbackEvent::Text(text_event) => text(text_event, now).map(ProviderEvent::Text),
        CallbackEvent::Address(report) => address_report(report, now).map(ProviderEvent::Address),
    }
}

fn delivery_report(receipt: CallbackReceipt, now: Timestamp) -> Result<DeliveryReport, WebhookError> {
    let echo = receipt.webhook_id.as_deref().map(str::parse).transpose();
    let echo = echo.map_err(|_| malformed("webhook_id must be that of the request with the message"))?;
    // Without a reference of its own the message goes by the webhook-id.
    let reference = receipt.reference.or(receipt.webhook_id).filter(|text| !text.is_empty());
    Ok(DeliveryReport {
        reference: reference.ok_or_else(|| malformed("a receipt must have a reference or a webhook_id"))?,
        echo,
        address: receipt.to.as_deref().map(address).transpose()?,
        aliases: Vec::new(),
        status: status(&receipt.status)?,
        reported_at: at(receipt.at.as_deref(), now)?,
        evidence: receipt.evidence.outcome_evidence(),
        objection: receipt.objection.as_deref().map(objection).transpose()?,
    })
}

fn text(text: CallbackText, now: Timestamp) -> Result<InboundText, WebhookError> {
    Ok(InboundText {
        id: id(text.id)?,
        from: address(&text.from)?,
        aliases: Vec::new(),
        to: text.to,
        text: text.text,
        reply_to: text.reply_to,
        at: at(text.at.as_deref(), now)?,
    })
}

fn address_report(report: CallbackAddressReport, now: Timestamp) -> Result<AddressReport, WebhookError> {
    Ok(AddressReport {
        id: id(report.id)?,
        address: address(&report.address)?,
        aliases: Vec::new(),
        to: report.to,
        change: change(&report.change, report.new_address.as_deref())?,
        at: at(report.at.as_deref(), now)?,
        evidence: report.evidence.outcome_evidence(),
    })
}

fn status(word: &str) -> Result<ReceiptStatus, WebhookError> {
    Ok(match word {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return Err(malformed("status must be sent, delivered, read or failed")),
    })
}

fn objection(word: &str) -> Result<Objection, WebhookError> {
    let known = Objection::ALL.into_iter().find(|known| known.as_str() == word);
    known.ok_or_else(|| {
        malformed("an objection must be bad_address, opted_out, commercial_opted_out or complaint")
    })
}

fn change(word: &str, new_address: Option<&str>) -> Result<AddressChange, WebhookError> {
    match (word, new_address) {
        ("returned", _) => Ok(AddressChange::Returned),
        ("moved", Some(new)) => address(new).map(AddressChange::MovedTo),
        ("moved", None) => Err(malformed("new_address must be set for an address that moved")),
        _ => objection(word).map(AddressChange::Objected).map_err(|_| {
            malformed(
                "change must be bad_address, opted_out, commercial_opted_out, complaint, returned or moved",
            )
        }),
    }
}

/// An address as the request spells it.
fn address(text: &str) -> Result<Address, WebhookError> {
    let address = if text.contains('@') {
        text.parse().ok().map(Address::Email)
    } else if text.starts_with('+') {
        Phone::from_e164(text).ok().map(Address::Phone)
    } else {
        text.parse().ok().and_then(|chat| Address::telegram(chat).ok())
    };
    address.ok_or_else(|| {
        malformed("an address must be an email address, a phone number with its +, or a Telegram chat's id")
    })
}

fn id(text: String) -> Result<String, WebhookError> {
    if text.is_empty() { Err(malformed("id must not be empty")) } else { Ok(text) }
}

fn at(text: Option<&str>, now: Timestamp) -> Result<Timestamp, WebhookError> {
    text.map_or(Ok(now), parse_rfc3339)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::adapters::webhooks::parse_phone;
    use crate::secret::Secret;

    const NOW: &str = "2026-11-22T10:00:00Z";
    const ECHO: &str = "acme/01900000-0000-7000-8000-000000000000/2";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn events_in(body: &Value) -> Vec<ProviderEvent> {
        read(body.to_string().as_bytes(), now()).unwrap()
    }

    #[test]
    fn a_receipt_says_what_became_of_a_message() {
        let events = events_in(&json!([
            { "type": "receipt", "reference": "r-17", "status": "delivered" },
            {
                "type": "receipt", "webhook_id": ECHO, "status": "failed", "to": "+34600123456", "code": 17,
                "detail": "no such number +34600123456", "objection": "bad_address",
                "at": "2026-11-22T09:00:00+01:00", "more": 1,
            },
        ]));
        let plain = DeliveryReport {
            reference: "r-17".to_owned(),
            echo: None,
            address: None,
            aliases: Vec::new(),
            status: ReceiptStatus::Delivered,
            reported_at: now(),
            evidence: OutcomeEvidence::default(),
            objection: None,
        };
        let whole = DeliveryReport {
            reference: ECHO.to_owned(),
            echo: ECHO.parse().ok(),
            address: parse_phone("34600123456"),
            aliases: Vec::new(),
            status: ReceiptStatus::Failed,
            reported_at: "2026-11-22T08:00:00Z".parse().unwrap(),
            evidence: OutcomeEvidence { code: "17".to_owned(), text: "no such number ***".to_owned() },
            objection: Some(Objection::BadAddress),
        };
        assert_eq!(events, [ProviderEvent::Receipt(plain), ProviderEvent::Receipt(whole)]);
    }

    #[test]
    fn what_people_write_comes_from_any_kind_of_address() {
        let email = Address::Email("ana@example.org".parse().unwrap());
        for (from, expected) in [
            ("+34600123456", parse_phone("34600123456").unwrap()),
            ("ana@example.org", email),
            ("42", Address::TelegramChat(42)),
        ] {
            let body = json!({ "type": "text", "id": "t-1", "from": from, "to": "ACME", "text": "STOP", "reply_to": "r-17" });
            let text = InboundText {
                id: "t-1".to_owned(),
                from: expected,
                aliases: Vec::new(),
                to: Some("ACME".to_owned()),
                text: "STOP".to_owned(),
                reply_to: Some("r-17".to_owned()),
                at: now(),
            };
            assert_eq!(events_in(&body), [ProviderEvent::Text(text)]);
        }
    }

    #[test]
    fn news_of_an_address_say_what_became_of_it() {
        let change = |fields: Value| {
            let mut body = json!({ "type": "address", "id": "n-1", "address": "+34600123456" });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            match events_in(&body).remove(0) {
                ProviderEvent::Address(report) => report.change,
                other => panic!("{other:?}"),
            }
        };
        for objection in Objection::ALL {
            let objected = AddressChange::Objected(objection);
            assert_eq!(change(json!({ "change": objection.as_str() })), objected);
        }
        assert_eq!(change(json!({ "change": "returned" })), AddressChange::Returned);
        let moved = change(json!({ "change": "moved", "new_address": "+34600654321" }));
        assert_eq!(moved, AddressChange::MovedTo(parse_phone("34600654321").unwrap()));
    }

    #[test]
    fn what_breaks_the_contract_is_told_with_what_would_be_right() {
        let receipt = |fields: Value| {
            let mut body = json!({ "type": "receipt", "reference": "r-17", "status": "read" });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            body
        };
        for (body, error) in [
            (json!(1), "invalid type"),
            (json!({}), "missing field `type`"),
            (json!({ "type": "fax" }), "unknown variant `fax`"),
            (receipt(json!({ "status": "gone" })), "status must be"),
            (receipt(json!({ "reference": "" })), "a receipt must have"),
            (receipt(json!({ "reference": null })), "a receipt must have"),
            (receipt(json!({ "webhook_id": "r-17" })), "webhook_id must be"),
            (receipt(json!({ "objection": "shy" })), "an objection must be"),
            (receipt(json!({ "to": "34600123456x" })), "an address must be"),
            (receipt(json!({ "at": "yesterday" })), "a time must be"),
            (json!({ "type": "text", "id": "", "from": "42", "text": "" }), "id must not be empty"),
            (json!({ "type": "text", "id": "1", "from": "-42", "text": "" }), "an address must be"),
            (json!({ "type": "address", "id": "1", "address": "42", "change": "moved" }), "new_address must"),
            (json!({ "type": "address", "id": "1", "address": "42", "change": "shy" }), "change must be"),
        ] {
            match read(body.to_string().as_bytes(), now()) {
                Err(WebhookError::Malformed(text)) => assert!(text.starts_with(error), "{body}: {text}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn only_what_is_signed_is_read() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let handler = ReceiverWebhooks { signed: StandardWebhooksKey::new(&secret).unwrap() };
        let body = r#"{"type":"receipt","reference":"r-17","status":"read"}"#;
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let seconds = now().as_second();
        let signature = ring::hmac::sign(&key, format!("e-1.{seconds}.{body}").as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "e-1".parse().unwrap());
        headers.insert("webhook-timestamp", seconds.into());
        headers.insert("webhook-signature", format!("v1,{}", STANDARD.encode(signature)).parse().unwrap());
        let handle = async |body: &str| {
            let request = WebhookRequest {
                url: "",
                query: "",
                headers: &headers,
                body: Some(body.as_bytes()),
                now: now(),
            };
            handler.handle(&request).await
        };
        assert!(matches!(handle(body).await, Ok(WebhookPayload::Events(events)) if events.len() == 1));
        assert!(matches!(handle(&body.replace("read", "sent")).await, Err(WebhookError::Unauthenticated(_))));
    }
}
