//! The signals by which watchers learn of new events: one for each brand, so that an event wakes only those whom it concerns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::BrandId;

/// The signals of all brands that are watched.
pub struct EventSignals {
    last_cursor: AtomicU64,
    by_brand: Mutex<HashMap<BrandId, watch::Sender<()>>>,
}

impl EventSignals {
    /// Signals for a store whose newest event has this cursor.
    pub fn new(last_cursor: u64) -> Self {
        Self { last_cursor: AtomicU64::new(last_cursor), by_brand: Mutex::default() }
    }

    /// The cursor of the newest event of any brand.
    pub fn last_cursor(&self) -> u64 {
        self.last_cursor.load(Ordering::Acquire)
    }

    /// The signal of a brand: changes whenever it has new events.
    pub fn subscribe(&self, brand: &BrandId) -> watch::Receiver<()> {
        let mut by_brand = self.by_brand();
        // Brands that nobody watches any more make room for those that somebody does.
        if !by_brand.contains_key(brand) {
            by_brand.retain(|_, signal| signal.receiver_count() > 0);
        }
        by_brand.entry(brand.clone()).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// Publishes that `brands` have new events, the newest of which has this cursor.
    pub fn publish(&self, brands: &[BrandId], last_cursor: u64) {
        self.last_cursor.store(last_cursor, Ordering::Release);
        let by_brand = self.by_brand();
        for signal in brands.iter().filter_map(|brand| by_brand.get(brand)) {
            signal.send_replace(());
        }
    }

    /// Wakes all watchers: what happened since they last looked is not known.
    pub fn publish_to_all(&self, last_cursor: u64) {
        self.last_cursor.store(last_cursor, Ordering::Release);
        for signal in self.by_brand().values() {
            signal.send_replace(());
        }
    }

    fn by_brand(&self) -> MutexGuard<'_, HashMap<BrandId, watch::Sender<()>>> {
        self.by_brand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(name: &str) -> BrandId {
        name.parse().unwrap()
    }

    #[test]
    fn an_event_wakes_the_watchers_of_its_brand_alone() {
        let signals = EventSignals::new(3);
        let (acme, globex) = (signals.subscribe(&brand("acme")), signals.subscribe(&brand("globex")));
        signals.publish(&[brand("acme"), brand("initech")], 4);
        assert_eq!((acme.has_changed().unwrap(), globex.has_changed().unwrap()), (true, false));
        assert_eq!(signals.last_cursor(), 4);
        signals.publish_to_all(5);
        assert!(globex.has_changed().unwrap());
    }

    #[test]
    fn brands_that_nobody_watches_are_forgotten() {
        let signals = EventSignals::new(0);
        for index in 0..100 {
            drop(signals.subscribe(&brand(&format!("brand-{index}"))));
        }
        assert_eq!(signals.by_brand().len(), 1);
    }
}
