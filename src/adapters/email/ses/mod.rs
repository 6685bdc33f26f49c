//! Email by Amazon SES, API v2.
//!
//! SES takes no idempotency key: a call without an answer leaves the message in doubt. The echo goes out as the tag
//! `relevo`, which comes back with every event that a configuration set publishes.

mod errors;
mod request;
mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use lettre::message::Mailbox;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

pub use settings::Settings;

use super::{mail, replies};
use crate::adapters::aws::Signer;
use crate::adapters::http::{self, Answer};
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Limits, refused};
use crate::model::{Channel, Outcome, OutcomeEvidence, Rejection};

/// One SES account in one region.
#[derive(Debug)]
pub struct Ses {
    client: Client,
    settings: Settings,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    signer: Signer,
    endpoint: Url,
}

/// Between whom an email goes.
#[derive(Debug)]
struct Parties {
    from: Mailbox,
    to: String,
}

impl Ses {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &Settings, limits: &Limits) -> Result<Self, BuildError> {
        settings.validate()?;
        let credentials = settings.credentials();
        let signer = Signer::new("ses", credentials.clone())?;
        let base = credentials.base_url("email", settings.base_url.as_deref())?;
        let mailbox = |setting, text| {
            let must = "must be an email address with an ASCII local part, alone or as Name <address>";
            mail::mailbox(text).ok_or(BuildError::Setting { setting, must })
        };
        Ok(Self {
            client: http::client(limits)?,
            from: mailbox("from", &settings.from)?,
            reply_to: settings.reply_to.as_deref().map(|text| mailbox("reply_to", text)).transpose()?,
            settings: settings.clone(),
            signer,
            endpoint: http::endpoint(&base, &["v2", "email", "outbound-emails"]),
        })
    }

    fn parties(&self, envelope: &Envelope) -> Result<Parties, Outcome> {
        let from = match &envelope.from {
            None => self.from.clone(),
            Some(own) => mail::mailbox(own)
                .ok_or_else(|| replies::misconfigured("the brand's sender is not an email address"))?,
        };
        let to = mail::recipient(&envelope.address)?;
        if !to.user().is_ascii() {
            let text = "SES does not carry a local part beyond ASCII";
            return Err(refused(Rejection::Address { certain: false }, text));
        }
        Ok(Parties { from, to: to.to_string() })
    }

    fn request(&self, envelope: &Envelope, parties: &Parties) -> Result<RequestBuilder, Outcome> {
        let body = request::message(envelope, parties, self)?.to_string();
        let headers = self.signer.headers(&self.endpoint, "application/json", &body, envelope.now);
        Ok(self.client.post(self.endpoint.clone()).headers(headers).body(body))
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        let parties = self.parties(envelope)?;
        let answer = http::exchange(self.request(envelope, &parties)?, envelope.now).await?;
        Ok(outcome(&answer, &parties))
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Email)
    }

    fn build(&self, limits: &Limits) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Ses::new(self, limits)?))
    }
}

#[async_trait]
impl Adapter for Ses {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accepted {
    message_id: String,
}

/// The parts we read of an error's body; its name is in a header.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    #[serde(alias = "Message")]
    message: String,
}

fn outcome(answer: &Answer, parties: &Parties) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refusal(answer, parties) };
    outcome.unwrap_or_else(|| answer.nonsense())
}

fn accepted(answer: &Answer) -> Option<Outcome> {
    let accepted: Accepted = serde_json::from_slice(&answer.body).ok()?;
    (!accepted.message_id.is_empty()).then_some(Outcome::Sent { reference: accepted.message_id })
}

fn refusal(answer: &Answer, parties: &Parties) -> Option<Outcome> {
    let name = error_name(answer)?;
    let text = serde_json::from_slice::<Refusal>(&answer.body).unwrap_or_default().message;
    let evidence = OutcomeEvidence::new(name, &text);
    Some(match errors::meaning(name, &text, parties.from.email.as_ref(), &parties.to) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.by_status(evidence),
    })
}

/// `Name:` and an address of Amazon's own may follow the name, and a namespace with `#` may come before it.
fn error_name(answer: &Answer) -> Option<&str> {
    let header = answer.headers.get("x-amzn-errortype")?.to_str().ok()?;
    let name = header.split(':').next()?;
    Some(name.rsplit('#').next().unwrap_or(name).trim()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
