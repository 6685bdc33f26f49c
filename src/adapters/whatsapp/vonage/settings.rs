//! The settings of a Vonage account for WhatsApp.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;
use crate::adapters::sms::vonage::account;
use crate::adapters::whatsapp::sender;
use crate::secret::Secret;

/// The settings of a WhatsApp number at Vonage.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VonageWhatsappSettings {
    /// The account's API key: eight letters and digits.
    pub api_key: String,
    /// The API secret that goes with it.
    pub api_secret: Secret,
    /// The WhatsApp number that sends for brands without one of their own, in E.164 form.
    pub from: String,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The account's signature secret, by which it signs its webhooks. They are not taken without it.
    pub signature_secret: Option<Secret>,
}

fn default_base_url() -> String {
    "https://api.nexmo.com".to_owned()
}

impl VonageWhatsappSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        account::check_credentials(&self.api_key, &self.api_secret, self.signature_secret.as_ref())?;
        require(sender::is_sender(&self.from), "from", sender::SENDER_MUST)
    }
}
