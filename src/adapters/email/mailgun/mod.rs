//! Email by Mailgun's messages API, version 3.
//!
//! Mailgun takes no idempotency key. It gives our echo back as `relevo`, a variable of every event; the email's receiver
//! can find it in the header `X-Mailgun-Variables`.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

pub use settings::MailgunSettings;

use super::addresses::SenderMailbox;
use super::api::{self, ApiEmail};
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence, Timestamp};
use crate::secret::Secret;

/// Delivers email through one domain at Mailgun.
#[derive(Debug)]
pub struct MailgunAdapter {
    client: Client,
    api_key: Secret,
    sender: SenderMailbox,
    endpoint: Url,
}

impl MailgunAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &MailgunSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        api::check_key("api_key", &settings.api_key)?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            api_key: settings.api_key.clone(),
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &["v3", &settings.domain, "messages"]),
        })
    }
}

impl HttpAdapter for MailgunAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let email = ApiEmail::from_envelope(envelope, &self.sender)?;
        let mut form = vec![
            ("from", email.from.to_string()),
            ("to", email.to.to_string()),
            ("subject", email.subject),
            ("v:relevo", envelope.echo().to_string()),
        ];
        form.extend(email.text.map(|text| ("text", text.to_owned())));
        form.extend(email.html.map(|html| ("html", html.to_owned())));
        form.extend(email.reply_to.map(|reply_to| ("h:Reply-To", reply_to.to_string())));
        let request = self.client.post(self.endpoint.clone());
        Ok(request.basic_auth("api", Some(self.api_key.expose())).form(&form))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        outcome(answer, envelope.now)
    }
}

impl ProviderSettings for MailgunSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let mailgun = MailgunAdapter::new(self, context.transport)?;
        let webhooks = self.webhook_signing_key.clone().map(webhooks::MailgunWebhooks::new);
        Ok(ProviderParts::new(Arc::new(mailgun)).with_webhook_handler(webhooks))
    }
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
struct MailgunAccepted {
    id: String,
}

/// The parts we read of a refusal.
#[derive(Deserialize)]
struct MailgunErrorBody {
    message: String,
}

fn outcome(answer: &HttpResponse, now: Timestamp) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refused(answer, now) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

/// The id is the message's `Message-ID` in angle brackets; events speak of it without them.
fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let MailgunAccepted { id } = serde_json::from_slice(&answer.body).ok()?;
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    (!id.is_empty()).then(|| Outcome::sent(id))
}

fn refused(answer: &HttpResponse, now: Timestamp) -> Option<Outcome> {
    let MailgunErrorBody { message } = serde_json::from_slice(&answer.body).ok()?;
    let evidence = OutcomeEvidence::new(answer.status, &message);
    let wait = || answer.retry_after.or_else(|| wait(&message, answer.answered_at(now)));
    Some(match errors::meaning(answer.status, &message) {
        Some(meaning) => meaning.outcome(evidence, wait()),
        None => answer.outcome_from_status(evidence),
    })
}

fn wait(message: &str, now: Timestamp) -> Option<Duration> {
    http::duration_until_http_date(&errors::try_again_after(message)?, now)
}

#[cfg(test)]
mod tests;
