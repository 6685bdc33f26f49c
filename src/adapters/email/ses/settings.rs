//! The settings of an Amazon SES account.

use serde::Deserialize;

use crate::adapters::aws::AwsCredentials;
use crate::adapters::settings::require;
use crate::adapters::webhooks::sns::SnsTopic;
use crate::adapters::{ProviderBuildError, Transport};
use crate::secret::Secret;

/// The settings of an Amazon SES account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SesSettings {
    /// The region in which the sender is verified, such as `eu-west-1`.
    pub region: String,
    /// The id of an access key that may `ses:SendEmail`.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: Secret,
    /// The token of a temporary access key; a lasting one has none.
    pub session_token: Option<Secret>,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone. It, or its domain,
    /// must be verified with SES.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// The configuration set, which says what is tracked and where events go; the identity's default when absent.
    pub configuration_set: Option<String>,
    /// The ARN of the SNS topic to which SES publishes its events. They are not taken without it.
    pub topic_arn: Option<String>,
    /// Hosts, besides Amazon's own in the topic's region, that may serve the certificates of SNS and confirm subscriptions,
    /// each with its port if it has one. They may do so without TLS.
    #[serde(default)]
    pub sns_certificate_hosts: Vec<String>,
    /// Where the API is; that of the region when absent.
    pub base_url: Option<String>,
}

impl SesSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        let right = self.configuration_set.as_deref().is_none_or(is_name);
        let must = "must be the name of a configuration set: 1 to 64 letters, digits, - and _";
        require(right, "configuration_set", must)
    }

    /// Where SES's events come from, if they are taken.
    pub(super) fn topic(&self, transport: &Transport) -> Result<Option<SnsTopic>, ProviderBuildError> {
        let topic = |arn| SnsTopic::new(arn, &self.sns_certificate_hosts, transport);
        self.topic_arn.as_deref().map(topic).transpose()
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

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
