//! Mailgun's errors (documentation.mailgun.com, "API Responses", and the table of its support centre).
//!
//! Mailgun gives no codes: there is the HTTP status, and for some statuses the message tells more. A message is known by
//! a part of it, in any case.

use crate::adapters::error_meaning::{
    CONTENT_REJECTED, ErrorMeaning, POLICY_REJECTED, THROTTLED, UNCERTAIN_ADDRESS,
};

/// A status, part of the message, and what they mean together. The first that fits counts.
const ERRORS: &[(u16, &str, ErrorMeaning)] = &[
    // What Mailgun does not take for an address, another provider may.
    (400, "to parameter is not a valid address", UNCERTAIN_ADDRESS),
    // The sender.
    (400, "from parameter is not a valid address", ErrorMeaning::Misconfigured),
    (400, "from parameter is missing", ErrorMeaning::Misconfigured),
    // A sandbox domain or a free account writes to those alone who agreed to it.
    (400, "authorized recipients", POLICY_REJECTED),
    (403, "authorized recipients", POLICY_REJECTED),
    // Requests, recipients or bytes of the domain, whatever the status; the message says until when.
    (400, "limit exceeded", THROTTLED),
    (403, "limit exceeded", THROTTLED),
    // The domain is not verified, the account not activated.
    (400, "is not allowed to send", ErrorMeaning::Misconfigured),
    (400, "need at least one of 'text' or 'html'", CONTENT_REJECTED),
    // What else is wrong with the request: headers, size of its options, time of delivery, template.
    (400, "", POLICY_REJECTED),
    // The key is not one, or that of another region.
    (401, "", ErrorMeaning::Misconfigured),
    // The account has to be paid.
    (402, "", ErrorMeaning::Misconfigured),
    // The domain may not do this, or not from this IP address.
    (403, "", ErrorMeaning::Misconfigured),
    // The domain is not known here: it may be in another region.
    (404, "", ErrorMeaning::Misconfigured),
    // Larger than allowed.
    (413, "", CONTENT_REJECTED),
    (429, "", THROTTLED),
];

/// What a status and a message mean, or `None` when they are not in the table.
pub(super) fn meaning(status: u16, message: &str) -> Option<ErrorMeaning> {
    let message = message.to_ascii_lowercase();
    let fits = |(known, part, _): &&(u16, &str, ErrorMeaning)| *known == status && message.contains(part);
    ERRORS.iter().find(fits).map(|(_, _, meaning)| *meaning)
}

/// The date until which a throttle asks to wait: Mailgun writes it at the end of the message.
pub(super) fn try_again_after(message: &str) -> Option<String> {
    let (_, date) = message.split_once("try again after ")?;
    // HTTP dates are in GMT, which is what Mailgun means.
    Some(date.trim().trim_end_matches('.').replace("UTC", "GMT"))
}
