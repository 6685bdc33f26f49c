//! An account at Twilio, whichever channel it carries.

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

use crate::adapters::http;
use crate::adapters::settings::{is_callback, require};
use crate::adapters::{ProviderBuildError, Transport};
use crate::secret::Secret;

/// The settings of a Twilio account, whichever channel it carries.
#[derive(Debug, Clone, Deserialize)]
pub struct TwilioAccountSettings {
    /// The account: `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// The account's auth token, or the secret of the API key when `api_key_sid` is set.
    pub auth_token: Secret,
    /// The account's auth token, by which Twilio signs its callbacks, where `auth_token` is the secret of an API key.
    pub account_auth_token: Option<Secret>,
    /// The secret of the shared key by which Twilio signs its callbacks with SHA-256, where the account is set to.
    pub shared_key: Option<Secret>,
    /// An API key to use in place of the account's own credentials: `SK` and 32 hexadecimal digits.
    pub api_key_sid: Option<String>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where Twilio reports what becomes of a message; what the account is set to when absent.
    pub status_callback: Option<String>,
}

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

/// Calls Twilio's Messages API with the credentials of one account.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioClient {
    client: Client,
    endpoint: Url,
    user: String,
    password: Secret,
    status_callback: Option<String>,
}

impl TwilioClient {
    /// A client for the account of these settings.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TwilioAccountSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        let path = ["2010-04-01", "Accounts", &settings.account_sid, "Messages.json"];
        Ok(Self {
            client: http::build_client(transport)?,
            endpoint: http::endpoint(&base, &path),
            user: settings.api_key_sid.as_ref().unwrap_or(&settings.account_sid).clone(),
            password: settings.auth_token.clone(),
            status_callback: settings.status_callback.clone(),
        })
    }

    /// The request that creates a message from `form`.
    pub fn request<'a>(&'a self, mut form: Vec<(&str, &'a str)>) -> RequestBuilder {
        if let Some(url) = &self.status_callback {
            form.push(("StatusCallback", url));
        }
        let request = self.client.post(self.endpoint.clone());
        request.basic_auth(&self.user, Some(self.password.expose())).form(&form)
    }
}

impl TwilioAccountSettings {
    fn validate(&self) -> Result<(), ProviderBuildError> {
        require(
            is_sid("AC", &self.account_sid),
            "account_sid",
            "must be the account's SID: AC and 32 hexadecimal digits",
        )?;
        let is_set = |secret: &Secret| !secret.expose().is_empty();
        require(is_set(&self.auth_token), "auth_token", "must not be empty")?;
        let unset = "must not be empty; leave it out to take no callbacks signed by it";
        require(self.account_auth_token.as_ref().is_none_or(is_set), "account_auth_token", unset)?;
        require(self.shared_key.as_ref().is_none_or(is_set), "shared_key", unset)?;
        require(
            self.api_key_sid.as_deref().is_none_or(|sid| is_sid("SK", sid)),
            "api_key_sid",
            "must be an API key's SID: SK and 32 hexadecimal digits",
        )?;
        require(
            self.status_callback.as_deref().is_none_or(is_callback),
            "status_callback",
            "must be a URL such as https://relevo.example.com/twilio, without credentials",
        )
    }
}

/// Whether the text is one of Twilio's ids: two letters that say of what, and 32 hexadecimal digits.
pub(in crate::adapters) fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}
