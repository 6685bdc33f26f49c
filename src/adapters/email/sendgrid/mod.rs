//! Email by SendGrid's Web API, version 3.
//!
//! SendGrid takes no idempotency key. It gives our echo back as `relevo`, a field of every event.

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

pub use settings::SendgridSettings;

use super::addresses::SenderMailbox;
use super::api::{self, ApiEmail};
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence, Timestamp};

/// Delivers email through one SendGrid account.
#[derive(Debug)]
pub struct SendgridAdapter {
    client: Client,
    authorization: HeaderValue,
    sender: SenderMailbox,
    endpoint: Url,
}

impl SendgridAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &SendgridSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            authorization: api::key_header("api_key", "Bearer ", &settings.api_key)?,
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &["v3", "mail", "send"]),
        })
    }
}

impl HttpAdapter for SendgridAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = body(envelope, &ApiEmail::from_envelope(envelope, &self.sender)?);
        let request = self.client.post(self.endpoint.clone());
        Ok(request.header(AUTHORIZATION, self.authorization.clone()).json(&body))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        outcome(answer, envelope.now)
    }
}

impl ProviderSettings for SendgridSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let webhooks = self.webhooks()?;
        let sendgrid = SendgridAdapter::new(self, context.transport)?;
        Ok(ProviderParts::new(Arc::new(sendgrid)).with_webhook_handler(webhooks))
    }
}

fn body(envelope: &Envelope, email: &ApiEmail<'_>) -> Value {
    // The plain text has to come first.
    let parts = [("text/plain", email.text), ("text/html", email.html)];
    let content: Vec<Value> = parts
        .iter()
        .filter_map(|(kind, text)| text.map(|text| json!({ "type": kind, "value": text })))
        .collect();
    api::without_nulls(json!({
        "personalizations": [{
            "to": [{ "email": email.to.to_string() }],
            "custom_args": { "relevo": envelope.echo().to_string() },
        }],
        "from": api::mailbox_object(&email.from),
        "reply_to": email.reply_to.map(api::mailbox_object),
        "subject": email.subject,
        "content": content,
    }))
}

/// The parts we read of a refusal.
#[derive(Deserialize)]
struct SendgridErrorBody {
    errors: Vec<SendgridErrorEntry>,
}

#[derive(Deserialize)]
struct SendgridErrorEntry {
    #[serde(default)]
    message: String,
    field: Option<String>,
}

fn outcome(answer: &HttpResponse, now: Timestamp) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refused(answer, now) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

/// An acceptance is 202 without a body. The id, by which reports speak of the message, is in a header.
fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let reference = answer.header("x-message-id")?.to_owned();
    (answer.status == 202).then_some(Outcome::sent(reference))
}

fn refused(answer: &HttpResponse, now: Timestamp) -> Option<Outcome> {
    let refusal: SendgridErrorBody = serde_json::from_slice(&answer.body).ok()?;
    let error = refusal.errors.into_iter().next()?;
    let field = error.field.unwrap_or_default();
    let code = format!("{} {field}", answer.status);
    let evidence = OutcomeEvidence::new(code.trim_end(), &error.message);
    Some(match errors::meaning(answer.status, &field) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after.or_else(|| until_reset(answer, now))),
        None => answer.outcome_from_status(evidence),
    })
}

/// The wait until the limit begins anew, which is a time in seconds since the Unix epoch.
fn until_reset(answer: &HttpResponse, now: Timestamp) -> Option<Duration> {
    let reset = answer.header("x-ratelimit-reset")?.parse().ok()?;
    Some(http::duration_until(Timestamp::from_second(reset).ok()?, answer.answered_at(now)))
}

#[cfg(test)]
mod tests;
