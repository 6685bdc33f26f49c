//! Resend's webhooks (resend.com/docs, "Webhooks"), which Svix signs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, SENT, address, echo_from_fields, parse, required,
};
use crate::adapters::webhooks::{
    StandardWebhooksKey, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use crate::model::Objection::{BadAddress, Complaint};
use crate::model::OutcomeEvidence;

/// Takes the webhooks of an account.
#[derive(Debug)]
pub(super) struct ResendWebhooks {
    /// The key by which they are signed.
    pub verifier: StandardWebhooksKey,
}

#[async_trait]
impl WebhookHandler for ResendWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        self.verifier.verify(request, "svix")?;
        let payload: ResendPayload = parse(request.body.unwrap_or_default(), "an event of Resend's")?;
        let Some(meaning) = meaning(&payload.kind, &payload.data.bounce) else {
            return Ok(WebhookPayload::Events(vec![]));
        };
        Ok(WebhookPayload::Events(event(payload)?.provider_event(meaning).into_iter().collect()))
    }
}

/// The parts we read.
#[derive(Deserialize)]
struct ResendPayload {
    #[serde(rename = "type")]
    kind: String,
    /// When it happened; the field of the same name within `data` says when the email was made.
    created_at: Option<String>,
    #[serde(default)]
    data: ResendData,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResendData {
    email_id: Option<String>,
    to: Vec<String>,
    /// An object of names and values; a list of objects with `name` and `value` in older events.
    tags: Value,
    bounce: ResendReason,
    failed: ResendReason,
    suppressed: ResendReason,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResendReason {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "subType")]
    sub_type: String,
    message: String,
    reason: String,
}

/// The event types of Resend's page of that name; `bounce.type` has the words of Amazon SES. `email.suppressed` does not say
/// which of an earlier bounce or complaint was the reason. `email.scheduled`, `email.delivery_delayed`, `email.clicked` and
/// `email.received` say nothing of what became of the email.
fn meaning(kind: &str, bounce: &ResendReason) -> Option<EmailEventMeaning> {
    Some(match (kind, bounce.kind.as_str()) {
        ("email.sent", _) => SENT,
        ("email.delivered", _) => DELIVERED,
        ("email.opened", _) => READ,
        ("email.bounced", "Permanent") => FAILED.with_objection(BadAddress),
        ("email.bounced" | "email.failed" | "email.suppressed", _) => FAILED,
        ("email.complained", _) => DELIVERED.with_objection(Complaint),
        _ => return None,
    })
}

fn event(payload: ResendPayload) -> Result<EmailEvent, WebhookError> {
    let ResendPayload { created_at, data, .. } = payload;
    let reasons = [&data.bounce, &data.failed, &data.suppressed];
    let word = |reason: &ResendReason| format!("{} {}", reason.kind, reason.sub_type).trim().to_owned();
    let code = reasons.iter().map(|reason| word(reason)).find(|word| !word.is_empty()).unwrap_or_default();
    let texts = reasons.iter().flat_map(|reason| [&reason.message, &reason.reason]);
    let text = texts.into_iter().find(|text| !text.is_empty()).map(String::as_str).unwrap_or_default();
    let tags = tags(&data.tags);
    Ok(EmailEvent {
        id: None,
        reference: required("data.email_id", data.email_id)?,
        echo: echo_from_fields(|name| tags.get(name).copied()),
        // Each email of ours has one recipient; with several an event does not say which it is about.
        address: if let [to] = data.to.as_slice() { address(to) } else { None },
        at: required("created_at", created_at.and_then(|text| text.parse().ok()))?,
        evidence: OutcomeEvidence::new(code, text),
    })
}

