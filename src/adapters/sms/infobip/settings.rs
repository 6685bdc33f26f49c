//! The settings of an Infobip account.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::webhooks::BasicAuth;
use crate::secret::Secret;

/// The settings of an Infobip account, whichever channel it carries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfobipSettings {
    /// An API key with the scope of the channel: `sms:message:send` or `whatsapp:message:send`.
    pub api_key: Secret,
    /// The sender for brands without one of their own. For SMS a phone number in E.164 form, a short code, or an
    /// alphanumeric sender id; for WhatsApp its number in E.164 form.
    pub from: String,
    /// Where the API is: each account has an address of its own.
    pub base_url: String,
    /// The user that Infobip was set to call back with. Its calls are not taken without it.
    pub webhook_user: Option<String>,
    /// The password that goes with it.
    pub webhook_password: Option<Secret>,
    /// For how many minutes Infobip refuses a message id that it has accepted, where it was asked to for the account: a call
    /// in doubt is then repeated under its id. Infobip does so only where it has enabled that, for a time that it then sets
    /// (infobip.com/docs, "Idempotent message sending"), so that nothing is repeated when absent.
    pub repeat_window_minutes: Option<u32>,
}

/// The settings of an Infobip account that sends SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct InfobipSmsSettings(pub InfobipSettings);

impl InfobipSettings {
    /// The user and password that Infobip has to call back with, if its calls are taken.
    pub(in crate::adapters) fn webhook_auth(&self) -> Result<Option<BasicAuth>, ProviderBuildError> {
        BasicAuth::from_settings(self.webhook_user.as_deref(), self.webhook_password.as_ref())
    }
}
