//! Messages that wait for what the configuration does not have: a brand or a provider that was left out of it, perhaps by mistake.

use std::collections::BTreeMap;
use std::fmt;

use super::BrandPolicy;
use crate::model::{BacklogGroup, BrandId, Channel};

/// Messages of a brand that can go no way now, and wait until they can or expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnroutableMessages {
    /// The brand.
    pub brand: BrandId,
    /// The channels they may go by, none of which a provider carries for the brand; empty when the brand itself is missing.
    pub channels: Vec<Channel>,
    /// How many there are.
    pub messages: u64,
}

impl fmt::Display for UnroutableMessages {
    /// Why they wait, for people; without the brand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<_> = self.channels.iter().map(|channel| channel.as_str()).collect();
        match channels.as_slice() {
            [] => write!(f, "the brand is not in the configuration"),
            channels => write!(f, "no provider carries {} for the brand", channels.join(" or ")),
        }
    }
}

/// Which of the messages that wait to be sent can go no way, by brand and channels. `serves` says whether a provider carries a
/// channel for a brand. What contacts prefer and allow is not looked at.
pub fn unroutable_messages(
    backlog: &[(BacklogGroup, u64)],
    policies: &BTreeMap<BrandId, BrandPolicy>,
    serves: impl Fn(&BrandId, Channel) -> bool,
) -> Vec<UnroutableMessages> {
    let mut counts: BTreeMap<(&BrandId, Vec<Channel>), u64> = BTreeMap::new();
    for (group, messages) in backlog {
        let missing = match policies.get(&group.brand) {
            None => Vec::new(),
            Some(policy) => {
                let of_policy = policy.channels_for(&group.topic).unwrap_or(&policy.channels);
                let order = if group.channels.is_empty() { of_policy } else { &group.channels };
                // What never had a provider was nothing to wait for.
                let had_one = |channel: &&Channel| !group.unserved.contains(channel);
                let missing: Vec<_> = order.iter().filter(had_one).copied().collect();
                if missing.is_empty() || order.iter().any(|channel| serves(&group.brand, *channel)) {
                    continue;
                }
                missing
            }
        };
        *counts.entry((&group.brand, missing)).or_default() += messages;
    }
    let unroutable = |((brand, channels), messages): ((&BrandId, _), _)| UnroutableMessages {
        brand: brand.clone(),
        channels,
        messages,
    };
    counts.into_iter().map(unroutable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{BrandSettings, TopicSettings};

    fn group(brand: &str, topic: &str, channels: &[Channel], unserved: &[Channel]) -> BacklogGroup {
        BacklogGroup {
            brand: brand.parse().unwrap(),
            topic: topic.parse().unwrap(),
            channels: channels.to_vec(),
            unserved: unserved.to_vec(),
        }
    }

    #[test]
    fn what_can_go_no_way_is_summed_up_by_brand_and_channels() {
        use Channel::{Email, Sms, Telegram, Whatsapp};
        let topics = TopicSettings { channels: vec![Email, Telegram], ..TopicSettings::default() };
        let settings = BrandSettings {
            channels: vec![Sms, Whatsapp],
            topics: [("offers".to_owned(), topics)].into(),
            ..BrandSettings::default()
        };
        let policies = BTreeMap::from([("acme".parse().unwrap(), BrandPolicy::try_new(&settings).unwrap())]);
        let backlog = [
            (group("acme", "orders", &[], &[]), 1),
            (group("acme", "orders.late", &[], &[]), 20),
            (group("acme", "orders", &[], &[Whatsapp]), 300),
            (group("acme", "offers.shoes", &[], &[]), 4_000),
            (group("acme", "orders", &[Telegram], &[]), 50_000),
            (group("acme", "orders", &[Sms, Telegram], &[]), 600_000),
            (group("acme", "orders", &[Sms, Whatsapp], &[Sms, Whatsapp]), 7_000_000),
            (group("gone", "orders", &[Telegram], &[]), 80_000_000),
            (group("gone", "offers", &[], &[Sms]), 900_000_000),
        ];
        let unroutable = unroutable_messages(&backlog, &policies, |_, channel| channel == Telegram);
        let told: Vec<_> = unroutable
            .iter()
            .map(|unroutable| format!("{} {}: {unroutable}", unroutable.brand, unroutable.messages))
            .collect();
        assert_eq!(
            told,
            [
                "acme 300: no provider carries sms for the brand",
                "acme 21: no provider carries sms or whatsapp for the brand",
                "gone 980000000: the brand is not in the configuration",
            ]
        );
    }
}
