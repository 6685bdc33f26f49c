//! Times in which providers were not well.

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::keys::{self, RingBuffer};
use super::lookup::{Lookup, ScanOrder, decode, load};
use super::paging::read_page;
use super::{EmbeddedStore, ring_buffer};
use crate::model::{Incident, IncidentId};
use crate::store::{IncidentStore, MAX_INCIDENTS, Page, PageRequest, StoreError};

#[async_trait]
impl<E: Engine> IncidentStore for EmbeddedStore<E> {
    async fn record_incident(&self, incident: Incident) -> Result<(), StoreError> {
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let key = keys::incident(incident.id);
                if txn.get(&key)?.is_none() {
                    let oldest = ring_buffer::push(txn, RingBuffer::Incidents, key.clone(), MAX_INCIDENTS)?;
                    oldest.into_iter().for_each(|oldest| txn.delete(oldest));
                }
                txn.save(key, &incident);
                Ok(())
            })
            .await
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.engine.read(|view| load(view, &keys::incident(id)))
    }

    async fn incidents(&self, page: PageRequest) -> Result<Page<Incident>, StoreError> {
        self.engine.read(|view| {
            let range = keys::incidents();
            let prefix = range.start.len();
            read_page(view, range, prefix, ScanOrder::Descending, &page, |key, value| {
                decode(view, key, value).map(Some)
            })
        })
    }
}
