//! The statuses of Vonage's SMS API (developer.vonage.com/api-errors/sms), as far as they concern sending messages.
//!
//! They stand in the answer's messages, and the HTTP status is 200 whatever they say. The error codes of delivery
//! receipts are others, with numbers of their own.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
    UNCERTAIN_OPT_OUT,
};

/// The status of a message that was taken.
pub(super) const TAKEN: u32 = 0;

/// What a status means. One that is not in the table, such as 99, refuses the message all the same, since only zero takes it;
/// why, it does not say.
pub(super) fn meaning(status: u32) -> ErrorMeaning {
    match status {
        // The number was given up by its owner.
        33 => BAD_ADDRESS,
        // It cannot be processed, for example because its prefix is unknown.
        6 => UNCERTAIN_ADDRESS,
        // It is on a list of numbers that may not be written to. Whose, one answer does not tell.
        7 => UNCERTAIN_OPT_OUT,

        // The account is for demonstrations, and the number is not in its list.
        29 => POLICY_REJECTED,

        // Faster than the account's limit; more connections at once than it may have.
        1 | 10 => THROTTLED,

        // An error within the platform.
        5 => ErrorMeaning::Unavailable,

        // The credentials, or their signature; both a signature and a secret.
        4 | 14 | 32 => ErrorMeaning::Misconfigured,
        // The account: barred, out of credit, not set up for this API.
        8 | 9 | 11 => ErrorMeaning::Misconfigured,
        // A sender that the account may not use; a wrong address for receipts.
        15 | 23 => ErrorMeaning::Misconfigured,

        // Too long.
        12 => CONTENT_REJECTED,
        // A parameter missing or wrong, and which it does not say; wrong network code.
        2 | 3 | 22 => POLICY_REJECTED,

        _ => POLICY_REJECTED,
    }
}
