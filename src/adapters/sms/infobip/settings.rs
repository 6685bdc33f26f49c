//! What the configuration says of an Infobip account for SMS.

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::adapters::sms::sender;
use crate::secret::Secret;

/// The settings of an Infobip account that sends SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An API key with the scope `sms:message:send`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: a phone number in E.164 form, a short code, or an alphanumeric
    /// sender id.
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
