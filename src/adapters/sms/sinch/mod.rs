//! SMS by Sinch's SMS API, each message as a batch of one.
//!
//! It takes no idempotency key: a call without an answer stays in doubt.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::json;
use url::Url;

pub use settings::SinchSettings;

use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence};

/// Delivers SMS through one service plan of Sinch.
#[derive(Debug)]
pub struct SinchAdapter {
    client: Client,
    settings: SinchSettings,
    endpoint: Url,
}

impl SinchAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &SinchSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::build_client(transport)?,
            settings: settings.clone(),
            endpoint: http::endpoint(&base, &["xms", "v1", &settings.service_plan_id, "batches"]),
        })
    }
}

impl HttpAdapter for SinchAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut batch = json!({
            "type": "mt_text",
            "from": envelope.from.as_deref().unwrap_or(&self.settings.from).trim_start_matches('+'),
            "to": [envelope.phone()?.digits()],
            "body": envelope.text()?,
            // At most 128 characters.
            "client_reference": envelope.echo().to_string(),
        });
        // Asked for a report without an address for it, Sinch refuses the message.
        if let Some(url) = &self.settings.callback_url {
            batch["delivery_report"] = json!("per_recipient");
            batch["callback_url"] = json!(url);
        }
        let request = self.client.post(self.endpoint.clone());
        Ok(request.bearer_auth(self.settings.api_token.expose()).json(&batch))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for SinchSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let (basic, secret) = (self.webhook_auth()?, self.webhook_secret.clone());
        let sinch = SinchAdapter::new(self, context.transport)?;
        let is_known = basic.is_some() || secret.is_some();
        let webhooks = is_known.then_some(webhooks::SinchWebhooks { basic, secret });
        Ok(ProviderParts::new(Arc::new(sinch)).with_webhook_handler(webhooks))
    }
}

/// The parts we read of a created batch.
#[derive(Deserialize)]
struct SinchCreated {
    id: String,
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct SinchErrorBody {
    code: String,
    #[serde(default)]
    text: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let outcome = if answer.is_success() { created(answer) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn created(answer: &HttpResponse) -> Option<Outcome> {
    let SinchCreated { id } = serde_json::from_slice(&answer.body).ok()?;
    (!id.is_empty()).then_some(Outcome::sent(id))
}

fn refused(answer: &HttpResponse) -> Option<Outcome> {
    let SinchErrorBody { code, text } = serde_json::from_slice(&answer.body).ok()?;
    let evidence = OutcomeEvidence::new(&code, &text);
    Some(match errors::meaning(&code) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    })
}

#[cfg(test)]
mod tests;
