//! A message's way on one line.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::journey::{End, Journey, Step};
use super::{Roster, channel, class, journey, reason, state};
use crate::model::Timestamp;
use crate::wire::v1::{self, OutcomeKind};

/// The message on one line: class, topic, person, and its way.
pub(in crate::demo) fn line(message: &v1::Message, roster: &Roster) -> String {
    let (class, topic, person) = (class(message.message_class), &message.topic, &message.contact_id);
    let zone = roster.zones.get(person);
    let way = way(&journey(message, roster), zone);
    format!("   {class:<13}  {topic:<14}  {person:<6}  {way}")
}

fn way(journey: &Journey, zone: Option<&TimeZone>) -> String {
    let steps = journey.steps.iter().map(|step| step_line(step, journey.end.as_ref()));
    let end = match &journey.end {
        Some(End::Sent { .. }) => None,
        Some(End::Suppressed(left_out)) => Some(format!("suppressed: {}", why(left_out))),
        Some(End::Held(until)) => Some(format!("held until {}: quiet hours", local(until, zone))),
        Some(End::InDoubt) => Some("in doubt: it may have arrived, so it is not sent again".to_owned()),
        Some(End::Unsent(own)) => Some(state(*own)),
        None => Some("…".to_owned()),
    };
    steps.chain(end).collect::<Vec<_>>().join(" → ")
}

fn step_line(step: &Step, end: Option<&End>) -> String {
    match step {
        Step::PassedOver { provider } => format!("{provider} ⊘"),
        Step::Waited { reason: word } => format!("waited on disk ({})", reason(word)),
        Step::Tried { provider, outcome: None, .. } => format!("{provider} …"),
        Step::Tried { attempt, provider, outcome: Some(outcome), .. } => match end {
            Some(End::Sent { attempt: taken, state: own, .. }) if taken == attempt => {
                format!("{provider} ✓ {}", state(*own))
            }
            _ if outcome.kind() == OutcomeKind::Sent => format!("{provider} ✓ sent"),
            _ => format!("{provider} ✗ {}", answer(outcome)),
        },
    }
}

/// What a provider answered, in a word.
fn answer(outcome: &v1::Outcome) -> String {
    match outcome.kind() {
        OutcomeKind::Unknown if outcome.code == "timeout" => "timeout".to_owned(),
        kind => super::enum_word(kind.as_str_name(), "OUTCOME_KIND_"),
    }
}

/// Why no way was permitted. That there is no address for a channel is told only when there is nothing more to say.
fn why(left_out: &[v1::LeftOut]) -> String {
    let ruled = left_out.iter().any(|own| own.reason != "no_address");
    let mut channels: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for own in left_out.iter().filter(|own| !ruled || own.reason != "no_address") {
        channels.entry(&own.reason).or_default().push(channel(own.channel));
    }
    let reasons =
        channels.iter().map(|(word, channels)| format!("{} ({})", reason(word), channels.join(", ")));
    reasons.collect::<Vec<_>>().join(", ")
}

/// A time as the clock of the contact shows it.
pub(super) fn local(time: &prost_types::Timestamp, zone: Option<&TimeZone>) -> String {
    let time = Timestamp::new(time.seconds, time.nanos).unwrap_or_default();
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    format!("{} in {name}", time.to_zoned(zone).strftime("%H:%M"))
}
