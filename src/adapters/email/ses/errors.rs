//! The errors of SES's `SendEmail` (Amazon SES API v2 reference, "SendEmail"; Developer Guide, "Amazon SES email sending
//! errors"), besides those of every service, which are in `aws`.

use crate::adapters::aws;
use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, QUOTA_SPENT, THROTTLED, UNCERTAIN_ADDRESS,
};

/// How SES words an address that it cannot read.
const BAD_SYNTAX: [&str; 5] = [
    "Missing final '@domain'",
    "Missing domain",
    "Illegal address",
    "Domain contains",
    "Local address contains",
];

/// What an error means, or `None` when it is not in the table. `text` is its message; `sender` and `recipient` are the
/// addresses of the email.
pub(super) fn meaning(name: &str, text: &str, sender: &str, recipient: &str) -> Option<ErrorMeaning> {
    Some(match name {
        // An account that is still in SES's sandbox may write to verified recipients only.
        "MessageRejected" if is_unverified(text) && names(text, recipient) && !names(text, sender) => {
            POLICY_REJECTED
        }
        // No one may be written to from this sender.
        "MessageRejected" if is_unverified(text) => ErrorMeaning::Misconfigured,
        // The account: "Sending suspended for this account", "Sending paused for this account".
        "MessageRejected" if text.contains("Sending suspended") || text.contains("Sending paused") => {
            ErrorMeaning::Misconfigured
        }
        // A virus, for example.
        "MessageRejected" => CONTENT_REJECTED,

        "BadRequestException" if BAD_SYNTAX.iter().any(|said| text.contains(said)) => UNCERTAIN_ADDRESS,
        "BadRequestException" => POLICY_REJECTED,

        // The account: suspended or paused; its MAIL FROM domain; a configuration set that is not there.
        "AccountSuspendedException" | "SendingPausedException" => ErrorMeaning::Misconfigured,
        "MailFromDomainNotVerifiedException" | "NotFoundException" => ErrorMeaning::Misconfigured,

        "ConcurrentModificationException" => ErrorMeaning::Unavailable,

        // The rate and the daily quota come under several names, all of them there.
        _ => match aws::common_error_meaning(name)? {
            THROTTLED if text.contains("Daily message quota") => QUOTA_SPENT,
            meaning => meaning,
        },
    })
}

fn is_unverified(text: &str) -> bool {
    text.contains("not verified")
}

fn names(text: &str, address: &str) -> bool {
    text.to_lowercase().contains(&address.to_lowercase())
}
