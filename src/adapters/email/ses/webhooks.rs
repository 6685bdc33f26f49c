//! Events of Amazon SES (SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"), and the
//! notifications that came before them ("Amazon SNS notification contents"), which lack the tags.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, SENT, address, parse, required,
};
use crate::adapters::webhooks::sns::SnsTopic;
use crate::adapters::webhooks::{
    ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use crate::model::Objection::{BadAddress, CommercialOptedOut, Complaint};
use crate::model::OutcomeEvidence;

/// Takes the events that SES publishes to a topic.
#[derive(Debug)]
pub(super) struct SesWebhooks {
    /// The topic.
    pub topic: SnsTopic,
}

#[async_trait]
impl WebhookHandler for SesWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        let message = self.topic.verify_notification(request).await?;
        Ok(WebhookPayload::Events(message.map(|message| read(&message)).transpose()?.unwrap_or_default()))
    }
}

/// What SES publishes to a topic in words when it is told to use it.
const WELCOME: &str = "Successfully validated SNS topic";

/// Reads what SES published, once it is known to come from the topic.
///
/// # Errors
/// `Malformed` when it is no event of SES's.
fn read(message: &str) -> Result<Vec<ProviderEvent>, WebhookError> {
    if message.starts_with(WELCOME) {
        return Ok(Vec::new());
    }
    let payload: SesPayload = parse(message.as_bytes(), "an event of SES's")?;
    let Some(meaning) = meaning(&payload) else { return Ok(Vec::new()) };
    let provider_event = |event: EmailEvent| event.provider_event(meaning);
    Ok(events(&payload)?.into_iter().filter_map(provider_event).collect())
}

/// The parts we read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SesPayload {
    #[serde(alias = "notificationType")]
    event_type: String,
    #[serde(default)]
    mail: SesMail,
    #[serde(default)]
    bounce: SesDetails,
    #[serde(default)]
    complaint: SesDetails,
    #[serde(default)]
    delivery: SesDetails,
    #[serde(default)]
    open: SesDetails,
    #[serde(default)]
    reject: SesDetails,
    #[serde(default)]
    failure: SesDetails,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SesMail {
    timestamp: Option<String>,
    message_id: Option<String>,
    destination: Vec<String>,
    tags: Value,
}

/// What the objects of the events hold, each its part of it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SesDetails {
    timestamp: Option<String>,
    bounce_type: String,
    bounce_sub_type: String,
    bounced_recipients: Vec<SesRecipient>,
    complaint_feedback_type: Option<String>,
    complaint_sub_type: Option<String>,
    complained_recipients: Vec<SesRecipient>,
    recipients: Vec<String>,
    /// Why SES rejected it.
    reason: Option<String>,
    /// Why a template could not be filled in.
    error_message: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SesRecipient {
    email_address: String,
    status: Option<String>,
    diagnostic_code: Option<String>,
}

/// The event types, the types and subtypes of bounces, and the types of complaints. `Click`, `DeliveryDelay` and
/// `Subscription`, which is about SES's own lists, say nothing of what became of the email.
fn meaning(payload: &SesPayload) -> Option<EmailEventMeaning> {
    let (bounce, complaint) = (&payload.bounce, &payload.complaint);
    Some(match payload.event_type.as_str() {
        "Send" => SENT,
        "Delivery" => DELIVERED,
        "Open" => READ,
        "Reject" | "Rendering Failure" => FAILED,
        "Bounce" => match (bounce.bounce_type.as_str(), bounce.bounce_sub_type.as_str()) {
            ("Permanent", "UnsubscribedRecipient") => FAILED.with_objection(CommercialOptedOut),
            // General, NoEmail; Suppressed, OnAccountSuppressionList: SES sends nothing to the address.
            ("Permanent", _) => FAILED.with_objection(BadAddress),
            // SES has tried for as long as it does.
            _ => FAILED,
        },
        "Complaint" => {
            match (complaint.complaint_sub_type.as_deref(), complaint.complaint_feedback_type.as_deref()) {
                // SES took it and did not send it, because of an earlier complaint.
                (Some("OnAccountSuppressionList"), _) => FAILED.with_objection(Complaint),
                // Nobody complains of spam who says so (RFC 5965, section 7.3; RFC 6591).
                (_, Some("not-spam" | "auth-failure")) => return None,
                _ => DELIVERED.with_objection(Complaint),
            }
        }
        _ => return None,
    })
}

