//! The warnings about a configuration: what is allowed, and probably not meant.

use std::collections::BTreeSet;
use std::fmt;

use super::{Config, directory, open_files};
use crate::model::{Backlog, BrandId, Channel, Provider, Timestamp};
use crate::routing::{BrandPolicy, UnroutableMessages, unroutable_messages};
use crate::store::embedded::sled;

/// Something that works, and probably not as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    /// What it concerns: a setting by its path, or a brand and channel.
    pub subject: String,
    /// What may surprise, and what to do where that is not plain.
    pub message: String,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}

impl ConfigWarning {
    pub(super) fn new(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), message: message.into() }
    }
}

impl Config {
    /// What is allowed, and probably not meant: a certificate near its end, data that others can read, fewer open files than
    /// the limits allow, channels without a way, and without a second one that survives an outage of the first.
    pub fn warnings(&self, now: Timestamp) -> Vec<ConfigWarning> {
        let mut warnings = self.warnings_of_the_start(now);
        warnings.extend(self.busy_addresses());
        // What cannot be read is told by the start, which writes it anew.
        if let Ok(Some(recorded)) = sled::read_backlog(&self.store.path) {
            let counted = |warning: ConfigWarning| {
                let message = format!("{} (counted at {:.0})", warning.message, recorded.counted_at);
                ConfigWarning { message, ..warning }
            };
            warnings.extend(self.warnings_of_backlog(&recorded.backlog).into_iter().map(counted));
        }
        for (brand, policy) in &self.brands {
            for channel in used_channels(policy) {
                let doubt = self.warning_message(brand, channel);
                let subject = format!("brand {brand}: {channel}");
                warnings.extend(doubt.map(|message| ConfigWarning::new(subject, message)));
            }
        }
        warnings
    }

    /// Those that the place and the time of the gateway make, which are told at its start too.
    pub fn warnings_of_the_start(&self, now: Timestamp) -> Vec<ConfigWarning> {
        let certificate = self.tls.as_ref().and_then(|tls| tls.ends_soon(now)).map(|end| {
            let day = end.strftime("%Y-%m-%d");
            ConfigWarning::new(
                "server.tls.cert_file",
                format!("ends on {day}: renew it before that, and start again"),
            )
        });
        let open = directory::open_to_others(&self.store.path).map(|mode| {
            let path = self.store.path.display();
            let message = format!(
                "others on this machine can get at the data directory, which holds messages and addresses in clear (mode \
                 {mode:04o}): chmod 700 {path}"
            );
            ConfigWarning::new("store.path", message)
        });
        let files = open_files::shortage(self).map(|message| ConfigWarning::new("open files", message));
        certificate.into_iter().chain(open).chain(files).collect()
    }

    /// The messages that wait for what is not configured: a brand, or a provider of the channels that they may go by.
    pub fn warnings_of_backlog(&self, backlog: &Backlog) -> Vec<ConfigWarning> {
        let serves = |brand: &BrandId, channel: Channel| !self.providers_for(brand, channel).is_empty();
        let at_least = if backlog.is_whole { "" } else { "at least " };
        let warning = |unroutable: UnroutableMessages| {
            let waits = match unroutable.messages {
                1 => "1 message waits until this is mended or it expires".to_owned(),
                several => format!("{several} messages wait until this is mended or they expire"),
            };
            let message = format!("{at_least}{waits}: {unroutable}");
            ConfigWarning::new(format!("brand {}", unroutable.brand), message)
        };
        unroutable_messages(&backlog.groups, &self.brands, serves).into_iter().map(warning).collect()
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
