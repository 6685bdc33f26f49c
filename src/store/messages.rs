//! Messages, as callers see them.

use async_trait::async_trait;
use tokio::sync::watch;

use super::{CursorKey, JournalCursor, Page, PageRequest, StoreError};
use crate::model::{
    BrandId, ContactEvent, ContactId, History, Labels, Message, MessageEvent, MessageId, MessageState,
    Timestamp,
};

/// What came of an accept.
#[derive(Debug, Clone, PartialEq)]
pub enum AcceptResult {
    /// The message is new, and durable, under this id.
    New(MessageId),
    /// The idempotency key was used before for the same content: the first message.
    Duplicate(Box<StoredMessage>),
    /// The idempotency key was used before for other content, by this message.
    Conflict(MessageId),
}

/// A message with what has happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredMessage {
    /// The message.
    pub message: Message,
    /// What has happened.
    pub history: History,
    /// When dispatch looks at it again; `None` when there is nothing left to do.
    pub next_at: Option<Timestamp>,
}

/// Which messages to list. All that is given must match.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    /// Of this contact.
    pub contact: Option<ContactId>,
    /// In one of these states; any when empty.
    pub states: Vec<MessageState>,
    /// Accepted at or after.
    pub from: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
    /// Carrying all of these labels.
    pub labels: Labels,
    /// Only those that [lack a receipt](History::lacks_receipt).
    pub without_receipt: bool,
}

/// An event in the order in which they became durable.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEvent {
    /// Its place.
    pub cursor: JournalCursor,
    /// The contact.
    pub contact: ContactId,
    /// What happened.
    pub kind: JournalEventKind,
}

/// A part of a brand's events.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalBatch {
    /// The events, oldest first.
    pub events: Vec<JournalEvent>,
    /// The cursor of the newest event that was purged, when it lies after the position asked for: something is missing
    /// from there on. Always `None` for [`JournalCursor::OLDEST`].
    pub forgotten: Option<JournalCursor>,
}

/// What happened to a message or a contact.
#[derive(Debug, Clone, PartialEq)]
pub enum JournalEventKind {
    /// Something happened to a message.
    Message(MessageId, MessageEvent),
    /// The contact wrote, or a provider reported on one of its addresses.
    Contact(ContactEvent),
}

/// Messages, as callers see them.
#[async_trait]
pub trait MessageStore: Send + Sync {
    /// Makes a message durable, with its idempotency key and its place in the due order: all of it or nothing.
    /// `content_hash` is SHA-256 of what was asked, compared when the idempotency key was used before.
    ///
    /// Ids ascend in the order in which messages become durable. A message whose id would not is given the next one, and
    /// with it a later time of acceptance: that happens to those who ask in the same millisecond, and when the machine's
    /// clock was set back.
    async fn accept(&self, message: Message, content_hash: [u8; 32]) -> Result<AcceptResult, StoreError>;

    /// The message for which the brand used an idempotency key, and the hash it was accepted with. What is found
    /// is durable.
    async fn find_by_idempotency_key(
        &self,
        brand: &BrandId,
        idempotency_key: &str,
    ) -> Result<Option<(StoredMessage, [u8; 32])>, StoreError>;

    /// A message of the brand.
    async fn message(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError>;

    /// Messages of the brand, newest first.
    async fn messages(
        &self,
        brand: &BrandId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StoreError>;

    /// Cancels by [`History::cancel`]. `None` when the brand has no such message; the inner error is the state that
    /// forbids it.
    async fn cancel(
        &self,
        brand: &BrandId,
        id: MessageId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<Result<StoredMessage, MessageState>>, StoreError>;

    /// The brand's events after a position, oldest first, at most `limit`.
    ///
    /// Events of a contact that was deleted are left out and do not count as forgotten: their brand wanted it so.
    async fn events(
        &self,
        brand: &BrandId,
        after: &JournalCursor,
        limit: usize,
    ) -> Result<JournalBatch, StoreError>;

    /// The position after all events there are, of any brand.
    async fn last_cursor(&self) -> Result<JournalCursor, StoreError>;

    /// The key by which cursors are sealed. The first call makes it, of `candidate`, 32 random bytes; from then on it stays.
    async fn cursor_key(&self, candidate: [u8; 32]) -> Result<CursorKey, StoreError>;

    /// Changes whenever there are new events of the brand. Those of other brands wake nobody but their own watchers.
    fn event_signal(&self, brand: &BrandId) -> watch::Receiver<()>;
}
