//! PURE. What happened, in words: from the gateway's answers alone.

mod journey;
mod line;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::wire::v1;

pub(super) use journey::journey;
pub(super) use line::line;
pub(super) use summary::Summary;

/// What has to be known besides a message to tell its way.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    /// The tier of each provider, by its name.
    pub tiers: BTreeMap<String, u32>,
    /// The time zones of the contacts who set one.
    pub zones: BTreeMap<String, TimeZone>,
}

/// The word for a channel.
pub(super) fn channel(value: i32) -> String {
    let name = v1::Channel::try_from(value).unwrap_or_default().as_str_name();
    enum_word(name, "CHANNEL_")
}

/// The word for a message's class.
fn class(value: i32) -> String {
    enum_word(v1::MessageClass::try_from(value).unwrap_or_default().as_str_name(), "MESSAGE_CLASS_")
}

/// The word for a message's state.
pub(super) fn state(value: i32) -> String {
    enum_word(v1::MessageState::try_from(value).unwrap_or_default().as_str_name(), "MESSAGE_STATE_")
}

/// The word for a breaker's state.
pub(super) fn breaker(value: i32) -> String {
    enum_word(v1::BreakerState::try_from(value).unwrap_or_default().as_str_name(), "BREAKER_STATE_")
}

fn enum_word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

/// A stable word of the API, as people would say it.
fn reason(word: &str) -> String {
    match word {
        "no_opt_in" => "no opt-in".to_owned(),
        "opt_in_revoked" => "opt-in withdrawn".to_owned(),
        other => other.replace('_', " "),
    }
}
