//! Receipts of providers inside this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::model::ReceiptReport;
use crate::store::{InboundStore, ReceiptMatch};

/// How long to wait before the store is asked again after it failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Takes in receipts until every sender is gone. One is taken up only when the one before it is durable, so a full
/// channel slows the senders down and nothing is dropped.
pub async fn record_receipts(
    mut receipts: mpsc::Receiver<ReceiptReport>,
    store: Arc<dyn InboundStore>,
    clock: Clock,
) {
    while let Some(report) = receipts.recv().await {
        record_until_ok(report, store.as_ref(), &clock).await;
    }
}

async fn record_until_ok(report: ReceiptReport, store: &dyn InboundStore, clock: &Clock) {
    loop {
        match store.record_receipt(report.clone(), clock.now()).await {
            Ok(matched) => return log_receipt(&report, matched),
            Err(error) => tracing::error!(%error, "the store failed to keep a receipt; trying again"),
        }
        tokio::time::sleep(STORE_RETRY).await;
    }
}

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
