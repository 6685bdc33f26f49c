//! What people agreed to.

use async_trait::async_trait;

use super::{Page, PageRequest, PreferencesChange, SetPreferencesResult, StoreError};
use crate::model::{
    Address, BrandId, Channel, ConsentAction, ConsentEntry, ConsentEvidence, ContactId, LiftRefusal,
    LiftedSuppression, Objection, Recipient, Suppression, SuppressionLift, SuppressionReason, Timestamp,
    TopicScope,
};

/// A new ledger entry.
#[derive(Debug, Clone, PartialEq)]
pub struct NewConsentEntry {
    /// Grant or revoke.
    pub action: ConsentAction,
    /// The channel.
    pub channel: Channel,
    /// The topics.
    pub scope: TopicScope,
    /// The evidence for it.
    pub evidence: ConsentEvidence,
    /// Who stores it.
    pub recorded_by: String,
}

/// The grants of single topics that a ledger takes, each for another channel or topic. All that decides is read with each
/// message, and nobody chooses among so many.
pub const MAX_TOPICS_OF_LEDGER: usize = 256;

/// How many revocations of single topics it takes for each of these grants: whatever was granted can be withdrawn, and parts of what
/// was granted by a topic above them.
pub const REVOCATIONS_PER_GRANT: usize = 4;

/// What came of recording a consent.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordConsentResult {
    /// The entry as it stands in the ledger now.
    Recorded(Box<ConsentEntry>),
    /// The brand has no such contact.
    NoContact,
    /// It is for another channel or topic than all of before, and the ledger has as many as it takes. An entry for all topics of a
    /// channel is never turned away.
    TooManyTopics,
}

/// An objection to an address, or to commercial messages to it, as it is put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressObjection {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: Address,
    /// What is wanted no more, and why.
    pub objection: Objection,
    /// The evidence, whose actor is the provider that reported it.
    pub evidence: ConsentEvidence,
}

/// What came of suppressing an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressResult {
    /// The suppression that stands for the reason: the first one.
    pub suppression: Suppression,
    /// Every suppression that stands for the address on the channel, in the order of their reasons.
    pub in_force: Vec<Suppression>,
}

/// What came of lifting suppressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiftResult {
    /// All that was asked for was lifted.
    Lifted {
        /// What was lifted.
        lifted: Vec<LiftedSuppression>,
        /// What still stands for the address on the channel.
        remaining: Vec<Suppression>,
    },
    /// Nothing was lifted.
    Refused(LiftRefusal),
}

/// What people agreed to.
#[async_trait]
pub trait ConsentStore: Send + Sync {
    /// Appends to a contact's ledger.
    async fn record_consent(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        entry: NewConsentEntry,
        now: Timestamp,
    ) -> Result<RecordConsentResult, StoreError>;

    /// A page of a contact's ledger, oldest first. Empty when the brand has no such contact.
    async fn ledger(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        page: PageRequest,
    ) -> Result<Page<ConsentEntry>, StoreError>;

    /// Everything that decides of a contact, in one consistent look. What it costs does not grow with the ledger.
    async fn recipient(&self, brand: &BrandId, contact: &ContactId) -> Result<Option<Recipient>, StoreError>;

    /// Changes preferences: all of a change, to what is stored then, or nothing.
    async fn set_preferences(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        change: PreferencesChange,
    ) -> Result<SetPreferencesResult, StoreError>;

    /// Suppresses an address for a brand, beside the reasons that stand. The first suppression of a reason stays until it is
    /// lifted.
    async fn suppress(&self, brand: &BrandId, suppression: Suppression)
    -> Result<SuppressResult, StoreError>;

    /// Puts an objection on record at `now`: suppresses the address where the objection asks for it, and withdraws the
    /// opt-ins of the contact that has the address where that is the person's will and there is one to withdraw.
    async fn record_objection(
        &self,
        brand: &BrandId,
        objected: AddressObjection,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Lifts what stands for these reasons, all of them or none, by the rules of
    /// [`AddressSuppressions::lift`](crate::model::AddressSuppressions::lift).
    async fn lift_suppressions(
        &self,
        brand: &BrandId,
        channel: Channel,
        address: &Address,
        reasons: &[SuppressionReason],
        lift: SuppressionLift,
    ) -> Result<LiftResult, StoreError>;
}
