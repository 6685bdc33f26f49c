//! The webhooks of Vonage's SMS API: delivery receipts and inbound SMS (developer.vonage.com, "Delivery receipts", "Inbound
//! SMS"), and how they are signed ("Signing messages").
//!
//! Vonage calls with GET, or with POST and a form or JSON, as the account is set; it is the same parameters each time.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::Value;
use url::form_urlencoded;

use super::settings::VonageSignatureMethod;
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, REDELIVERY_WINDOW, SignatureAlgorithm, WebhookError, WebhookHandler,
    WebhookPayload, WebhookRequest, decode_hex, is_recent, is_valid_signature, parse_phone,
    parse_unix_seconds,
};
use crate::model::{InboundText, Objection, OutcomeEvidence, ReceiptStatus, Timestamp};
use crate::secret::Secret;

/// By name, in the order in which they are signed.
type VonageParameters = BTreeMap<String, String>;

/// Takes the webhooks of an account.
#[derive(Debug)]
pub(super) struct VonageSmsWebhooks {
    /// The account's signature secret.
    pub secret: Secret,
    /// How the account signs.
    pub method: VonageSignatureMethod,
}

#[async_trait]
impl WebhookHandler for VonageSmsWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let parameters = parameters(request)
            .ok_or(WebhookError::Unauthenticated("it has no parameters that can be signed"))?;
        // The time at which Vonage began to call is the only one that both kinds have.
        let at = parameters.get("timestamp").and_then(|text| parse_unix_seconds(text));
        let at = at.filter(|_| self.is_signed(&parameters));
        let at = at.ok_or(WebhookError::Unauthenticated("sig is not that of this account"))?;
        if !is_recent(at, request.now, REDELIVERY_WINDOW) {
            return Err(WebhookError::Unauthenticated("timestamp is too far from now"));
        }
        read(&parameters, at).map(WebhookPayload::Events)
    }
}

impl VonageSmsWebhooks {
    /// The signature is over `&name=value` of each parameter but itself, with `_` for what separates them.
    fn is_signed(&self, parameters: &VonageParameters) -> bool {
        let Some(signature) = parameters.get("sig").and_then(|text| decode_hex(text)) else { return false };
        let others = parameters.iter().filter(|(name, _)| *name != "sig");
        let signed: String =
            others.map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect();
        let algorithm = match self.method {
            VonageSignatureMethod::Sha1 => SignatureAlgorithm::HmacSha1,
            VonageSignatureMethod::Sha256 => SignatureAlgorithm::HmacSha256,
            VonageSignatureMethod::Sha512 => SignatureAlgorithm::HmacSha512,
            VonageSignatureMethod::Md5Hash => SignatureAlgorithm::Md5KeySuffix,
        };
        is_valid_signature(algorithm, self.secret.expose().as_bytes(), &[signed.as_bytes()], &signature)
    }
}

