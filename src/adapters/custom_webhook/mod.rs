//! Any channel, by a signed HTTP POST in Relevo's own JSON: for a provider of one's own, or one that Relevo does not know.
//!
//! The contract is in `docs/providers/webhook.md`. The request is signed by Standard Webhooks
//! (standardwebhooks.com), for which there are verifiers in most languages. Its `webhook-id` is the echo of the attempt,
//! so whoever receives the same one twice can tell that it is one call and not two. A receiver that is said to know ids for a
//! while is asked again under the id of a call in doubt; else a later attempt at the same message has another id and the same
//! `message_id`, so that the receiver can also see to it that a doubt of the gateway's costs no second message.

mod callbacks;
mod errors;
mod request;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub use settings::CustomWebhookSettings;

use super::{Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport};
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::settings::repeat_window;
use crate::adapters::webhooks::StandardWebhooksKey;
use crate::model::{AttemptRef, Outcome, OutcomeEvidence};

/// Delivers messages of one channel to one receiver.
#[derive(Debug)]
pub struct CustomWebhookAdapter {
    client: Client,
    settings: CustomWebhookSettings,
    url: Url,
    signer: StandardWebhooksKey,
}

impl CustomWebhookAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &CustomWebhookSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let signer = settings.signer()?;
        Ok(Self {
            client: http::build_client(transport)?,
            url: http::parse_base_url("url", &settings.url)?,
            signer,
            settings: settings.clone(),
        })
    }

    /// The `webhook-id` of a request: that of the one in doubt that it repeats, where the receiver knows it.
    fn id(&self, envelope: &Envelope) -> AttemptRef {
        match self.settings.repeat_window_minutes {
            Some(_) => envelope.provider_idempotency_key(),
            None => envelope.echo(),
        }
    }
}

impl HttpAdapter for CustomWebhookAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = request::message(envelope, self.settings.from.as_deref()).to_string();
        let id = self.id(envelope).to_string();
        let timestamp = envelope.now.as_second();
        let signature = self.signer.sign(&id, timestamp, body.as_bytes());
        Ok(self
            .client
            .post(self.url.clone())
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .header(CONTENT_TYPE, "application/json")
            .body(body))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        outcome(answer, &self.id(envelope))
    }
}

impl ProviderSettings for CustomWebhookSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let webhook = CustomWebhookAdapter::new(self, context.transport)?;
        let callbacks = callbacks::ReceiverWebhooks { signed: self.callbacks()? };
        let parts = ProviderParts::new(Arc::new(webhook)).with_webhook_handler(Some(callbacks));
        Ok(parts.with_repeat_window(repeat_window(self.repeat_window_minutes)?))
    }
}

/// The answer of a receiver, with any status. Each field may be left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ReceiverReply {
    reference: Option<String>,
    outcome: Option<String>,
    cause: Option<String>,
    /// A text or a number.
    code: Value,
    text: Option<String>,
    retry_after_seconds: Option<f64>,
}

fn outcome(answer: &HttpResponse, id: &AttemptRef) -> Outcome {
    match reply(&answer.body) {
        Some(reply) if reply.outcome.is_some() => refused(answer, &reply),
        Some(reply) if answer.is_success() => sent(reply, id),
        Some(reply) => answer.outcome_from_status(evidence(answer, &reply)),
        None => answer.unrecognized_outcome(),
    }
}

/// An empty body says nothing; one that is no JSON object is not the receiver's.
fn reply(body: &[u8]) -> Option<ReceiverReply> {
    if body.trim_ascii().is_empty() {
        return Some(ReceiverReply::default());
    }
    // An array would do for serde.
    body.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(body).ok())?
}

fn sent(reply: ReceiverReply, id: &AttemptRef) -> Outcome {
    let reference = reply.reference.filter(|reference| !reference.is_empty());
    Outcome::sent(reference.unwrap_or_else(|| id.to_string()))
}

/// The word counts, whatever the status; a word that is not in the contract does not.
fn refused(answer: &HttpResponse, reply: &ReceiverReply) -> Outcome {
    let evidence = evidence(answer, reply);
    match errors::meaning(reply.outcome.as_deref().unwrap_or_default(), reply.cause.as_deref()) {
        Some(meaning) => meaning.outcome(evidence, wait(answer, reply)),
        None => answer.outcome_from_status(evidence),
    }
}

fn wait(answer: &HttpResponse, reply: &ReceiverReply) -> Option<Duration> {
    let longest = http::MAX_RETRY_AFTER.as_secs_f64();
    let asked = reply.retry_after_seconds.map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, longest)));
    asked.or(answer.retry_after)
}

fn evidence(answer: &HttpResponse, reply: &ReceiverReply) -> OutcomeEvidence {
    let text = reply.text.as_deref().unwrap_or_default();
    match &reply.code {
        Value::Null => OutcomeEvidence::new(answer.status, text),
        Value::String(code) => OutcomeEvidence::new(code, text),
        code => OutcomeEvidence::new(code, text),
    }
}

#[cfg(test)]
mod tests;
