//! An ordered map in memory. Operations run where they are called: no thread, no timer, so that a simulation on a
//! paused clock always runs the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::EmbeddedStore;
use super::address_upgrade;
use super::engine::{Engine, StoreSignals, WriteClass};
use super::keys::{self, Sequence};
use super::lookup::{KeyValue, Lookup, ScanOrder, Snapshot, Visitor, read_number};
use super::txn::{Txn, WriteGroup, Writes};
use crate::store::{StoreError, Stores};

/// How much of new messages may wait for dispatch in memory, in bytes. Little, so that a simulation meets both ways.
const READY_BYTES: usize = 4 << 10;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a memory store keeps. It outlives the [`Stores`] opened on it, as a disk outlives a process.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    map: Arc<Mutex<Map>>,
}

impl MemoryStore {
    /// Opens a store on what is kept. Claims given by stores opened before are void, as after a crash; those stores must
    /// not be used any more.
    pub fn open(&self) -> Stores {
        // A map in memory has no damaged records, so the sequence can be read.
        let cursor = read_number(&*self.lock(), &keys::sequence(Sequence::Events)).unwrap_or_default();
        let signals = StoreSignals::new(cursor, READY_BYTES);
        self.upgrade_addresses();
        EmbeddedStore::stores(MemoryEngine { memory: self.clone(), signals })
    }

    /// Brings the keys of addresses up to date.
    fn upgrade_addresses(&self) {
        let mut map = self.lock();
        let mut next = address_upgrade::first_step(&*map).unwrap_or_default();
        while let Some(step) = next {
            let mut group = WriteGroup::new(&*map);
            // Nothing in a map in memory is damaged.
            next = group.run(|txn| address_upgrade::take_step(txn, step, &mut 0)).unwrap_or_default();
            let (writes, _) = group.finish();
            apply(&mut map, writes);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stores {
    /// A store that lasts as long as it is held. To outlive a simulated crash, keep a [`MemoryStore`] and open it again.
    pub fn memory() -> Self {
        MemoryStore::default().open()
    }
}

struct MemoryEngine {
    memory: MemoryStore,
    signals: StoreSignals,
}

impl Engine for MemoryEngine {
    fn read<R>(&self, look: impl FnOnce(&dyn Snapshot) -> Result<R, StoreError>) -> Result<R, StoreError> {
        look(&*self.memory.lock())
    }

    async fn write<R, F>(&self, _: WriteClass, operation: F) -> Result<R, StoreError>
    where
        R: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Result<R, StoreError> + Send + 'static,
    {
        let mut map = self.memory.lock();
        let mut group = WriteGroup::new(&*map);
        let result = group.run(operation)?;
        let (writes, effects) = group.finish();
        apply(&mut map, writes);
        drop(map);
        self.signals.publish(effects);
        Ok(result)
    }

    fn signals(&self) -> &StoreSignals {
        &self.signals
    }
}

fn apply(map: &mut Map, writes: Writes) {
    for (key, value) in writes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

impl Lookup for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn last_in(&self, range: Range<Vec<u8>>) -> Result<Option<KeyValue>, StoreError> {
        if range.is_empty() {
            return Ok(None);
        }
        Ok(self.range(range).next_back().map(|(key, value)| (key.clone(), value.clone())))
    }

    fn path(&self) -> &str {
        "memory"
    }
}

impl Snapshot for Map {
    fn scan(
        &self,
        range: Range<Vec<u8>>,
        order: ScanOrder,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut pairs = self.range(range);
        while let Some((key, value)) = match order {
            ScanOrder::Ascending => pairs.next(),
            ScanOrder::Descending => pairs.next_back(),
        } {
            if visit(key, value)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}
