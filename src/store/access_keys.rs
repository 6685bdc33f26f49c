//! API keys.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::model::{ApiKey, BrandId, KeyId, Timestamp};

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a new key, unless it is of a brand that has `max_of_brand` keys already that are not revoked. Returns whether it
    /// did.
    async fn create_key(&self, key: ApiKey, max_of_brand: u64) -> Result<bool, StoreError>;

    /// A key by its id, revoked or not.
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// The keys of one brand, or all, by id.
    async fn keys(&self, brand: Option<&BrandId>, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;

    /// Revokes a key and returns it. `None` when there is none. The first revocation's time stays.
    async fn revoke_key(&self, id: &KeyId, now: Timestamp) -> Result<Option<ApiKey>, StoreError>;
}
