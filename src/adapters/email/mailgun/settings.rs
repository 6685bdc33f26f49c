//! The settings of a domain at Mailgun.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::settings::require;
use crate::secret::Secret;

/// The settings of a domain at Mailgun.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailgunSettings {
    /// The domain that sends, as Mailgun knows it: `mg.example.com`.
    pub domain: String,
    /// An API key: the domain's sending key is enough.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The account's key for signing webhooks, which is not an API key. They are not taken without it.
    pub webhook_signing_key: Option<Secret>,
    /// Where the API is: `https://api.eu.mailgun.net` for a domain in the EU.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.mailgun.net".to_owned()
}

impl MailgunSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(is_domain(&self.domain), "domain", "must be a domain at Mailgun such as mg.example.com")?;
        let is_set = self.webhook_signing_key.as_ref().is_none_or(|key| !key.expose().is_empty());
        require(is_set, "webhook_signing_key", "must not be empty; leave it out to take no webhooks")
    }
}

fn is_domain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    text.len() <= 253
        && text.contains('.')
        && text.split('.').all(|part| !part.is_empty())
        && text.bytes().all(allowed)
}
