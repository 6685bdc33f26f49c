//! An account at Infobip, whichever channel it carries.

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

use crate::adapters::http;
use crate::adapters::{ProviderBuildError, Transport};
use crate::secret::Secret;

/// Calls Infobip's API with the credentials of one account.
#[derive(Debug)]
pub(in crate::adapters) struct InfobipClient {
    client: Client,
    /// Marked as sensitive, so that it is never shown.
    authorization: HeaderValue,
    base: Url,
}

impl InfobipClient {
    /// A client for the account with this key.
    ///
    /// # Errors
    /// When the key or the URL is wrong, or TLS cannot be set up.
    pub fn new(api_key: &Secret, base_url: &str, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let key = api_key.expose();
        let wrong = ProviderBuildError::Setting {
            setting: "api_key",
            must: "must be an API key: visible ASCII characters only",
        };
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong);
        }
        let mut authorization = HeaderValue::try_from(format!("App {key}")).map_err(|_| wrong)?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: http::build_client(transport)?,
            authorization,
            base: http::parse_base_url("base_url", base_url)?,
        })
    }

    /// A request with `body` to a path of the API.
    pub fn request(&self, path: &[&str], body: &Value) -> RequestBuilder {
        let request = self.client.post(http::endpoint(&self.base, path));
        request.header(AUTHORIZATION, self.authorization.clone()).json(body)
    }
}
