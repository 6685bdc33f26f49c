//! What the configuration says of a Vonage account.

use serde::Deserialize;

use super::account;
use crate::adapters::BuildError;
use crate::adapters::sms::sender;
use crate::secret::Secret;

/// The settings of a Vonage account that sends by the SMS API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account's API key: eight letters and digits.
    pub api_key: String,
    /// The API secret that goes with it.
    pub api_secret: Secret,
    /// The sender for brands without one of their own: a phone number in E.164 form, a short code, or an alphanumeric
    /// sender id.
    pub from: String,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://rest.nexmo.com".to_owned()
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), BuildError> {
        account::check(&self.api_key, &self.api_secret)?;
        if sender::is_sender(&self.from) {
            Ok(())
        } else {
            Err(BuildError::Setting { setting: "from", must: sender::MUST })
        }
    }
}
