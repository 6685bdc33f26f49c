//! SendGrid's errors (twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors, and the answers that
//! its description of `POST /v3/mail/send` names).
//!
//! SendGrid gives no codes: there is the HTTP status, and the field of the request that it dislikes.

use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
};

/// What a status means, with the field named beside it, which may be empty. `None` when it is not in the table.
pub(super) fn meaning(status: u16, field: &str) -> Option<ErrorMeaning> {
    Some(match status {
        // The request: malformed, or one of its fields is.
        400 if names_recipient(field) => UNCERTAIN_ADDRESS,
        400 if names_sender(field) => ErrorMeaning::Misconfigured,
        400 if names_content(field) => CONTENT_REJECTED,
        400 => POLICY_REJECTED,
        // The key is unknown or revoked, or its account has no credits left.
        401 => ErrorMeaning::Misconfigured,
        // The key may not send; the sender is not verified; a block for a while after too many bad requests.
        403 => ErrorMeaning::Misconfigured,
        // No such address, method or form of answer: the base URL is not the API's.
        404..=406 => ErrorMeaning::Misconfigured,
        // Larger than allowed.
        413 => CONTENT_REJECTED,
        // Too many requests.
        429 => THROTTLED,
        // The account's data must stay in another region: the base URL is that of the wrong one.
        451 => ErrorMeaning::Misconfigured,
        _ => return None,
    })
}

/// `personalizations.0.to.0.email`. What SendGrid does not take for an address, such as one beyond ASCII, another
/// provider may.
fn names_recipient(field: &str) -> bool {
    field.starts_with("personalizations.") && field.split('.').any(|part| part == "to")
}

fn names_content(field: &str) -> bool {
    matches!(field.split('.').next(), Some("content" | "subject"))
}

fn names_sender(field: &str) -> bool {
    matches!(field.split('.').next(), Some("from" | "reply_to"))
}
