//! The API keys in use, so that not every call reads its key from the engine.
//!
//! A revocation takes effect as it does in the engine: before it is written, its key is marked as revoked for good. Whoever
//! read the key until then cannot put it back, and from then on every read of it goes to the engine.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{ApiKey, KeyId};

/// How many keys are kept. Few are in use at a time, and one that is not kept costs a look into the engine.
const MAX_CACHED_KEYS: usize = 1_024;

/// The API keys in use.
#[derive(Debug, Default)]
pub struct KeyCache(Mutex<CachedKeys>);

#[derive(Debug, Default)]
struct CachedKeys {
    keys: HashMap<KeyId, ApiKey>,
    /// As many as were revoked since the store was opened.
    revoked: HashSet<KeyId>,
}

impl KeyCache {
    /// The key, if it is kept.
    pub fn get(&self, id: &KeyId) -> Option<ApiKey> {
        self.lock().keys.get(id).cloned()
    }

    /// Keeps a key as the engine had it, unless it was marked as revoked meanwhile.
    pub fn insert(&self, key: &ApiKey) {
        let mut keys = self.lock();
        if keys.revoked.contains(&key.id) {
            return;
        }
        if keys.keys.len() >= MAX_CACHED_KEYS {
            keys.keys.clear();
        }
        keys.keys.insert(key.id.clone(), key.clone());
    }

    /// Forgets a key, and never keeps it again.
    pub fn revoke(&self, id: &KeyId) {
        let mut keys = self.lock();
        keys.keys.remove(id);
        keys.revoked.insert(id.clone());
    }

    fn lock(&self) -> MutexGuard<'_, CachedKeys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn key(id: &str) -> ApiKey {
        ApiKey {
            id: id.parse().unwrap(),
            brand: None,
            scopes: Vec::new(),
            label: String::new(),
            secret_hash: [0; 32],
            created_at: Timestamp::UNIX_EPOCH,
            revoked_at: None,
        }
    }

    #[test]
    fn a_key_that_was_read_before_its_revocation_is_not_kept_after_it() {
        let (cache, key) = (KeyCache::default(), key("one"));
        cache.insert(&key);
        assert_eq!(cache.get(&key.id), Some(key.clone()));
        cache.revoke(&key.id);
        cache.insert(&key);
        assert_eq!(cache.get(&key.id), None);
    }

    #[test]
    fn no_more_keys_are_kept_than_the_bound() {
        let cache = KeyCache::default();
        for index in 0..3 * MAX_CACHED_KEYS {
            let key = key(&index.to_string());
            cache.insert(&key);
            assert_eq!(cache.get(&key.id), Some(key));
        }
        assert!(cache.lock().keys.len() <= MAX_CACHED_KEYS);
    }
}
