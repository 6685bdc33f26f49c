//! The Cloud API's webhooks (developers.facebook.com, WhatsApp Business Platform, "Webhooks"): the status of messages, how
//! they are signed, and the question by which Meta verifies a URL.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::errors;
use crate::adapters::hooks::{Algorithm, Call, Heard, Hook, HookError, Notice, Told, is_signed, phone, same};
use crate::model::{OutcomeEvidence, ReceiptStatus, Timestamp};
use crate::secret::Secret;

/// Takes the webhooks of an app.
pub(super) struct Webhooks {
    /// The app's secret, by which it signs.
    pub app_secret: Secret,
    /// What Meta was told to ask with; a URL is not verified without it.
    pub verify_token: Option<Secret>,
}

#[async_trait]
impl Hook for Webhooks {
    async fn hear(&self, call: &Call<'_>) -> Result<Heard, HookError> {
        let Some(body) = call.body else { return self.verify(call) };
        let signature =
            call.header("X-Hub-Signature-256").and_then(|text| hex(text.strip_prefix("sha256=")?));
        let key = self.app_secret.expose().as_bytes();
        // Over the bytes as they came: Meta escapes what another writer would not.
        if !signature.is_some_and(|own| is_signed(Algorithm::HmacSha256, key, &[body], &own)) {
            return Err(HookError::Forged("X-Hub-Signature-256 is not that of this app"));
        }
        read(body).map(|notices| Heard::Told(notices.into_iter().map(Told::Receipt).collect()))
    }
}

impl Webhooks {
    fn verify(&self, call: &Call<'_>) -> Result<Heard, HookError> {
        let get = |name: &str| {
            form_urlencoded::parse(call.query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value)
        };
        let asked = get("hub.verify_token").unwrap_or_default();
        let is_right = self.verify_token.as_ref().is_some_and(|own| same(own.expose(), &asked));
        match (get("hub.mode").as_deref(), get("hub.challenge")) {
            (Some("subscribe"), Some(challenge)) if is_right => Ok(Heard::Challenge(challenge.into_owned())),
            _ => Err(HookError::Forged("hub.verify_token is not that of the configuration")),
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [a, b] = pair { Some(digit(*a)? << 4 | digit(*b)?) } else { None }).collect()
}

/// The parts we read. Other fields, and other things than the status of messages, are passed over.
#[derive(Deserialize)]
struct Payload {
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    value: Value,
}

#[derive(Deserialize)]
struct Status {
    id: String,
    status: String,
    /// Seconds since the Unix epoch, as text.
    timestamp: String,
    biz_opaque_callback_data: Option<String>,
    recipient_id: Option<String>,
    #[serde(default)]
    errors: Vec<StatusError>,
}

#[derive(Deserialize)]
struct StatusError {
    code: i64,
    #[serde(default)]
    title: String,
}

fn read(body: &[u8]) -> Result<Vec<Notice>, HookError> {
    let malformed =
        |error: serde_json::Error| HookError::Malformed(format!("not a webhook of the Cloud API: {error}"));
    let payload: Payload = serde_json::from_slice(body).map_err(malformed)?;
    let changes = payload.entry.into_iter().flat_map(|entry| entry.changes);
    let statuses = changes.filter_map(|mut change| match change.value.get_mut("statuses")?.take() {
        Value::Array(statuses) => Some(statuses),
        _ => None,
    });
    let mut notices = Vec::new();
    for status in statuses.flatten() {
        notices.extend(notice(serde_json::from_value(status).map_err(malformed)?)?);
    }
    Ok(notices)
}

/// What a status says; `None` when it is a word of tomorrow.
fn notice(own: Status) -> Result<Option<Notice>, HookError> {
    let status = match own.status.as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return Ok(None),
    };
    let seconds = own.timestamp.parse().ok();
    let reported_at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let reported_at =
        reported_at.ok_or_else(|| HookError::Malformed("timestamp must be seconds since 1970".to_owned()))?;
    let error = own.errors.first();
    let evidence = error.map(|error| OutcomeEvidence::new(error.code, &error.title)).unwrap_or_default();
    let meaning = error.and_then(|error| errors::meaning(error.code, None));
    let objection = meaning.and_then(|meaning| meaning.outcome(evidence.clone(), None).objection());
    Ok(Some(Notice {
        reference: own.id,
        echo: own.biz_opaque_callback_data.and_then(|text| text.parse().ok()),
        address: own.recipient_id.as_deref().and_then(phone),
        status,
        reported_at,
        evidence,
        objection,
    }))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::model::Objection;

