//! An account at Twilio, whichever channel it carries.

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use url::Url;

use crate::adapters::http;
use crate::adapters::settings::{is_callback, require};
use crate::adapters::{ProviderBuildError, Transport};
use crate::model::AttemptRef;
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

/// The parameter of the URL for reports that holds the attempt that they are about.
pub(super) const ECHO_PARAMETER: &str = "relevo";

/// Calls Twilio's Messages API with the credentials of one account.
#[derive(Debug)]
pub(in crate::adapters) struct TwilioClient {
    client: Client,
    endpoint: Url,
    user: String,
    password: Secret,
    status_callback: Option<Url>,
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
            // That it is a URL was checked.
            status_callback: settings.status_callback.as_deref().and_then(|url| Url::parse(url).ok()),
        })
    }

    /// The request that creates a message from `form`. Where Twilio is told where to report to, the URL holds the attempt,
    /// because Twilio gives back nothing else of ours: so its reports find one whose answer, with Twilio's id, was lost.
    pub fn request(&self, form: Vec<(&str, &str)>, attempt: &AttemptRef) -> RequestBuilder {
        let callback = self.status_callback.as_ref().map(|url| callback(url, attempt));
        let callback = callback.as_ref().map(|url| ("StatusCallback", url.as_str()));
        let form: Vec<(&str, &str)> = form.into_iter().chain(callback).collect();
        let request = self.client.post(self.endpoint.clone());
        request.basic_auth(&self.user, Some(self.password.expose())).form(&form)
    }
}

/// The URL with the attempt in its query. All its characters may stand in a query (RFC 3986, section 3.4), so that nobody on
/// the way has a reason to write them in another form than the one that is signed.
fn callback(url: &Url, attempt: &AttemptRef) -> Url {
    let mut url = url.clone();
    let before = url.query().map(|query| format!("{query}&")).unwrap_or_default();
    url.set_query(Some(&format!("{before}{ECHO_PARAMETER}={attempt}")));
    url
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
