//! A configured account that carries one channel, as routing sees it.

use super::{BrandId, Channel, ProviderName};

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
