//! A message as accepted: what was asked, never changed afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BrandId, Channel, ContactId, ContactIncarnation, Content, MessageId, Timestamp, Topic};

/// Decides what consent a message needs, and how doubt about an attempt is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageClass {
    /// Something the person is waiting for or must know. Needs no opt-in.
    Transactional,
    /// Advertising or anything like it. Needs a granted opt-in for the channel and topic.
    Commercial,
}

impl MessageClass {
    /// The class's name in logs and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Commercial => "commercial",
        }
    }
}

/// A brand's own labels.
pub type Labels = BTreeMap<String, String>;

/// When a message that a provider already took is tried another way: what was not delivered by another failure domain of the same
/// channel first, what was not read by another channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FallbackPolicy {
    /// When the provider reports that it could not be delivered.
    pub on_failed: bool,
    /// When nothing says delivered within this time after sent.
    pub undelivered_after: Option<Duration>,
    /// When nothing says read within this time after sent.
    pub unread_after: Option<Duration>,
}

/// A message as accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The gateway's id.
    pub id: MessageId,
    /// The brand that sends it.
    pub brand: BrandId,
    /// The contact it goes to.
    pub contact: ContactId,
    /// Which of those that had the id: nobody else gets it.
    pub incarnation: ContactIncarnation,
    /// Its class.
    pub class: MessageClass,
    /// Its topic.
    pub topic: Topic,
    /// What it says.
    pub content: Content,
    /// The caller's key against doubles, unique within the brand.
    pub idempotency_key: Option<String>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Not sent before.
    pub send_at: Timestamp,
    /// Never sent at or after.
    pub expire_at: Timestamp,
    /// The only channels to use, in order; empty when the caller leaves the choice to us.
    pub channels: Vec<Channel>,
    /// When to try again after a provider took it.
    pub fallback: FallbackPolicy,
    /// The brand's labels.
    pub labels: Labels,
    /// The channels that no provider carried for the brand when the message was accepted. By any other, the message waits for
    /// a provider that is gone from the configuration. A message of an earlier version has none on record.
    pub unserved: Vec<Channel>,
}

impl Message {
    /// The message under another id, accepted at the time that is in it.
    pub fn with_id(self, id: MessageId) -> Self {
        let accepted_at = id.accepted_at();
        Self { id, accepted_at, ..self }
    }
}
