//! The webhooks of Vonage's Messages API: the status of messages and inbound messages on WhatsApp (developer.vonage.com,
//! "WhatsApp status callbacks", "Inbound messages"), and how they are signed ("Signed webhooks").

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::errors;
use crate::adapters::webhooks::{
    DeliveryReport, ProviderEvent, REDELIVERY_WINDOW, SignatureAlgorithm, WebhookError, WebhookHandler,
    WebhookPayload, WebhookRequest, decode_hex, is_recent, is_valid_signature, named_person, parse_phone,
    parse_rfc3339, parse_user_id,
};
use crate::model::{Address, BusinessId, InboundText, OutcomeEvidence, ReceiptStatus, Timestamp};
use crate::secret::Secret;

/// Takes the webhooks of an account.
#[derive(Debug)]
pub(super) struct VonageWhatsappWebhooks {
    /// The account's signature secret.
    pub secret: Secret,
    /// The business whose user ids it speaks of.
    pub business: BusinessId,
}

#[async_trait]
impl WebhookHandler for VonageWhatsappWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("Vonage calls with POST"))?;
        let token = request.header("Authorization").and_then(|text| text.strip_prefix("Bearer "));
        let claims = token.and_then(|token| self.claims(token));
        let claims =
            claims.ok_or(WebhookError::Unauthenticated("Authorization is not a token of this account"))?;
        let signed = Timestamp::from_second(claims.iat);
        if !signed.is_ok_and(|signed| is_recent(signed, request.now, REDELIVERY_WINDOW)) {
            return Err(WebhookError::Unauthenticated("iat is too far from now"));
        }
        if decode_hex(&claims.payload_hash).is_none_or(|hash| hash != *Sha256::digest(body)) {
            return Err(WebhookError::Unauthenticated("payload_hash is not that of the body"));
        }
        read(body, &self.business).map(|events| WebhookPayload::Events(events.into_iter().collect()))
    }
}

/// The header of a token (RFC 7515, section 4.1).
#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
}

/// What a token claims.
#[derive(Deserialize)]
struct JwtClaims {
    /// When it was issued, in seconds since the Unix epoch.
    iat: i64,
    /// The SHA-256 of the body, in hexadecimal digits.
    payload_hash: String,
}

