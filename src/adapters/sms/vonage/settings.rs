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
    /// The account's signature secret, by which it signs its webhooks. They are not taken without it.
    pub signature_secret: Option<Secret>,
    /// How the account signs its webhooks.
    #[serde(default)]
    pub signature_method: SignatureMethod,
}

/// A way in which an account signs: HMAC with a hash. MD5, with which accounts begin, is not among them, because it is
/// broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureMethod {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

fn default_base_url() -> String {
    "https://rest.nexmo.com".to_owned()
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), BuildError> {
        account::check(&self.api_key, &self.api_secret, self.signature_secret.as_ref())?;
        if sender::is_sender(&self.from) {
            Ok(())
        } else {
            Err(BuildError::Setting { setting: "from", must: sender::MUST })
        }
    }
}
