//! Times, addresses and enums as text.

use crate::model::Timestamp;
use crate::wire::v1;
use v1::address::Value;

/// A time in UTC to the millisecond; `-` when absent.
pub(super) fn time(time: Option<&prost_types::Timestamp>) -> String {
    let read = |time: &prost_types::Timestamp| Timestamp::new(time.seconds, time.nanos).ok();
    match time.and_then(read) {
        Some(time) => time.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string(),
        None => "-".to_owned(),
    }
}

/// A duration in seconds.
pub(super) fn seconds(duration: &prost_types::Duration) -> String {
    let ms = duration.seconds.saturating_mul(1_000) + i64::from(duration.nanos / 1_000_000);
    if ms % 1_000 == 0 { format!("{} s", ms / 1_000) } else { format!("{:.3} s", ms as f64 / 1_000.0) }
}

/// An address as text; `-` when absent.
pub(super) fn address(address: Option<&v1::Address>) -> String {
    match address.and_then(|address| address.value.as_ref()) {
        Some(Value::Email(text) | Value::Phone(text)) => text.clone(),
        Some(Value::TelegramChatId(id)) => format!("chat {id}"),
        Some(Value::WhatsappUser(user)) => format!("{}/{}", user.business, user.user_id),
        None => "-".to_owned(),
    }
}

/// Defines the text of an enum's value: `CHANNEL_EMAIL` becomes `email`.
macro_rules! enum_text {
    ($name:ident, $proto:ty, $prefix:literal) => {
        pub(super) fn $name(value: i32) -> String {
            match <$proto>::try_from(value) {
                Ok(value) => without_prefix(value.as_str_name(), $prefix),
                Err(_) => format!("({value})"),
            }
        }
    };
}

enum_text!(channel, v1::Channel, "CHANNEL_");
enum_text!(class, v1::MessageClass, "MESSAGE_CLASS_");
enum_text!(state, v1::MessageState, "MESSAGE_STATE_");
enum_text!(decision, v1::Decision, "DECISION_");
enum_text!(outcome_kind, v1::OutcomeKind, "OUTCOME_KIND_");
enum_text!(cause, v1::RejectionCause, "REJECTION_CAUSE_");
enum_text!(receipt_status, v1::ReceiptStatus, "RECEIPT_STATUS_");
enum_text!(action, v1::ConsentAction, "CONSENT_ACTION_");
enum_text!(mode, v1::ControlMode, "CONTROL_MODE_");
enum_text!(breaker, v1::BreakerState, "BREAKER_STATE_");
enum_text!(scope, v1::Scope, "SCOPE_");
enum_text!(incident_cause, v1::IncidentCause, "INCIDENT_CAUSE_");

fn without_prefix(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

/// Channels in their order; `-` when there are none.
pub(super) fn channels(values: &[i32]) -> String {
    list(values.iter().map(|value| channel(*value)))
}

/// Texts with commas between; `-` when there are none.
pub(super) fn list(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<_> = texts.into_iter().collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// Labels as `key=value`.
pub(super) fn labels(labels: &std::collections::BTreeMap<String, String>) -> String {
    list(labels.iter().map(|(key, value)| format!("{key}={value}")))
}

/// The text, or `-` when it is empty.
pub(super) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// The beginning of a text on one line, without control characters.
pub(super) fn excerpt(text: &str, max_chars: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(max_chars).map(visible).collect();
    if text.chars().count() > max_chars {
        short.push('…');
    }
    short
}