/// One for each recipient that it speaks of.
fn events(payload: &SesPayload) -> Result<Vec<EmailEvent>, WebhookError> {
    let details = match payload.event_type.as_str() {
        "Bounce" => &payload.bounce,
        "Complaint" => &payload.complaint,
        "Delivery" => &payload.delivery,
        "Open" => &payload.open,
        "Reject" => &payload.reject,
        _ => &payload.failure,
    };
    let reference = required("mail.messageId", payload.mail.message_id.clone())?;
    let time = details.timestamp.as_ref().or(payload.mail.timestamp.as_ref());
    let at = required("timestamp", time.and_then(|time| time.parse().ok()))?;
    let echo = payload.mail.tags["relevo"][0].as_str().and_then(|tag| tag.replace('_', "/").parse().ok());
    let event = |recipient: &SesRecipient| EmailEvent {
        id: None,
        reference: reference.clone(),
        echo: Option::clone(&echo),
        address: address(&recipient.email_address),
        at,
        evidence: details.evidence(recipient),
    };
    Ok(details.recipients(&payload.mail).iter().map(event).collect())
}

impl SesDetails {
    /// Those that the event names, or else those of the email.
    fn recipients(&self, mail: &SesMail) -> Vec<SesRecipient> {
        let named = |name: &String| SesRecipient { email_address: name.clone(), ..SesRecipient::default() };
        let recipients =
            self.bounced_recipients.iter().chain(&self.complained_recipients).map(SesRecipient::clone);
        let recipients: Vec<SesRecipient> = recipients.chain(self.recipients.iter().map(named)).collect();
        if recipients.is_empty() { mail.destination.iter().map(named).collect() } else { recipients }
    }

