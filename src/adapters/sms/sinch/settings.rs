//! The settings of a Sinch service plan.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::settings::{is_callback, require};
use crate::adapters::sms::sender;
use crate::adapters::webhooks::BasicAuth;
use crate::secret::Secret;

/// The settings of a Sinch service plan for SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinchSettings {
    /// The service plan's id.
    pub service_plan_id: String,
    /// The API token that goes with it.
    pub api_token: Secret,
    /// The sender for brands without one of their own: a phone number in E.164 form, a short code, or an alphanumeric
    /// sender id.
    pub from: String,
    /// Where the API is: the service plan's region has an address of its own.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where Sinch reports what becomes of a message. It reports nothing when absent.
    pub callback_url: Option<String>,
    /// What Sinch signs its calls with. Calls are not taken without this or `webhook_user`; with both, they need both.
    pub webhook_secret: Option<Secret>,
    /// The user that Sinch was set to call back with.
    pub webhook_user: Option<String>,
    /// The password that goes with it.
    pub webhook_password: Option<Secret>,
}

fn default_base_url() -> String {
    "https://eu.sms.api.sinch.com".to_owned()
}

impl SinchSettings {
    /// The user and password that Sinch has to call back with.
    pub(super) fn webhook_auth(&self) -> Result<Option<BasicAuth>, ProviderBuildError> {
        BasicAuth::from_settings(self.webhook_user.as_deref(), self.webhook_password.as_ref())
    }

    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(
            is_id(&self.service_plan_id),
            "service_plan_id",
            "must be the service plan's id: letters, digits, - and _",
        )?;
        require(!self.api_token.expose().is_empty(), "api_token", "must not be empty")?;
        require(
            self.webhook_secret.as_ref().is_none_or(|secret| !secret.expose().is_empty()),
            "webhook_secret",
            "must not be empty; leave it out where Sinch does not sign",
        )?;
        require(sender::is_sender(&self.from), "from", sender::SENDER_MUST)?;
        require(
            self.callback_url.as_deref().is_none_or(is_callback),
            "callback_url",
            "must be a URL such as https://relevo.example.com/sinch, without credentials",
        )
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
