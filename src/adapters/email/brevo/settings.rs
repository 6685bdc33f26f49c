//! What the configuration says of a Brevo account.

use serde::Deserialize;

use crate::secret::Secret;

/// The settings of a Brevo account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An API key, which is not the key for SMTP: it begins with `xkeysib-`.
    pub api_key: Secret,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. Brevo must know it
    /// or its domain.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// Where the API is.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.brevo.com".to_owned()
}
