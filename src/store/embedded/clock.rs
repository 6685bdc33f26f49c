//! The time that was last known to be right.

use async_trait::async_trait;

use super::EmbeddedStore;
use super::engine::{Engine, WriteClass};
use super::keys;
use super::lookup::damaged;
use crate::model::Timestamp;
use crate::store::{ClockStore, StoreError};

#[async_trait]
impl<E: Engine> ClockStore for EmbeddedStore<E> {
    async fn known_time(&self) -> Result<Option<Timestamp>, StoreError> {
        self.engine.read(|view| match view.get(&keys::known_time())? {
            Some(bytes) => {
                let known = keys::read_last_time(&bytes);
                known.map(Some).ok_or_else(|| damaged(view, "the time last known makes no sense".to_owned()))
            }
            // A store of a version that did not record the time.
            None => {
                let newest = view.get(&keys::last_id())?.and_then(|bytes| keys::id(&bytes));
                Ok(newest.map(|id| id.accepted_at()))
            }
        })
    }

    async fn record_time(&self, now: Timestamp) -> Result<(), StoreError> {
        let record = move |txn: &mut super::txn::Txn<'_>| {
            txn.put(keys::known_time(), keys::time(now).to_vec());
            Ok(())
        };
        self.engine.write(WriteClass::Committed, record).await
    }
}
