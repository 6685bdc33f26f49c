//! What the configuration says of a receiver.

use serde::Deserialize;

use super::signature::Signer;
use crate::adapters::BuildError;
use crate::secret::Secret;

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
}

impl Settings {
    pub(super) fn signer(&self) -> Result<Signer, BuildError> {
        Signer::new(&self.secret).ok_or(BuildError::Setting {
            setting: "secret",
            must: "must be whsec_ and 24 to 64 random bytes in base64",
        })
    }
}
