//! Email by Resend.
//!
//! Each request has an `Idempotency-Key`, which Resend remembers for 24 hours (resend.com/docs, "Idempotency keys"): an
//! attempt that repeats one in doubt has the same key, and gets the same answer without a second copy. The body must be the same, too,
//! so the tags name the attempt that is repeated; when it is not, because the settings have changed since, the outcome stays in doubt.
//!
//! Resend's tags come back with its events. They take no `/`, so the echo is in three of them.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

pub use settings::ResendSettings;

use super::addresses::SenderMailbox;
use super::api::{self, ApiEmail};
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence};

/// How long Resend keeps a key and answers a repeated call without sending (resend.com/docs, "Idempotency keys": 24 hours).
const REPEAT_WINDOW: Duration = Duration::from_secs(24 * 3_600);

/// Delivers email through one Resend account.
#[derive(Debug)]
pub struct ResendAdapter {
    client: Client,
    authorization: HeaderValue,
    sender: SenderMailbox,
    endpoint: Url,
}

impl ResendAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &ResendSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            authorization: api::key_header("api_key", "Bearer ", &settings.api_key)?,
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &["emails"]),
        })
    }
}

impl HttpAdapter for ResendAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = body(envelope, &ApiEmail::from_envelope(envelope, &self.sender)?);
        let request = self.client.post(self.endpoint.clone());
        Ok(request
            .header(AUTHORIZATION, self.authorization.clone())
            .header("Idempotency-Key", envelope.provider_idempotency_key().to_string())
            .json(&body))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for ResendSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let webhooks = self.verifier()?.map(|verifier| webhooks::ResendWebhooks { verifier });
        let resend = ResendAdapter::new(self, context.transport)?;
        let parts = ProviderParts::new(Arc::new(resend)).with_webhook_handler(webhooks);
        Ok(parts.with_repeat_window(Some(REPEAT_WINDOW)))
    }
}

fn body(envelope: &Envelope, email: &ApiEmail<'_>) -> Value {
    let tags = api::echo_to_fields(&envelope.provider_idempotency_key())
        .map(|(name, value)| json!({ "name": name, "value": value }));
    api::without_nulls(json!({
        "from": email.from.to_string(),
        "to": [email.to.to_string()],
        "reply_to": email.reply_to.map(ToString::to_string),
        "subject": email.subject,
        "text": email.text,
        "html": email.html,
        "tags": tags,
    }))
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
struct ResendAccepted {
    id: String,
}

/// The parts we read of a refusal.
#[derive(Deserialize)]
struct ResendErrorBody {
    name: String,
    #[serde(default)]
    message: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let ResendAccepted { id } = serde_json::from_slice(&answer.body).ok()?;
    (!id.is_empty()).then_some(Outcome::sent(id))
}

fn refused(answer: &HttpResponse) -> Option<Outcome> {
    let refusal: ResendErrorBody = serde_json::from_slice(&answer.body).ok()?;
    // Resend's own table and its clients disagree on the case of one name.
    let name = refusal.name.to_ascii_lowercase();
    let evidence = OutcomeEvidence::new(&name, &refusal.message);
    if errors::leaves_doubt(&name) {
        return Some(Outcome::Unknown { retry_after: answer.retry_after, evidence });
    }
    Some(match errors::meaning(answer.status, &name, &refusal.message) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    })
}

#[cfg(test)]
mod tests;
