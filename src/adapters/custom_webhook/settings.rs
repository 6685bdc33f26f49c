//! The settings of a receiver.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::webhooks::StandardWebhooksKey;
use crate::secret::Secret;

/// The settings of a receiver of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomWebhookSettings {
    /// Where messages are posted.
    pub url: String,
    /// The key that signs them, by Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Secret,
    /// The sender for brands without one of their own; none when absent.
    pub from: Option<String>,
    /// The key by which the service signs its own webhook requests, in the same form; `secret` when absent.
    pub callback_secret: Option<Secret>,
    /// For how many minutes the receiver knows a `webhook-id` and carries out no second request with it: a call in doubt is
    /// then repeated under its id. Nothing is repeated when absent.
    pub repeat_window_minutes: Option<u32>,
}

impl CustomWebhookSettings {
    pub(super) fn signer(&self) -> Result<StandardWebhooksKey, ProviderBuildError> {
        let wrong = ProviderBuildError::Setting { setting: "secret", must: StandardWebhooksKey::MUST };
        StandardWebhooksKey::new(&self.secret).ok_or(wrong)
    }

    pub(super) fn callbacks(&self) -> Result<StandardWebhooksKey, ProviderBuildError> {
        let secret = self.callback_secret.as_ref().unwrap_or(&self.secret);
        let wrong =
            ProviderBuildError::Setting { setting: "callback_secret", must: StandardWebhooksKey::MUST };
        StandardWebhooksKey::new(secret).ok_or(wrong)
    }
}
