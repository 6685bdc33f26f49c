//! What operators asked of providers: the change in force, and the audit log.

use std::ops::ControlFlow;

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::keys::{self, RingBuffer, Sequence};
use super::lookup::{ScanOrder, damaged, decode, load};
use super::paging::read_page;
use super::{EmbeddedStore, ring_buffer};
use crate::model::{ProviderControlChange, ProviderName};
use crate::store::{ControlStore, MAX_CONTROL_CHANGES, Page, PageRequest, StoreError};

#[async_trait]
impl<E: Engine> ControlStore for EmbeddedStore<E> {
    async fn set_control(&self, change: ProviderControlChange) -> Result<(), StoreError> {
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let number = txn.next_in_sequence(Sequence::Controls)?;
                txn.save(keys::control(&change.provider), &change);
                txn.save(keys::control_log(number), &change);
                txn.put(keys::control_log_of(&change.provider, number), Vec::new());
                let (buffer, entry) = (RingBuffer::Controls(&change.provider), number.to_be_bytes().to_vec());
                let oldest = ring_buffer::push(txn, buffer, entry, MAX_CONTROL_CHANGES)?;
                if let Some(oldest) = oldest.as_deref().and_then(keys::number) {
                    txn.delete(keys::control_log(oldest));
                    txn.delete(keys::control_log_of(&change.provider, oldest));
                }
                Ok(())
            })
            .await
    }

    async fn controls(&self) -> Result<Vec<ProviderControlChange>, StoreError> {
        self.engine.read(|view| {
            let mut controls = Vec::new();
            view.scan(keys::controls(), ScanOrder::Ascending, &mut |key, value| {
                controls.push(decode(view, key, value)?);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(controls)
        })
    }

    async fn control_changes(
        &self,
        provider: Option<&ProviderName>,
        page: PageRequest,
    ) -> Result<Page<ProviderControlChange>, StoreError> {
        self.engine.read(|view| {
            let range = keys::all_control_log(provider);
            let prefix = range.start.len();
            read_page(view, range, prefix, ScanOrder::Descending, &page, |key, _| {
                let number = keys::number(key)
                    .ok_or_else(|| damaged(view, "a key of the control log is too short".to_owned()))?;
                load(view, &keys::control_log(number))
            })
        })
    }
}
