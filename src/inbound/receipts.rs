//! What the log says of a receipt.

use crate::model::ReceiptReport;
use crate::store::ReceiptResult;

pub(super) fn log_receipt(report: &ReceiptReport, matched: ReceiptResult) {
    let (provider, status) = (&report.provider, report.status.as_str());
    match matched {
        ReceiptResult::Added(id) => {
            tracing::debug!(message.id = %id, provider.name = %provider, status, "a receipt was added to its message")
        }
        ReceiptResult::Duplicate(id) => {
            tracing::debug!(message.id = %id, provider.name = %provider, status, "a receipt was recorded before")
        }
        ReceiptResult::AnotherAddress => {
            tracing::debug!(
                provider.name = %provider, status,
                "a receipt is parked: it names another address than that of the attempt that has its reference"
            )
        }
        ReceiptResult::Parked => {
            tracing::debug!(provider.name = %provider, status, "a receipt is parked until its message is known")
        }
    }
}
