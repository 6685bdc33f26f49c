//! The sender of a message on WhatsApp, for the providers that go by the number itself.

/// The rule that [`is_sender`] checks, for the error of a setting.
pub(super) const SENDER_MUST: &str = "must be a WhatsApp number in international form such as +34600123456";

/// Whether a text has the form of a sender. Whether it is on WhatsApp, only the provider knows.
pub(super) fn is_sender(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}
