//! An account at Twilio, whichever channel it carries.

use reqwest::{Client, RequestBuilder};
use url::Url;

use crate::adapters::http;
use crate::adapters::settings::{is_callback, require};
use crate::adapters::{BuildError, Transport};
use crate::secret::Secret;

/// What the settings of every channel say of the account.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioAccess<'a> {
    /// `account_sid`
    pub account_sid: &'a str,
    /// `auth_token`
    pub auth_token: &'a Secret,
    /// `account_auth_token`
    pub account_auth_token: Option<&'a Secret>,
    /// `shared_key`
    pub shared_key: Option<&'a Secret>,
    /// `api_key_sid`
    pub api_key_sid: Option<&'a str>,
    /// `base_url`
    pub base_url: &'a str,
    /// `status_callback`
    pub status_callback: Option<&'a str>,
}

/// A client with an account's credentials.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioAccount {
    client: Client,
    endpoint: Url,
    user: String,
    password: Secret,
    status_callback: Option<String>,
}

impl TwilioAccount {
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(access: &TwilioAccess<'_>, transport: &Transport) -> Result<Self, BuildError> {
        access.validate()?;
        let base = http::base_url("base_url", access.base_url)?;
        Ok(Self {
            client: http::client(transport)?,
            endpoint: http::endpoint(&base, &["2010-04-01", "Accounts", access.account_sid, "Messages.json"]),
            user: access.api_key_sid.unwrap_or(access.account_sid).to_owned(),
            password: access.auth_token.clone(),
            status_callback: access.status_callback.map(str::to_owned),
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

impl TwilioAccess<'_> {
    fn validate(&self) -> Result<(), BuildError> {
        require(
            is_sid("AC", self.account_sid),
            "account_sid",
            "must be the account's SID: AC and 32 hexadecimal digits",
        )?;
        let is_set = |secret: &Secret| !secret.expose().is_empty();
        require(is_set(self.auth_token), "auth_token", "must not be empty")?;
        let unset = "must not be empty; leave it out to take no callbacks signed by it";
        require(self.account_auth_token.is_none_or(is_set), "account_auth_token", unset)?;
        require(self.shared_key.is_none_or(is_set), "shared_key", unset)?;
        require(
            self.api_key_sid.is_none_or(|sid| is_sid("SK", sid)),
            "api_key_sid",
            "must be an API key's SID: SK and 32 hexadecimal digits",
        )?;
        require(
            self.status_callback.is_none_or(is_callback),
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
