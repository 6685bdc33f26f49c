//! What the layers above the records know a message by.

use crate::model::{BrandId, MessageClass, MessageId, Timestamp};

/// Where a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLocation {
    /// The pack, by the id of its first message.
    pub pack: MessageId,
    /// The number of the message in the pack.
    pub number: u32,
}

/// A message, as far as it has to be known to move it in the due order and to append to its history.
#[derive(Debug, Clone)]
pub struct MessageRef {
    /// Its brand.
    pub brand: BrandId,
    /// Its id.
    pub id: MessageId,
    /// Its class.
    pub class: MessageClass,
    /// When it is due for the first time.
    pub send_at: Timestamp,
    /// The due time of the bucket in which it was accepted.
    pub bucket_at: Timestamp,
    /// Where it is kept.
    pub location: MessageLocation,
}
