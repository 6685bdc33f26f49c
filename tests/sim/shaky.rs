//! A disk that fails now and then: before it stored what it was asked to, or after.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use relevo::model::{BrandId, History, Message, MessageId, ReceiptReport, Timestamp};
use relevo::store::{Appended, Claims, Matched, StoreError, Stored, WorkQueue};
use tokio::sync::watch;

use crate::world::Shared;

pub struct Shaky {
    pub inner: Arc<dyn WorkQueue>,
    pub shared: Arc<Shared>,
}

impl Shaky {
    /// Fails one time in 30.
    fn shake(&self, what: &str) -> Result<(), StoreError> {
        if self.shared.rng().u8(0..30) > 0 {
            return Ok(());
        }
        self.shared.count(format!("disk failed {what}"));
        Err(StoreError::Io { detail: "as the script says".to_owned() })
    }
}

#[async_trait]
impl WorkQueue for Shaky {
    async fn claim(&self, now: Timestamp, limit: usize, lease: Duration) -> Result<Claims, StoreError> {
        self.inner.claim(now, limit, lease).await
    }

    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<Appended, StoreError> {
        self.shake("before an append")?;
        let appended = self.inner.append(message, history, known, next_at).await?;
        self.shake("after an append")?;
        Ok(appended)
    }

    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<Stored>, StoreError> {
        self.inner.reload(brand, id).await
    }

    async fn release(&self, id: MessageId) {
        self.inner.release(id).await;
    }

    async fn receive(&self, report: ReceiptReport, now: Timestamp) -> Result<Matched, StoreError> {
        self.shake("before a receipt")?;
        let matched = self.inner.receive(report, now).await?;
        self.shake("after a receipt")?;
        Ok(matched)
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.purge(before, limit).await
    }

    fn work_signal(&self) -> watch::Receiver<u64> {
        self.inner.work_signal()
    }
}
