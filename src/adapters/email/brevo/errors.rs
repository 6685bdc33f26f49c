//! Brevo's errors (developers.brevo.com, "Error codes", and the list in its API's description), by their codes.

use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
};

/// What a code means, in the light of its status and message, or `None` when it is not in the table.
pub(super) fn meaning(status: u16, code: &str, message: &str) -> Option<ErrorMeaning> {
    Some(match code {
        // Too many requests, whatever the code is called.
        _ if status == 429 => THROTTLED,

        // A field of the request, which the message names.
        "invalid_parameter"
        | "missing_parameter"
        | "out_of_range"
        | "duplicate_parameter"
        | "bad_request" => by_field(message),

        // The key: not one, or without the right.
        "unauthorized" | "permission_denied" | "reseller_permission_denied" => ErrorMeaning::Misconfigured,
        // The account: looked at by Brevo, or without credits.
        "account_under_validation" | "not_enough_credits" => ErrorMeaning::Misconfigured,
        // The base URL is not the API's, or the API has changed.
        "method_not_allowed" | "not_acceptable" | "document_not_found" => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}

/// The key of this attempt is known: Brevo took its request before, carries out one request of each key, and ignores the others
/// (developers.brevo.com, "Idempotency for batch emails").
pub(super) fn was_taken_before(code: &str) -> bool {
    code == "duplicate_request"
}

/// "email is not valid in to". What Brevo does not take for an address, another provider may.
fn by_field(message: &str) -> ErrorMeaning {
    let message = message.to_ascii_lowercase();
    if message.contains("valid in to") {
        UNCERTAIN_ADDRESS
    } else if message.contains("sender") || message.contains("replyto") {
        ErrorMeaning::Misconfigured
    } else if ["subject", "textcontent", "htmlcontent"].iter().any(|field| message.contains(field)) {
        CONTENT_REJECTED
    } else {
        POLICY_REJECTED
    }
}
