//! Telegram by the Bot API.
//!
//! The request is teloxide's; the exchange is ours. teloxide's own client waits ten seconds on every answer with a 5xx
//! status before it reads it, gives up the status, and reads bodies of any length: an outage would cost each message a
//! time-out and leave it in doubt, where the answer says plainly that it was not taken.

mod errors;
mod hook;
mod links;
mod polling;
mod request;
mod settings;
mod updates;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use serde::Deserialize;
use teloxide::types::ChatId;
use url::Url;

pub use links::Links;
pub use settings::Settings;

use crate::adapters::hooks::{Ear, Hook};
use crate::adapters::http::{self, Answer};
use crate::adapters::{Adapter, BuildError, Envelope, Kind, Transport, refused};
use crate::model::{Address, Channel, Outcome, OutcomeEvidence, Rejection};

/// One bot.
#[derive(Debug)]
pub struct Bot {
    client: Client,
    settings: Settings,
    base: Url,
    links: Option<Links>,
}

impl Bot {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &Settings, transport: &Transport) -> Result<Self, BuildError> {
        settings.validate()?;
        let base = http::base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::client(transport)?,
            settings: settings.clone(),
            base,
            links: settings.links(),
        })
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        match self.send(chat(envelope)?, envelope).await? {
            Reply::Outcome(outcome) => Ok(outcome),
            // Resent once only: a chat that leads from one to the next would never end. The new id is a group's, which no
            // contact can have for an address, so nothing is told of it.
            Reply::Moved(chat) => match self.send(chat, envelope).await? {
                Reply::Outcome(outcome) => Ok(outcome),
                Reply::Moved(_) => {
                    Err(refused(Rejection::Address { certain: false }, "the chat moved twice"))
                }
            },
        }
    }

    async fn send(&self, chat: ChatId, envelope: &Envelope) -> Result<Reply, Outcome> {
        let request = self.message(chat, &envelope.content)?;
        let answer = http::exchange(request, envelope.now).await?;
        Ok(self.reply(&answer).unwrap_or_else(|| Reply::Outcome(answer.nonsense())))
    }

    fn reply(&self, answer: &Answer) -> Option<Reply> {
        if answer.is_success() {
            let sent: Sent = serde_json::from_slice(&answer.body).ok()?;
            return sent.ok.then(|| Reply::Outcome(sent.result.outcome()));
        }
        let refusal: Refusal = serde_json::from_slice(&answer.body).ok()?;
        Some(self.refusal(answer, refusal))
    }

    fn refusal(&self, answer: &Answer, refusal: Refusal) -> Reply {
        // The URL holds the token, and a server in between may have quoted it.
        let words = refusal.description.replace(self.settings.token.expose(), "***");
        let evidence = OutcomeEvidence::new(refusal.error_code, &words);
        if let Some(chat) = refusal.parameters.migrate_to_chat_id {
            return Reply::Moved(chat);
        }
        let seconds = refusal.parameters.retry_after;
        let retry_after =
            seconds.map(|seconds| Duration::from_secs(seconds).min(http::MAX_WAIT)).or(answer.retry_after);
        Reply::Outcome(match errors::meaning(refusal.error_code, &refusal.description) {
            Some(meaning) => meaning.outcome(evidence, retry_after),
            None => answer.by_status(evidence),
        })
    }
}

impl Kind for Settings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Telegram)
    }

    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(Bot::new(self, transport)?))
    }

    fn hook(&self, _: &Transport) -> Option<Arc<dyn Hook>> {
        let secret = self.webhook_secret.clone()?;
        Some(Arc::new(hook::Webhooks { secret, links: self.links() }))
    }
}

#[async_trait]
impl Adapter for Bot {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }

    async fn listen(&self, ear: &dyn Ear) {
        if self.settings.polling { self.poll(ear).await } else { std::future::pending().await }
    }
}

fn chat(envelope: &Envelope) -> Result<ChatId, Outcome> {
    match envelope.address {
        Address::TelegramChat(id) => Ok(ChatId(id)),
        _ => Err(refused(Rejection::Address { certain: false }, "the address is not a Telegram chat")),
    }
}

/// What Telegram made of one request.
enum Reply {
    Outcome(Outcome),
    /// The group became a supergroup under this id.
    Moved(ChatId),
}

/// The parts we read of a success. Not teloxide's whole `Message`: a field that Telegram changes would make a sent
/// message look like nonsense.
#[derive(Deserialize)]
struct Sent {
    ok: bool,
    result: SentMessage,
}

#[derive(Deserialize)]
struct SentMessage {
    message_id: i64,
    chat: Chat,
}

#[derive(Deserialize)]
struct Chat {
    id: ChatId,
}

impl SentMessage {
    /// The id of a message is unique within its chat only.
    fn outcome(&self) -> Outcome {
        Outcome::Sent { reference: format!("{}:{}", self.chat.id, self.message_id) }
    }
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct Refusal {
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// In seconds.
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<ChatId>,
}

#[cfg(test)]
mod tests;
