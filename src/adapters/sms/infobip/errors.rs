//! Infobip's message statuses (infobip.com/docs, "Response status and error codes", general status codes), as far as
//! they concern sending messages. They are the same for SMS and WhatsApp.
//!
//! A status has a group and an id. The HTTP status is 200 whatever they say. Delivery reports bring the same statuses.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT, DOUBTFUL_ADDRESS, ErrorMeaning, OPTED_OUT, PERHAPS_OPTED_OUT, POLICY,
    THROTTLED_RECIPIENT,
};

/// What a status says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InfobipErrorReading {
    /// It was taken.
    Taken,
    /// It was taken when its id came the first time.
    TakenBefore,
    /// It was not taken.
    Refused(ErrorMeaning),
    /// It may have been taken.
    Unclear,
}

/// REJECTED_DUPLICATE_MESSAGE_ID
const DUPLICATE: u32 = 23;

/// What the status of a group and an id says.
pub(super) fn reading(group: u32, id: u32) -> InfobipErrorReading {
    match (group, id) {
        // Ok, pending, delivered.
        (0 | 1 | 3, _) => InfobipErrorReading::Taken,
        (5, DUPLICATE) => InfobipErrorReading::TakenBefore,
        // Undeliverable, rejected. An id that is not in the table refuses the message all the same.
        (2 | 5, _) => InfobipErrorReading::Refused(meaning(id).unwrap_or(CONTENT)),
        // Expired: passed on before, unless the table knows better.
        (4, _) => meaning(id).map_or(InfobipErrorReading::Unclear, InfobipErrorReading::Refused),
        _ => InfobipErrorReading::Unclear,
    }
}

/// What the id of a status means, or `None` when it is not in the table.
pub(super) fn meaning(id: u32) -> Option<ErrorMeaning> {
    Some(match id {
        // No network has numbers with this prefix or of this length.
        8 | 52 => BAD_ADDRESS,
        // Not delivered, mostly because the number is wrong or out of reach; no number at all.
        9 | 51 => DOUBTFUL_ADDRESS,

        // In a register of people who want no messages.
        10 => OPTED_OUT,
        // On a list of numbers not to be written to: the operator's, or the account's own.
        14 => PERHAPS_OPTED_OUT,

        // The operator refused it; a network that is not covered, or not set up for the account; an account for tests,
        // and not its number.
        4 | 6 | 18 => POLICY,

        // Twenty messages an hour to one number, or six that are alike.
        20 => THROTTLED_RECIPIENT,

        // A broken header, too long; what the protection against fraud took it for.
        24 | 25 | 87 => CONTENT,

        // Never passed on, a system error, the platform not at hand.
        21 | 31 | 100 => ErrorMeaning::Unavailable,

        // The sender: not registered, blocked.
        11 | 13 => ErrorMeaning::Misconfigured,
        // The account: out of credit, credit too old, without a route.
        12 | 17 | 19 => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}
