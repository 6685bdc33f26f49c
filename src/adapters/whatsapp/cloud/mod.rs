//! WhatsApp by Meta's Cloud API: texts inside the 24-hour service window, approved templates outside it.

mod errors;
mod hook;
mod payload;
mod request;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub use settings::Settings;

use crate::adapters::hooks::Hook;
use crate::adapters::http::{self, Answer, Exchange};
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Transport};
use crate::model::{Channel, Outcome, OutcomeEvidence};

/// One phone number of a WhatsApp Business account.
#[derive(Debug)]
pub struct Cloud {
    client: Client,
    settings: Settings,
    base: Url,
}

impl Cloud {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &Settings, transport: &Transport) -> Result<Self, BuildError> {
        settings.validate()?;
        let base = http::base_url("base_url", &settings.base_url)?;
        Ok(Self { client: http::client(transport)?, settings: settings.clone(), base })
    }
}

impl Exchange for Cloud {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let message = request::message(envelope)?;
        let sender = envelope.from.as_deref().unwrap_or(&self.settings.phone_number_id);
        let endpoint = http::endpoint(&self.base, &[&self.settings.api_version, sender, "messages"]);
        Ok(self.client.post(endpoint).bearer_auth(self.settings.access_token.expose()).json(&message))
    }

    fn outcome(&self, answer: &Answer, _: &Envelope) -> Outcome {
        outcome(answer)
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Whatsapp)
    }

    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Cloud::new(self, transport)?))
    }

    fn hook(&self, _: &Transport) -> Option<Arc<dyn Hook>> {
        let (app_secret, verify_token) = (self.app_secret.clone()?, self.verify_token.clone());
        Some(Arc::new(hook::Webhooks { app_secret, verify_token }))
    }
}

/// The parts we read of an acceptance. Its `message_status` is not among them: held for a quality assessment, or paused,
/// the message is Meta's all the same, and the status webhook tells what becomes of it.
#[derive(Deserialize)]
struct Accepted {
    messages: Vec<AcceptedMessage>,
}

#[derive(Deserialize)]
struct AcceptedMessage {
    id: String,
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct Refusal {
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

fn outcome(answer: &Answer) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refused(answer) };
    outcome.unwrap_or_else(|| answer.nonsense())
}

fn accepted(answer: &Answer) -> Option<Outcome> {
    let accepted: Accepted = serde_json::from_slice(&answer.body).ok()?;
    let reference = accepted.messages.into_iter().next()?.id;
    (!reference.is_empty()).then_some(Outcome::Sent { reference })
}

fn refused(answer: &Answer) -> Option<Outcome> {
    let Refusal { error } = serde_json::from_slice(&answer.body).ok()?;
    Some(match errors::meaning(error.code, error.error_subcode) {
        Some(meaning) => meaning.outcome(error.evidence(), wait(answer, error.code)),
        None => answer.by_status(error.evidence()),
    })
}

/// Meta names no wait, but a number that looked like spam stays blocked for hours, not seconds.
fn wait(answer: &Answer, code: i64) -> Option<Duration> {
    answer.retry_after.or((code == errors::SPAM_RATE).then_some(http::MAX_WAIT))
}

#[cfg(test)]
mod tests;
