//! What waits to be sent, counted.

use super::{BrandId, Channel, Topic};

/// Messages of a brand that wait to be sent and may go the same ways.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BacklogGroup {
    /// The brand.
    pub brand: BrandId,
    /// Their topic, by which channels are chosen where they name none.
    pub topic: Topic,
    /// The only channels they may use; empty when the choice is ours.
    pub channels: Vec<Channel>,
    /// The channels that no provider carried for the brand when they were accepted.
    pub unserved: Vec<Channel>,
}

/// The messages that wait to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many there are of each group.
    pub groups: Vec<(BacklogGroup, u64)>,
    /// Whether all were counted. Otherwise there are more.
    pub is_whole: bool,
}
