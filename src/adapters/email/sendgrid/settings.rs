//! What the configuration says of a SendGrid account.

use serde::Deserialize;

use crate::secret::Secret;

/// The settings of a SendGrid account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An API key that may send mail: it begins with `SG.`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. SendGrid must have
    /// verified it or its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// Where the API is: `https://api.eu.sendgrid.com` for a subuser in the EU.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.sendgrid.com".to_owned()
}
