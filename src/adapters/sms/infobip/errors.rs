//! Infobip's message statuses (infobip.com/docs, "Response status and error codes", general status codes), as far as
//! they concern sending messages. They are the same for SMS and WhatsApp.
//!
//! A status has a group and an id. The HTTP status is 200 whatever they say. Delivery reports bring the same statuses.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, QUOTA_SPENT_RECIPIENT,
    UNCERTAIN_ADDRESS, UNCERTAIN_OPT_OUT,
};

/// The meaning of a status for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InfobipStatusMeaning {
    /// Infobip took the message.
    Taken,
    /// Infobip took the message when its id came the first time.
    TakenBefore,
    /// Infobip did not take the message.
    Refused(ErrorMeaning),
    /// Infobip may have taken the message.
    Unclear,
}

/// REJECTED_DUPLICATE_MESSAGE_ID
pub(super) const DUPLICATE: u32 = 23;

/// The meaning of the status with this group and id.
pub(super) fn status_meaning(group: u32, id: u32) -> InfobipStatusMeaning {
    match (group, id) {
        // Ok, pending, delivered.
        (0 | 1 | 3, _) => InfobipStatusMeaning::Taken,
        (5, DUPLICATE) => InfobipStatusMeaning::TakenBefore,
        // Undeliverable, rejected. An id that is not in the table refuses the message all the same; why, it does not say. One of
        // another group, such as 15 (EXPIRED_EXPIRED), is no more than that here.
        (2 | 5, _) => InfobipStatusMeaning::Refused(meaning(id).unwrap_or(POLICY_REJECTED)),
        // Expired: passed on before, unless the table knows better.
        (4, _) => meaning(id).map_or(InfobipStatusMeaning::Unclear, InfobipStatusMeaning::Refused),
        _ => InfobipStatusMeaning::Unclear,
    }
}

/// What the id of a status means, or `None` when it is not in the table.
pub(super) fn meaning(id: u32) -> Option<ErrorMeaning> {
    Some(match id {
        // No network has numbers with this prefix or of this length.
        8 | 52 => BAD_ADDRESS,
        // Not delivered, mostly because the number is wrong or out of reach; no number at all.
        9 | 51 => UNCERTAIN_ADDRESS,

        // In a register of people who want no messages.
        10 => OPTED_OUT,
        // On a list of numbers not to be written to: the operator's, or the account's own.
        14 => UNCERTAIN_OPT_OUT,

        // The operator refused it; a network that is not covered, not reached (REJECTED_NOT_REACHABLE), or not set up for the
        // account; an account for tests, and not its number; what the protection against fraud took it for.
        4 | 6 | 16 | 18 | 87 => POLICY_REJECTED,

        // Twenty messages an hour to one number, or six that are alike.
        20 => QUOTA_SPENT_RECIPIENT,

        // A broken header, too long.
        24 | 25 => CONTENT_REJECTED,

        // Never passed on, a system error, the platform not at hand.
        21 | 31 | 100 => ErrorMeaning::Unavailable,

        // The sender: not registered, blocked.
        11 | 13 => ErrorMeaning::Misconfigured,
        // The account: out of credit, credit too old, without a route.
        12 | 17 | 19 => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}
