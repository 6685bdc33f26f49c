//! The people a brand can reach.

use async_trait::async_trait;

use super::{Page, PageRequest, StoreError};
use crate::model::{
    Address, BrandId, Contact, ContactAddress, ContactEvent, ContactId, ContactIncarnation, ContactVersion,
    Labels, Timestamp,
};

/// A change to a contact. `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct ContactChange {
    /// The contact.
    pub id: ContactId,
    /// Its addresses.
    pub addresses: Option<Vec<ContactAddress>>,
    /// Its labels.
    pub labels: Option<Labels>,
    /// Refuse the change unless the contact has this version; the default for one that must not exist.
    pub expected_version: Option<ContactVersion>,
}

/// What came of a change to a contact.
#[derive(Debug, Clone, PartialEq)]
pub enum UpsertResult {
    /// The contact was created.
    Created(Contact),
    /// The contact was changed.
    Changed(Contact),
    /// An address belongs to another contact of the brand.
    AddressTaken {
        /// The place of the address in the change.
        index: usize,
        /// The contact that has it.
        owner: ContactId,
    },
    /// The contact has another version.
    Stale,
}

/// What came of adding or removing one address of a contact.
#[derive(Debug, Clone, PartialEq)]
pub enum AddressResult {
    /// The contact as it is now.
    Changed(Contact),
    /// There is no such contact.
    NoContact,
    /// The address belongs to this other contact of the brand.
    Taken(ContactId),
    /// The contact has as many addresses as it may.
    Full,
    /// The contact does not have the address.
    Absent,
}

/// An address, in two spellings, that two contacts were given before spellings were compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAddress {
    /// Whose contacts.
    pub brand: BrandId,
    /// The address, in the spelling by which it is found.
    pub address: Address,
    /// The contacts that have it; it finds the first.
    pub contacts: Vec<ContactId>,
}

/// The people a brand can reach.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// Creates or changes a contact. An address belongs to one contact of a brand, in whatever spelling
    /// ([`Address::folded`]).
    async fn upsert_contact(
        &self,
        brand: &BrandId,
        change: ContactChange,
        now: Timestamp,
    ) -> Result<UpsertResult, StoreError>;

    /// Adds an address to a contact, behind the others. One that it has stays in its place, and takes the time of the last
    /// text by WhatsApp if there is a new one.
    async fn add_address(
        &self,
        brand: &BrandId,
        id: &ContactId,
        address: ContactAddress,
        now: Timestamp,
    ) -> Result<AddressResult, StoreError>;

    /// Removes an address from a contact.
    async fn remove_address(
        &self,
        brand: &BrandId,
        id: &ContactId,
        address: &Address,
        now: Timestamp,
    ) -> Result<AddressResult, StoreError>;

    /// A contact by its id.
    async fn contact(&self, brand: &BrandId, id: &ContactId) -> Result<Option<Contact>, StoreError>;

    /// Which of those that had this id has it now. Asked for each message, so it costs less than reading the contact.
    async fn incarnation(
        &self,
        brand: &BrandId,
        id: &ContactId,
    ) -> Result<Option<ContactIncarnation>, StoreError>;

    /// The id of the contact that has the address, in whatever spelling.
    async fn find_by_address(
        &self,
        brand: &BrandId,
        address: &Address,
    ) -> Result<Option<ContactId>, StoreError>;

    /// The addresses that several contacts have, of all brands, at most `limit`. There is none but in a store from before
    /// spellings were compared.
    async fn shared_addresses(&self, limit: usize) -> Result<Vec<SharedAddress>, StoreError>;

    /// The contacts of a brand by id.
    async fn contacts(&self, brand: &BrandId, page: PageRequest) -> Result<Page<Contact>, StoreError>;

    /// Deletes a contact with its addresses, preferences, ledger and events. Returns whether there was one.
    async fn delete_contact(&self, brand: &BrandId, id: &ContactId) -> Result<bool, StoreError>;

    /// What came from a contact, newest first.
    async fn contact_events(
        &self,
        brand: &BrandId,
        id: &ContactId,
        page: PageRequest,
    ) -> Result<Page<ContactEvent>, StoreError>;
}
