//! What the configuration says of a Twilio account for WhatsApp.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::adapters::settings::require;
use crate::adapters::sms::twilio::account::{TwilioAccess, is_sid};
use crate::adapters::whatsapp::sender;
use crate::model::Template;
use crate::secret::Secret;

/// The settings of a WhatsApp number at Twilio.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioWhatsappSettings {
    /// The account: `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The account's auth token, or the secret of the API key when `api_key_sid` is set.
    pub auth_token: Secret,
    /// The account's auth token, by which Twilio signs its callbacks, where `auth_token` is the secret of an API key.
    pub account_auth_token: Option<Secret>,
    /// The secret of the shared key by which Twilio signs its callbacks with SHA-256, where it was told to.
    pub shared_key: Option<Secret>,
    /// An API key to use in place of the account's own credentials: `SK` and 32 hexadecimal digits.
    pub api_key_sid: Option<String>,
    /// The WhatsApp number that sends for brands without one of their own, in E.164 form.
    pub from: String,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where Twilio reports what becomes of a message; what the account is set to when absent.
    pub status_callback: Option<String>,
    /// Which content at Twilio a template is: by its name and language the content's SID, `HX` and 32 hexadecimal
    /// digits.
    #[serde(default)]
    pub templates: BTreeMap<String, BTreeMap<String, String>>,
}

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

impl TwilioWhatsappSettings {
    pub(super) fn access(&self) -> TwilioAccess<'_> {
        TwilioAccess {
            account_sid: &self.account_sid,
            auth_token: &self.auth_token,
            account_auth_token: self.account_auth_token.as_ref(),
            shared_key: self.shared_key.as_ref(),
            api_key_sid: self.api_key_sid.as_deref(),
            base_url: &self.base_url,
            status_callback: self.status_callback.as_deref(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), BuildError> {
        require(sender::is_sender(&self.from), "from", sender::MUST)?;
        require(
            self.templates.values().flat_map(BTreeMap::values).all(|sid| is_sid("HX", sid)),
            "templates",
            "must give a content's SID for each language: HX and 32 hexadecimal digits",
        )
    }

    /// The SID of the content that a template is. A template may also be named by that SID itself.
    pub(super) fn content_sid<'a>(&'a self, template: &'a Template) -> Option<&'a str> {
        let known =
            self.templates.get(&template.name).and_then(|languages| languages.get(&template.language));
        known.or_else(|| is_sid("HX", &template.name).then_some(&template.name)).map(String::as_str)
    }
}
