//! What comes back from providers: receipts and inbound events.

use async_trait::async_trait;

use super::{AddressObjection, NewConsentEntry, StoreError};
use crate::model::{
    Address, AttemptRef, BrandId, ConsentEvidence, ContactEvent, ContactId, MessageId, ProviderName,
    ReceiptReport, Timestamp,
};

/// What came of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptResult {
    /// The receipt was added to this message.
    Added(MessageId),
    /// This message had it already.
    Duplicate(MessageId),
    /// No message has this reference yet; kept until one has.
    Parked,
    /// The attempt that has this reference went to another address than the receipt names; kept as if none had it.
    AnotherAddress,
}

impl ReceiptResult {
    /// Whether the message that the receipt speaks of is known.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Added(_) | Self::Duplicate(_))
    }
}

/// What recording a receipt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedReceipt {
    /// What came of it.
    pub result: ReceiptResult,
    /// When the provider took the message, if this receipt is the first that tells what became of it: delivered, read or failed.
    /// It is now where the answer to the call has yet to come.
    pub first_word_on: Option<Timestamp>,
}

/// Something that a provider reports of a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundEvent {
    /// The provider's id of it; what comes again has the same.
    pub id: String,
    /// What it is, and of which address. An answer to a message of ours is found by `reply_to`.
    pub event: ContactEvent,
    /// Other addresses of the same person that the provider names beside the event's.
    pub aliases: Vec<Address>,
    /// The provider's reference of the message that a text answers.
    pub reply_to: Option<String>,
    /// What it changes.
    pub effects: Vec<InboundEffect>,
}

/// What an inbound event changes.
#[derive(Debug, Clone, PartialEq)]
pub enum InboundEffect {
    /// Records an objection as [`ConsentStore::record_objection`](super::ConsentStore::record_objection) does.
    RecordObjection(AddressObjection),
    /// Appends to the contact's ledger.
    RecordConsent(NewConsentEntry),
    /// Lifts the person's own opt-outs from the address at their word. What else suppresses it stays.
    LiftOptOuts {
        /// The provider to which they took it back, which ends only what it told; `None` when they wrote to us, which ends all.
        told_by: Option<ProviderName>,
        /// Their word, or the provider's.
        evidence: ConsentEvidence,
    },
    /// Opens WhatsApp's service window of the address, through the provider.
    OpenServiceWindow,
    /// Puts another address in the place of this one, unless another contact has it. What the person said against the one holds
    /// for the other.
    MoveAddress(Address),
}

/// What came of recording an inbound event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventResult {
    /// The event is durable, and an event of this contact.
    Kept(ContactId),
    /// The event was recorded before.
    Duplicate,
    /// The brand has no contact with the address: what it changes is durable, and it is no event.
    UnknownContact,
}

/// Receipts and inbound events.
#[async_trait]
pub trait InboundStore: Send + Sync {
    /// Adds a receipt to the message it speaks of, or parks it, and makes the message due when that matters to dispatch. A
    /// reference leads to no attempt to another address than the receipt names ([`AddressMatch`](crate::model::AddressMatch)).
    async fn record_receipt(
        &self,
        report: ReceiptReport,
        now: Timestamp,
    ) -> Result<RecordedReceipt, StoreError>;

    /// The attempt to which the provider gave a reference.
    async fn find_by_reference(
        &self,
        provider: &ProviderName,
        reference: &str,
    ) -> Result<Option<AttemptRef>, StoreError>;

    /// The contact that an event would be one of, as [`record_event`](Self::record_event) finds it.
    async fn contact_of_event(
        &self,
        brand: &BrandId,
        event: &InboundEvent,
    ) -> Result<Option<ContactId>, StoreError>;

    /// Records an event of a contact of the brand, with all that it changes: all of it, once, or nothing.
    ///
    /// Whose event it is, is told by the message that it answers, which went to one address of one contact; else by the
    /// addresses that the provider names, each of which is an address of a contact in some spelling, or one that a provider was
    /// found to know it by. What the event says of the address goes for all of these, and those that nobody had are kept with
    /// the contact's address.
    async fn record_event(
        &self,
        brand: &BrandId,
        event: InboundEvent,
        now: Timestamp,
    ) -> Result<EventResult, StoreError>;
}
