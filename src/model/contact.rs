//! A person, as a brand knows them.

use super::{Address, Channel, ContactId, Entry, Labels, Preferences, Suppression, Timestamp};

/// A person, known to the brand by its own id.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// The brand's id.
    pub id: ContactId,
    /// Where the person can be reached; the first of a kind is tried first.
    pub addresses: Vec<ContactAddress>,
    /// The brand's labels.
    pub labels: Labels,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// An address of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactAddress {
    /// The address.
    pub address: Address,
    /// When the person last wrote to the brand on WhatsApp from this number.
    pub whatsapp_inbound_at: Option<Timestamp>,
}

impl Contact {
    /// The contact's addresses that `channel` delivers to, the preferred one first.
    pub fn addresses_for(&self, channel: Channel) -> impl Iterator<Item = &ContactAddress> {
        self.addresses.iter().filter(move |own| channel.takes(&own.address))
    }
}

/// Everything consent and routing need to know of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipient {
    /// The contact.
    pub contact: Contact,
    /// Its consent ledger, oldest first.
    pub ledger: Vec<Entry>,
    /// How it wants to be reached.
    pub preferences: Preferences,
    /// Which of its addresses are suppressed.
    pub suppressions: Vec<Suppression>,
}
