//! The settings of a Brevo account.

use serde::Deserialize;

use super::webhooks::BrevoAuth;
use crate::adapters::ProviderBuildError;
use crate::adapters::webhooks::BasicAuth;
use crate::secret::Secret;

/// The settings of a Brevo account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrevoSettings {
    /// An API key, which is not the key for SMTP: it begins with `xkeysib-`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. Brevo must know it
    /// or its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The user in the URL that Brevo was given for its webhooks. They are not taken without it and the password, or the
    /// token.
    pub webhook_user: Option<String>,
    /// The password that goes with it.
    pub webhook_password: Option<Secret>,
    /// The token that Brevo was set to call with, in place of user and password.
    pub webhook_token: Option<Secret>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.brevo.com".to_owned()
}

impl BrevoSettings {
    /// What Brevo calls with, if its webhooks are taken.
    pub(super) fn webhook_auth(&self) -> Result<Option<BrevoAuth>, ProviderBuildError> {
        let wrong = |must| Err(ProviderBuildError::Setting { setting: "webhook_token", must });
        let basic = BasicAuth::from_settings(self.webhook_user.as_deref(), self.webhook_password.as_ref())?;
        match (basic, &self.webhook_token) {
            (Some(_), Some(_)) => wrong("must be left out where webhook_user is set"),
            (None, Some(token)) if token.expose().is_empty() => wrong("must not be empty"),
            (None, Some(token)) => Ok(Some(BrevoAuth::Token(token.clone()))),
            (basic, None) => Ok(basic.map(BrevoAuth::Basic)),
        }
    }
}
