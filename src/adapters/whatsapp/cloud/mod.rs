//! WhatsApp by Meta's Cloud API: texts inside the 24-hour service window, approved templates outside it.

mod errors;
mod payload;
mod request;
mod settings;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub use settings::WhatsappCloudSettings;

use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::webhooks::parse_phone;
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::{Address, Outcome, OutcomeEvidence};

/// Delivers WhatsApp messages through one phone number of a WhatsApp Business account.
#[derive(Debug)]
pub struct WhatsappCloudAdapter {
    client: Client,
    settings: WhatsappCloudSettings,
    base: Url,
}

impl WhatsappCloudAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &WhatsappCloudSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self { client: http::build_client(transport)?, settings: settings.clone(), base })
    }
}

impl HttpAdapter for WhatsappCloudAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let message = request::message(envelope)?;
        let sender = envelope.from.as_deref().unwrap_or(&self.settings.phone_number_id);
        let endpoint = http::endpoint(&self.base, &[&self.settings.api_version, sender, "messages"]);
        Ok(self.client.post(endpoint).bearer_auth(self.settings.access_token.expose()).json(&message))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        outcome(answer, &envelope.address)
    }
}

impl ProviderSettings for WhatsappCloudSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let cloud = WhatsappCloudAdapter::new(self, context.transport)?;
        let (verify_token, business) = (self.verify_token.clone(), context.business.clone());
        let webhooks = self.app_secret.clone().map(|app_secret| webhooks::WhatsappCloudWebhooks {
            app_secret,
            verify_token,
            business,
        });
        Ok(ProviderParts::new(Arc::new(cloud)).with_webhook_handler(webhooks).sending_to_user_ids())
    }
}

/// The parts we read of an acceptance. Its `message_status` is not among them: held for a quality assessment, or paused,
/// the message is Meta's all the same, and the status webhook tells what becomes of it.
#[derive(Deserialize)]
struct CloudAccepted {
    #[serde(default)]
    contacts: Vec<CloudAcceptedContact>,
    messages: Vec<CloudAcceptedMessage>,
}

/// Whom Meta took the recipient for.
#[derive(Deserialize)]
struct CloudAcceptedContact {
    /// The number by which it knows them, which in some countries is not written as the number is.
    wa_id: Option<String>,
}

#[derive(Deserialize)]
struct CloudAcceptedMessage {
    id: String,
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct CloudErrorBody {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: i64,
    error_subcode: Option<i64>,
    #[serde(default)]
    message: String,
    /// An object with `details` where WhatsApp answers, anything where another part of the Graph API does.
    #[serde(default)]
    error_data: Value,
}

impl GraphError {
    fn evidence(&self) -> OutcomeEvidence {
        let details = self.error_data.get("details").and_then(Value::as_str).unwrap_or_default();
        OutcomeEvidence::new(self.code, &format!("{} {details}", self.message))
    }
}

fn outcome(answer: &HttpResponse, address: &Address) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer, address) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn accepted(answer: &HttpResponse, address: &Address) -> Option<Outcome> {
    let accepted: CloudAccepted = serde_json::from_slice(&answer.body).ok()?;
    let reference = accepted.messages.into_iter().next()?.id;
    let known = accepted.contacts.first().and_then(|contact| parse_phone(contact.wa_id.as_deref()?));
    let recipient = known.filter(|known| known != address);
    (!reference.is_empty()).then_some(Outcome::Sent { reference, recipient })
}

fn refused(answer: &HttpResponse) -> Option<Outcome> {
    let CloudErrorBody { error } = serde_json::from_slice(&answer.body).ok()?;
    Some(match errors::meaning(error.code, error.error_subcode) {
        Some(meaning) => meaning.outcome(error.evidence(), wait(answer, error.code)),
        None => answer.outcome_from_status(error.evidence()),
    })
}

/// Meta names no wait, but a number that looked like spam stays blocked for hours, not seconds.
fn wait(answer: &HttpResponse, code: i64) -> Option<Duration> {
    answer.retry_after.or((code == errors::SPAM_RATE).then_some(http::MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
