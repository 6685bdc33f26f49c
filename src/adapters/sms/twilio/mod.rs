//! SMS by Twilio's Messages API, version 2010-04-01.

mod errors;
mod hook;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

pub use settings::Settings;

use crate::adapters::hooks::Hook;
use crate::adapters::http::{self, Answer};
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Limits};
use crate::model::{Channel, Outcome, OutcomeEvidence};
use settings::Sender;

/// One Twilio account.
#[derive(Debug)]
pub struct Twilio {
    client: Client,
    settings: Settings,
    sender: Sender,
    endpoint: Url,
}

impl Twilio {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &Settings, limits: &Limits) -> Result<Self, BuildError> {
        settings.validate()?;
        let base = http::base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::client(limits)?,
            settings: settings.clone(),
            sender: settings.sender()?,
            endpoint: http::endpoint(
                &base,
                &["2010-04-01", "Accounts", &settings.account_sid, "Messages.json"],
            ),
        })
    }

    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut form = vec![("To", envelope.phone()?.as_str()), ("Body", envelope.text()?)];
        form.push(match (&envelope.from, &self.sender) {
            (Some(own), _) => ("From", own),
            (None, Sender::Number(number)) => ("From", number),
            (None, Sender::MessagingService(sid)) => ("MessagingServiceSid", sid),
        });
        if let Some(url) = &self.settings.status_callback {
            form.push(("StatusCallback", url));
        }
        let user = self.settings.api_key_sid.as_ref().unwrap_or(&self.settings.account_sid);
        let password = self.settings.auth_token.expose();
        Ok(self.client.post(self.endpoint.clone()).basic_auth(user, Some(password)).form(&form))
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        let answer = http::exchange(self.request(envelope)?, envelope.now).await?;
        Ok(outcome(&answer))
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Sms)
    }

    fn build(&self, limits: &Limits) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Twilio::new(self, limits)?))
    }

    fn hook(&self) -> Option<Arc<dyn Hook>> {
        let auth_token = self.callback_token()?.clone();
        Some(Arc::new(hook::StatusCallbacks { auth_token }))
    }
}

#[async_trait]
impl Adapter for Twilio {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

/// The parts we read of a created message.
#[derive(Deserialize)]
struct Created {
    sid: String,
    /// Set when the message failed at once.
    error_code: Option<u32>,
    error_message: Option<String>,
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct Refusal {
    code: u32,
    #[serde(default)]
    message: String,
}

fn outcome(answer: &Answer) -> Outcome {
    let outcome = if answer.is_success() { created(answer) } else { refusal(answer) };
    outcome.unwrap_or_else(|| answer.nonsense())
}

fn created(answer: &Answer) -> Option<Outcome> {
    let created: Created = serde_json::from_slice(&answer.body).ok()?;
    if let Some(code) = created.error_code {
        return Some(by_code(answer, code, &created.error_message.unwrap_or_default()));
    }
    (!created.sid.is_empty()).then_some(Outcome::Sent { reference: created.sid })
}

fn refusal(answer: &Answer) -> Option<Outcome> {
    let refusal: Refusal = serde_json::from_slice(&answer.body).ok()?;
    Some(by_code(answer, refusal.code, &refusal.message))
}

fn by_code(answer: &Answer, code: u32, message: &str) -> Outcome {
    let evidence = OutcomeEvidence::new(code, message);
    match errors::meaning(code) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.by_status(evidence),
    }
}

#[cfg(test)]
mod tests;
