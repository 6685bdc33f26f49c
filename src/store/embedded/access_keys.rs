//! API keys.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::keys::{self, RingBuffer};
use super::lookup::{Lookup, ScanOrder, damaged, decode, load, read_number};
use super::paging::read_page;
use super::txn::Txn;
use super::{EmbeddedStore, ring_buffer};
use crate::model::{ApiKey, BrandId, KeyId, Timestamp};
use crate::store::{KeyStore, MAX_REVOKED_KEYS, Page, PageRequest, StoreError};

#[async_trait]
impl<E: Engine> KeyStore for EmbeddedStore<E> {
    async fn create_key(&self, key: ApiKey, max_of_brand: u64) -> Result<bool, StoreError> {
        self.engine
            .write(WriteClass::NewWork, move |txn| {
                if let Some(brand) = &key.brand {
                    let valid = count_valid(txn, brand)?;
                    if valid >= max_of_brand {
                        return Ok(false);
                    }
                    txn.put_number(keys::access_key_count(brand), valid + 1);
                    txn.put(keys::access_key_of(brand, &key.id), Vec::new());
                }
                txn.save(keys::access_key(&key.id), &key);
                Ok(true)
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
            read_page(view, range, prefix, ScanOrder::Ascending, &page, |key, value| match brand {
                None => decode(view, key, value).map(Some),
                Some(_) => load_of_brand(view, &key[prefix..]),
            })
        })
    }

    async fn revoke_key(&self, id: &KeyId, now: Timestamp) -> Result<Option<ApiKey>, StoreError> {
        let (at, cache) = (keys::access_key(id), Arc::clone(&self.key_cache));
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let Some(mut key) = txn.load::<ApiKey>(&at)? else { return Ok(None) };
                if key.revoked_at.is_none() {
                    if let Some(brand) = &key.brand {
                        note_revoked(txn, brand, &key.id)?;
                    }
                    cache.revoke(&key.id);
                    key.revoked_at = Some(now);
                    txn.save(at, &key);
                }
                Ok(Some(key))
            })
            .await
    }
}

/// Counts a key of a brand that is revoked, and forgets the one that was revoked longest ago when there are too many.
fn note_revoked(txn: &mut Txn<'_>, brand: &BrandId, id: &KeyId) -> Result<(), StoreError> {
    let valid = count_valid(txn, brand)?;
    txn.put_number(keys::access_key_count(brand), valid.saturating_sub(1));
    let revoked = RingBuffer::RevokedKeys(brand);
    if let Some(oldest) = ring_buffer::push(txn, revoked, id.as_str().into(), MAX_REVOKED_KEYS)? {
        let oldest = read_id(txn, &oldest)?;
        txn.delete(keys::access_key(&oldest));
        txn.delete(keys::access_key_of(brand, &oldest));
    }
    Ok(())
}

/// The key with the id at the end of an entry of a brand's list.
fn load_of_brand(from: &(impl Lookup + ?Sized), id: &[u8]) -> Result<Option<ApiKey>, StoreError> {
    load(from, &keys::access_key(&read_id(from, id)?))
}

fn read_id(from: &(impl Lookup + ?Sized), id: &[u8]) -> Result<KeyId, StoreError> {
    let id = std::str::from_utf8(id).ok().and_then(|text| text.parse().ok());
    id.ok_or_else(|| damaged(from, "a brand's list of keys holds no id".to_owned()))
}

/// How many keys of a brand are not revoked. A store of an earlier version has no count, and its keys are counted once.
fn count_valid(txn: &Txn<'_>, brand: &BrandId) -> Result<u64, StoreError> {
    let at = keys::access_key_count(brand);
    if txn.get(&at)?.is_some() {
        return read_number(txn, &at);
    }
    let range = keys::access_keys(Some(brand));
    let prefix = range.start.len();
    let mut valid = 0;
    txn.committed().scan(range, ScanOrder::Ascending, &mut |key, _| {
        let key = load_of_brand(txn, &key[prefix..])?;
        valid += u64::from(key.is_some_and(|key| key.revoked_at.is_none()));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(valid)
}
