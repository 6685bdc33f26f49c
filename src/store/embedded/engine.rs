//! The seam between what the store does and where it keeps it.

use std::future::Future;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::claims::{ClaimTable, CommitEffects};
use super::keys;
use super::records::Record;
use super::txn::Txn;
use crate::store::StoreError;

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Looks up single keys.
pub trait Lookup {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The pair with the largest key in `range`.
    fn last_in(&self, range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError>;

    /// Where the store is, for errors.
    fn path(&self) -> &str;
}

/// In which direction a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOrder {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// What is done with each pair of a range: go on, or stop.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;

/// A consistent state: nothing is written while it is looked at.
pub trait Snapshot: Lookup {
    /// Visits the pairs whose keys lie in `range`.
    fn scan(
        &self,
        range: Range<Vec<u8>>,
        order: ScanOrder,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;
}

/// The record at `key`.
pub fn load<T: Record>(from: &(impl Lookup + ?Sized), key: &[u8]) -> Result<Option<T>, StoreError> {
    from.get(key)?.map(|bytes| decode(from, key, &bytes)).transpose()
}

/// Reads a record. One that cannot be read is damage, because nothing but this build or an older one wrote it.
pub fn decode<T: Record>(from: &(impl Lookup + ?Sized), key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    T::decode(bytes)
        .map_err(|detail| damaged(from, format!("the {} at {}: {detail}", T::NAME, keys::redacted(key))))
}

/// The error for something in the store that cannot be right.
pub fn damaged(from: &(impl Lookup + ?Sized), detail: String) -> StoreError {
    StoreError::Corrupt { path: from.path().to_owned(), detail }
}

/// Whether an operation may use the room that is kept free on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteClass {
    /// It takes on something new, and is refused when the disk is nearly full.
    NewWork,
    /// It keeps a promise already made, stops something, or makes room: outcomes, receipts, revocations, purges.
    Committed,
}

/// Keeps an ordered map, and changes it by operations that happen one after the other.
pub trait Engine: Send + Sync + 'static {
    /// Looks at a consistent state.
    fn read<R>(&self, look: impl FnOnce(&dyn Snapshot) -> Result<R, StoreError>) -> Result<R, StoreError>;

    /// Runs an operation and answers when what it wrote is durable. When it fails, nothing of it was written.
    fn write<R, F>(
        &self,
        urgency: WriteClass,
        operation: F,
    ) -> impl Future<Output = Result<R, StoreError>> + Send
    where
        R: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send + 'static;

    /// What dispatch and watchers are told once it is durable.
    fn signals(&self) -> &StoreSignals;
}

/// Tells dispatch and watchers the news, once they are durable.
pub struct StoreSignals {
    claims: Mutex<ClaimTable>,
    work: watch::Sender<u64>,
    events: watch::Sender<u64>,
}

impl StoreSignals {
    /// Signals for a store whose newest event has this cursor. At most `handover_bytes` of messages are handed to
    /// dispatch in memory.
    pub fn new(last_cursor: u64, handover_bytes: usize) -> Self {
        Self {
            claims: Mutex::new(ClaimTable::new(handover_bytes)),
            work: watch::Sender::new(0),
            events: watch::Sender::new(last_cursor),
        }
    }

    /// Tells the news. The engine calls it, not the caller of an operation, who may have gone away.
    pub fn publish(&self, news: CommitEffects) {
        let cursor = news.cursor;
        if self.claims().apply(news) {
            self.wake();
        }
        if let Some(cursor) = cursor {
            self.events.send_replace(cursor);
        }
    }

    /// Says that the store was read anew: all that is known is what is on disk.
    pub fn reopened(&self, last_cursor: u64) {
        self.claims().invalidate_disk();
        self.events.send_replace(last_cursor);
        self.wake();
    }

    /// What is ready for dispatch.
    pub fn claims(&self) -> MutexGuard<'_, ClaimTable> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there may be new work.
    pub fn wake(&self) {
        self.work.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The cursor of the newest durable event. What lies beyond it may be visible already, and could still be lost.
    pub fn last_cursor(&self) -> u64 {
        *self.events.borrow()
    }

    /// Changes whenever there may be new work.
    pub fn work(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// Changes whenever there are new events.
    pub fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }
}
