//! What the configuration says of a bot.

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::secret::Secret;

/// The settings of a Telegram bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The token that BotFather gave out: the bot's id, a colon, and a secret.
    pub token: Secret,
    /// Where the API is: Telegram's own, or a server of one's own.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Whether messages arrive without a sound.
    #[serde(default)]
    pub disable_notification: bool,
}

fn default_base_url() -> String {
    teloxide::net::TELEGRAM_API_URL.to_owned()
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), BuildError> {
        if is_token(self.token.expose()) {
            return Ok(());
        }
        Err(BuildError::Setting {
            setting: "token",
            must: "must be a bot's token: digits, a colon, then letters, digits, - and _",
        })
    }
}

fn is_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, secret)| {
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
            && !secret.is_empty()
            && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}
