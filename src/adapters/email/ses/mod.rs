//! Email by Amazon SES, API v2.
//!
//! SES takes no idempotency key: a call without an answer leaves the message in doubt. The echo goes out as the tag
//! `relevo`, which comes back with every event that a configuration set publishes.

mod errors;
mod request;
mod settings;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

pub use settings::SesSettings;

use super::addresses::SenderMailbox;
use super::api::ApiEmail;
use crate::adapters::aws::AwsSigner;
use crate::adapters::http::{self, HttpResponse};
use crate::adapters::{
    Adapter, Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
    rejected_outcome,
};
use crate::model::{Outcome, OutcomeEvidence, Rejection};

/// Delivers email through one SES account in one region.
#[derive(Debug)]
pub struct SesAdapter {
    client: Client,
    settings: SesSettings,
    sender: SenderMailbox,
    signer: AwsSigner,
    endpoint: Url,
}

impl SesAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &SesSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let credentials = settings.credentials();
        let signer = AwsSigner::new("ses", credentials.clone())?;
        let base = credentials.base_url("email", settings.base_url.as_deref())?;
        Ok(Self {
            client: http::build_client(transport)?,
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            settings: settings.clone(),
            signer,
            endpoint: http::endpoint(&base, &["v2", "email", "outbound-emails"]),
        })
    }

    fn email<'a>(&'a self, envelope: &'a Envelope) -> Result<ApiEmail<'a>, Outcome> {
        let email = ApiEmail::from_envelope(envelope, &self.sender)?;
        if !email.to.user().is_ascii() {
            let text = "SES does not carry a local part beyond ASCII";
            return Err(rejected_outcome(Rejection::Address { certain: false }, text));
        }
        Ok(email)
    }

    fn request(&self, envelope: &Envelope, email: &ApiEmail<'_>) -> RequestBuilder {
        let body = request::message(envelope, email, &self.settings).to_string();
        let headers = self.signer.signed_headers(&self.endpoint, "application/json", &body, envelope.now);
        self.client.post(self.endpoint.clone()).headers(headers).body(body)
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        let email = self.email(envelope)?;
        let answer = http::exchange(self.request(envelope, &email), envelope.now).await?;
        Ok(outcome(&answer, &email))
    }
}

impl ProviderSettings for SesSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let ses = SesAdapter::new(self, context.transport)?;
        let webhooks = self.topic(context.transport)?.map(|topic| webhooks::SesWebhooks { topic });
        Ok(ProviderParts::new(Arc::new(ses)).with_webhook_handler(webhooks))
    }
}

#[async_trait]
impl Adapter for SesAdapter {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SesAccepted {
    message_id: String,
}

/// The parts we read of an error's body; its name is in a header.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SesErrorBody {
    #[serde(alias = "Message")]
    message: String,
}

fn outcome(answer: &HttpResponse, email: &ApiEmail<'_>) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refusal(answer, email) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let accepted: SesAccepted = serde_json::from_slice(&answer.body).ok()?;
    (!accepted.message_id.is_empty()).then_some(Outcome::sent(accepted.message_id))
}

fn refusal(answer: &HttpResponse, email: &ApiEmail<'_>) -> Option<Outcome> {
    let name = error_name(answer)?;
    let text = serde_json::from_slice::<SesErrorBody>(&answer.body).unwrap_or_default().message;
    let evidence = OutcomeEvidence::new(name, &text);
    Some(match errors::meaning(name, &text, email.from.email.as_ref(), email.to.as_ref()) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    })
}

/// `Name:` and an address of Amazon's own may follow the name, and a namespace with `#` may come before it.
fn error_name(answer: &HttpResponse) -> Option<&str> {
    let header = answer.headers.get("x-amzn-errortype")?.to_str().ok()?;
    let name = header.split(':').next()?;
    Some(name.rsplit('#').next().unwrap_or(name).trim()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