fn parameters(request: &WebhookRequest<'_>) -> Option<VonageParameters> {
    match request.body {
        Some(body) if body.trim_ascii_start().starts_with(b"{") => {
            let object: BTreeMap<String, Value> = serde_json::from_slice(body).ok()?;
            Some(object.into_iter().map(|(name, value)| (name, text(value))).collect())
        }
        Some(body) => Some(form_urlencoded::parse(body).into_owned().collect()),
        None => Some(form_urlencoded::parse(request.query.as_bytes()).into_owned().collect()),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// A receipt has a status, an inbound message a type.
fn read(parameters: &VonageParameters, at: Timestamp) -> Result<Vec<ProviderEvent>, WebhookError> {
    let get = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let malformed = || {
        WebhookError::Malformed(
            "it has neither a messageId and a status nor a messageId and a type".to_owned(),
        )
    };
    let id = get("messageId").ok_or_else(malformed)?;
    let number = get("msisdn").and_then(parse_phone);
    if let Some(word) = get("status") {
        let Some(status) = status(word) else { return Ok(Vec::new()) };
        let code = get("err-code").filter(|_| status == ReceiptStatus::Failed);
        return Ok(vec![ProviderEvent::Receipt(DeliveryReport {
            reference: id.to_owned(),
            echo: get("client-ref").and_then(|text| text.parse().ok()),
            address: number,
            aliases: Vec::new(),
            status,
            reported_at: at,
            evidence: code.map(|code| OutcomeEvidence::new(code, word)).unwrap_or_default(),
            objection: code.and_then(|code| objection(code.parse().ok()?)),
        })]);
    }
    get("type").ok_or_else(malformed)?;
    let inbound = |from| InboundText {
        id: id.to_owned(),
        from,
        aliases: Vec::new(),
        to: get("to").map(str::to_owned),
        text: get("text").unwrap_or_default().to_owned(),
        reply_to: None,
        at,
    };
    Ok(number.map(inbound).map(ProviderEvent::Text).into_iter().collect())
}

/// What the status of a receipt says ("Delivery receipts", "DLR statuses"); `None` when that is nothing new.
fn status(word: &str) -> Option<ReceiptStatus> {
    Some(match word {
        // Accepted by the network, and kept for later.
        "buffered" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "expired" | "failed" | "rejected" => ReceiptStatus::Failed,
        // Accepted by Vonage's carrier, of unknown state, or a word that is not documented yet.
        _ => return None,
    })
}

/// What the error code of a receipt says against the number ("Delivery receipts", "DLR error codes"; "Messaging opted-out
/// numbers"). The codes that leave room for doubt say nothing against it: barred by the user (4), moved between networks
/// (5), no route (11, 12), blocked by the carrier (14), and the filter of consents (53).
fn objection(code: u32) -> Option<Objection> {
    match code {
        // Absent subscriber, permanent.
        3 => Some(Objection::BadAddress),
        // The person asked not to be written to by this sender.
        9 => Some(Objection::OptedOut),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn handler() -> VonageSmsWebhooks {
        VonageSmsWebhooks { secret: Secret::new("abcde"), method: VonageSignatureMethod::Sha256 }
    }

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    async fn handle(
        handler: &VonageSmsWebhooks,
        query: &str,
        body: Option<&str>,
    ) -> Result<WebhookPayload, WebhookError> {
        let (url, headers) = ("https://hooks.example.com/providers/sms", HeaderMap::new());
        let body = body.map(str::as_bytes);
        handler.handle(&WebhookRequest { url, query, headers: &headers, body, now: now() }).await
    }

    /// The parameters in their order, with the time and what signs them.
    fn signed(parameters: &[(&str, &str)], at: Timestamp) -> Vec<(String, String)> {
        let timestamp = at.as_second().to_string();
        let signature = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut all: Vec<_> = signature.chain([("timestamp".to_owned(), timestamp)]).collect();
        all.sort();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"abcde");
        let text: String = all.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        let digits = ring::hmac::sign(&key, text.as_bytes());
        all.push(("sig".to_owned(), digits.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()));
        all
    }

    fn form(parameters: &[(String, String)]) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    }

    async fn events_in(parameters: &[(&str, &str)]) -> Vec<ProviderEvent> {
        match handle(&handler(), "", Some(&form(&signed(parameters, now())))).await {
            Ok(WebhookPayload::Events(events)) => events,
            other => panic!("{other:?}"),
        }
    }

    async fn delivery_report(status: &str, code: &str) -> DeliveryReport {
        let parameters =
            [("messageId", "0A"), ("msisdn", "34600123456"), ("status", status), ("err-code", code)];
        match events_in(&parameters).await.as_slice() {
            [ProviderEvent::Receipt(delivery_report)] => delivery_report.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_receipt_says_what_became_of_the_message() {
        for (word, expected) in [
            ("buffered", ReceiptStatus::Sent),
            ("delivered", ReceiptStatus::Delivered),
            ("expired", ReceiptStatus::Failed),
            ("failed", ReceiptStatus::Failed),
            ("rejected", ReceiptStatus::Failed),
        ] {
            let delivery_report = delivery_report(word, "0").await;
            assert_eq!((delivery_report.reference.as_str(), delivery_report.status), ("0A", expected));
            assert_eq!(
                (delivery_report.address, delivery_report.reported_at),
                (parse_phone("34600123456"), now())
            );
        }
        for word in ["accepted", "unknown", "a-word-of-tomorrow"] {
            assert_eq!(events_in(&[("messageId", "0A"), ("status", word)]).await, [], "{word}");
        }
    }

    #[tokio::test]
    async fn only_what_is_certain_suppresses_the_number() {
        for (code, expected) in [
            ("3", Some(Objection::BadAddress)),
            ("9", Some(Objection::OptedOut)),
            ("1", None),
            ("4", None),
            ("14", None),
            ("53", None),
            ("999", None),
            ("", None),
        ] {
            assert_eq!(delivery_report("failed", code).await.objection, expected, "{code}");
        }
        assert_eq!(delivery_report("failed", "9").await.evidence.code, "9");
        assert_eq!(delivery_report("delivered", "9").await.objection, None, "it was delivered");
    }

    #[tokio::test]
    async fn a_receipt_brings_back_our_reference() {
        let echo = "acme/01900000-0000-7000-8000-000000000000/2";
        let events = events_in(&[("messageId", "0A"), ("status", "delivered"), ("client-ref", echo)]).await;
        assert!(
            matches!(&events[..], [ProviderEvent::Receipt(report)] if report.echo == echo.parse().ok()),
            "{events:?}"
        );
    }

    #[tokio::test]
    async fn what_people_write_is_read_part_by_part() {
        let part = |text| {
            [
                ("messageId", "0B"),
                ("msisdn", "34600123456"),
                ("to", "34910000000"),
                ("type", "text"),
                ("text", text),
            ]
        };
        let text = InboundText {
            id: "0B".to_owned(),
            from: parse_phone("34600123456").unwrap(),
            aliases: Vec::new(),
            to: Some("34910000000".to_owned()),
            text: "STOP".to_owned(),
            reply_to: None,
            at: now(),
        };
        assert_eq!(events_in(&part("STOP")).await, [ProviderEvent::Text(text)]);
        let concatenated =
            events_in(&[&part("and more")[..], &[("concat", "true"), ("concat-part", "2")]].concat()).await;
        assert!(
            matches!(&concatenated[..], [ProviderEvent::Text(text)] if text.text == "and more"),
            "{concatenated:?}"
        );
        let binary = [("messageId", "0C"), ("msisdn", "34600123456"), ("type", "binary"), ("data", "00ff")];
        assert!(matches!(&events_in(&binary).await[..], [ProviderEvent::Text(text)] if text.text.is_empty()));
        assert_eq!(events_in(&[("messageId", "0D"), ("msisdn", "ACME"), ("type", "text")]).await, []);
    }

    #[tokio::test]
    async fn it_is_the_same_by_get_by_form_and_in_json() {
        let parameters =
            signed(&[("messageId", "0A"), ("status", "delivered"), ("price", "0.03330000")], now());
        let by_form = handle(&handler(), "", Some(&form(&parameters))).await;
        assert!(matches!(&by_form, Ok(WebhookPayload::Events(events)) if events.len() == 1), "{by_form:?}");
        assert_eq!(handle(&handler(), &form(&parameters), None).await, by_form);
        let object: BTreeMap<_, _> = parameters.iter().cloned().collect();
        assert_eq!(handle(&handler(), "", Some(&json!(object).to_string())).await, by_form);
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let parameters = signed(&[("messageId", "0A"), ("status", "failed")], now());
        let right = form(&parameters);
        assert!(handle(&handler(), "", Some(&right)).await.is_ok());
        let is_unauthenticated = |answer| matches!(answer, Err(WebhookError::Unauthenticated(_)));
        for changed in [
            right.replace("failed", "delivered"),
            format!("{right}&err-code=9"),
            right.replace("messageId=0A&", ""),
            right.replace("timestamp=1", "timestamp=2"),
            right.replace("sig=", "sig=00"),
            right.replace("sig=", "seal="),
            String::new(),
            "{".to_owned(),
            "{}".to_owned(),
        ] {
            assert!(is_unauthenticated(handle(&handler(), "", Some(&changed)).await), "{changed}");
        }
        assert!(is_unauthenticated(handle(&handler(), "", None).await));
        let other = VonageSmsWebhooks { secret: Secret::new("abcdf"), ..handler() };
        assert!(is_unauthenticated(handle(&other, "", Some(&right)).await));
        for method in [VonageSignatureMethod::Sha512, VonageSignatureMethod::Md5Hash] {
            let other = VonageSmsWebhooks { method, ..handler() };
            assert!(is_unauthenticated(handle(&other, "", Some(&right)).await), "{method:?}");
        }
    }

    /// Signed by Vonage's SDK for Python, 3.18.0, with the secret `abcde` and no method.
    #[tokio::test]
    async fn md5_over_the_parameters_and_the_secret_is_believed_where_it_is_set() {
        let right = "messageId=0A&status=failed&err-code=9&text=a%26b%3Dc&timestamp=1795341600\
             &sig=8d24d04a52ba1bc4fc615a86910c0ab4";
        let handler = || VonageSmsWebhooks { method: VonageSignatureMethod::Md5Hash, ..handler() };
        assert!(handle(&handler(), "", Some(right)).await.is_ok());
        let is_unauthenticated = |answer| matches!(answer, Err(WebhookError::Unauthenticated(_)));
        for changed in [
            right.replace("failed", "delivered"),
            right.replace("timestamp=1795341600", "timestamp=1795341601"),
            right.replace("sig=8d", "sig=8c"),
            right.replace("4a52ba1bc4fc615a86910c0ab4", ""),
            form(&signed(&[("messageId", "0A"), ("status", "failed")], now())),
        ] {
            assert!(is_unauthenticated(handle(&handler(), "", Some(&changed)).await), "{changed}");
        }
        let other = VonageSmsWebhooks { secret: Secret::new("abcdf"), ..handler() };
        assert!(is_unauthenticated(handle(&other, "", Some(right)).await));
    }

    #[tokio::test]
    async fn an_old_signature_is_none() {
        let at =
            |text: &str| form(&signed(&[("messageId", "0A"), ("status", "failed")], text.parse().unwrap()));
        assert!(handle(&handler(), "", Some(&at("2026-11-21T10:00:00Z"))).await.is_ok());
        for wrong in ["2026-11-21T09:59:59Z", "2026-11-22T10:05:01Z"] {
            let answer = handle(&handler(), "", Some(&at(wrong))).await;
            assert_eq!(
                answer,
                Err(WebhookError::Unauthenticated("timestamp is too far from now")),
                "{wrong}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_says_nothing_is_told_apart() {
        for parameters in [&[("messageId", "0A")][..], &[("status", "failed")], &[]] {
            let answer = handle(&handler(), "", Some(&form(&signed(parameters, now())))).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{parameters:?}");
        }
    }
}
