//! Postmark's error codes (postmarkapp.com/developer/api/overview#error-codes), as far as they concern sending.
//!
//! The codes look like HTTP statuses and are none: nearly all of them come with HTTP 422.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
    UNCERTAIN_OPT_OUT,
};

/// What a code means, in the light of its message, or `None` when it is not in the table.
pub(super) fn meaning(code: u32, message: &str) -> Option<ErrorMeaning> {
    Some(match code {
        // The recipient is inactive: an earlier hard bounce, a complaint, or a suppression.
        406 => inactive(message),

        // The request: an address, or no body, or too large.
        300 => by_field(message),
        // JSON that is none, or whose fields are wrong.
        402 | 403 => POLICY_REJECTED,
        // An attachment of a forbidden kind.
        411 => CONTENT_REJECTED,
        // A template, which is missing or whose fields are.
        1101 | 1120..=1123 => CONTENT_REJECTED,

        // The token.
        10 => ErrorMeaning::Misconfigured,
        // The sender is not known, or not confirmed.
        400 | 401 => ErrorMeaning::Misconfigured,
        // The account: out of credits, waiting for approval, stopped.
        405 | 412 | 413 => ErrorMeaning::Misconfigured,
        // The headers do not say JSON.
        409 => ErrorMeaning::Misconfigured,
        // The message stream: unknown, or not for sending.
        1235 | 1236 => ErrorMeaning::Misconfigured,

        // Too many requests.
        429 => THROTTLED,
        // Maintenance.
        100 => ErrorMeaning::Unavailable,

        _ => return None,
    })
}

/// The message names the reason, or all the reasons that there are: then nobody knows which of them it was.
fn inactive(message: &str) -> ErrorMeaning {
    let message = message.to_ascii_lowercase();
    let bounced = message.contains("bounce");
    let left = ["complaint", "unsubscribe", "suppression"].iter().any(|word| message.contains(word));
    match (bounced, left) {
        (true, false) => BAD_ADDRESS,
        (false, true) => OPTED_OUT,
        _ => UNCERTAIN_OPT_OUT,
    }
}

/// "Invalid 'To' address". What Postmark does not take for an address, such as one beyond ASCII, another provider may.
fn by_field(message: &str) -> ErrorMeaning {
    if message.contains("'To'") {
        UNCERTAIN_ADDRESS
    } else if message.contains("'From'") || message.contains("'ReplyTo'") {
        ErrorMeaning::Misconfigured
    } else if message.contains("Body") || message.contains("'Subject'") {
        CONTENT_REJECTED
    } else {
        POLICY_REJECTED
    }
}
