//! What providers report later.

use super::{Path, Violations, read_receipt_status, read_suppression_reason, read_time, timestamp, v1};
use crate::model::{OutcomeEvidence, Receipt, SuppressionReason};

impl From<&Receipt> for v1::Receipt {
    fn from(receipt: &Receipt) -> Self {
        Self {
            attempt: attempt(receipt.attempt),
            status: v1::ReceiptStatus::from(receipt.status).into(),
            report_time: Some(timestamp(receipt.reported_at)),
            code: receipt.evidence.code.clone(),
            text: receipt.evidence.text.clone(),
            suppression_reason: receipt.suppression.map_or("", SuppressionReason::as_str).to_owned(),
        }
    }
}

/// The number of an attempt as protobuf. Attempts are bounded far below the limit of either type.
pub(super) fn attempt(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Reads the field `attempt` of what is at `path`: 0 stands for one that is not known yet.
pub(super) fn read_attempt(number: i32, path: &Path<'_>, violations: &mut Violations) -> Option<u32> {
    u32::try_from(number)
        .map_err(|_| violations.add(&path.field("attempt"), "must be the number of an attempt, from 1"))
        .ok()
}

/// Reads a receipt.
pub fn read_receipt(receipt: v1::Receipt, path: &Path<'_>, violations: &mut Violations) -> Option<Receipt> {
    let attempt = read_attempt(receipt.attempt, path, violations);
    let status = read_receipt_status(receipt.status, &path.field("status"), violations);
    let reported_at = read_time(receipt.report_time, &path.field("report_time"), violations);
    let suppression = match receipt.suppression_reason.as_str() {
        "" => Some(None),
        reason => read_suppression_reason(reason, &path.field("suppression_reason"), violations).map(Some),
    };
    Some(Receipt {
        attempt: attempt?,
        status: status?,
        reported_at: reported_at?,
        suppression: suppression?,
        evidence: OutcomeEvidence { code: receipt.code, text: receipt.text },
    })
}
