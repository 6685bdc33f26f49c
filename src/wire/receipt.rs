//! Delivery receipts.

use super::{FieldPath, Violations, read_objection, read_receipt_status, read_time, timestamp, v1};
use crate::model::{Objection, OutcomeEvidence, Receipt};

impl From<&Receipt> for v1::Receipt {
    fn from(receipt: &Receipt) -> Self {
        Self {
            attempt: attempt(receipt.attempt),
            status: v1::ReceiptStatus::from(receipt.status).into(),
            report_time: Some(timestamp(receipt.reported_at)),
            code: receipt.evidence.code.clone(),
            text: receipt.evidence.text.clone(),
            objection: receipt.objection.map_or("", Objection::as_str).to_owned(),
        }
    }
}

/// The number of an attempt as protobuf. Attempts are bounded far below the limit of either type.
pub(super) fn attempt(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Reads the field `attempt` of what is at `path`: 0 stands for one that is not known yet.
pub(super) fn read_attempt(number: i32, path: &FieldPath<'_>, violations: &mut Violations) -> Option<u32> {
    u32::try_from(number)
        .map_err(|_| violations.add(&path.field("attempt"), "must be the number of an attempt, from 1"))
        .ok()
}

/// Reads a receipt.
pub fn read_receipt(
    receipt: v1::Receipt,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Receipt> {
    let attempt = read_attempt(receipt.attempt, path, violations);
    let status = read_receipt_status(receipt.status, &path.field("status"), violations);
    let reported_at = read_time(receipt.report_time, &path.field("report_time"), violations);
    let objection = match receipt.objection.as_str() {
        "" => Some(None),
        name => read_objection(name, &path.field("objection"), violations).map(Some),
    };
    Some(Receipt {
        attempt: attempt?,
        status: status?,
        reported_at: reported_at?,
        objection: objection?,
        evidence: OutcomeEvidence { code: receipt.code, text: receipt.text },
    })
}
