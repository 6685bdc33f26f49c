//! A configured account that carries one channel, as routing sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Address, BrandId, BusinessId, Channel, ProviderName, Timestamp, later};

/// A configured account that carries one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// Its channel.
    pub channel: Channel,
    /// Its kind of adapter.
    pub kind: String,
    /// What fails together with it.
    pub failure_domain: String,
    /// Its priority: lower tiers are tried first.
    pub tier: u32,
    /// Its share of the messages within the tier, at least 1.
    pub weight: u32,
    /// The brands it serves; empty for all.
    pub brands: Vec<BrandId>,
    /// The sender of a brand with this provider, where it differs from the brand's own for the channel.
    pub senders: BTreeMap<BrandId, String>,
    /// The business by whose user ids it reaches people on WhatsApp; `None` for one that takes phone numbers alone.
    pub user_ids_of: Option<BusinessId>,
    /// How long it knows a repeated call by its idempotency key, from the first call with it on, and carries out no second one;
    /// `None` when it does not.
    pub repeat_window: Option<Duration>,
}

impl Provider {
    /// Whether it carries messages of `brand`.
    pub fn serves(&self, brand: &BrandId) -> bool {
        self.brands.is_empty() || self.brands.contains(brand)
    }

    /// Whether it sends to this address, if its channel does.
    pub fn sends_to(&self, address: &Address) -> bool {
        match address {
            Address::WhatsappUser(user) => self.user_ids_of.as_ref() == Some(user.business()),
            Address::Email(_) | Address::Phone(_) | Address::TelegramChat(_) => true,
        }
    }

    /// Who a message of `brand` comes from, given the brand's own senders by channel; `None` for the provider's own.
    pub fn sender<'a>(
        &'a self,
        brand: &BrandId,
        by_channel: &'a BTreeMap<Channel, String>,
    ) -> Option<&'a str> {
        self.senders.get(brand).or_else(|| by_channel.get(&self.channel)).map(String::as_str)
    }

    /// Whether it carries messages of `brand` and of no other.
    pub fn is_exclusive_to(&self, brand: &BrandId) -> bool {
        self.brands == [brand.clone()]
    }
}

/// Why a provider may not be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionRefusal {
    /// An operator took it out of service; until then, if there is an end.
    OutOfService {
        /// When it falls back to in service.
        until: Option<Timestamp>,
    },
    /// An operator is draining it, and the message was never tried there.
    Draining {
        /// When it falls back to in service.
        until: Option<Timestamp>,
    },
    /// Its breaker is open, or half open with all probes in flight.
    BreakerOpen {
        /// How long to wait before asking again.
        wait: Duration,
    },
    /// The provider asked us to slow down.
    Throttled {
        /// How long to wait before it may be called again.
        wait: Duration,
    },
}

impl AdmissionRefusal {
    /// When it may end, if that is known at `now`.
    pub fn until(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::OutOfService { until } | Self::Draining { until } => until,
            Self::BreakerOpen { wait } | Self::Throttled { wait } => Some(later(now, wait)),
        }
    }
}

/// Whether a provider may be called now.
pub type Admission = Result<(), AdmissionRefusal>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brands_sender_with_a_provider_comes_before_its_sender_for_the_channel() {
        let (acme, globex): (BrandId, BrandId) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let provider = Provider {
            name: "meta".parse().unwrap(),
            channel: Channel::Whatsapp,
            kind: "whatsapp_cloud".to_owned(),
            failure_domain: "meta".to_owned(),
            tier: 1,
            weight: 100,
            brands: Vec::new(),
            senders: [(acme.clone(), "106540352242922".to_owned())].into(),
            user_ids_of: None,
            repeat_window: None,
        };
        let senders = [(Channel::Whatsapp, "+34910000000".to_owned())].into();
        assert_eq!(provider.sender(&acme, &senders), Some("106540352242922"));
        assert_eq!(provider.sender(&globex, &senders), Some("+34910000000"));
        assert_eq!(provider.sender(&globex, &BTreeMap::new()), None);
    }
}
