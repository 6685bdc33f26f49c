//! The events that providers report, the listeners for those that come over a connection of the gateway's, and the sink that
//! records them.

use std::fmt;

use async_trait::async_trait;

use crate::model::{
    Address, AddressReport, AttemptRef, InboundText, LinkId, Objection, OutcomeEvidence, ReceiptStatus,
    ReferenceForms, Timestamp,
};

/// One event that a provider reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    /// What became of a message.
    Receipt(DeliveryReport),
    /// What became of a message, if it is found.
    UncertainReceipt(Box<UncertainReceipt>),
    /// Somebody wrote to us.
    Text(InboundText),
    /// Something about an address.
    Address(AddressReport),
    /// Somebody followed one of our links.
    LinkFollowed {
        /// The link.
        id: LinkId,
        /// The address of whoever followed it.
        address: Address,
        /// When it happened, by the provider's clock; the time of arrival where the provider gives none.
        at: Timestamp,
    },
    /// Some of what came with events that were understood could not be read.
    Unreadable {
        /// How many.
        count: usize,
        /// Why the first of them could not.
        why: String,
    },
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The provider's id of the message; empty when only the echo leads to it.
    pub reference: String,
    /// What we gave with the message, if it came back.
    pub echo: Option<AttemptRef>,
    /// The address that the report speaks of, where it names it: a reference that leads to an attempt to another is not meant, and
    /// what it says against the address counts even when the message is not known any more.
    pub address: Option<Address>,
    /// Other addresses of the same person that it names beside it.
    pub aliases: Vec<Address>,
    /// What the report says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock; the time of arrival where the provider gives none.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
    /// What the report says against the address, if it is wanted no more.
    pub objection: Option<Objection>,
}

/// A report of a provider that does not always write an id, or a report, in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncertainReceipt {
    /// The report.
    pub report: DeliveryReport,
    /// What else its reference may stand for.
    pub forms: ReferenceForms,
    /// A second address that it names, either of which may be the recipient's.
    pub other_address: Option<Address>,
    /// What it is if it leads to no attempt: what a person wrote.
    pub text: Option<InboundText>,
}

/// Listens for the events that a provider reports over a connection that the gateway opens. Its debug output shows no secret.
#[async_trait]
pub trait EventListener: fmt::Debug + Send + Sync {
    /// Hands the events that the provider reports to `sink`, for as long as the gateway runs. Being dropped must leave nothing broken.
    async fn listen(&self, sink: &dyn EventSink);

    /// Whether messages go out over the listener's connection, so that the adapter delivers only while it listens.
    fn carries_deliveries(&self) -> bool {
        false
    }
}

/// Records the events that a listener hands on.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Records the events: they are durable when this returns. An event that is recorded again changes nothing.
    ///
    /// # Errors
    /// When not all of them could be recorded: the provider should report them again.
    async fn record(&self, events: Vec<ProviderEvent>) -> Result<(), RecordError>;

    /// The time.
    fn now(&self) -> Timestamp;
}

/// Not all events could be recorded. The log says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it could not be kept")]
pub struct RecordError;
