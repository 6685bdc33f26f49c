//! The settings of a Postmark server.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;
use crate::adapters::webhooks::BasicAuth;
use crate::secret::Secret;

/// The settings of a server at Postmark, as Postmark calls a set of messages and their token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostmarkSettings {
    /// The server's API token.
    pub server_token: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. Postmark must have
    /// confirmed it or its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The message stream: the server's own for transactional messages when absent. Commercial messages belong into a
    /// stream of the kind "broadcast".
    pub message_stream: Option<String>,
    /// The user in the URL that Postmark was given for its webhooks. They are not taken without it and the password.
    pub webhook_user: Option<String>,
    /// The password that goes with it.
    pub webhook_password: Option<Secret>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.postmarkapp.com".to_owned()
}

impl PostmarkSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(
            self.message_stream.as_deref().is_none_or(is_stream),
            "message_stream",
            "must be a stream's id such as outbound: letters, digits and hyphens",
        )
    }

    /// What Postmark calls with, if its webhooks are taken.
    pub(super) fn webhook_auth(&self) -> Result<Option<BasicAuth>, ProviderBuildError> {
        BasicAuth::from_settings(self.webhook_user.as_deref(), self.webhook_password.as_ref())
    }
}

fn is_stream(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
