//! A bound on how many streams one key holds open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::KeyId;

/// Counts the streams of each key.
#[derive(Debug)]
pub struct StreamLimiter {
    max: usize,
    taken: Mutex<HashMap<KeyId, usize>>,
}

/// One stream's place; dropping it gives it back.
#[derive(Debug)]
pub struct StreamPermit {
    slots: Arc<StreamLimiter>,
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

    /// Takes a place, or `None` when the key holds all of its places.
    pub fn try_acquire(self: &Arc<Self>, key: &KeyId) -> Option<StreamPermit> {
        let mut taken = self.taken();
        let count = taken.get(key).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        taken.insert(key.clone(), count + 1);
        Some(StreamPermit { slots: Arc::clone(self), key: key.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<KeyId, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        match taken.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            // The last one leaves no entry behind, so the map is as small as the number of keys in use.
            _ => drop(taken.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_places_and_gets_them_back() {
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        let slots = StreamLimiter::new(2);
        let (first, second) = (slots.try_acquire(&one), slots.try_acquire(&one));
        assert!(first.is_some() && second.is_some());
        assert!(slots.try_acquire(&one).is_none());
        assert!(slots.try_acquire(&two).is_some());
        drop(first);
        assert!(slots.try_acquire(&one).is_some());
        drop(second);
        assert!(slots.taken().is_empty());
    }
}
