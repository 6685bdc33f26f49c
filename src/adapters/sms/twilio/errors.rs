//! Twilio's error dictionary (twilio.com/docs/api/errors), as far as it concerns sending messages.
//!
//! The 21xxx codes refuse the request; the 30xxx and 63xxx codes mostly come later, with a status callback, and mean
//! the same there. Twilio warns that the causes behind a code change, and split the 21xxx codes further in July 2024:
//! a code that is not here is judged by its HTTP status.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, THROTTLED, UNCERTAIN_OPT_OUT,
};

/// What a code means, or `None` when it is not in the table.
pub(super) fn meaning(code: u32) -> Option<ErrorMeaning> {
    Some(match code {
        // The number: not valid, out of reach for SMS, not a mobile; unknown handset, landline or unreachable carrier.
        21211 | 21214 | 21217 | 21614 | 30005 | 30006 => BAD_ADDRESS,
        // No such recipient on a channel such as WhatsApp.
        63003 | 63024 => BAD_ADDRESS,

        // The person answered STOP.
        21610 => OPTED_OUT,
        // Blocked, by the person or by the carrier: one answer does not tell.
        30004 | 63014 => UNCERTAIN_OPT_OUT,

        // The text: too long, missing, or its media wrong.
        21617 | 21619 | 21620 => CONTENT_REJECTED,
        // A channel's template: wrong, or its parameters are.
        63005 | 63021 | 63027..=63030 => CONTENT_REJECTED,
        // A channel's policy: refused, outside the 24-hour window, person not eligible.
        63013 | 63016 | 63032 => POLICY_REJECTED,
        // What the account may not do towards this person: region not enabled, trial account and number not verified,
        // no route from this sender, above the highest price.
        21408 | 21608 | 21612 | 30010 => POLICY_REJECTED,
        // No sender of the pool can send there; sender and recipient are one number, or of different channels.
        21703 | 21266 | 21910 => POLICY_REJECTED,
        // Filtered, by Twilio or a carrier: for what this sender is known for as often as for what the text says.
        30007 => POLICY_REJECTED,
        // Parameters that it does not know.
        20001 => POLICY_REJECTED,

        // The queue of the sender or of the account is full; too many requests at once; a channel's rate.
        20429 | 21611 | 30001 | 63018 => THROTTLED,

        // The handset is off, the carrier congested, the cause unknown.
        30003 | 30008 | 30017 | 30410 => ErrorMeaning::Unavailable,
        // Twilio itself. An internal error (20500) is not here: it may come after the message was taken, as its status says.
        20503 => ErrorMeaning::Unavailable,

        // Credentials wrong, for tests only, or for another account; account suspended.
        20003 | 20008 | 20404 | 30002 => ErrorMeaning::Misconfigured,
        // The sender: missing or not valid, not ours, not registered with the carriers.
        21212 | 21601 | 21603 | 21606 | 21659 | 21660 | 30034 => ErrorMeaning::Misconfigured,
        // A sender with letters, which no trial account may have.
        21267 => ErrorMeaning::Misconfigured,
        // The messaging service: without numbers, or none at all.
        21704 | 21705 => ErrorMeaning::Misconfigured,
        // The address for reports.
        21609 => ErrorMeaning::Misconfigured,
        // A channel's credentials, sender or set-up.
        63001 | 63007 | 63019 | 63020 | 63022 => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}
