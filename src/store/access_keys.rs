//! API keys.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::model::{ApiKey, BrandId, KeyId, Timestamp};

/// The revoked keys of a brand that are kept, for whoever wants to know what became of one. Those that were revoked before are
/// forgotten: a brand that creates keys and revokes them over and over must not fill the store.
pub const MAX_REVOKED_KEYS: u64 = 1_000;

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a new key, unless it is of a brand that has `max_of_brand` keys already that are not revoked. Returns whether it
    /// did.
    async fn create_key(&self, key: ApiKey, max_of_brand: u64) -> Result<bool, StoreError>;

    /// A key by its id. One that is revoked is there as long as it is among the last [`MAX_REVOKED_KEYS`] of its brand.
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// The keys of one brand, or all, by id.
    async fn keys(&self, brand: Option<&BrandId>, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;

    /// Revokes a key and returns it. `None` when there is none. The first revocation's time stays.
    async fn revoke_key(&self, id: &KeyId, now: Timestamp) -> Result<Option<ApiKey>, StoreError>;
}
