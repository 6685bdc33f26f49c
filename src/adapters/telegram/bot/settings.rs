//! The settings of a bot.

use serde::Deserialize;

use super::links::TelegramLinkSigner;
use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;
use crate::secret::Secret;

/// The settings of a Telegram bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramSettings {
    /// The token that BotFather gave out: the bot's id, a colon, and a secret.
    pub token: Secret,
    /// Where the API is: Telegram's own, or a server of one's own.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whether messages arrive without a sound.
    #[serde(default)]
    pub disable_notification: bool,
    /// The bot's user name, without `@`: links to the bot need it.
    pub bot_username: Option<String>,
    /// What Telegram was given to send along with its webhooks. They are not taken without it.
    pub webhook_secret: Option<Secret>,
    /// Whether to ask Telegram for what people do, where it cannot call.
    #[serde(default)]
    pub polling: bool,
}

fn default_base_url() -> String {
    teloxide::net::TELEGRAM_API_URL.to_owned()
}

impl TelegramSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(
            is_token(self.token.expose()),
            "token",
            "must be a bot's token: digits, a colon, then letters, digits, - and _",
        )?;
        require(
            self.bot_username.as_deref().is_none_or(is_username),
            "bot_username",
            "must be the bot's user name without @: 5 to 32 letters, digits and _",
        )?;
        require(
            self.webhook_secret.as_ref().is_none_or(|secret| is_webhook_secret(secret.expose())),
            "webhook_secret",
            "must be 1 to 256 letters, digits, - and _",
        )?;
        require(
            !(self.polling && self.webhook_secret.is_some()),
            "polling",
            "must be left out where webhook_secret is set: Telegram tells by one of the two",
        )
    }

    /// Makes links to the bot, where its name is known.
    pub fn links(&self) -> Option<TelegramLinkSigner> {
        self.bot_username.as_deref().map(|username| TelegramLinkSigner::new(username, &self.token))
    }
}

fn is_username(text: &str) -> bool {
    (5..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_webhook_secret(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, secret)| {
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
            && !secret.is_empty()
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}
