//! The settings of a Resend account.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::webhooks::StandardWebhooksKey;
use crate::secret::Secret;

/// The settings of a Resend account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResendSettings {
    /// An API key that may send: it begins with `re_`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. Resend must have
    /// verified its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// What signs the webhooks: `whsec_` and what follows. They are not taken without it.
    pub webhook_secret: Option<Secret>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.resend.com".to_owned()
}

impl ResendSettings {
    /// What checks the signatures of webhooks, if they are taken.
    pub(super) fn verifier(&self) -> Result<Option<StandardWebhooksKey>, ProviderBuildError> {
        let wrong =
            ProviderBuildError::Setting { setting: "webhook_secret", must: StandardWebhooksKey::MUST };
        self.webhook_secret.as_ref().map(|secret| StandardWebhooksKey::new(secret).ok_or(wrong)).transpose()
    }
}
