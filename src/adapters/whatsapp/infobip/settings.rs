//! What the configuration says of an Infobip account for WhatsApp.

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::adapters::settings::require;
use crate::adapters::webhooks::BasicAuth;
use crate::adapters::whatsapp::sender;
use crate::secret::Secret;

/// The settings of a WhatsApp number at Infobip.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfobipWhatsappSettings {
    /// An API key with the scope `whatsapp:message:send`.
    pub api_key: Secret,
    /// The WhatsApp number that sends for brands without one of their own, in E.164 form.
    pub from: String,
    /// Where the API is: each account has an address of its own.
    pub base_url: String,
    /// The user that Infobip was told to call back with. Its calls are not taken without it.
    pub webhook_user: Option<String>,
    /// The password that goes with it.
    pub webhook_password: Option<Secret>,
}

impl InfobipWhatsappSettings {
    /// What Infobip has to call back with.
    pub(super) fn webhook_auth(&self) -> Result<Option<BasicAuth>, BuildError> {
        BasicAuth::from_settings(self.webhook_user.as_deref(), self.webhook_password.as_ref())
    }

    pub(super) fn validate(&self) -> Result<(), BuildError> {
        require(sender::is_sender(&self.from), "from", sender::MUST)
    }
}
