//! Mailgun's webhooks (documentation.mailgun.com, "Webhooks" and "Events"), and how they are signed ("Securing webhooks").

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, address, parse, required,
};
use crate::adapters::email::replies::{SmtpReply, SmtpStage};
use crate::adapters::webhooks::{
    SignatureAlgorithm, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest, decode_hex, is_recent,
    is_valid_signature,
};
use crate::model::Objection::{BadAddress, CommercialOptedOut, Complaint};
use crate::model::{OutcomeEvidence, Timestamp};
use crate::secret::Secret;

/// Mailgun calls again for eight hours, and nothing says whether it signs anew for that.
const WINDOW: SignedDuration = SignedDuration::from_mins(8 * 60 + 15);

/// Takes the webhooks of a domain.
#[derive(Debug)]
pub(super) struct MailgunWebhooks {
    key: Secret,
    seen: Mutex<SeenTokens>,
}

impl MailgunWebhooks {
    /// Takes what is signed by this key.
    pub(super) fn new(key: Secret) -> Self {
        Self { key, seen: Mutex::default() }
    }

    /// The signature is over the timestamp and the token alone.
    fn check(
        &self,
        signature: &MailgunSignature,
        request: &WebhookRequest<'_>,
        body: &[u8],
    ) -> Result<(), WebhookError> {
        let MailgunSignature { timestamp, token, signature } = signature;
        let given = decode_hex(signature).unwrap_or_default();
        let parts = [timestamp.as_bytes(), token.as_bytes()];
        if !is_valid_signature(SignatureAlgorithm::HmacSha256, self.key.expose().as_bytes(), &parts, &given) {
            return Err(WebhookError::Unauthenticated("its signature is not by this signing key"));
        }
        let time = timestamp.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.filter(|&time| is_recent(time, request.now, WINDOW));
        let time =
            time.ok_or(WebhookError::Unauthenticated("it was not signed within the last eight hours"))?;
        if self.seen().admits(time, Sha256::digest(token).into(), Sha256::digest(body).into(), request.now) {
            Ok(())
        } else {
            Err(WebhookError::Unauthenticated("its token was used before, or is too old to tell"))
        }
    }

    fn seen(&self) -> MutexGuard<'_, SeenTokens> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type TokenHash = [u8; 32];

/// The tokens of the window, each with the body that it came with: as a signature does not cover the body, a token that is
/// seen again with another one is a forgery. With the same one it is Mailgun, calling again.
///
/// When there are too many, the oldest are forgotten, and whatever was signed as early as they were is refused from then on:
/// the window narrows to what can be told. A restart forgets them all.
#[derive(Debug, Default)]
struct SeenTokens {
    bodies: BTreeMap<(Timestamp, TokenHash), TokenHash>,
    /// When the newest of the forgotten was signed.
    forgotten: Option<Timestamp>,
}

impl SeenTokens {
    /// Some five megabytes.
    const MAX: usize = 50_000;

    fn admits(&mut self, signed: Timestamp, token: TokenHash, body: TokenHash, now: Timestamp) -> bool {
        if let Some(known) = self.bodies.get(&(signed, token)) {
            return *known == body;
        }
        if self.forgotten.is_some_and(|forgotten| signed <= forgotten) {
            return false;
        }
        self.bodies.insert((signed, token), body);
        while let Some(oldest) = self.bodies.first_entry() {
            let (signed, _) = *oldest.key();
            if is_recent(signed, now, WINDOW) {
                break;
            }
            oldest.remove();
        }
        if self.bodies.len() > Self::MAX {
            self.forgotten = self.bodies.pop_first().map(|((signed, _), _)| signed);
        }
        true
    }
}

#[async_trait]
impl WebhookHandler for MailgunWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let body = request.body.ok_or(WebhookError::Unauthenticated("Mailgun calls with POST"))?;
        // The signature stands in what it does not cover, so this much is read of anybody's request.
        let payload = serde_json::from_slice(body);
        let MailgunPayload { signature, event_data } =
            payload.map_err(|_| WebhookError::Unauthenticated("it is not signed as Mailgun signs"))?;
        self.check(&signature, request, body)?;
        let event_data: MailgunEventData = parse(event_data.to_string().as_bytes(), "an event of Mailgun's")?;
        let Some(meaning) = meaning(&event_data) else { return Ok(WebhookPayload::Events(vec![])) };
        Ok(WebhookPayload::Events(event(event_data)?.provider_event(meaning).into_iter().collect()))
    }
}

#[derive(Deserialize)]
struct MailgunPayload {
    signature: MailgunSignature,
    #[serde(rename = "event-data", default)]
    event_data: Value,
}

#[derive(Deserialize)]
struct MailgunSignature {
    timestamp: String,
    token: String,
    signature: String,
}

