//! Messages, as dispatch sees them.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{StoreError, StoredMessage};
use crate::model::{Backlog, BrandId, History, Message, MessageId, Moment, Timestamp};

/// Messages that dispatch may work on, and when the next one is due.
#[derive(Debug, Default)]
pub struct ClaimedMessages {
    /// The messages claimed.
    pub messages: Vec<StoredMessage>,
    /// How long it is until there is more to claim, as far as is known: until the earliest unclaimed message is due (nothing
    /// when it is already), or the earliest claim ends.
    pub wait: Option<Duration>,
}

/// What to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The moment. What is due later by the calendar is left; claims end by the monotonic clock.
    pub now: Moment,
    /// The most messages.
    pub limit: usize,
    /// How long the claims last, unless they are released before.
    pub lease: Duration,
    /// What is left though it is due.
    pub hold: Option<DueHold>,
}

/// Due messages that no claim gets while the clock may be wrong: by the time that was last known to be right, their own time
/// may not have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueHold {
    /// The time that was last known to be right: what was accepted until then is held, whenever it is due.
    pub accepted_until: Timestamp,
    /// The time at which the doubt began: what was due before then is held.
    pub due_before: Timestamp,
}

impl DueHold {
    /// Whether a message is held that was accepted and is due at these times.
    pub fn holds(&self, accepted_at: Timestamp, due_at: Timestamp) -> bool {
        accepted_at <= self.accepted_until || due_at < self.due_before
    }
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendResult {
    /// The events are durable.
    Done,
    /// Another append came in between: read again and decide again.
    Stale,
}

/// Messages, as dispatch sees them.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Claims what is due, not held and not claimed: transactional messages before commercial ones, which always get a
    /// share; in each class brands take turns, and of each brand the longest due come first. A claim ends when it is released, or by itself when its lease does;
    /// until then no other claim gets the message, whatever happens to it meanwhile. Claims are void after a restart.
    async fn claim(&self, request: ClaimRequest) -> Result<ClaimedMessages, StoreError>;

    /// Stores what happened to a message since its history had `known` events, and when it is due next. The claim lasts.
    /// A `Sent` outcome adds the receipts that were parked for its reference.
    async fn append(
        &self,
        message: &Message,
        history: &History,
        known: usize,
        next_at: Option<Timestamp>,
    ) -> Result<AppendResult, StoreError>;

    /// Counts the messages that wait to be sent, whether they are due or not: of each class one brand after the other, until
    /// `limit` were looked at.
    async fn backlog(&self, limit: usize) -> Result<Backlog, StoreError>;

    /// Reads a message again.
    async fn reload(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError>;

    /// Gives a claim back: the message is due again at its own time. Nothing durable changes.
    async fn release(&self, id: MessageId);

    /// Deletes messages that were finished before `before`, their idempotency keys, events and references, receipts parked and
    /// events of contacts that came before then, links that expired and incidents that ended before then; at most `limit` of
    /// each. Returns how many were deleted.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Changes whenever there may be new work.
    fn work_signal(&self) -> watch::Receiver<u64>;
}
