//! A configured account that carries one channel, as routing sees it.

use super::{BrandId, Channel, ProviderName, Timestamp};

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
}

impl Provider {
    /// Whether it carries messages of `brand`.
    pub fn serves(&self, brand: &BrandId) -> bool {
        self.brands.is_empty() || self.brands.contains(brand)
    }

    /// Whether it carries messages of `brand` and of no other.
    pub fn is_exclusive_to(&self, brand: &BrandId) -> bool {
        self.brands == [brand.clone()]
    }
}

/// Why a provider may not be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
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
        /// When to ask again.
        until: Timestamp,
    },
    /// It asked us to slow down.
    Throttled {
        /// When it may be called again.
        until: Timestamp,
    },
}

impl Refusal {
    /// When it may end, if that is known.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::OutOfService { until } | Self::Draining { until } => until,
            Self::BreakerOpen { until } | Self::Throttled { until } => Some(until),
        }
    }
}

/// Whether a provider may be called now.
pub type Admission = Result<(), Refusal>;