fn tags(tags: &Value) -> BTreeMap<&str, &str> {
    match tags {
        Value::Object(tags) => {
            tags.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
        }
        Value::Array(tags) => {
            tags.iter().filter_map(|tag| Some((tag["name"].as_str()?, tag["value"].as_str()?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::email::events::tests::{NOW, delivery_report, echo, handle, summary};
    use crate::secret::Secret;

    fn handler() -> ResendWebhooks {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        ResendWebhooks { verifier: StandardWebhooksKey::new(&secret).unwrap() }
    }

    async fn signed(body: &str) -> Result<WebhookPayload, WebhookError> {
        let (signature, time) = (handler().verifier.sign("msg_1", NOW, body.as_bytes()), NOW.to_string());
        let headers = [("svix-id", "msg_1"), ("svix-timestamp", &time), ("svix-signature", &signature)];
        handle(&handler(), &headers, body).await
    }

    fn body(kind: &str, more: Value) -> String {
        let mut data = json!({
            "email_id": "56761188", "created_at": "2026-11-22 09:00:00.000000+00", "to": ["ana@example.org"],
            "tags": {
                "relevo-brand": "acme", "relevo-message": echo().message.to_string(), "relevo-attempt": "2",
            },
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "type": kind, "created_at": "2026-11-22T09:59:58.126Z", "data": data }).to_string()
    }

    #[tokio::test]
    async fn every_event_type_has_its_meaning() {
        for (kind, bounce, expected) in [
            ("email.sent", "", "sent"),
            ("email.delivered", "", "delivered"),
            ("email.opened", "", "read"),
            ("email.bounced", "Permanent", "failed bad_address"),
            ("email.bounced", "Transient", "failed"),
            ("email.bounced", "Undetermined", "failed"),
            ("email.bounced", "", "failed"),
            ("email.complained", "", "delivered complaint"),
            ("email.failed", "", "failed"),
            ("email.suppressed", "", "failed"),
            ("email.scheduled", "", "-"),
            ("email.delivery_delayed", "", "-"),
            ("email.clicked", "", "-"),
            ("email.received", "", "-"),
            ("contact.created", "", "-"),
        ] {
            let body = body(kind, json!({ "bounce": { "type": bounce, "message": "gone" } }));
            assert_eq!(summary(&signed(&body).await), expected, "{kind} {bounce}");
        }
        assert_eq!(summary(&signed(r#"{"type":"of.tomorrow"}"#).await), "-");
    }

    #[tokio::test]
    async fn the_email_is_known_by_its_id_and_by_either_form_of_its_tags() {
        let bounce =
            json!({ "bounce": { "type": "Permanent", "subType": "General", "message": "No such user" } });
        let report = delivery_report(signed(&body("email.bounced", bounce)).await);
        assert_eq!((report.reference.as_str(), report.echo), ("56761188", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!(report.reported_at, "2026-11-22T09:59:58.126Z".parse().unwrap());
        assert_eq!(
            (report.evidence.code.as_str(), report.evidence.text.as_str()),
            ("Permanent General", "No such user")
        );

        let message = echo().message.to_string();
        let pairs = [("relevo-brand", "acme"), ("relevo-message", &message), ("relevo-attempt", "2")];
        let list = pairs.map(|(name, value)| json!({ "name": name, "value": value }));
        let report = delivery_report(signed(&body("email.sent", json!({ "tags": list }))).await);
        assert_eq!(report.echo, Some(echo()));
        let report = delivery_report(
            signed(&body("email.sent", json!({ "tags": null, "to": ["a@b.c", "d@e.f"] }))).await,
        );
        assert_eq!((report.echo, report.address), (None, None));
    }

    #[tokio::test]
    async fn what_is_forged_and_what_cannot_be_read_are_told_apart() {
        let body = body("email.sent", json!({}));
        assert!(matches!(handle(&handler(), &[], &body).await, Err(WebhookError::Unauthenticated(_))));
        for wrong in ["", "[]", "{}", r#"{"type":"email.sent"}"#, r#"{"type":"email.sent","data":{"to":1}}"#]
        {
            assert!(matches!(signed(wrong).await, Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }
}
