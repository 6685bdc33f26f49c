//! The limit on how many streams one key has open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::KeyId;

/// Limits the open streams of each key.
#[derive(Debug)]
pub struct StreamLimiter {
    max: usize,
    /// How many permits each key holds.
    taken: Mutex<HashMap<KeyId, usize>>,
}

/// The permit of one open stream; dropping it releases it.
#[derive(Debug)]
pub struct StreamPermit {
    limiter: Arc<StreamLimiter>,
    key: KeyId,
}

impl StreamLimiter {
    /// At most `max` streams a key.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// The most streams a key may hold.
    pub fn max(&self) -> usize {
        self.max
    }

    /// A permit for a stream of this key; `None` when the key holds as many as it may.
    pub fn try_acquire(self: &Arc<Self>, key: &KeyId) -> Option<StreamPermit> {
        let mut taken = self.taken();
        let count = taken.get(key).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        taken.insert(key.clone(), count + 1);
        Some(StreamPermit { limiter: Arc::clone(self), key: key.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut taken = self.limiter.taken();
        match taken.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            // The last permit takes the entry with it, so the map has as many entries as keys have streams.
            _ => drop(taken.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_permits_and_gets_them_back() {
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let limiter = StreamLimiter::new(2);
        let (first, second) = (limiter.try_acquire(&one), limiter.try_acquire(&one));
        assert!(first.is_some() && second.is_some());
        assert!(limiter.try_acquire(&one).is_none());
        assert!(limiter.try_acquire(&two).is_some());
        drop(first);
        assert!(limiter.try_acquire(&one).is_some());
        drop(second);
        assert!(limiter.taken().is_empty());
    }
}
