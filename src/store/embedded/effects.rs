//! What a committed group of operations means outside the store: to dispatch, which claims messages, and to watchers.
//!
//! Operations gather these effects while they run, and the engine publishes them once the group is durable. So nobody acts
//! on what a crash could still undo.

use super::message_ref::MessageRef;
use crate::model::{BrandId, MessageClass, MessageId, Timestamp};
use crate::store::StoredMessage;

/// The effects of a group of operations.
#[derive(Default)]
pub struct CommitEffects {
    /// The messages accepted.
    pub accepted: Vec<NewMessage>,
    /// The messages whose history grew, and when each is due next; `None` when it is over.
    pub advanced: Vec<(MessageId, Option<NextDue>)>,
    /// The keys of the due buckets that are empty now, and no longer in the due order.
    pub emptied_buckets: Vec<Vec<u8>>,
    /// The cursor of the newest event.
    pub cursor: Option<u64>,
    /// The brands that have new events; one may be named more than once.
    pub brands_with_events: Vec<BrandId>,
}

/// When a message is due next, and among which messages.
pub struct NextDue {
    /// Its brand.
    pub brand: BrandId,
    /// Its class.
    pub class: MessageClass,
    /// When it is due.
    pub at: Timestamp,
}

/// A message that was accepted.
pub struct NewMessage {
    /// The message.
    pub stored: StoredMessage,
    /// How the store knows it.
    pub message: MessageRef,
    /// The key of its bucket in the due order.
    pub bucket: Vec<u8>,
    /// About how much memory it takes, in bytes.
    pub size_bytes: usize,
}

/// How many effects there were at a moment, to return to when an operation fails.
#[derive(Debug, Clone, Copy)]
pub struct Savepoint {
    accepted: usize,
    advanced: usize,
    emptied_buckets: usize,
    cursor: Option<u64>,
    brands_with_events: usize,
}

impl CommitEffects {
    /// The savepoint of this moment.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            accepted: self.accepted.len(),
            advanced: self.advanced.len(),
            emptied_buckets: self.emptied_buckets.len(),
            cursor: self.cursor,
            brands_with_events: self.brands_with_events.len(),
        }
    }

    /// Drops the effects gathered since the savepoint.
    pub fn rollback_to(&mut self, savepoint: Savepoint) {
        self.accepted.truncate(savepoint.accepted);
        self.advanced.truncate(savepoint.advanced);
        self.emptied_buckets.truncate(savepoint.emptied_buckets);
        self.cursor = savepoint.cursor;
        self.brands_with_events.truncate(savepoint.brands_with_events);
    }
}
