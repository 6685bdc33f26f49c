//! The sender of an SMS: a phone number, a short code or an alphanumeric sender id. SNS takes sender ids of another form,
//! which its own settings check.

/// The rule that [`is_sender`] checks, for the error of a setting.
pub(super) const SENDER_MUST: &str = "must be a phone number such as +34600123456, a short code of 3 to 8 digits, or a sender id of 1 to 11 letters, \
     digits and spaces with at least one letter";

/// Whether a text has the form of a sender. Whether the account may use it, only the provider knows.
pub(super) fn is_sender(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let number = text.strip_prefix('+').is_some_and(|rest| (7..=15).contains(&rest.len()) && digits(rest));
    let short_code = (3..=8).contains(&text.len()) && digits(text);
    let sender_id = (1..=11).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
        && text.bytes().any(|b| b.is_ascii_alphabetic());
    number || short_code || sender_id
}
