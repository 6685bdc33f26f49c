//! The limit on how many streams one key, or one brand, has open.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Limits the open streams of each holder: a key, or a brand with all of its keys.
#[derive(Debug)]
pub struct StreamLimiter<H> {
    max: usize,
    /// How many permits each holder has.
    taken: Mutex<HashMap<H, usize>>,
}

/// The permit of one open stream; dropping it releases it.
#[derive(Debug)]
pub struct StreamPermit<H: Hash + Eq> {
    limiter: Arc<StreamLimiter<H>>,
    holder: H,
}

impl<H: Hash + Eq + Clone> StreamLimiter<H> {
    /// At most `max` streams a holder.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: Mutex::default() })
    }

    /// The most streams a holder may have open.
    pub fn max(&self) -> usize {
        self.max
    }

    /// A permit for a stream of this holder; `None` when it has as many open as it may.
    pub fn try_acquire(self: &Arc<Self>, holder: &H) -> Option<StreamPermit<H>> {
        let mut taken = self.taken();
        let count = taken.get(holder).copied().unwrap_or(0);
        if count >= self.max {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(StreamPermit { limiter: Arc::clone(self), holder: holder.clone() })
    }
}

impl<H> StreamLimiter<H> {
    fn taken(&self) -> MutexGuard<'_, HashMap<H, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H: Hash + Eq> Drop for StreamPermit<H> {
    fn drop(&mut self) {
        let mut taken = self.limiter.taken();
        match taken.get_mut(&self.holder) {
            Some(count) if *count > 1 => *count -= 1,
            // The last permit takes the entry with it, so the map has as many entries as holders have streams.
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_its_own_permits_and_gets_them_back() {
        let (one, two) = ("one", "two");
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
