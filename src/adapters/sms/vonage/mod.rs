//! SMS by Vonage's SMS API.
//!
//! It takes no idempotency key: a call without an answer stays in doubt.

pub(in crate::adapters) mod account;
mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

pub use settings::{VonageSignatureMethod, VonageSmsSettings};

use super::gsm;
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence};

/// Delivers SMS through one Vonage account.
#[derive(Debug)]
pub struct VonageSmsAdapter {
    client: Client,
    settings: VonageSmsSettings,
    endpoint: Url,
}

impl VonageSmsAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &VonageSmsSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::build_client(transport)?,
            settings: settings.clone(),
            endpoint: http::endpoint(&base, &["sms", "json"]),
        })
    }
}

impl HttpAdapter for VonageSmsAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let text = envelope.text()?;
        let sender = envelope.from.as_deref().unwrap_or(&self.settings.from);
        let reference = account::client_reference(envelope);
        let mut form = vec![
            ("api_key", self.settings.api_key.as_str()),
            ("api_secret", self.settings.api_secret.expose()),
            ("to", envelope.phone()?.digits()),
            ("from", sender.trim_start_matches('+')),
            ("text", text),
            // What the alphabet lacks would arrive as question marks.
            ("type", if gsm::is_gsm(text) { "text" } else { "unicode" }),
        ];
        form.extend(reference.as_deref().map(|reference| ("client-ref", reference)));
        Ok(self.client.post(self.endpoint.clone()).form(&form))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for VonageSmsSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let vonage = VonageSmsAdapter::new(self, context.transport)?;
        let method = self.signature_method;
        let webhooks =
            self.signature_secret.clone().map(|secret| webhooks::VonageSmsWebhooks { secret, method });
        Ok(ProviderParts::new(Arc::new(vonage)).with_webhook_handler(webhooks))
    }
}

/// The parts we read of an answer: one entry for each part that a long text is cut into.
#[derive(Deserialize)]
struct VonageSmsAnswer {
    messages: Vec<VonageSmsPart>,
}

#[derive(Deserialize)]
struct VonageSmsPart {
    status: String,
    #[serde(rename = "message-id", default)]
    id: String,
    #[serde(rename = "error-text", default)]
    error: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    outcome_of_parts(answer).unwrap_or_else(|| answer.unrecognized_outcome())
}

fn outcome_of_parts(answer: &HttpResponse) -> Option<Outcome> {
    let parts = serde_json::from_slice::<VonageSmsAnswer>(&answer.body).ok()?.messages;
    let statuses = parts.iter().map(|part| part.status.parse().ok()).collect::<Option<Vec<u32>>>()?;
    let Some(refused) = statuses.iter().position(|status| *status != errors::TAKEN) else {
        return accepted(answer, parts);
    };
    let evidence = OutcomeEvidence::new(statuses[refused], &parts[refused].error);
    if statuses.contains(&errors::TAKEN) {
        // Some parts are on their way: the whole text went neither out nor back.
        return Some(Outcome::Unknown { retry_after: answer.retry_after, evidence });
    }
    Some(errors::meaning(statuses[refused]).outcome(evidence, answer.retry_after))
}

/// Receipts come for each part, and all of them carry our own reference.
fn accepted(answer: &HttpResponse, parts: Vec<VonageSmsPart>) -> Option<Outcome> {
    let reference = parts.into_iter().next()?.id;
    (answer.is_success() && !reference.is_empty()).then_some(Outcome::sent(reference))
}

#[cfg(test)]
mod tests;
