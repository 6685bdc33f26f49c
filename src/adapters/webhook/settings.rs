//! What the configuration says of a receiver.

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::adapters::webhooks::StandardWebhooks;
use crate::secret::Secret;

/// The settings of a receiver of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where messages are posted.
    pub url: String,
    /// What signs them, by Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Secret,
    /// The sender for brands without one of their own; none when absent.
    pub from: Option<String>,
    /// What the service signs its own calls with, in the same form; `secret` when absent.
    pub callback_secret: Option<Secret>,
}

impl WebhookSettings {
    pub(super) fn signer(&self) -> Result<StandardWebhooks, BuildError> {
        let wrong = BuildError::Setting { setting: "secret", must: StandardWebhooks::MUST };
        StandardWebhooks::new(&self.secret).ok_or(wrong)
    }

    pub(super) fn callbacks(&self) -> Result<StandardWebhooks, BuildError> {
        let secret = self.callback_secret.as_ref().unwrap_or(&self.secret);
        let wrong = BuildError::Setting { setting: "callback_secret", must: StandardWebhooks::MUST };
        StandardWebhooks::new(secret).ok_or(wrong)
    }
}
