//! The settings of a Vonage account.

use serde::Deserialize;

use super::account;
use crate::adapters::ProviderBuildError;
use crate::adapters::sms::sender;
use crate::secret::Secret;

/// The settings of a Vonage account that sends by the SMS API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VonageSmsSettings {
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
    pub signature_method: VonageSignatureMethod,
}

/// A method by which an account signs its webhooks: HMAC with a hash, or the one with which accounts begin. HMAC with MD5 is
/// not among them: an account that can choose it can choose SHA-256.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VonageSignatureMethod {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5 over the parameters and the secret, without HMAC: the "MD5 hash" with which accounts begin, and the weakest. Two
    /// sets of parameters can be made that have the same MD5, so whoever brings Vonage to sign one of them, as by a text
    /// of their choice, has the signature of the other.
    Md5Hash,
}

fn default_base_url() -> String {
    "https://rest.nexmo.com".to_owned()
}

impl VonageSmsSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        account::check_credentials(&self.api_key, &self.api_secret, self.signature_secret.as_ref())?;
        if sender::is_sender(&self.from) {
            Ok(())
        } else {
            Err(ProviderBuildError::Setting { setting: "from", must: sender::SENDER_MUST })
        }
    }
}
