//! The errors of Vonage's Messages API, as far as they concern sending on WhatsApp.
//!
//! Two tables meet in an answer. The API's own description (messages-olympus, 1.4.0) gives each refusal a title, and
//! a code that says something else in the other table: an internal error carries the code of a throttle. That other table
//! is the list of codes (developer.vonage.com/api-errors/messages), which status webhooks use too. So the title goes
//! first, and what neither table knows is judged by the HTTP status.

use crate::adapters::error_meaning::{
    BAD_ADDRESS, CONTENT_REJECTED, ErrorMeaning, OPTED_OUT, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
    UNCERTAIN_OPT_OUT,
};

/// The code of a message that went out before.
pub(super) const ALREADY_SENT: u32 = 1320;

/// What a title means, or `None` when it is not in the table.
pub(super) fn by_title(title: &str) -> Option<ErrorMeaning> {
    Some(match title {
        // Not a number that the channel knows.
        "Invalid recipient" => UNCERTAIN_ADDRESS,

        // Which parameter it is, the title does not say.
        "Invalid params" | "Invalid message type" | "Invalid channel parameters" => POLICY_REJECTED,

        "Rate Limit Hit" => THROTTLED,

        "Internal error" => ErrorMeaning::Unavailable,

        // What would be wrong with every message: the sender, the channel, our reference, credit, credentials.
        "Invalid sender" | "Unsupported channel" | "Invalid client reference" => ErrorMeaning::Misconfigured,
        "Low balance" | "You did not provide correct credentials." => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}

/// What a code means, or `None` when it is not in the table.
pub(super) fn by_code(code: u32) -> Option<ErrorMeaning> {
    Some(match code {
        // No number, or one that is gone for good.
        1170 | 1190 => BAD_ADDRESS,
        // Cannot be processed or reached: unknown prefix, moved between networks, no route, blocked by the carrier, not on
        // the channel, a device that cannot.
        1040 | 1200 | 1250 | 1260 | 1280 | 1300 | 1310 => UNCERTAIN_ADDRESS,

        1240 => OPTED_OUT,
        // On a list of numbers that may not be written to. Whose, one answer does not tell.
        1050 => UNCERTAIN_OPT_OUT,

        // Too long.
        1090 => CONTENT_REJECTED,
        // A parameter missing or wrong, a tag, a template, which each account has of its own; wrong class; taken for spam, by
        // what carriers know of the sender as much as by the text.
        1010 | 1020..=1022 | 1150 | 1210 => POLICY_REJECTED,
        // What may not be said to this person: outside the 24-hour window, too young, not in the account's list.
        1340 | 1270 | 1160 => POLICY_REJECTED,

        1000 | 1241 => THROTTLED,

        // The platform, or its link to the channel.
        1030 | 1100 | 1230 => ErrorMeaning::Unavailable,
        // Away or busy, out of credit, too late, unknown.
        1180 | 1220 | 1290 | 1330 | 1360 => ErrorMeaning::Unavailable,

        // The account: barred, out of credit, not set up for this.
        1060 | 1070 | 1080 | 1140 | 1370 | 1380 => ErrorMeaning::Misconfigured,
        // The sender, or what the request says of the channel.
        1110 | 1120 | 1130 => ErrorMeaning::Misconfigured,

        _ => return None,
    })
}
