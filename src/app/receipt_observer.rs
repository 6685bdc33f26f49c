//! What receipts tell of the health of providers.

use crate::dispatch::ProviderRegistry;
use crate::inbound::ReceiptObserver;
use crate::model::{Moment, ProviderName, Timestamp};

impl ReceiptObserver for ProviderRegistry {
    fn receipt(&self, provider: &ProviderName, taken_at: Timestamp, now: Moment) {
        self.record_receipt(provider, taken_at, now);
    }
}
