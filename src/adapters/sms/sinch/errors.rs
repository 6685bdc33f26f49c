//! The error codes of Sinch's SMS API (developers.sinch.com, "HTTP Status Codes for the SMS REST API").
//!
//! They come with the HTTP statuses 400 and 403. A code that is not here is judged by its HTTP status. The codes of
//! delivery reports are others.

use crate::adapters::error_meaning::{ErrorMeaning, POLICY_REJECTED};

/// What a code means, or `None` when it is not in the table.
pub(super) fn meaning(code: &str) -> Option<ErrorMeaning> {
    Some(match code {
        // The body does not fit the API; the form of a value is wrong, a phone number's perhaps, perhaps the sender's;
        // a limit was passed.
        "syntax_invalid_json" | "syntax_invalid_parameter_format" | "syntax_constraint_violation" => {
            POLICY_REJECTED
        }

        // What the account would have to set up: an address for reports, a campaign that fits the sender.
        "missing_callback_url" | "unknown_campaign" => ErrorMeaning::Misconfigured,
        // A group is unknown. No message of ours goes to a group: the receiver was taken for one.
        "unknown_group" => POLICY_REJECTED,

        _ => return None,
    })
}
