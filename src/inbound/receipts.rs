//! Receipts of providers inside this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::model::ReceiptReport;
use crate::store::{InboundStore, ReceiptMatch};

/// How long to wait before the next attempt after the store failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Records receipts until every sender is dropped. A receipt is received only when the one before it is durable, so a full
/// channel slows the senders down and no receipt is dropped.
pub async fn record_receipts(
    mut receipts: mpsc::Receiver<ReceiptReport>,
    store: Arc<dyn InboundStore>,
    clock: Clock,
) {
    while let Some(report) = receipts.recv().await {
        record_with_retries(report, store.as_ref(), &clock).await;
    }
}

async fn record_with_retries(report: ReceiptReport, store: &dyn InboundStore, clock: &Clock) {
    loop {
        match store.record_receipt(report.clone(), clock.now()).await {
            Ok(matched) => return log_receipt(&report, matched),
            Err(error) => tracing::error!(
                provider.name = %report.provider, %error,
                "a receipt was not recorded because the store failed; trying again"
            ),
        }
        tokio::time::sleep(STORE_RETRY).await;
    }
}

/// Logs what a receipt was found to belong to.
pub(super) fn log_receipt(report: &ReceiptReport, matched: ReceiptMatch) {
    let (provider, status) = (&report.provider, report.status.as_str());
    match matched {
        ReceiptMatch::Added(id) => {
            tracing::debug!(message.id = %id, provider.name = %provider, status, "a receipt was added to its message")
        }
        ReceiptMatch::Known(id) => {
            tracing::debug!(message.id = %id, provider.name = %provider, status, "a receipt was recorded before")
        }
        ReceiptMatch::Parked => {
            tracing::debug!(provider.name = %provider, status, "a receipt is parked until its message is known")
        }
    }
}
