//! Postmark's webhooks (postmarkapp.com/developer/webhooks). They are not signed: Postmark calls with the user and password
//! that stand in the URL it was given.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, address, echo_from_fields, parse, required,
};
use crate::adapters::webhooks::{
    BasicAuth, ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use crate::model::Objection::{BadAddress, CommercialOptedOut, Complaint};
use crate::model::{AddressChange, AddressReport, OutcomeEvidence};

/// Takes the webhooks of a server.
#[derive(Debug)]
pub(super) struct PostmarkWebhooks {
    /// The credentials that they must carry.
    pub auth: BasicAuth,
}

#[async_trait]
impl WebhookHandler for PostmarkWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        self.auth.verify(request)?;
        let payload: PostmarkPayload = parse(request.body.unwrap_or_default(), "a webhook of Postmark's")?;
        let events = match meaning(&payload) {
            Some(meaning) => event(&payload)?.provider_event(meaning),
            None if payload.is_lifted() => Some(lifted(event(&payload)?)?),
            None => None,
        };
        Ok(WebhookPayload::Events(events.into_iter().collect()))
    }
}

/// The parts we read, under the names that they have in one webhook or another.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct PostmarkPayload {
    record_type: String,
    #[serde(rename = "MessageID")]
    message_id: Option<String>,
    metadata: BTreeMap<String, String>,
    #[serde(alias = "Email")]
    recipient: String,
    #[serde(alias = "BouncedAt", alias = "ReceivedAt", alias = "ChangedAt")]
    delivered_at: Option<String>,
    /// Of a bounce.
    r#type: String,
    description: String,
    details: String,
    /// Of a change of a subscription: whether the address is on the stream's suppression list now.
    suppress_sending: bool,
    suppression_reason: Option<String>,
    origin: String,
}

impl PostmarkPayload {
    /// The person asked for email again. What we took off the list ourselves says nothing about them.
    fn is_lifted(&self) -> bool {
        self.record_type == "SubscriptionChange" && !self.suppress_sending && self.origin == "Recipient"
    }
}

