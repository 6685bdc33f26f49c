//! The settings of an Amazon SNS account.

use serde::Deserialize;

use crate::adapters::ProviderBuildError;
use crate::adapters::aws::AwsCredentials;
use crate::adapters::settings::require;
use crate::secret::Secret;

/// The settings of an Amazon SNS account that sends SMS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnsSettings {
    /// A region in which SNS sends SMS, such as `eu-west-1`.
    pub region: String,
    /// The id of an access key that may `sns:Publish`.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: Secret,
    /// The token of a temporary access key; a lasting one has none.
    pub session_token: Option<Secret>,
    /// The sender for brands without one of their own: a number of the account, as `+` and digits or a short code, or a
    /// sender id. The account's default when absent.
    pub from: Option<String>,
    /// Where the API is; that of the region when absent.
    pub base_url: Option<String>,
}

impl SnsSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        let right = self.from.as_deref().is_none_or(|from| is_number(from) || is_sender_id(from));
        let must = "must be a phone number such as +34600123456, a short code of 3 to 8 digits, or a sender id of 1 to 11 \
                    letters, digits and hyphens with at least one letter";
        require(right, "from", must)
    }

    pub(super) fn credentials(&self) -> AwsCredentials {
        AwsCredentials {
            region: self.region.clone(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
        }
    }
}

/// A number in E.164 form, or a short code.
pub(super) fn is_number(from: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match from.strip_prefix('+') {
        Some(rest) => (7..=15).contains(&rest.len()) && digits(rest),
        None => (3..=8).contains(&from.len()) && digits(from),
    }
}

fn is_sender_id(from: &str) -> bool {
    (1..=11).contains(&from.len())
        && from.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && from.bytes().any(|b| b.is_ascii_alphabetic())
}
