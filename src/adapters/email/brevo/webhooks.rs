//! Brevo's transactional webhooks (developers.brevo.com/docs/transactional-webhooks). They are not signed: Brevo calls with
//! the user and password that stand in the URL it was given, or with a token.

use async_trait::async_trait;
use serde::Deserialize;

use crate::adapters::email::events::{
    DELIVERED, EmailEvent, EmailEventMeaning, FAILED, READ, address, parse, required,
};
use crate::adapters::webhooks::{
    BasicAuth, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest, constant_time_eq,
};
use crate::model::Objection::{BadAddress, Complaint, OptedOut};
use crate::model::{OutcomeEvidence, Timestamp};
use crate::secret::Secret;

/// Takes the webhooks of an account.
#[derive(Debug)]
pub(super) struct BrevoWebhooks {
    /// The credentials that they must carry.
    pub auth: BrevoAuth,
}

/// The credentials that Brevo was told to send with its webhook requests.
#[derive(Debug)]
pub(super) enum BrevoAuth {
    /// A user and a password in the URL.
    Basic(BasicAuth),
    /// A token (RFC 6750).
    Token(Secret),
}

impl BrevoAuth {
    fn admits(&self, request: &WebhookRequest<'_>) -> Result<(), WebhookError> {
        let token = match self {
            Self::Basic(auth) => return auth.verify(request),
            Self::Token(token) => token,
        };
        match request.header("Authorization").and_then(|text| text.split_once(' ')) {
            Some((scheme, bearer))
                if scheme.eq_ignore_ascii_case("Bearer")
                    && constant_time_eq(bearer.trim(), token.expose()) =>
            {
                Ok(())
            }
            _ => Err(WebhookError::Unauthenticated("Authorization is not that of the configuration")),
        }
    }
}

#[async_trait]
impl WebhookHandler for BrevoWebhooks {
    async fn handle(&self, request: &WebhookRequest<'_>) -> Result<WebhookPayload, WebhookError> {
        self.auth.admits(request)?;
        let payload: BrevoPayload = parse(request.body.unwrap_or_default(), "a webhook of Brevo's")?;
        let Some(meaning) = meaning(&payload.event) else { return Ok(WebhookPayload::Events(vec![])) };
        Ok(WebhookPayload::Events(event(payload)?.provider_event(meaning).into_iter().collect()))
    }
}

/// The parts we read.
#[derive(Deserialize)]
struct BrevoPayload {
    event: String,
    #[serde(default)]
    email: String,
    #[serde(rename = "message-id")]
    message_id: Option<String>,
    /// Milliseconds since the Unix epoch. The other times are in the account's time zone.
    ts_epoch: Option<i64>,
    #[serde(rename = "X-Mailin-custom")]
    custom: Option<String>,
    reason: Option<String>,
}

/// The events of the page. `request`, `deferred` and `click` say nothing of what became of the email, and `proxy_open` is
/// a program's. `blocked` does not say whether an earlier bounce, a complaint or an unsubscription was the reason.
fn meaning(event: &str) -> Option<EmailEventMeaning> {
    Some(match event {
        "delivered" => DELIVERED,
        "opened" | "unique_opened" => READ,
        "soft_bounce" | "blocked" | "error" => FAILED,
        "hard_bounce" | "invalid_email" => FAILED.with_objection(BadAddress),
        "spam" | "complaint" => DELIVERED.with_objection(Complaint),
        // From everything that this sender sends by the account.
        "unsubscribed" | "unsubscribe" => DELIVERED.with_objection(OptedOut),
        _ => return None,
    })
}

fn event(payload: BrevoPayload) -> Result<EmailEvent, WebhookError> {
    let at = payload.ts_epoch.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Ok(EmailEvent {
        id: None,
        reference: required("message-id", payload.message_id)?,
        echo: payload.custom.and_then(|text| text.parse().ok()),
        address: address(&payload.email),
        at: required("ts_epoch", at)?,
        evidence: OutcomeEvidence::new(payload.event, payload.reason.as_deref().unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapters::email::events::tests::{NOW, delivery_report, echo, handle, summary};

    const TOKEN: (&str, &str) = ("Authorization", "Bearer the-token");
    const BASIC: (&str, &str) = ("Authorization", "Basic cmVsZXZvOnNlY3JldA==");

    fn by_token() -> BrevoWebhooks {
        BrevoWebhooks { auth: BrevoAuth::Token(Secret::new("the-token")) }
    }

    fn body(event: &str) -> String {
        json!({
            "event": event, "email": "ana@example.org", "id": 17, "date": "2026-11-22 11:00:00", "ts": NOW,
            "message-id": "<2026@smtp-relay.example>", "ts_event": NOW, "ts_epoch": NOW * 1_000 + 5,
            "X-Mailin-custom": echo().to_string(), "reason": "550 no such user", "tags": ["a"],
        })
        .to_string()
    }

    #[tokio::test]
    async fn every_event_has_its_meaning() {
        for (event, expected) in [
            ("request", "-"),
            ("delivered", "delivered"),
            ("deferred", "-"),
            ("soft_bounce", "failed"),
            ("hard_bounce", "failed bad_address"),
            ("invalid_email", "failed bad_address"),
            ("blocked", "failed"),
            ("error", "failed"),
            ("spam", "delivered complaint"),
            ("unsubscribed", "delivered opted_out"),
            ("opened", "read"),
            ("unique_opened", "read"),
            ("proxy_open", "-"),
            ("unique_proxy_open", "-"),
            ("click", "-"),
            ("a_word_of_tomorrow", "-"),
        ] {
            assert_eq!(summary(&handle(&by_token(), &[TOKEN], &body(event)).await), expected, "{event}");
        }
        assert_eq!(summary(&handle(&by_token(), &[TOKEN], r#"{"event":"list_addition"}"#).await), "-");
    }

    #[tokio::test]
    async fn the_email_is_known_by_its_id_and_by_the_echo() {
        let report = delivery_report(handle(&by_token(), &[TOKEN], &body("hard_bounce")).await);
        assert_eq!((report.reference.as_str(), report.echo), ("<2026@smtp-relay.example>", Some(echo())));
        assert_eq!(report.address, address("ana@example.org"));
        assert_eq!(report.reported_at.as_millisecond(), NOW * 1_000 + 5);
        assert_eq!(
            (report.evidence.code.as_str(), report.evidence.text.as_str()),
            ("hard_bounce", "550 no such user")
        );
    }

    #[tokio::test]
    async fn only_who_shows_what_was_agreed_is_heard_and_nonsense_is_told_apart() {
        let basic = BasicAuth { user: "relevo".to_owned(), password: Secret::new("secret") };
        let by_password = BrevoWebhooks { auth: BrevoAuth::Basic(basic) };
        let body = body("delivered");
        assert!(handle(&by_password, &[BASIC], &body).await.is_ok());
        for (handler, headers) in [
            (by_token(), vec![]),
            (by_token(), vec![BASIC]),
            (by_token(), vec![("Authorization", "Bearer the-toke")]),
            (by_token(), vec![("Authorization", "the-token")]),
            (by_password, vec![TOKEN]),
        ] {
            assert!(
                matches!(handle(&handler, &headers, &body).await, Err(WebhookError::Unauthenticated(_))),
                "{headers:?}"
            );
        }
        for wrong in ["", "[]", "{}", r#"{"event":"spam"}"#, r#"{"event":"spam","message-id":"1"}"#] {
            let answer = handle(&by_token(), &[TOKEN], wrong).await;
            assert!(matches!(answer, Err(WebhookError::Malformed(_))), "{wrong}");
        }
    }
}
