//! The words in which a receiver says why it did not take a message. Their source is the contract itself,
//! `docs/providers/webhook.md`.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, THROTTLED,
};

/// The meaning of an `outcome` and its `cause`, or `None` when the outcome is not in the contract.
pub(super) fn meaning(outcome: &str, cause: Option<&str>) -> Option<ErrorMeaning> {
    Some(match (outcome, cause) {
        ("rejected", Some("address")) => BAD_ADDRESS,
        ("rejected", Some("opted_out")) => OPTED_OUT,
        ("rejected", Some("content")) => CONTENT_REJECTED,
        // Also without a cause, or with one that is not in the contract: it suppresses nobody.
        ("rejected", _) => POLICY_REJECTED,
        ("throttled", _) => THROTTLED,
        ("unavailable", _) => ErrorMeaning::Unavailable,
        ("misconfigured", _) => ErrorMeaning::Misconfigured,
        _ => return None,
    })
}
