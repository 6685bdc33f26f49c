//! Who learns that a provider gives receipts.

use crate::model::{Moment, ProviderName, Timestamp};

/// Learns of the receipts of providers, to notice when they stay away.
pub trait ReceiptObserver: Send + Sync {
    /// A receipt of `provider` came at `now`, the first that tells what became of a message that it took at `taken_at`.
    fn receipt(&self, provider: &ProviderName, taken_at: Timestamp, now: Moment);
}
