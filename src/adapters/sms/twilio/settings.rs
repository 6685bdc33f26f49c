//! What the configuration says of a Twilio account.

use serde::Deserialize;
use url::Url;

use crate::adapters::BuildError;
use crate::secret::Secret;

/// The settings of a Twilio account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account: `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The account's auth token, or the secret of the API key when `api_key_sid` is set.
    pub auth_token: Secret,
    /// The account's auth token, by which Twilio signs its callbacks, where `auth_token` is the secret of an API key.
    pub account_auth_token: Option<Secret>,
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
pub(super) enum Sender {
    Number(String),
    MessagingService(String),
}

impl Settings {
    pub(super) fn validate(&self) -> Result<(), BuildError> {
        let must = |right: bool, setting, must| {
            if right { Ok(()) } else { Err(BuildError::Setting { setting, must }) }
        };
        must(
            is_sid("AC", &self.account_sid),
            "account_sid",
            "must be the account's SID: AC and 32 hexadecimal digits",
        )?;
        must(!self.auth_token.expose().is_empty(), "auth_token", "must not be empty")?;
        let key = self.api_key_sid.as_deref();
        must(
            key.is_none_or(|sid| is_sid("SK", sid)),
            "api_key_sid",
            "must be an API key's SID: SK and 32 hexadecimal digits",
        )?;
        must(
            self.status_callback.as_deref().is_none_or(is_callback),
            "status_callback",
            "must be a URL such as https://relevo.example.com/twilio, without credentials",
        )
    }

    /// By what the account signs its callbacks, if it is known.
    pub(super) fn callback_token(&self) -> Option<&Secret> {
        match (&self.account_auth_token, &self.api_key_sid) {
            (Some(token), _) => Some(token),
            (None, None) => Some(&self.auth_token),
            (None, Some(_)) => None,
        }
    }

    pub(super) fn sender(&self) -> Result<Sender, BuildError> {
        let wrong = |setting, must| Err(BuildError::Setting { setting, must });
        match (self.from.clone(), self.messaging_service_sid.clone()) {
            (Some(from), None) if is_sender(&from) => Ok(Sender::Number(from)),
            (Some(_), None) => wrong(
                "from",
                "must be a phone number such as +34600123456, a short code of 3 to 8 digits, or a sender id of 1 to 11 \
                 letters, digits and spaces with at least one letter",
            ),
            (None, Some(sid)) if is_sid("MG", &sid) => Ok(Sender::MessagingService(sid)),
            (None, Some(_)) => wrong(
                "messaging_service_sid",
                "must be a messaging service's SID: MG and 32 hexadecimal digits",
            ),
            (None, None) => wrong("from", "or messaging_service_sid must be set"),
            (Some(_), Some(_)) => wrong("from", "and messaging_service_sid must not both be set"),
        }
    }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_callback(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    })
}

fn is_sender(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = text.strip_prefix('+').is_some_and(|rest| (7..=15).contains(&rest.len()) && digits(rest));
    let short_code = (3..=8).contains(&text.len()) && digits(text);
    let sender_id = (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    number || short_code || sender_id
}
