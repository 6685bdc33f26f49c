//! The settings of a WhatsApp number.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;
use crate::secret::Secret;

/// The settings of a WhatsApp number on the Cloud API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatsappCloudSettings {
    /// The id of the phone number that sends for brands without one of their own: digits, and not the number itself.
    pub phone_number_id: String,
    /// A system user's access token with the permission `whatsapp_business_messaging`.
    pub access_token: Secret,
    /// The app's secret, by which Meta signs its webhooks. They are not taken without it.
    pub app_secret: Option<Secret>,
    /// The token that Meta was given to verify the webhook's URL with.
    pub verify_token: Option<Secret>,
    /// The version of the Graph API.
    #[serde(default = "default_api_version")]
    pub api_version: String,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_api_version() -> String {
    "v23.0".to_owned()
}

fn default_base_url() -> String {
    "https://graph.facebook.com".to_owned()
}

impl WhatsappCloudSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(
            is_number(&self.phone_number_id),
            "phone_number_id",
            "must be the id of a phone number as the API names it: digits only, without +",
        )?;
        require(!self.access_token.expose().is_empty(), "access_token", "must not be empty")?;
        let is_set =
            |secret: &Option<Secret>| secret.as_ref().is_none_or(|secret| !secret.expose().is_empty());
        require(
            is_set(&self.app_secret),
            "app_secret",
            "must not be empty; leave it out to take no webhooks",
        )?;
        require(
            is_set(&self.verify_token),
            "verify_token",
            "must not be empty; leave it out to verify no URL",
        )?;
        require(is_version(&self.api_version), "api_version", "must be a version such as v23.0")
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_version(text: &str) -> bool {
    let parts = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}
