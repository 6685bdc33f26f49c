//! Telegram by the Bot API.
//!
//! The request is teloxide's; the exchange is ours. teloxide's own client waits ten seconds on every answer with a 5xx
//! status before it reads it, gives up the status, and reads bodies of any length: an outage would cost each message a
//! time-out and leave it in doubt, where the answer says plainly that it was not taken.

mod errors;
mod links;
mod polling;
mod request;
mod settings;
mod updates;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use serde::Deserialize;
use teloxide::types::ChatId;
use url::Url;

pub use links::TelegramLinkSigner;
pub use settings::TelegramSettings;

use crate::adapters::error_meaning::ErrorMeaning;
use crate::adapters::http::{self, HttpResponse};
use crate::adapters::webhooks::EventSink;
use crate::adapters::{
    Adapter, Envelope, EventListener, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings,
    Transport, rejected_outcome,
};
use crate::model::{Address, Outcome, OutcomeEvidence, Rejection};

/// Delivers Telegram messages through one bot, and polls for what people do to it.
#[derive(Debug)]
pub struct TelegramBot {
    client: Client,
    settings: TelegramSettings,
    base: Url,
    links: Option<TelegramLinkSigner>,
}

impl TelegramBot {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TelegramSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::build_client(transport)?,
            settings: settings.clone(),
            base,
            links: settings.links(),
        })
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        match self.send(chat(envelope)?, envelope).await? {
            TelegramReply::Outcome(outcome) => Ok(outcome),
            // Resent once only: a chat that leads from one to the next would never end. The new id is a group's, which no
            // contact can have for an address, so nothing is told of it.
            TelegramReply::Moved(chat) => match self.send(chat, envelope).await? {
                TelegramReply::Outcome(outcome) => Ok(outcome),
                TelegramReply::Moved(_) => {
                    Err(rejected_outcome(Rejection::Address { certain: false }, "the chat moved twice"))
                }
            },
        }
    }

    async fn send(&self, chat: ChatId, envelope: &Envelope) -> Result<TelegramReply, Outcome> {
        let request = self.message(chat, &envelope.content)?;
        let answer = http::exchange(request, envelope.now).await?;
        Ok(self.reply(&answer).unwrap_or_else(|| TelegramReply::Outcome(answer.unrecognized_outcome())))
    }

    /// `None` where the answer is not one of the API's. An error is one by its body, whatever its HTTP status: between the
    /// API and here, a server may have made a success of it.
    fn reply(&self, answer: &HttpResponse) -> Option<TelegramReply> {
        if answer.is_success()
            && let Ok(TelegramSent { ok: true, result }) = serde_json::from_slice(&answer.body)
        {
            return Some(TelegramReply::Outcome(result.outcome()));
        }
        let refusal: TelegramErrorBody = serde_json::from_slice(&answer.body).ok()?;
        (!refusal.ok).then(|| self.refusal(answer, refusal))
    }

    fn refusal(&self, answer: &HttpResponse, refusal: TelegramErrorBody) -> TelegramReply {
        // The URL holds the token, and a server in between may have quoted it.
        let words = refusal.description.replace(self.settings.token.expose(), "***");
        let evidence = OutcomeEvidence::new(refusal.error_code, &words);
        if let Some(chat) = refusal.parameters.migrate_to_chat_id {
            return TelegramReply::Moved(chat);
        }
        let seconds = refusal.parameters.retry_after;
        let retry_after = seconds
            .map(|seconds| Duration::from_secs(seconds).min(http::MAX_RETRY_AFTER))
            .or(answer.retry_after);
        let status = if answer.is_success() { refusal.error_code } else { answer.status };
        let meaning = errors::meaning(refusal.error_code, &refusal.description);
        TelegramReply::Outcome(match meaning.or_else(|| ErrorMeaning::from_http_status(status)) {
            Some(meaning) => meaning.outcome(evidence, retry_after),
            None => Outcome::Unknown { retry_after, evidence },
        })
    }
}

impl ProviderSettings for TelegramSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let bot = Arc::new(TelegramBot::new(self, context.transport)?);
        let links = bot.links.clone();
        let webhooks = self.webhook_secret.clone();
        let webhooks = webhooks.map(|secret| webhooks::TelegramWebhooks { secret, links: links.clone() });
        Ok(ProviderParts {
            listener: self.polling.then(|| Arc::clone(&bot) as Arc<dyn EventListener>),
            telegram_links: links,
            ..ProviderParts::new(bot).with_webhook_handler(webhooks)
        })
    }
}

#[async_trait]
impl Adapter for TelegramBot {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

#[async_trait]
impl EventListener for TelegramBot {
    async fn listen(&self, sink: &dyn EventSink) {
        self.poll(sink).await;
    }
}

fn chat(envelope: &Envelope) -> Result<ChatId, Outcome> {
    match envelope.address {
        Address::TelegramChat(id) => Ok(ChatId(id)),
        _ => {
            Err(rejected_outcome(Rejection::Address { certain: false }, "the address is not a Telegram chat"))
        }
    }
}

/// What Telegram made of one request.
enum TelegramReply {
    Outcome(Outcome),
    /// The group became a supergroup under this id.
    Moved(ChatId),
}

/// The parts we read of a success. Not teloxide's whole `Message`: a field that Telegram changes would make a sent
/// message look like nonsense.
#[derive(Deserialize)]
struct TelegramSent {
    ok: bool,
    result: TelegramSentMessage,
}

#[derive(Deserialize)]
struct TelegramSentMessage {
    message_id: i64,
    chat: TelegramSentChat,
}

#[derive(Deserialize)]
struct TelegramSentChat {
    id: ChatId,
}

impl TelegramSentMessage {
    /// The id of a message is unique within its chat only.
    fn outcome(&self) -> Outcome {
        Outcome::sent(format!("{}:{}", self.chat.id, self.message_id))
    }
}

/// The parts we read of an error.
#[derive(Deserialize)]
struct TelegramErrorBody {
    #[serde(default)]
    ok: bool,
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: TelegramErrorParameters,
}

#[derive(Default, Deserialize)]
struct TelegramErrorParameters {
    /// In seconds.
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<ChatId>,
}

#[cfg(test)]
mod tests;
