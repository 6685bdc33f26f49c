//! Email by Postmark.
//!
//! Postmark takes no idempotency key. Its metadata comes back with its reports. A value there has at most 80 characters,
//! so the echo is in three of them.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

pub use settings::PostmarkSettings;

use super::addresses::SenderMailbox;
use super::api::{self, ApiEmail};
use crate::adapters::error_meaning::ErrorMeaning;
use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Outcome, OutcomeEvidence};

/// Delivers email through one server at Postmark.
#[derive(Debug)]
pub struct PostmarkAdapter {
    client: Client,
    token: HeaderValue,
    sender: SenderMailbox,
    message_stream: Option<String>,
    endpoint: Url,
}

impl PostmarkAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &PostmarkSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            token: api::key_header("server_token", "", &settings.server_token)?,
            sender: SenderMailbox::new(&settings.from, settings.reply_to.as_deref())?,
            message_stream: settings.message_stream.clone(),
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &["email"]),
        })
    }
}

impl PostmarkAdapter {
    fn body(&self, envelope: &Envelope, email: &ApiEmail<'_>) -> Value {
        let metadata: Value = api::echo_to_fields(&envelope.echo())
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect();
        api::without_nulls(json!({
            "From": email.from.to_string(),
            "To": email.to.to_string(),
            "ReplyTo": email.reply_to.map(ToString::to_string),
            "Subject": email.subject,
            "TextBody": email.text,
            "HtmlBody": email.html,
            "MessageStream": self.message_stream,
            "Metadata": metadata,
        }))
    }
}

impl HttpAdapter for PostmarkAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let body = self.body(envelope, &ApiEmail::from_envelope(envelope, &self.sender)?);
        let request = self.client.post(self.endpoint.clone());
        Ok(request
            .header("X-Postmark-Server-Token", self.token.clone())
            .header(ACCEPT, "application/json")
            .json(&body))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl ProviderSettings for PostmarkSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let postmark = PostmarkAdapter::new(self, context.transport)?;
        let webhooks = self.webhook_auth()?.map(|auth| webhooks::PostmarkWebhooks { auth });
        Ok(ProviderParts::new(Arc::new(postmark)).with_webhook_handler(webhooks))
    }
}

/// The parts we read of an answer. It has one form, whatever it says, and only the code tells: 0 is an acceptance.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PostmarkAnswer {
    error_code: u32,
    #[serde(default)]
    message: String,
    #[serde(rename = "MessageID", default)]
    message_id: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let Ok(answered) = serde_json::from_slice::<PostmarkAnswer>(&answer.body) else {
        return answer.unrecognized_outcome();
    };
    match (answer.is_success(), answered.error_code) {
        (true, 0) if answered.message_id.is_empty() => answer.unrecognized_outcome(),
        (true, 0) => Outcome::sent(answered.message_id),
        _ => refused(answer, &answered),
    }
}

fn refused(answer: &HttpResponse, answered: &PostmarkAnswer) -> Outcome {
    /// What Postmark's refusals come with, when not with a success.
    const UNPROCESSABLE: u16 = 422;
    let evidence = OutcomeEvidence::new(answered.error_code, &answered.message);
    let status = if answer.is_success() { UNPROCESSABLE } else { answer.status };
    match errors::meaning(answered.error_code, &answered.message)
        .or_else(|| ErrorMeaning::from_http_status(status))
    {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => Outcome::Unknown { retry_after: answer.retry_after, evidence },
    }
}

#[cfg(test)]
mod tests;
