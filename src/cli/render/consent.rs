//! Consent, preferences and suppressed addresses.

use super::format::{action, address, channel, channels, excerpt, list, or_dash, time};
use super::plan;
use super::{Table, TextWidth};
use crate::wire::v1;

/// Characters of a wording that are shown; JSON has all of it.
const WORDING_CHARS: usize = 60;

/// A contact's consent.
pub(crate) fn consent(answer: &v1::GetConsentResponse, within: TextWidth) -> String {
    let mut states = Table::new(["channel", "topic", "opt-in", "decided by"]);
    for state in &answer.states {
        let granted = if state.granted { "granted" } else { "none" };
        states.row([
            channel(state.channel),
            state.topic.clone(),
            granted.to_owned(),
            format!("#{}", state.decided_by),
        ]);
    }
    let mut text = format!(
        "In force\n{}\nLedger\n{}",
        states.or("Nothing was recorded.", within),
        ledger(&answer.ledger, within)
    );
    if !answer.suppressions.is_empty() {
        text += &format!("\nSuppressed addresses\n{}", suppressions(&answer.suppressions, within));
    }
    if !answer.lifted_suppressions.is_empty() {
        text += &format!("\nLifted suppressions\n{}", lifted(&answer.lifted_suppressions, within));
    }
    text
}

/// One entry of the ledger.
pub(crate) fn entry(entry: &v1::ConsentEntry, within: TextWidth) -> String {
    ledger(std::slice::from_ref(entry), within)
}

fn ledger(entries: &[v1::ConsentEntry], within: TextWidth) -> String {
    let mut table =
        Table::new(["#", "when", "what", "channel", "topic", "source", "method", "wording", "actor"]);
    for entry in entries {
        let evidence = entry.evidence.clone().unwrap_or_default();
        table.row([
            entry.sequence.to_string(),
            time(evidence.time.as_ref()),
            action(entry.action),
            channel(entry.channel),
            entry.topic.clone(),
            evidence.source,
            evidence.method,
            or_dash(&excerpt(&evidence.wording, WORDING_CHARS)),
            actor(&evidence.actor, &entry.recorded_by),
        ]);
    }
    table.or("It is empty.", within)
}

/// Who did it, and by which key or provider.
fn actor(actor: &str, recorded_by: &str) -> String {
    match actor {
        "" => recorded_by.to_owned(),
        actor => format!("{actor} ({recorded_by})"),
    }
}

/// What was lifted, and what still stands.
pub(crate) fn lift(answer: &v1::LiftSuppressionResponse, within: TextWidth) -> String {
    let lifted = lifted(&answer.lifted, within);
    let remaining = match answer.remaining.as_slice() {
        [] => "The address is not suppressed any more.\n".to_owned(),
        remaining => format!("The address is still suppressed\n{}", suppressions(remaining, within)),
    };
    format!("Lifted\n{lifted}\n{remaining}")
}

/// The reasons for which addresses are suppressed.
pub(crate) fn suppressions(suppressions: &[v1::Suppression], within: TextWidth) -> String {
    let mut table = Table::new(["channel", "address", "reason", "since", "by", "explanation"]);
    for suppression in suppressions {
        table.row([
            channel(suppression.channel),
            address(suppression.address.as_ref()),
            suppression.reason.clone(),
            time(suppression.create_time.as_ref()),
            suppression.recorded_by.clone(),
            suppression.explanation.clone(),
        ]);
    }
    table.indented("", within)
}

fn lifted(suppressions: &[v1::Suppression], within: TextWidth) -> String {
    let mut table =
        Table::new(["channel", "address", "reason", "since", "lifted", "by", "source", "method", "wording"]);
    for suppression in suppressions {
        let lift = suppression.lift.clone().unwrap_or_default();
        let evidence = lift.evidence.unwrap_or_default();
        table.row([
            channel(suppression.channel),
            address(suppression.address.as_ref()),
            suppression.reason.clone(),
            time(suppression.create_time.as_ref()),
            time(lift.lift_time.as_ref()),
            actor(&evidence.actor, &lift.recorded_by),
            evidence.source,
            evidence.method,
            or_dash(&excerpt(&evidence.wording, WORDING_CHARS)),
        ]);
    }
    table.indented("", within)
}

/// The verdicts of every channel and address.
pub(crate) fn verdicts(answer: &v1::CheckConsentResponse, within: TextWidth) -> String {
    plan::verdicts(&answer.verdicts, "", within)
}

/// How a contact wants to be reached.
pub(crate) fn preferences(preferences: &v1::Preferences, within: TextWidth) -> String {
    let mut table = Table::<2>::bare();
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("channels first", channels(&preferences.channel_order));
    row("never", channels(&preferences.excluded_channels));
    row("quiet hours", preferences.quiet_hours.as_ref().map_or_else(|| "-".to_owned(), quiet_hours));
    row("time zone", or_dash(&preferences.time_zone));
    row("language", or_dash(&preferences.language));
    for topic in &preferences.topics {
        let muted = topic.muted.then(|| "muted".to_owned());
        let first =
            (!topic.channel_order.is_empty()).then(|| format!("{} first", channels(&topic.channel_order)));
        row(&format!("topic {}", topic.topic), list(muted.into_iter().chain(first)));
    }
    row("etag", or_dash(&preferences.etag));
    table.indented("", within)
}

fn quiet_hours(quiet: &v1::QuietHours) -> String {
    let all = if quiet.include_transactional { ", transactional messages too" } else { "" };
    format!("{} to {}{all}", quiet.start, quiet.end)
}
