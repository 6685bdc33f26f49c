//! The warnings about a configuration: what is allowed, and probably not meant.

use std::collections::BTreeSet;
use std::fmt;

use super::Config;
use crate::model::{BrandId, Channel, Provider};
use crate::routing::BrandPolicy;

/// Something that works, and probably not as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// The brand it concerns.
    pub brand: BrandId,
    /// The channel it concerns.
    pub channel: Channel,
    /// What may surprise.
    pub message: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "brand {}: {}: {}", self.brand, self.channel, self.message)
    }
}

impl Config {
    /// What is allowed, and probably not meant: channels without a way, and without a second one that survives an
    /// outage of the first.
    pub fn warnings(&self) -> Vec<ConfigWarning> {
        let mut warnings = Vec::new();
        for (brand, policy) in &self.brands {
            for channel in used_channels(policy) {
                let message = self.warning_message(brand, channel);
                warnings.extend(message.map(|message| ConfigWarning {
                    brand: brand.clone(),
                    channel,
                    message,
                }));
            }
        }
        warnings
    }

    /// The providers that carry `channel` for `brand`, lowest tier first.
    pub fn providers_for(&self, brand: &BrandId, channel: Channel) -> Vec<&Provider> {
        let all = self.providers.iter().map(|config| &config.provider);
        let mut providers: Vec<_> =
            all.filter(|provider| provider.channel == channel && provider.serves(brand)).collect();
        providers.sort_by_key(|provider| provider.tier);
        providers
    }

    fn warning_message(&self, brand: &BrandId, channel: Channel) -> Option<String> {
        let providers = self.providers_for(brand, channel);
        let domains: BTreeSet<_> =
            providers.iter().map(|provider| provider.failure_domain.as_str()).collect();
        match (providers.as_slice(), domains.first()) {
            ([], _) | (_, None) => Some("no provider carries it, so it is always left out".to_owned()),
            ([only], _) => {
                Some(format!("only provider {} carries it, so it fails when that one does", only.name))
            }
            (several, Some(domain)) if domains.len() == 1 => {
                let all =
                    if several.len() == 2 { "both".to_owned() } else { format!("all {}", several.len()) };
                Some(format!("{all} providers share failure domain {domain}, so they fail together"))
            }
            _ => None,
        }
    }
}

/// Every channel that the brand or one of its topics names.
fn used_channels(policy: &BrandPolicy) -> BTreeSet<Channel> {
    let by_topic = policy.topics().filter_map(|topic| policy.channels_for(topic)).flatten();
    policy.channels.iter().chain(by_topic).copied().collect()
}
