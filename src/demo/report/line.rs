//! One message on one line.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::context::ReportContext;
use super::timeline::{MessageTimeline, TimelineEnd, TimelineStep};
use super::words::{channel_word, class_word, local_time, outcome_word, reason_words, state_word};
use crate::wire::v1::{self, OutcomeKind};

/// The message on one line: class, topic, contact, and its timeline.
pub(crate) fn message_line(message: &v1::Message, context: &ReportContext) -> String {
    let (class, topic, contact) = (class_word(message.message_class), &message.topic, &message.contact_id);
    let zone = context.zones.get(contact);
    let timeline = timeline_text(&MessageTimeline::read(message, context), zone);
    format!("   {class:<13}  {topic:<14}  {contact:<6}  {timeline}")
}

fn timeline_text(timeline: &MessageTimeline, zone: Option<&TimeZone>) -> String {
    let steps = timeline.steps.iter().map(|step| step_text(step, timeline.end.as_ref()));
    let end = match &timeline.end {
        Some(TimelineEnd::Sent { .. }) => None,
        Some(TimelineEnd::Suppressed(left_out)) => {
            Some(format!("suppressed: {}", suppression_text(left_out)))
        }
        Some(TimelineEnd::Held(until)) => {
            Some(format!("held until {}: quiet hours", local_time(until, zone)))
        }
        Some(TimelineEnd::InDoubt) => {
            Some("in doubt: it may have arrived, so it is not sent again".to_owned())
        }
        Some(TimelineEnd::Unsent(state)) => Some(state_word(*state)),
        None => Some("…".to_owned()),
    };
    steps.chain(end).collect::<Vec<_>>().join(" → ")
}

fn step_text(step: &TimelineStep, end: Option<&TimelineEnd>) -> String {
    match step {
        TimelineStep::PassedOver { provider } => format!("{provider} ⊘"),
        TimelineStep::Waited { reason } => format!("waited on disk ({})", reason_words(reason)),
        TimelineStep::Attempted { provider, outcome: None, .. } => format!("{provider} …"),
        TimelineStep::Attempted { attempt, provider, outcome: Some(outcome), .. } => match end {
            Some(TimelineEnd::Sent { attempt: accepted, state, .. }) if accepted == attempt => {
                format!("{provider} ✓ {}", state_word(*state))
            }
            _ if outcome.kind() == OutcomeKind::Sent => format!("{provider} ✓ sent"),
            _ => format!("{provider} ✗ {}", outcome_word(outcome)),
        },
    }
}

/// The reasons for which no way was permitted, each with its channels. A channel without an address is listed only when
/// no channel was left out for another reason.
fn suppression_text(left_out: &[v1::LeftOut]) -> String {
    let has_other_reason = left_out.iter().any(|entry| entry.reason != "no_address");
    let mut channels: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for entry in left_out.iter().filter(|entry| !has_other_reason || entry.reason != "no_address") {
        channels.entry(&entry.reason).or_default().push(channel_word(entry.channel));
    }
    let reasons = channels
        .iter()
        .map(|(reason, channels)| format!("{} ({})", reason_words(reason), channels.join(", ")));
    reasons.collect::<Vec<_>>().join(", ")
}
