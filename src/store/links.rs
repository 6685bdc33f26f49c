//! Links by which people tie an address of theirs to a contact.

use async_trait::async_trait;

use super::StoreError;
use crate::model::{Address, ContactId, ContactLink, LinkId, Timestamp};

/// What came of somebody following a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowResult {
    /// The address belongs to the contact now, and the link is spent.
    AddressAdded(ContactLink),
    /// The address belongs to another contact of the brand. The link still counts.
    AddressTaken {
        /// Whose link it is.
        link: ContactLink,
        /// The contact that has the address.
        owner: ContactId,
    },
    /// The contact has as many addresses as it may. The link still counts.
    TooManyAddresses(ContactLink),
    /// The link had expired.
    Expired(ContactLink),
    /// There is no such link: it was followed before, or its contact is gone.
    Unknown,
}

/// The links of a contact that are kept: its newest. The one before them counts no more.
pub const MAX_LINKS: usize = 10;

/// Links by which people tie an address of theirs to a contact.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Keeps a new link, and forgets the oldest of the contact when it has more than [`MAX_LINKS`]. Returns whether the brand has
    /// the contact; without one, nothing is kept.
    async fn create_link(&self, id: LinkId, link: ContactLink) -> Result<bool, StoreError>;

    /// Adds the address of somebody who followed a link at `at` to its contact, at most once.
    async fn follow_link(
        &self,
        id: LinkId,
        address: Address,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<FollowResult, StoreError>;
}
