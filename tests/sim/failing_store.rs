//! A store whose disk fails now and then: before it has stored what it was asked to, or after.

use std::sync::Arc;

use async_trait::async_trait;
use relevo::model::{
    AttemptRef, Backlog, BrandId, ContactId, History, Message, MessageId, ProviderName, ReceiptReport,
    Timestamp,
};
use relevo::store::{
    AppendResult, ClaimRequest, ClaimedMessages, EventResult, InboundEvent, InboundStore, RecordedReceipt,
    StoreError, StoredMessage, Stores, WorkQueue,
};
use tokio::sync::watch;

use crate::state::SimulationState;

/// The store in memory, with failures in between.
pub struct FailingStore {
    pub stores: Stores,
    pub shared: Arc<SimulationState>,
}

impl FailingStore {
    /// Fails one time in 30; `what` says at which moment.
    fn fail_sometimes(&self, what: &str) -> Result<(), StoreError> {
        if self.shared.rng().u8(0..30) > 0 {
            return Ok(());
        }
        self.shared.count(format!("disk failed {what}"));
        Err(StoreError::Io { detail: "as the script says".to_owned() })
    }
}

#[async_trait]
impl WorkQueue for FailingStore {
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimedMessages, StoreError> {
        self.stores.work.claim(request).await
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<AppendResult, StoreError> {
        self.fail_sometimes("before an append")?;
        let appended = self.stores.work.append(message, history, known, next_at).await?;
        self.fail_sometimes("after an append")?;
        Ok(appended)
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.stores.work.reload(brand, id).await
    }

    async fn release(&self, id: MessageId) {
        self.stores.work.release(id).await;
    }

    async fn backlog(&self, limit: usize) -> Result<Backlog, StoreError> {
        self.stores.work.backlog(limit).await
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.stores.work.purge(before, limit).await
    }

    fn work_signal(&self) -> watch::Receiver<u64> {
        self.stores.work.work_signal()
    }
}

#[async_trait]
impl InboundStore for FailingStore {
    async fn record_receipt(
        &self,
        report: ReceiptReport,
        now: Timestamp,
    ) -> Result<RecordedReceipt, StoreError> {
        self.fail_sometimes("before a receipt")?;
        let matched = self.stores.inbound.record_receipt(report, now).await?;
        self.fail_sometimes("after a receipt")?;
        Ok(matched)
    }

    async fn find_by_reference(
        &self,
        provider: &ProviderName,
        reference: &str,
    ) -> Result<Option<AttemptRef>, StoreError> {
        self.stores.inbound.find_by_reference(provider, reference).await
    }

    async fn contact_of_event(
        &self,
        brand: &BrandId,
        event: &InboundEvent,
    ) -> Result<Option<ContactId>, StoreError> {
        self.stores.inbound.contact_of_event(brand, event).await
    }

    async fn record_event(
        &self,
        brand: &BrandId,
        event: InboundEvent,
        now: Timestamp,
    ) -> Result<EventResult, StoreError> {
        self.fail_sometimes("before a text")?;
        let recorded = self.stores.inbound.record_event(brand, event, now).await?;
        self.fail_sometimes("after a text")?;
        Ok(recorded)
    }
}
