//! What the configuration says of a Twilio account.

use serde::Deserialize;

use super::account::{TwilioAccess, is_sid};
use crate::adapters::BuildError;
use crate::adapters::sms::sender;
use crate::secret::Secret;

/// The settings of a Twilio account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioSmsSettings {
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
    /// The sender for brands without one of their own: a phone number in E.164 form, a short code, or an alphanumeric
    /// sender id. Either this or `messaging_service_sid`.
    pub from: Option<String>,
    /// The messaging service that chooses the sender: `MG` and 32 hexadecimal digits.
    pub messaging_service_sid: Option<String>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where Twilio reports what becomes of a message; what the account is set to when absent.
    pub status_callback: Option<String>,
}

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

/// Who a message comes from unless its brand has a sender.
#[derive(Debug, Clone)]
pub(super) enum TwilioSender {
    Number(String),
    MessagingService(String),
}

impl TwilioSmsSettings {
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

    pub(super) fn sender(&self) -> Result<TwilioSender, BuildError> {
        let wrong = |setting, must| Err(BuildError::Setting { setting, must });
        match (self.from.clone(), self.messaging_service_sid.clone()) {
            (Some(from), None) if sender::is_sender(&from) => Ok(TwilioSender::Number(from)),
            (Some(_), None) => wrong("from", sender::MUST),
            (None, Some(sid)) if is_sid("MG", &sid) => Ok(TwilioSender::MessagingService(sid)),
            (None, Some(_)) => wrong(
                "messaging_service_sid",
                "must be a messaging service's SID: MG and 32 hexadecimal digits",
            ),
            (None, None) => wrong("from", "or messaging_service_sid must be set"),
            (Some(_), Some(_)) => wrong("from", "and messaging_service_sid must not both be set"),
        }
    }
}