/// The record types, the bounce types ("Bounce types" in the API's reference) and the reasons of suppressions. `Click` says
/// nothing of what became of the email.
fn meaning(payload: &PostmarkPayload) -> Option<EmailEventMeaning> {
    Some(match (payload.record_type.as_str(), payload.r#type.as_str()) {
        ("Delivery", _) => DELIVERED,
        ("Open", _) => READ,
        ("SpamComplaint", _) => DELIVERED.with_objection(Complaint),

        ("Bounce", "HardBounce" | "BadEmailAddress") => FAILED.with_objection(BadAddress),
        ("Bounce", "SpamNotification" | "SpamComplaint") => DELIVERED.with_objection(Complaint),
        ("Bounce", "Unsubscribe") => DELIVERED.with_objection(CommercialOptedOut),
        // Somebody or something answered, or a server will try again.
        ("Bounce", "AutoResponder" | "AddressChange" | "ChallengeVerification" | "Subscribe") => return None,
        ("Bounce", "Transient" | "DnsError" | "OpenRelayTest") => return None,
        // SoftBounce, Blocked, DMARCPolicy, VirusNotification, ManuallyDeactivated: by us, and so on.
        ("Bounce", _) => FAILED,

        ("SubscriptionChange", _) if payload.suppress_sending => {
            match (payload.suppression_reason.as_deref()?, payload.origin.as_str()) {
                ("HardBounce", _) => FAILED.with_objection(BadAddress),
                ("SpamComplaint", _) => DELIVERED.with_objection(Complaint),
                // The link in an email. Only streams for mailings have one, and it is for that stream alone.
                ("ManualSuppression", "Recipient") => DELIVERED.with_objection(CommercialOptedOut),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn event(payload: &PostmarkPayload) -> Result<EmailEvent, WebhookError> {
    let reason = payload.suppression_reason.as_deref().unwrap_or(&payload.r#type);
    let text = if payload.details.is_empty() { &payload.description } else { &payload.details };
    let time = required("the time", payload.delivered_at.as_deref())?;
    Ok(EmailEvent {
        id: Some(format!("{time} {}", payload.recipient)),
        reference: payload.message_id.clone().unwrap_or_default(),
        echo: echo_from_fields(|name| payload.metadata.get(name).map(String::as_str)),
        address: address(&payload.recipient),
        at: required("the time", time.parse().ok())?,
        evidence: OutcomeEvidence::new(reason, text),
    })
}

fn lifted(event: EmailEvent) -> Result<ProviderEvent, WebhookError> {
    Ok(ProviderEvent::Address(AddressReport {
        id: required("ChangedAt", event.id)?,
        address: required("Recipient", event.address)?,
        aliases: Vec::new(),
        to: None,
        change: AddressChange::Returned,
        at: event.at,
        evidence: event.evidence,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::adapters::email::events::tests::{delivery_report, echo, handle, summary};
    use crate::secret::Secret;

    /// `relevo` and `secret`.
    const RIGHT: (&str, &str) = ("Authorization", "Basic cmVsZXZvOnNlY3JldA==");

    fn handler() -> PostmarkWebhooks {
        PostmarkWebhooks { auth: BasicAuth { user: "relevo".to_owned(), password: Secret::new("secret") } }
    }

    fn body(record_type: &str, time: &str, more: Value) -> String {
        let mut payload = json!({
            "RecordType": record_type, "MessageID": "883953f4", "ServerID": 23, "MessageStream": "outbound",
            "Metadata": {
                "relevo-brand": "acme", "relevo-message": echo().message.to_string(), "relevo-attempt": "2",
            },
        });
        payload[time] = json!("2026-11-22T09:59:54.9070259Z");
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        payload.to_string()
    }

    fn bounce(kind: &str) -> String {
        let more = json!({ "Type": kind, "Email": "ana@example.org", "Description": "said", "ID": 42 });
        body("Bounce", "BouncedAt", more)
    }

    fn change(suppress: bool, reason: Value, origin: &str) -> String {
        let more = json!({
            "SuppressSending": suppress, "SuppressionReason": reason, "Origin": origin,
            "Recipient": "ana@example.org",
        });
        body("SubscriptionChange", "ChangedAt", more)
    }

    async fn summary_of(body: &str) -> String {
        summary(&handle(&handler(), &[RIGHT], body).await)
    }

    #[tokio::test]
    async fn every_record_and_bounce_type_has_its_meaning() {
        let recipient = || json!({ "Recipient": "ana@example.org" });
        assert_eq!(summary_of(&body("Delivery", "DeliveredAt", recipient())).await, "delivered");
        assert_eq!(summary_of(&body("Open", "ReceivedAt", recipient())).await, "read");
        assert_eq!(summary_of(&body("Click", "ReceivedAt", recipient())).await, "-");
        assert_eq!(summary_of(&body("OfTomorrow", "ReceivedAt", recipient())).await, "-");
        let complaint = json!({ "Email": "ana@example.org", "Type": "SpamComplaint" });
        assert_eq!(summary_of(&body("SpamComplaint", "BouncedAt", complaint)).await, "delivered complaint");
        for (kind, expected) in [
            ("HardBounce", "failed bad_address"),
            ("BadEmailAddress", "failed bad_address"),
            ("SpamNotification", "delivered complaint"),
            ("SpamComplaint", "delivered complaint"),
            ("Unsubscribe", "delivered commercial_opted_out"),
            ("SoftBounce", "failed"),
            ("Blocked", "failed"),
            ("DMARCPolicy", "failed"),
            ("ManuallyDeactivated", "failed"),
            ("Transient", "-"),
            ("DnsError", "-"),
            ("AutoResponder", "-"),
            ("AddressChange", "-"),
            ("ChallengeVerification", "-"),
        ] {
            assert_eq!(summary_of(&bounce(kind)).await, expected, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_suppression_says_why_and_only_the_person_lifts_it() {
        for (suppress, reason, origin, expected) in [
            (true, json!("HardBounce"), "Recipient", "failed bad_address"),
            (true, json!("SpamComplaint"), "Recipient", "delivered complaint"),
            (true, json!("ManualSuppression"), "Recipient", "delivered commercial_opted_out"),
            (true, json!("ManualSuppression"), "Customer", "-"),
            (true, json!("OfTomorrow"), "Recipient", "-"),
            (false, json!(null), "Recipient", "Returned"),
            (false, json!(null), "Customer", "-"),
        ] {
            let body = change(suppress, reason.clone(), origin);
            assert_eq!(summary_of(&body).await, expected, "{suppress} {reason} {origin}");
        }
    }

    #[tokio::test]
    async fn the_email_is_known_by_its_id_and_its_metadata() {
        let report = delivery_report(handle(&handler(), &[RIGHT], &bounce("HardBounce")).await);
        assert_eq!((report.reference.as_str(), report.echo), ("883953f4", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!((report.evidence.code.as_str(), report.evidence.text.as_str()), ("HardBounce", "said"));
        assert_eq!(report.reported_at, "2026-11-22T09:59:54.9070259Z".parse().unwrap());
    }

    #[tokio::test]
    async fn only_who_shows_the_password_is_heard_and_nonsense_is_told_apart() {
        for wrong in [vec![], vec![("Authorization", "Basic cmVsZXZvOnNlY3JldB==")]] {
            let answer = handle(&handler(), &wrong, &bounce("HardBounce")).await;
            assert!(matches!(answer, Err(WebhookError::Unauthenticated(_))), "{wrong:?}");
        }
        for wrong in
            ["", "[1]", r#"{"RecordType":"Delivery"}"#, r#"{"RecordType":"Delivery","DeliveredAt":"x"}"#]
        {
            let answer = handle(&handler(), &[RIGHT], wrong).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }
}
