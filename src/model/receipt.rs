//! What providers report later. Receipts may come in any order, early, late, or twice.

use super::{BrandId, MessageId, OutcomeEvidence, ProviderName, Timestamp};

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiptStatus {
    /// The provider handed it on.
    Sent,
    /// It could not be delivered.
    Failed,
    /// It reached the device or mailbox.
    Delivered,
    /// It was read.
    Read,
}

impl ReceiptStatus {
    /// A stable word for the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// A report on an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The attempt it reports on.
    pub attempt: u32,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
}

/// What we gave a provider with a call, as it gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// The brand of the message.
    pub brand: BrandId,
    /// The message.
    pub message: MessageId,
    /// The attempt.
    pub attempt: u32,
}

/// A receipt as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptReport {
    /// The provider that reports.
    pub provider: ProviderName,
    /// Its id of the message.
    pub reference: String,
    /// The message and attempt, where the provider echoes what we gave it with the call. Finds the message even when
    /// the answer that carried the reference was lost or is still on its way.
    pub echo: Option<Echo>,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
}
