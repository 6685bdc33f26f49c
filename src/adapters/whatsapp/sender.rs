//! Who a message on WhatsApp comes from, for the providers that go by the number itself.

/// What a sender must be, for the error that says so.
pub(super) const SENDER_MUST: &str = "must be a WhatsApp number in international form such as +34600123456";

/// Whether a text may be a sender. Whether it is on WhatsApp, only the provider knows.
pub(super) fn is_sender(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}
