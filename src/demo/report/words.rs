//! The API's values as words of the report.

use jiff::tz::TimeZone;

use crate::model::Timestamp;
use crate::wire::v1;

/// The word for a channel.
pub(crate) fn channel_word(value: i32) -> String {
    enum_word(v1::Channel::try_from(value).unwrap_or_default().as_str_name(), "CHANNEL_")
}

/// The word for a message's class.
pub(super) fn class_word(value: i32) -> String {
    enum_word(v1::MessageClass::try_from(value).unwrap_or_default().as_str_name(), "MESSAGE_CLASS_")
}

/// The word for a message's state.
pub(super) fn state_word(value: i32) -> String {
    enum_word(v1::MessageState::try_from(value).unwrap_or_default().as_str_name(), "MESSAGE_STATE_")
}

/// The word for a breaker's state.
pub(crate) fn breaker_word(value: i32) -> String {
    enum_word(v1::BreakerState::try_from(value).unwrap_or_default().as_str_name(), "BREAKER_STATE_")
}

/// The word for what a provider answered, or for the answer that did not come.
pub(super) fn outcome_word(outcome: &v1::Outcome) -> String {
    match outcome.kind() {
        v1::OutcomeKind::Unknown if outcome.code == "timeout" => "timeout".to_owned(),
        kind => enum_word(kind.as_str_name(), "OUTCOME_KIND_"),
    }
}

/// The words for a reason, which the API gives as a stable identifier.
pub(super) fn reason_words(reason: &str) -> String {
    match reason {
        "no_opt_in" => "no opt-in".to_owned(),
        "opt_in_revoked" => "opt-in withdrawn".to_owned(),
        other => other.replace('_', " "),
    }
}

/// The time of day in the contact's time zone, or in UTC where the contact set none.
pub(super) fn local_time(time: &prost_types::Timestamp, zone: Option<&TimeZone>) -> String {
    let time = Timestamp::new(time.seconds, time.nanos).unwrap_or_default();
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    format!("{} in {name}", time.to_zoned(zone).strftime("%H:%M"))
}

fn enum_word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}
