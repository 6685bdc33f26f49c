//! Email by Brevo's transactional API, version 3.
//!
//! Each request has an idempotency key, which Brevo remembers for some minutes. An attempt that repeats one in doubt has
//! the same key, and is carried out only when Brevo does not know it; else Brevo says that it took the first one.
//!
//! Brevo gives our echo back as `X-Mailin-custom`, a field of every event.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

pub use settings::BrevoSettings;

use super::addresses::SenderMailbox;
use super::api::{self, ApiEmail};
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence};

/// How long Brevo keeps a key. Its guide says 30 minutes (developers.brevo.com, "Idempotency for batch emails"), the
/// announcement of keys 15 (its changelog of 10 November 2021): what both say counts.
const REPEAT_WINDOW: Duration = Duration::from_secs(15 * 60);

/// Delivers email through one Brevo account.
#[derive(Debug)]
pub struct BrevoAdapter {
    client: Client,
    api_key: HeaderValue,
    sender: SenderMailbox,
    endpoint: Url,
}

impl BrevoAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &BrevoSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            api_key: api::key_header("api_key", "", &settings.api_key)?,
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &["v3", "smtp", "email"]),
        })
    }
}

impl HttpAdapter for BrevoAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = body(envelope, &ApiEmail::from_envelope(envelope, &self.sender)?);
        let request = self.client.post(self.endpoint.clone());
        Ok(request.header("api-key", self.api_key.clone()).header(ACCEPT, "application/json").json(&body))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for BrevoSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let webhooks = self.webhook_auth()?.map(|auth| webhooks::BrevoWebhooks { auth });
        let brevo = BrevoAdapter::new(self, context.transport)?;
        let parts = ProviderParts::new(Arc::new(brevo)).with_webhook_handler(webhooks);
        Ok(parts.with_repeat_window(Some(REPEAT_WINDOW)))
    }
}

fn body(envelope: &Envelope, email: &ApiEmail<'_>) -> Value {
    api::without_nulls(json!({
        "sender": api::mailbox_object(&email.from),
        "to": [{ "email": email.to.to_string() }],
        "replyTo": email.reply_to.map(api::mailbox_object),
        "subject": email.subject,
        "textContent": email.text,
        "htmlContent": email.html,
        // Brevo takes these two from here and not from the request's own headers.
        "headers": {
            "X-Mailin-custom": envelope.provider_idempotency_key().to_string(),
            "idempotencyKey": idempotency_key(envelope).to_string(),
        },
    }))
}

/// The key of a call. Brevo wants a UUID, so it is the message's own, with the attempt in the twelve random bits that
/// stand before those by which ids of the same millisecond count up (RFC 9562, section 5.7): no two calls share one but those that repeat each other.
fn idempotency_key(envelope: &Envelope) -> Uuid {
    let attempt = u128::from(envelope.idempotency_attempt & 0xfff);
    Uuid::from_u128(u128::from_be_bytes(*envelope.message_id.as_bytes()) ^ (attempt << 64))
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BrevoAccepted {
    message_id: String,
}

/// The parts we read of a refusal.
#[derive(Deserialize)]
struct BrevoErrorBody {
    code: String,
    #[serde(default)]
    message: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

/// The id is the message's `Message-ID` in angle brackets, and so it is in reports.
fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let BrevoAccepted { message_id } = serde_json::from_slice(&answer.body).ok()?;
    (!message_id.is_empty()).then_some(Outcome::sent(message_id))
}

fn refused(answer: &HttpResponse) -> Option<Outcome> {
    let BrevoErrorBody { code, message } = serde_json::from_slice(&answer.body).ok()?;
    let evidence = OutcomeEvidence::new(&code, &message);
    if errors::was_taken_before(&code) {
        // Brevo does not name the email that it took; its reports find it by our echo.
        return Some(Outcome::sent(""));
    }
    Some(match errors::meaning(answer.status, &code, &message) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after.or_else(|| until_reset(answer))),
        None => answer.outcome_from_status(evidence),
    })
}

/// The wait until the limit begins anew, in seconds.
fn until_reset(answer: &HttpResponse) -> Option<Duration> {
    http::parse_retry_seconds(answer.header("x-sib-ratelimit-reset")?)
}

#[cfg(test)]
mod tests;