impl VonageWhatsappWebhooks {
    /// What a token claims (RFC 7519), if it is signed by the account, with HMAC and SHA-256 as Vonage does.
    fn claims(&self, token: &str) -> Option<JwtClaims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let key = self.secret.expose().as_bytes();
        let is_signed =
            is_valid_signature(SignatureAlgorithm::HmacSha256, key, &[signed.as_bytes()], &signature);
        (is_signed && decode::<JwtHeader>(header)?.alg == "HS256").then(|| decode(claims))?
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// The parts we read of either kind: the status of a message that went out, or a message that came in.
#[derive(Deserialize)]
struct VonageMessagesPayload {
    message_uuid: String,
    timestamp: String,
    to: Option<String>,
    from: Option<String>,
    status: Option<String>,
    client_ref: Option<String>,
    error: Option<VonageStatusError>,
    message_type: Option<String>,
    text: Option<String>,
    /// The button, or the entry of a list, of an interactive message.
    reply: Option<VonageReply>,
    /// The button of a template.
    button: Option<VonageButton>,
    context: Option<VonageContext>,
    #[serde(default)]
    whatsapp: VonageWhatsapp,
}

/// Who is at the other end, as WhatsApp knows them.
#[derive(Deserialize, Default)]
struct VonageWhatsapp {
    sender: Option<VonagePerson>,
    recipient: Option<VonagePerson>,
}

#[derive(Deserialize)]
struct VonagePerson {
    wa_id: Option<String>,
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct VonageStatusError {
    /// A URL. Its fragment is the code.
    #[serde(rename = "type", default)]
    kind: String,
    /// The code, where it is a number.
    #[serde(default)]
    title: Value,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct VonageReply {
    title: String,
}

#[derive(Deserialize)]
struct VonageButton {
    text: String,
}

#[derive(Deserialize)]
struct VonageContext {
    message_uuid: Option<String>,
}

impl VonageStatusError {
    fn code(&self) -> Option<u32> {
        let in_url = self.kind.rsplit_once('#').and_then(|(_, code)| code.parse().ok());
        in_url.or_else(|| self.title.as_str()?.parse().ok()).or_else(|| self.title.as_u64()?.try_into().ok())
    }
}

fn read(body: &[u8], business: &BusinessId) -> Result<Option<ProviderEvent>, WebhookError> {
    let malformed = |error| WebhookError::Malformed(format!("not a webhook of the Messages API: {error}"));
    let payload: VonageMessagesPayload = serde_json::from_slice(body).map_err(malformed)?;
    let at = parse_rfc3339(&payload.timestamp)?;
    match (&payload.status, &payload.message_type) {
        (Some(word), _) => {
            Ok(status(word)
                .map(|status| ProviderEvent::Receipt(delivery_report(payload, status, business, at))))
        }
        (None, Some(_)) => Ok(inbound_text(payload, business, at).map(ProviderEvent::Text)),
        (None, None) => Err(WebhookError::Malformed("it has neither a status nor a message_type".to_owned())),
    }
}

/// What a status means; `None` for a word that is not documented yet.
fn status(word: &str) -> Option<ReceiptStatus> {
    Some(match word {
        "submitted" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        // Refused, or WhatsApp could not be reached.
        "rejected" | "undeliverable" => ReceiptStatus::Failed,
        _ => return None,
    })
}

/// Whom Vonage names by a number, a user id, or both.
fn person(
    named: Option<&str>,
    whatsapp: Option<&VonagePerson>,
    business: &BusinessId,
) -> Option<(Address, Vec<Address>)> {
    let number = named.and_then(parse_phone).or_else(|| parse_phone(whatsapp?.wa_id.as_deref()?));
    let user_id = whatsapp.and_then(|person| person.user_id.as_deref()).or(named);
    named_person([number, user_id.and_then(|id| parse_user_id(business, id))])
}

fn delivery_report(
    payload: VonageMessagesPayload,
    status: ReceiptStatus,
    business: &BusinessId,
    at: Timestamp,
) -> DeliveryReport {
    let recipient = person(payload.to.as_deref(), payload.whatsapp.recipient.as_ref(), business);
    let (address, aliases) =
        recipient.map_or((None, Vec::new()), |(address, aliases)| (Some(address), aliases));
    let error = payload.error.filter(|_| status == ReceiptStatus::Failed);
    let code = error.as_ref().and_then(VonageStatusError::code);
    let evidence = error.map(|error| {
        OutcomeEvidence::new(code.map(|code| code.to_string()).unwrap_or_default(), &error.detail)
    });
    DeliveryReport {
        reference: payload.message_uuid,
        echo: payload.client_ref.and_then(|text| text.parse().ok()),
        address,
        aliases,
        status,
        reported_at: at,
        evidence: evidence.unwrap_or_default(),
        objection: code.and_then(errors::by_code).and_then(|meaning| meaning.objection()),
    }
}

/// What somebody wrote or chose; `None` when it comes from nobody who is known by a number or a user id.
fn inbound_text(payload: VonageMessagesPayload, business: &BusinessId, at: Timestamp) -> Option<InboundText> {
    let (from, aliases) = person(payload.from.as_deref(), payload.whatsapp.sender.as_ref(), business)?;
    let chosen = payload.reply.map(|reply| reply.title).or(payload.button.map(|button| button.text));
    Some(InboundText {
        id: payload.message_uuid,
        from,
        aliases,
        to: payload.to,
        text: payload.text.or(chosen).unwrap_or_default(),
        reply_to: payload.context.and_then(|context| context.message_uuid),
        at,
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::model::Objection;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    async fn handle(secret: &str, authorization: &str, body: &str) -> Result<WebhookPayload, WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert("Authorization", authorization.parse().unwrap());
        let url = "https://hooks.example.com/providers/wa";
        let handler =
            VonageWhatsappWebhooks { secret: Secret::new(secret), business: "shop".parse().unwrap() };
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

    fn token(algorithm: &str, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": algorithm, "typ": "JWT" })), encode(claims));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"abcde");
        let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()));
        format!("Bearer {signed}.{signature}")
    }

    fn claims(body: &str, at: &str) -> Value {
        let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        let iat = at.parse::<Timestamp>().unwrap().as_second();
        json!({ "iat": iat, "jti": "1", "iss": "Vonage", "payload_hash": hash, "api_key": "abcd1234" })
    }

    fn signed(body: &str) -> String {
        token("HS256", &claims(body, NOW))
    }

    async fn events_in(body: &Value) -> Vec<ProviderEvent> {
        let body = body.to_string();
        match handle("abcde", &signed(&body), &body).await {
            Ok(WebhookPayload::Events(events)) => events,
            other => panic!("{other:?}"),
        }
    }

    async fn delivery_report(status: &str, error: Value) -> DeliveryReport {
        let body = json!({
            "message_uuid": "aaaa", "to": "34600123456", "from": "34910000000", "channel": "whatsapp",
            "timestamp": "2026-11-22T09:59:58.331Z", "status": status, "error": error,
            "client_ref": "acme/01900000-0000-7000-8000-000000000000/2",
        });
        match events_in(&body).await.as_slice() {
            [ProviderEvent::Receipt(delivery_report)] => delivery_report.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_status_says_what_became_of_the_message() {
        for (word, expected) in [
            ("submitted", ReceiptStatus::Sent),
            ("delivered", ReceiptStatus::Delivered),
            ("read", ReceiptStatus::Read),
            ("rejected", ReceiptStatus::Failed),
            ("undeliverable", ReceiptStatus::Failed),
        ] {
            let delivery_report = delivery_report(word, Value::Null).await;
            assert_eq!((delivery_report.reference.as_str(), delivery_report.status), ("aaaa", expected));
            assert_eq!(
                (delivery_report.address, delivery_report.echo.unwrap().attempt),
                (parse_phone("34600123456"), 2)
            );
            assert_eq!(delivery_report.reported_at, "2026-11-22T09:59:58.331Z".parse().unwrap());
        }
        let tomorrow = json!({ "message_uuid": "a", "timestamp": NOW, "status": "a-word-of-tomorrow" });
        assert_eq!(events_in(&tomorrow).await, []);
    }

    #[tokio::test]
    async fn people_are_known_by_their_number_their_user_id_or_both() {
        let user = Address::whatsapp_user(&"shop".parse().unwrap(), "ES.1").unwrap();
        let number = parse_phone("34600123456").unwrap();
        let known = |wa_id: Option<&str>| json!({ "wa_id": wa_id, "user_id": "ES.1" });
        for (named, person, address, aliases) in [
            (json!("34600123456"), known(Some("34600123456")), &number, vec![user.clone()]),
            (json!("34600123456"), Value::Null, &number, vec![]),
            (Value::Null, known(Some("34600123456")), &number, vec![user.clone()]),
            (Value::Null, known(None), &user, vec![]),
            (json!("ES.1"), Value::Null, &user, vec![]),
        ] {
            let text = json!({
                "message_uuid": "a", "timestamp": NOW, "message_type": "text", "text": "STOP", "from": named,
                "whatsapp": { "sender": person },
            });
            let status = json!({
                "message_uuid": "a", "timestamp": NOW, "status": "delivered", "to": named,
                "whatsapp": { "recipient": person },
            });
            match events_in(&text).await.remove(0) {
                ProviderEvent::Text(text) => assert_eq!((&text.from, &text.aliases), (address, &aliases)),
                other => panic!("{other:?}"),
            }
            match events_in(&status).await.remove(0) {
                ProviderEvent::Receipt(report) => {
                    assert_eq!((report.address.as_ref(), &report.aliases), (Some(address), &aliases));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn only_what_is_certain_suppresses_the_address() {
        for (code, expected) in [
            (1190, Some(Objection::BadAddress)),
            (1240, Some(Objection::OptedOut)),
            (1050, None),
            (1300, None),
            (1340, None),
            (9999, None),
        ] {
            let url = format!("https://developer.vonage.com/api-errors/messages#{code}");
            for error in [
                json!({ "type": url, "title": "Rejected", "detail": "no" }),
                json!({ "title": code, "detail": "no" }),
                json!({ "title": code.to_string(), "detail": "no" }),
            ] {
                let delivery_report = delivery_report("rejected", error).await;
                assert_eq!(delivery_report.objection, expected, "{code}");
                assert_eq!(delivery_report.evidence.to_string(), format!("{code} no"));
            }
        }
    }

    #[tokio::test]
    async fn what_people_write_or_choose_is_a_text_and_what_they_show_an_empty_one() {
        for (kind, content, text) in [
            ("text", json!("STOP"), "STOP"),
            ("reply", json!({ "id": "1", "title": "Yes", "description": "" }), "Yes"),
            ("button", json!({ "payload": "no", "text": "No more" }), "No more"),
            ("image", json!({ "url": "https://example.com/1" }), ""),
        ] {
            let mut body = json!({
                "message_uuid": "bbbb", "to": "34910000000", "from": "34600123456", "timestamp": NOW,
                "channel": "whatsapp", "message_type": kind, "context": { "message_uuid": "aaaa" },
            });
            body[kind] = content;
            let inbound = InboundText {
                id: "bbbb".to_owned(),
                from: parse_phone("34600123456").unwrap(),
                aliases: Vec::new(),
                to: Some("34910000000".to_owned()),
                text: text.to_owned(),
                reply_to: Some("aaaa".to_owned()),
                at: now(),
            };
            assert_eq!(events_in(&body).await, [ProviderEvent::Text(inbound)], "{kind}");
        }
        let nameless = json!({ "message_uuid": "b", "timestamp": NOW, "message_type": "text", "from": "x" });
        assert_eq!(events_in(&nameless).await, []);
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let body = r#"{"message_uuid":"a","timestamp":"2026-11-22T10:00:00Z","status":"read"}"#;
        let right = signed(body);
        assert!(handle("abcde", &right, body).await.is_ok());
        let unsigned = format!("{}.", token("none", &claims(body, NOW)).rsplit_once('.').unwrap().0);
        for (secret, authorization, body) in [
            ("abcde", right.as_str(), body.replace("read", "sent").as_str()),
            ("abcdf", &right, body),
            ("abcde", &right["Bearer ".len()..], body),
            ("abcde", &right[..right.len() - 2], body),
            ("abcde", &format!("{right}.x"), body),
            ("abcde", &token("HS512", &claims(body, NOW)), body),
            ("abcde", &token("none", &claims(body, NOW)), body),
            ("abcde", &unsigned, body),
            ("abcde", &token("HS256", &claims(body, "2026-11-21T09:59:59Z")), body),
            ("abcde", &token("HS256", &claims(body, "2026-11-22T10:05:01Z")), body),
            ("abcde", &token("HS256", &json!({ "iat": now().as_second() })), body),
            ("abcde", "", body),
            ("abcde", "Bearer ", body),
        ] {
            let answer = handle(secret, authorization, body).await;
            assert!(
                matches!(answer, Err(WebhookError::Unauthenticated(_))),
                "{secret} {authorization} {body}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        for body in [
            "",
            "[]",
            r#"{"message_uuid":"a","timestamp":"2026-11-22T10:00:00Z"}"#,
            r#"{"message_uuid":"a","timestamp":"yesterday","status":"read"}"#,
        ] {
            let answer = handle("abcde", &signed(body), body).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{body}");
        }
    }
}
