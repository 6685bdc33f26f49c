//! The Cloud API's error codes (developers.facebook.com, WhatsApp Business Platform, "Error codes"), as far as they
//! concern sending messages.
//!
//! Meta says to go by the code, not by the HTTP status or the text. The same codes come later with a status webhook,
//! and mean the same there.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, THROTTLED_RECIPIENT,
    UNCERTAIN_ADDRESS,
};
use crate::model::Rejection;

/// Too many people blocked or reported the number.
pub(super) const SPAM_RATE: i64 = 131_048;

/// The subcode of 100 for an object that does not exist, or that the token may not see.
const NO_SUCH_OBJECT: i64 = 33;

/// What a code and its subcode mean, or `None` when they are not in the table.
pub(super) fn meaning(code: i64, subcode: Option<i64>) -> Option<ErrorMeaning> {
    Some(match code {
        // The phone number id is wrong; no content would pass.
        100 if subcode == Some(NO_SUCH_OBJECT) => ErrorMeaning::Misconfigured,

        // What goes to numbers alone was for a user id.
        131_062 => UNCERTAIN_ADDRESS,
        // Not on WhatsApp, an old client, terms not accepted; a person who blocked us looks the same.
        131_026 => UNCERTAIN_ADDRESS,
        // The recipient is the sender.
        131_021 => BAD_ADDRESS,
        // The person stopped marketing messages. Others may still be sent.
        131_050 => ErrorMeaning::Rejected(Rejection::CommercialOptedOut),

        // What may not be said to this person now: outside the 24-hour window, the cap on marketing for each person,
        // an experiment of Meta's.
        131_047 | 131_049 | 130_472 => POLICY_REJECTED,
        // Whom the account may not write to: not in the list of test numbers, or in a restricted country.
        131_030 | 130_497 => POLICY_REJECTED,
        // The template breaks a policy; is missing in the language or not approved, paused, disabled. Templates are approved for
        // each account, so with another provider's account it may pass.
        132_007 | 132_001 | 132_015 | 132_016 => POLICY_REJECTED,

        // The template: number of parameters, too long, format; its flow.
        132_000 | 132_005 | 132_012 | 132_068 | 132_069 => CONTENT_REJECTED,
        // The message: type not supported, media not to be had.
        131_051..=131_053 => CONTENT_REJECTED,
        // A parameter missing or wrong, and which the code does not say.
        100 | 131_008 | 131_009 | 135_000 => POLICY_REJECTED,

        // Calls of the app and of the account; messages of the number; spam; registrations.
        4 | 80_007 | 130_429 | SPAM_RATE | 133_016 => THROTTLED,
        // Messages of this number to this person: about one in six seconds after a burst of 45.
        131_056 => THROTTLED_RECIPIENT,

        // Meta: unknown error, service down, overloaded, in maintenance.
        1 | 2 | 131_000 | 131_016 | 131_057 | 133_004 => ErrorMeaning::Unavailable,

        // The access token and its permissions.
        0 | 3 | 10 | 190 | 200..=299 | 131_005 => ErrorMeaning::Misconfigured,
        // The account: barred for breaking a policy, locked, display name not approved, not paid for.
        368 | 131_031 | 131_037 | 131_042 => ErrorMeaning::Misconfigured,
        // The number: no such id, not registered.
        NO_SUCH_OBJECT | 131_045 | 133_010 => ErrorMeaning::Misconfigured,
        // Marketing templates by an account that has not been set up for them.
        134_000..=134_999 => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}