    fn evidence(&self, recipient: &SesRecipient) -> OutcomeEvidence {
        let complaint = self.complaint_feedback_type.as_deref().unwrap_or_default();
        let status = recipient.status.as_deref().unwrap_or_default();
        let words = [&self.bounce_type, &self.bounce_sub_type, complaint, status];
        let code = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let texts = [&recipient.diagnostic_code, &self.reason, &self.error_message];
        let text = texts.into_iter().flatten().next().map(String::as_str).unwrap_or_default();
        OutcomeEvidence::new(code, text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::email::events::tests::{delivery_report, echo, summary};

    fn handle_event(payload: &Value) -> Result<WebhookPayload, WebhookError> {
        read(&payload.to_string()).map(WebhookPayload::Events)
    }

    fn event(kind: &str, object: &str, details: Value) -> Value {
        let tag = echo().to_string().replace('/', "_");
        let mut payload = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-22T09:00:00.000Z", "messageId": "0102-000000",
                "destination": ["ana@example.org"],
                "tags": { "ses:configuration-set": ["relevo"], "relevo": [tag] },
            },
        });
        payload[object] = details;
        payload
    }

    fn bounce(kind: &str, sub_type: &str) -> Value {
        let recipient = json!({
            "emailAddress": "ana@example.org", "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown",
        });
        let details = json!({
            "bounceType": kind, "bounceSubType": sub_type, "bouncedRecipients": [recipient],
            "timestamp": "2026-11-22T09:59:58.237Z", "feedbackId": "f1",
        });
        event("Bounce", "bounce", details)
    }

    fn complaint(kind: Value, sub_type: Value) -> Value {
        let recipients = json!([{ "emailAddress": "ana@example.org" }]);
        let details = json!({
            "complainedRecipients": recipients, "complaintFeedbackType": kind, "complaintSubType": sub_type,
            "timestamp": "2026-11-22T09:59:58.237Z",
        });
        event("Complaint", "complaint", details)
    }

    #[test]
    fn every_event_has_its_meaning() {
        let none = Value::Null;
        for (payload, expected) in [
            (event("Send", "send", json!({})), "sent"),
            (event("Delivery", "delivery", json!({ "recipients": ["ana@example.org"] })), "delivered"),
            (event("Open", "open", json!({ "userAgent": "x" })), "read"),
            (event("Reject", "reject", json!({ "reason": "Bad content" })), "failed"),
            (event("Rendering Failure", "failure", json!({ "errorMessage": "x" })), "failed"),
            (bounce("Permanent", "General"), "failed bad_address"),
            (bounce("Permanent", "NoEmail"), "failed bad_address"),
            (bounce("Permanent", "Suppressed"), "failed bad_address"),
            (bounce("Permanent", "OnAccountSuppressionList"), "failed bad_address"),
            (bounce("Permanent", "UnsubscribedRecipient"), "failed commercial_opted_out"),
            (bounce("Transient", "General"), "failed"),
            (bounce("Transient", "MailboxFull"), "failed"),
            (bounce("Transient", "ContentRejected"), "failed"),
            (bounce("Undetermined", "Undetermined"), "failed"),
            (complaint(json!("abuse"), none.clone()), "delivered complaint"),
            (complaint(none.clone(), none.clone()), "delivered complaint"),
            (complaint(json!("not-spam"), none.clone()), "-"),
            (complaint(json!("auth-failure"), none.clone()), "-"),
            (complaint(none, json!("OnAccountSuppressionList")), "failed complaint"),
            (event("Click", "click", json!({ "link": "x" })), "-"),
            (event("DeliveryDelay", "deliveryDelay", json!({ "delayType": "MailboxFull" })), "-"),
            (event("Subscription", "subscription", json!({})), "-"),
            (event("Of Tomorrow", "x", json!({})), "-"),
        ] {
            assert_eq!(summary(&handle_event(&payload)), expected, "{payload}");
        }
    }

    #[test]
    fn the_email_is_known_by_its_id_and_by_the_tag() {
        let report = delivery_report(handle_event(&bounce("Permanent", "General")));
        assert_eq!((report.reference.as_str(), report.echo), ("0102-000000", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!(report.reported_at, "2026-11-22T09:59:58.237Z".parse().unwrap());
        assert_eq!(report.evidence.code, "Permanent General 5.1.1");
        assert_eq!(report.evidence.text, "smtp; 550 5.1.1 user unknown");
    }

    #[test]
    fn a_notification_has_another_name_for_its_type_and_no_tags() {
        let mut payload = complaint(json!("abuse"), Value::Null);
        let kind = payload.as_object_mut().unwrap().remove("eventType").unwrap();
        payload["notificationType"] = kind;
        payload["mail"].as_object_mut().unwrap().remove("tags");
        let report = delivery_report(handle_event(&payload));
        assert_eq!((report.reference.as_str(), report.echo), ("0102-000000", None));
    }

    #[test]
    fn each_recipient_is_told_of() {
        let mut payload = bounce("Permanent", "General");
        let two = json!([{ "emailAddress": "a@example.org" }, { "emailAddress": "b@example.org" }]);
        payload["bounce"]["bouncedRecipients"] = two;
        let Ok(WebhookPayload::Events(events)) = handle_event(&payload) else { panic!() };
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn what_ses_says_in_words_is_passed_over_and_nonsense_is_not() {
        let welcome = "Successfully validated SNS topic for Amazon SES event publishing.";
        assert_eq!(read(welcome), Ok(vec![]));
        assert_eq!(
            read(r#"{"notificationType":"AmazonSnsSubscriptionSucceeded","message":"x"}"#),
            Ok(vec![])
        );
        for wrong in [
            "",
            "[]",
            "{}",
            "hello",
            r#"{"eventType":"Send"}"#,
            r#"{"eventType":"Send","mail":{"messageId":"1"}}"#,
        ] {
            assert!(matches!(read(wrong), Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }
}
