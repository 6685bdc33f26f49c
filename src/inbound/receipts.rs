//! What the log says of a receipt.

use crate::model::ReceiptReport;
use crate::store::ReceiptMatch;

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
