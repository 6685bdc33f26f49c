//! The engine: what keeps the ordered map, runs operations on it and makes them durable.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::claims::ClaimTable;
use super::effects::CommitEffects;
use super::event_signals::EventSignals;
use super::lookup::Snapshot;
use super::txn::Txn;
use crate::model::BrandId;
use crate::store::{StoreError, StoreStatus};

/// The class of an operation: whether it may use the space that is kept free on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteClass {
    /// Takes on new work, and is refused when the disk is nearly full.
    NewWork,
    /// Carries on what the gateway is committed to, stops something, or frees space: outcomes, receipts, revocations, purges.
    Committed,
}

/// Keeps an ordered map, and changes it by operations that happen one after the other.
pub trait Engine: Send + Sync + 'static {
    /// Looks at a consistent state.
    fn read<R>(&self, look: impl FnOnce(&dyn Snapshot) -> Result<R, StoreError>) -> Result<R, StoreError>;

    /// Runs an operation and answers when what it wrote is durable. When it fails, nothing of it was written.
    fn write<R, F>(
        &self,
        class: WriteClass,
        operation: F,
    ) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send + 'static;

    /// The signals by which dispatch and watchers learn of committed groups.
    fn signals(&self) -> &StoreSignals;
}

/// Publishes the effects of committed groups to dispatch and watchers.
pub struct StoreSignals {
    claims: Mutex<ClaimTable>,
    work: watch::Sender<u64>,
    events: EventSignals,
    status: watch::Sender<StoreStatus>,
}

impl StoreSignals {
    /// Signals for a store whose newest event has this cursor. At most `ready_bytes` of messages are ready in memory.
    pub fn new(last_cursor: u64, ready_bytes: usize) -> Self {
        Self {
            claims: Mutex::new(ClaimTable::new(ready_bytes)),
            work: watch::Sender::new(0),
            events: EventSignals::new(last_cursor),
            status: watch::Sender::new(StoreStatus::Open),
        }
    }

    /// Publishes the effects of a group that is durable. The engine calls it, not the caller of an operation, who may have
    /// gone away.
    pub fn publish(&self, mut effects: CommitEffects) {
        let (cursor, brands) = (effects.cursor, std::mem::take(&mut effects.brands_with_events));
        if self.claims().apply(effects) {
            self.wake();
        }
        if let Some(cursor) = cursor {
            self.events.publish(&brands, cursor);
        }
    }

    /// Notes that the store was closed, because its disk failed.
    pub fn closed(&self) {
        self.status.send_replace(StoreStatus::Closed);
    }

    /// Notes that the store was opened again: nothing is known but what is on disk.
    pub fn reopened(&self, last_cursor: u64) {
        self.status.send_replace(StoreStatus::Open);
        self.claims().invalidate_disk();
        self.events.publish_to_all(last_cursor);
        self.wake();
    }

    /// The claims in force, and the messages ready in memory.
    pub fn claims(&self) -> MutexGuard<'_, ClaimTable> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes dispatch: there may be new work.
    pub fn wake(&self) {
        self.work.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The cursor of the newest durable event. What lies beyond it may be visible already, and could still be lost.
    pub fn last_cursor(&self) -> u64 {
        self.events.last_cursor()
    }

    /// Changes whenever there may be new work.
    pub fn work(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// Whether the store can be used, and each change of it.
    pub fn status(&self) -> watch::Receiver<StoreStatus> {
        self.status.subscribe()
    }

    /// Changes whenever there are new events of a brand.
    pub fn events(&self, brand: &BrandId) -> watch::Receiver<()> {
        self.events.subscribe(brand)
    }
}