    fn hook() -> Webhooks {
        Webhooks { app_secret: Secret::new("app"), verify_token: Some(Secret::new("verify")) }
    }

    async fn hear(signature: &str, body: &[u8]) -> Result<Heard, HookError> {
        let mut headers = HeaderMap::new();
        headers.insert("X-Hub-Signature-256", signature.parse().unwrap());
        let (url, now) = ("https://hooks.example.com/providers/wa", "2026-11-22T10:00:00Z".parse().unwrap());
        hook().hear(&Call { url, query: "", headers: &headers, body: Some(body), now }).await
    }

    fn sign(body: &[u8]) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"app");
        let hex: String =
            ring::hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={hex}")
    }

    fn statuses(statuses: Value) -> Vec<u8> {
        json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": { "statuses": statuses } }] }],
        })
        .to_string()
        .into_bytes()
    }

    #[tokio::test]
    async fn statuses_are_read_wherever_they_stand_and_the_rest_is_passed_over() {
        let body = statuses(json!([
            { "id": "wamid.1", "status": "sent", "timestamp": "1795000000", "recipient_id": "34600123456" },
            { "id": "wamid.2", "status": "read", "timestamp": "1795000001", "conversation": {} },
            { "id": "wamid.3", "status": "a-word-of-tomorrow", "timestamp": "1795000001" },
            {
                "id": "wamid.4", "status": "failed", "timestamp": "1795000002",
                "biz_opaque_callback_data": "acme/01900000-0000-7000-8000-000000000000/2",
                "errors": [{ "code": 131_021, "title": "Recipient cannot be sender" }],
            },
        ]));
        let Ok(Heard::Told(told)) = hear(&sign(&body), &body).await else { panic!() };
        let receipt = |own| match own {
            Told::Receipt(notice) => notice,
            other => panic!("{other:?}"),
        };
        let notices: Vec<Notice> = told.into_iter().map(receipt).collect();
        let told: Vec<_> = notices.iter().map(|own| (own.reference.as_str(), own.status)).collect();
        assert_eq!(
            told,
            [
                ("wamid.1", ReceiptStatus::Sent),
                ("wamid.2", ReceiptStatus::Read),
                ("wamid.4", ReceiptStatus::Failed)
            ]
        );
        assert_eq!(notices[2].echo.as_ref().unwrap().attempt, 2);
        assert_eq!(notices[2].objection, Some(Objection::BadAddress));
        assert_eq!(notices[2].evidence.code, "131021");
        let inbound =
            br#"{"object":"x","entry":[{"changes":[{"value":{"messages":[{"id":"wamid.9"}]}},{}]},{}]}"#;
        assert_eq!(hear(&sign(inbound), inbound).await, Ok(Heard::Told(vec![])));
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = statuses(json!([]));
        let right = sign(&body);
        assert!(hear(&right, &body).await.is_ok());
        for (signature, body) in [
            (right.as_str(), statuses(json!([1]))),
            (&right[7..], body.clone()),
            (&right[..69], body.clone()),
            ("sha256=", body.clone()),
            ("sha256=zz", body.clone()),
            ("", body.clone()),
        ] {
            assert!(matches!(hear(signature, &body).await, Err(HookError::Forged(_))), "{signature}");
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        for body in ["", "[]", "{}", "nonsense"].map(str::to_owned) {
            assert!(
                matches!(hear(&sign(body.as_bytes()), body.as_bytes()).await, Err(HookError::Malformed(_))),
                "{body}"
            );
        }
        let body = statuses(json!([{ "id": "wamid.1", "status": "sent", "timestamp": "yesterday" }]));
        assert!(matches!(hear(&sign(&body), &body).await, Err(HookError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_url_is_verified_by_the_token_alone() {
        let headers = HeaderMap::new();
        let call = |query| {
            let now = "2026-11-22T10:00:00Z".parse().unwrap();
            Call { url: "", query, headers: &headers, body: None, now }
        };
        let right = "hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1158201444";
        assert_eq!(hook().hear(&call(right)).await, Ok(Heard::Challenge("1158201444".to_owned())));
        for wrong in [
            "",
            "hub.mode=subscribe&hub.verify_token=verif&hub.challenge=1",
            "hub.mode=unsubscribe&hub.verify_token=verify&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=verify",
        ] {
            assert!(matches!(hook().hear(&call(wrong)).await, Err(HookError::Forged(_))), "{wrong}");
        }
        let without = Webhooks { verify_token: None, ..hook() };
        let empty = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1";
        assert!(without.hear(&call(empty)).await.is_err());
    }
}
