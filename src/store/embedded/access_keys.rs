//! API keys.

use std::sync::Arc;

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::lookup::{ScanOrder, damaged, decode, load};
use super::paging::read_page;
use super::{EmbeddedStore, keys};
use crate::model::{ApiKey, BrandId, KeyId, Timestamp};
use crate::store::{KeyStore, Page, PageRequest, StoreError};

#[async_trait]
impl<E: Engine> KeyStore for EmbeddedStore<E> {
    async fn create_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.engine
            .write(WriteClass::NewWork, move |txn| {
                if let Some(brand) = &key.brand {
                    txn.put(keys::access_key_of(brand, &key.id), Vec::new());
                }
                txn.save(keys::access_key(&key.id), &key);
                Ok(())
            })
            .await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        if let Some(key) = self.key_cache.get(id) {
            return Ok(Some(key));
        }
        let key = self.engine.read(|view| load(view, &keys::access_key(id)))?;
        key.iter().for_each(|key| self.key_cache.insert(key));
        Ok(key)
    }

    async fn keys(&self, brand: Option<&BrandId>, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        self.engine.read(|view| {
            let range = keys::access_keys(brand);
            let prefix = range.start.len();
            read_page(view, range, prefix, ScanOrder::Ascending, &page, |key, value| {
                if brand.is_none() {
                    return decode(view, key, value).map(Some);
                }
                let id = std::str::from_utf8(&key[prefix..]).ok().and_then(|text| text.parse().ok());
                let id = id.ok_or_else(|| damaged(view, "a brand's list of keys holds no id".to_owned()))?;
                load(view, &keys::access_key(&id))
            })
        })
    }

    async fn revoke_key(&self, id: &KeyId, now: Timestamp) -> Result<Option<ApiKey>, StoreError> {
        let (at, cache) = (keys::access_key(id), Arc::clone(&self.key_cache));
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let Some(mut key) = txn.load::<ApiKey>(&at)? else { return Ok(None) };
                if key.revoked_at.is_none() {
                    cache.revoke(&key.id);
                    key.revoked_at = Some(now);
                    txn.save(at, &key);
                }
                Ok(Some(key))
            })
            .await
    }
}
