//! The settings of a SendGrid account.

use serde::Deserialize;

use super::webhooks::SendgridWebhooks;
use crate::adapters::ProviderBuildError;
use crate::secret::Secret;

/// The settings of a SendGrid account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendgridSettings {
    /// An API key that may send mail: it begins with `SG.`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. SendGrid must have
    /// verified it or its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The public key by which the Event Webhook's signatures are checked, in base64. Events are not taken without it.
    pub webhook_public_key: Option<String>,
    /// Where the API is: `https://api.eu.sendgrid.com` for a subuser in the EU.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.sendgrid.com".to_owned()
}

impl SendgridSettings {
    /// What takes the Event Webhook's calls, if they are taken.
    pub(super) fn webhooks(&self) -> Result<Option<SendgridWebhooks>, ProviderBuildError> {
        let must = "must be the verification key that SendGrid shows, in base64";
        let wrong = ProviderBuildError::Setting { setting: "webhook_public_key", must };
        self.webhook_public_key.as_deref().map(|key| SendgridWebhooks::new(key).ok_or(wrong)).transpose()
    }
}
