//! What the configuration says of a receiver.

use serde::Deserialize;

use super::signature::Signer;
use crate::adapters::BuildError;
use crate::adapters::hooks::StandardWebhooks;
use crate::secret::Secret;

const MUST: &str = "must be whsec_ and 24 to 64 random bytes in base64";

/// The settings of a receiver of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where messages are posted.
    pub url: String,
    /// What signs them, by Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
    pub secret: Secret,
    /// The sender for brands without one of their own; none when absent.
    pub from: Option<String>,
    /// What the service signs its own calls with, in the same form; `secret` when absent.
    pub callback_secret: Option<Secret>,
}

impl Settings {
    pub(super) fn signer(&self) -> Result<Signer, BuildError> {
        Signer::new(&self.secret).ok_or(BuildError::Setting { setting: "secret", must: MUST })
    }

    pub(super) fn callbacks(&self) -> Result<StandardWebhooks, BuildError> {
        let secret = self.callback_secret.as_ref().unwrap_or(&self.secret);
        StandardWebhooks::new(secret).ok_or(BuildError::Setting { setting: "callback_secret", must: MUST })
    }
}
