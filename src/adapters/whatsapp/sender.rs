//! The sender and the recipient of a message on WhatsApp, for the providers that go by the number itself.

use crate::adapters::Envelope;
use crate::model::{Address, Outcome, Rejection};

/// The rule that [`is_sender`] checks, for the error of a setting.
pub(super) const SENDER_MUST: &str = "must be a WhatsApp number in international form such as +34600123456";

/// Whether a text has the form of a sender. Whether it is on WhatsApp, only the provider knows.
pub(super) fn is_sender(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The outcome of a message that went to a user id, where a provider's codes are those of numbers: a provider that does not know
/// user ids yet says of them that they are no numbers, and nobody is to be given up for that.
pub(super) fn as_of_user_id(outcome: Outcome, envelope: &Envelope) -> Outcome {
    match outcome {
        Outcome::Rejected { cause: Rejection::Address { .. }, evidence }
            if matches!(envelope.address, Address::WhatsappUser(_)) =>
        {
            Outcome::Rejected { cause: Rejection::Address { certain: false }, evidence }
        }
        other => other,
    }
}