/// The parts we read of an event.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MailgunEventData {
    event: String,
    /// Seconds since the Unix epoch, with a fraction.
    timestamp: Option<f64>,
    id: Option<String>,
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    delivery_status: MailgunDeliveryStatus,
    #[serde(default)]
    client_info: MailgunClientInfo,
    #[serde(default)]
    user_variables: Value,
    #[serde(default)]
    message: Value,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct MailgunDeliveryStatus {
    /// The code of the reply, or one of Mailgun's own.
    code: Option<u16>,
    enhanced_code: Option<String>,
    message: Option<String>,
    description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MailgunClientInfo {
    /// The program that opened it, when it was not a person's.
    bot: Option<String>,
}

/// The event types, and for failures their `severity` and `reason`. `accepted`, `stored` and `clicked` say nothing of what
/// became of the email, and a temporary failure is tried again.
fn meaning(event_data: &MailgunEventData) -> Option<EmailEventMeaning> {
    Some(match (event_data.event.as_str(), event_data.severity.as_str(), event_data.reason.as_str()) {
        ("delivered", ..) => DELIVERED,
        ("opened", ..) if event_data.client_info.bot.as_deref().is_some_and(|bot| !bot.is_empty()) => {
            return None;
        }
        ("opened", ..) => READ,

        ("failed", "permanent", "suppress-bounce") => FAILED.with_objection(BadAddress),
        ("failed", "permanent", "suppress-complaint") => FAILED.with_objection(Complaint),
        ("failed", "permanent", "suppress-unsubscribe") => FAILED.with_objection(CommercialOptedOut),
        // `bounce`, `generic`, `old` and others: what the recipient's server said is what counts.
        ("failed", "permanent", _) if event_data.delivery_status.says_bad_address() => {
            FAILED.with_objection(BadAddress)
        }
        ("failed", "permanent", _) | ("rejected", ..) => FAILED,

        ("complained", ..) => DELIVERED.with_objection(Complaint),
        // From a mailing list, from emails with a tag, or from all of the domain's: that is not told apart.
        ("unsubscribed", ..) => DELIVERED.with_objection(CommercialOptedOut),
        _ => return None,
    })
}

impl MailgunDeliveryStatus {
    /// Whether the reply is one after which an address is given up, as it is when we speak SMTP ourselves.
    fn says_bad_address(&self) -> bool {
        let text = format!("{} {}", self.enhanced_code.as_deref().unwrap_or_default(), self.text());
        let reply = |code| SmtpReply::new(code, text.trim_start()).outcome(SmtpStage::Recipient);
        self.code.is_some_and(|code| reply(code).objection() == Some(BadAddress))
    }

    fn text(&self) -> &str {
        let texts = [&self.message, &self.description];
        texts.into_iter().flatten().find(|text| !text.is_empty()).map(String::as_str).unwrap_or_default()
    }
}

fn event(event_data: MailgunEventData) -> Result<EmailEvent, WebhookError> {
    let status = &event_data.delivery_status;
    let code = status.code.map(|code| code.to_string()).unwrap_or_default();
    let code =
        [event_data.reason.as_str(), &code, status.enhanced_code.as_deref().unwrap_or_default()].join(" ");
    // A millisecond is as fine as any time here; the fraction is of a double.
    let at = event_data
        .timestamp
        .and_then(|seconds| Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok());
    Ok(EmailEvent {
        reference: event_data.message["headers"]["message-id"].as_str().unwrap_or_default().to_owned(),
        echo: event_data.user_variables["relevo"].as_str().and_then(|text| text.parse().ok()),
        address: address(&event_data.recipient),
        at: required("timestamp", at)?,
        evidence: OutcomeEvidence::new(code.trim(), status.text()),
        id: event_data.id,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::email::events::tests::{NOW, delivery_report, echo, handle, summary};

    fn handler() -> MailgunWebhooks {
        MailgunWebhooks::new(Secret::new("the-signing-key"))
    }

    fn signature(timestamp: &str, token: &str) -> Value {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"the-signing-key");
        let tag = ring::hmac::sign(&key, format!("{timestamp}{token}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "timestamp": timestamp, "token": token, "signature": hex })
    }

    fn signed(event_data: &Value) -> String {
        json!({ "signature": signature(&NOW.to_string(), "t1"), "event-data": event_data }).to_string()
    }

    fn data(event: &str, more: Value) -> Value {
        let mut event_data = json!({
            "event": event, "id": "e1", "timestamp": NOW as f64 + 0.25, "recipient": "ana@example.org",
            "message": { "headers": { "message-id": "2026@mg.example.com" } }, "tags": [],
            "user-variables": { "relevo": echo().to_string() },
        });
        event_data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event_data
    }

    fn failed(severity: &str, reason: &str, code: u16, message: &str) -> Value {
        let status = json!({ "code": code, "message": message, "attempt-no": 1 });
        data("failed", json!({ "severity": severity, "reason": reason, "delivery-status": status }))
    }

    #[tokio::test]
    async fn every_event_has_its_meaning() {
        for (event_data, expected) in [
            (data("accepted", json!({})), "-"),
            (data("rejected", json!({ "reject": { "reason": "x" } })), "failed"),
            (data("delivered", json!({ "delivery-status": { "code": 250 } })), "delivered"),
            (failed("temporary", "generic", 451, "later"), "-"),
            (failed("permanent", "suppress-bounce", 605, "Not delivering"), "failed bad_address"),
            (failed("permanent", "suppress-complaint", 607, "Not delivering"), "failed complaint"),
            (failed("permanent", "suppress-unsubscribe", 606, ""), "failed commercial_opted_out"),
            (failed("permanent", "bounce", 550, "5.1.1 No such user"), "failed bad_address"),
            (failed("permanent", "bounce", 550, "5.7.1 Policy"), "failed"),
            (failed("permanent", "bounce", 550, "Refused"), "failed"),
            (failed("permanent", "bounce", 552, "5.2.2 Full"), "failed"),
            (failed("permanent", "old", 602, "Too old"), "failed"),
            (data("opened", json!({ "client-info": { "bot": "" } })), "read"),
            (data("opened", json!({ "client-info": { "bot": "apple" } })), "-"),
            (data("clicked", json!({})), "-"),
            (data("unsubscribed", json!({})), "delivered commercial_opted_out"),
            (data("complained", json!({})), "delivered complaint"),
            (data("of-tomorrow", json!({})), "-"),
        ] {
            assert_eq!(
                summary(&handle(&handler(), &[], &signed(&event_data)).await),
                expected,
                "{event_data}"
            );
        }
    }

    #[tokio::test]
    async fn the_email_is_known_by_its_id_and_by_the_echo() {
        let event_data = failed("permanent", "bounce", 550, "5.1.1 a@b.example is unknown");
        let report = delivery_report(handle(&handler(), &[], &signed(&event_data)).await);
        assert_eq!((report.reference.as_str(), report.echo), ("2026@mg.example.com", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!(report.reported_at.as_millisecond(), NOW * 1_000 + 250);
        assert_eq!(
            (report.evidence.code.as_str(), report.evidence.text.as_str()),
            ("bounce 550", "5.1.1 *** is unknown")
        );
    }

    #[tokio::test]
    async fn whatever_is_changed_breaks_the_signature() {
        let data = data("delivered", json!({}));
        let now = NOW.to_string();
        let right = signature(&now, "t1");
        let with = |name: &str, value: &str| {
            let mut signature = right.clone();
            signature[name] = json!(value);
            json!({ "signature": signature, "event-data": data }).to_string()
        };
        assert!(handle(&handler(), &[], &with("token", "t1")).await.is_ok());
        let later = (NOW + 1).to_string();
        for body in [
            with("token", "t2"),
            with("timestamp", &later),
            with("signature", ""),
            with("signature", "zz"),
            with("signature", &"0".repeat(64)),
            json!({ "event-data": data }).to_string(),
            "nonsense".to_owned(),
        ] {
            assert!(
                matches!(handle(&handler(), &[], &body).await, Err(WebhookError::Unauthenticated(_))),
                "{body}"
            );
        }
        let other = MailgunWebhooks::new(Secret::new("another"));
        assert!(handle(&other, &[], &with("token", "t1")).await.is_err());
        for (time, holds) in [(NOW - 29_700, true), (NOW - 29_701, false), (NOW + 301, false)] {
            let payload = json!({ "signature": signature(&time.to_string(), "t1"), "event-data": data });
            assert_eq!(handle(&handler(), &[], &payload.to_string()).await.is_ok(), holds, "{time}");
        }
    }

    #[tokio::test]
    async fn a_token_counts_again_only_with_the_same_body() {
        let handler = handler();
        let (body, other) = (signed(&data("delivered", json!({}))), signed(&data("complained", json!({}))));
        assert!(handle(&handler, &[], &body).await.is_ok());
        assert!(handle(&handler, &[], &body).await.is_ok(), "Mailgun calls again after a failure of ours");
        assert!(matches!(handle(&handler, &[], &other).await, Err(WebhookError::Unauthenticated(_))));
    }

    #[test]
    fn a_full_memory_narrows_the_window() {
        let mut tokens = SeenTokens::default();
        let time = |ms: i64| Timestamp::from_millisecond(NOW * 1_000 + ms).unwrap();
        let token = |number: usize| -> TokenHash { Sha256::digest(number.to_be_bytes()).into() };
        for number in 0..=SeenTokens::MAX {
            assert!(tokens.admits(time(number as i64), token(number), [1; 32], time(0)));
        }
        assert_eq!(tokens.bodies.len(), SeenTokens::MAX);
        assert!(!tokens.admits(time(0), token(0), [2; 32], time(0)), "forgotten");
        assert!(
            !tokens.admits(time(0), token(SeenTokens::MAX + 1), [1; 32], time(0)),
            "as old as the forgotten"
        );
        assert!(tokens.admits(time(1), token(1), [1; 32], time(0)), "remembered");
        assert!(!tokens.admits(time(1), token(1), [2; 32], time(0)));
        let day = time(24 * 3_600_000);
        assert!(tokens.admits(day, token(0), [1; 32], day));
        assert_eq!(tokens.bodies.len(), 1, "what the window ends is dropped");
    }

    #[tokio::test]
    async fn what_is_signed_and_cannot_be_read_is_told_apart() {
        for wrong in [json!(null), json!({}), json!([1]), json!({ "event": "delivered" })] {
            let answer = handle(&handler(), &[], &signed(&wrong)).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }
}
