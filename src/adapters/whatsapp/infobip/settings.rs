//! What the configuration says of an Infobip account for WhatsApp.

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::adapters::whatsapp::sender;
use crate::secret::Secret;

/// The settings of a WhatsApp number at Infobip.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An API key with the scope `whatsapp:message:send`.
    pub api_key: Secret,
    /// The WhatsApp number that sends for brands without one of their own, in E.164 form.
    pub from: String,
    /// Where the API is: each account has an address of its own.
    pub base_url: String,
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), BuildError> {
        if sender::is_sender(&self.from) {
            Ok(())
        } else {
            Err(BuildError::Setting { setting: "from", must: sender::MUST })
        }
    }
}
