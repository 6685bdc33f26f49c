//! A message store whose accepts wait to be let go, or fail, for tests of what callers then see.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use relevo::model::{BrandId, Message, MessageId, MessageState, Timestamp};
use relevo::store::{
    AcceptResult, CursorKey, JournalBatch, JournalCursor, MessageFilter, MessageStore, Page, PageRequest,
    StoreError, StoredMessage, Stores,
};
use tokio::sync::{Semaphore, watch};

/// A store whose accepts each take one permit, and fail with `error` if there is one.
pub struct Held {
    inner: Arc<dyn MessageStore>,
    pub permits: Semaphore,
    pub begun: watch::Sender<usize>,
    waiting: AtomicUsize,
    /// The most accepts that ever waited at once.
    pub most: AtomicUsize,
    error: Option<StoreError>,
    /// Accepted when the log was just found to hold nothing new.
    late: Mutex<Option<Message>>,
}

impl Held {
    /// Memory stores whose message side is held.
    pub fn stores() -> (Stores, Arc<Self>) {
        Self::around(None)
    }

    /// Memory stores whose accepts fail.
    pub fn failing(error: StoreError) -> Stores {
        let (stores, held) = Self::around(Some(error));
        held.permits.close();
        stores
    }

    fn around(error: Option<StoreError>) -> (Stores, Arc<Self>) {
        let stores = Stores::memory();
        let held = Arc::new(Self {
            inner: stores.messages.clone(),
            permits: Semaphore::new(0),
            begun: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            error,
            late: Mutex::default(),
        });
        (Stores { messages: held.clone(), ..stores }, held)
    }

    /// Accepts `message` at the worst moment: when a reader of the log has just found nothing new.
    pub fn accept_late(&self, message: Message) {
        *self.late.lock().unwrap() = Some(message);
    }

    /// Waits until this many accepts have begun.
    pub async fn until_begun(&self, count: usize) {
        let mut begun = self.begun.subscribe();
        let all = tokio::time::timeout(super::PATIENCE, begun.wait_for(|begun| *begun >= count)).await;
        assert!(all.is_ok(), "{} of {count} accepts began", *self.begun.borrow());
    }
}

#[async_trait]
impl MessageStore for Held {
    async fn accept(&self, message: Message, hash: [u8; 32]) -> Result<AcceptResult, StoreError> {
        self.begun.send_modify(|count| *count += 1);
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.inner.accept(message, hash).await
    }

    async fn find_by_idempotency_key(
        &self,
        brand: &BrandId,
        idempotency_key: &str,
    ) -> Result<Option<(StoredMessage, [u8; 32])>, StoreError> {
        self.inner.find_by_idempotency_key(brand, idempotency_key).await
    }

    async fn message(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.inner.message(brand, id).await
    }

    async fn messages(
        &self,
        brand: &BrandId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StoreError> {
        self.inner.messages(brand, filter, page).await
    }

    async fn cancel(
        &self,
        brand: &BrandId,
        id: MessageId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<Result<StoredMessage, MessageState>>, StoreError> {
        self.inner.cancel(brand, id, actor, now).await
    }

    async fn events(
        &self,
        brand: &BrandId,
        after: &JournalCursor,
        limit: usize,
    ) -> Result<JournalBatch, StoreError> {
        let batch = self.inner.events(brand, after, limit).await?;
        let late = if batch.events.is_empty() { self.late.lock().unwrap().take() } else { None };
        if let Some(message) = late {
            self.inner.accept(message, [0; 32]).await?;
        }
        Ok(batch)
    }

    async fn last_cursor(&self) -> Result<JournalCursor, StoreError> {
        self.inner.last_cursor().await
    }

    async fn cursor_key(&self, candidate: [u8; 32]) -> Result<CursorKey, StoreError> {
        self.inner.cursor_key(candidate).await
    }

    fn event_signal(&self, brand: &BrandId) -> watch::Receiver<()> {
        self.inner.event_signal(brand)
    }
}
