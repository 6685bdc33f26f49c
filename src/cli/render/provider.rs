//! Providers, their control, and sandboxes.

use super::format::{address, breaker, channel, excerpt, list, mode, or_dash, time};
use super::{Table, TextWidth};
use crate::model::Timestamp;
use crate::wire::{self, v1};

/// Characters of a message's text that an outbox shows.
const EXCERPT_CHARS: usize = 60;

/// A list of providers.
pub(crate) fn providers(providers: &[v1::Provider], within: TextWidth) -> String {
    let mut table = Table::new([
        "channel",
        "tier",
        "provider",
        "kind",
        "domain",
        "weight",
        "control",
        "breaker",
        "calls",
        "failed",
        "in flight",
        "rate",
        "p50",
        "p99",
        "note",
    ]);
    for provider in providers {
        table.row([
            channel(provider.channel),
            provider.tier.to_string(),
            provider.provider.clone(),
            provider.kind.clone(),
            provider.failure_domain.clone(),
            weight(provider),
            provider.control.as_ref().map_or_else(|| "in service".to_owned(), |control| mode(control.mode)),
            breaker(provider.breaker),
            provider.recent_calls.to_string(),
            provider.recent_failures.to_string(),
            provider.in_flight.to_string(),
            format!("{:.1}/s", provider.calls_per_second),
            provider.median_duration.as_ref().map(milliseconds).unwrap_or_default(),
            provider.p99_duration.as_ref().map(milliseconds).unwrap_or_default(),
            note(provider),
        ]);
    }
    table.or("There are no providers.", within)
}

/// A provider as it is at `now`, on one line of a stream.
pub(crate) fn provider_line(provider: &v1::Provider, now: Timestamp) -> String {
    let control =
        provider.control.as_ref().map_or_else(|| "in service".to_owned(), |control| mode(control.mode));
    format!(
        "{}  {} ({}, {})  {control}, breaker {}, {} of {} calls failed, {} in flight  {}\n",
        time(Some(&wire::timestamp(now))),
        provider.provider,
        channel(provider.channel),
        provider.failure_domain,
        breaker(provider.breaker),
        provider.recent_failures,
        provider.recent_calls,
        provider.in_flight,
        note(provider),
    )
}

/// The configured weight, and the part of it that the provider's health leaves it.
fn weight(provider: &v1::Provider) -> String {
    let percent = provider.live_weight_percent.round();
    if percent >= 100.0 { provider.weight.to_string() } else { format!("{} x {percent} %", provider.weight) }
}

fn milliseconds(duration: &prost_types::Duration) -> String {
    format!("{} ms", duration.seconds * 1_000 + i64::from(duration.nanos) / 1_000_000)
}

/// A part of a provider that fails, in words.
fn cell(cell: &v1::ProviderCell) -> String {
    let name = match cell.dimension() {
        v1::CellDimension::Sender if cell.name.is_empty() => "its own sender".to_owned(),
        v1::CellDimension::Sender => format!("sender {}", cell.name),
        v1::CellDimension::Template => format!("template {}", cell.name),
        v1::CellDimension::Country => format!("country {}", cell.name),
        v1::CellDimension::Unspecified => cell.name.clone(),
    };
    let why = cell.trip.as_ref().map(|trip| format!(" ({})", trip_reason(trip))).unwrap_or_default();
    format!("{} for {name}{why}", breaker(cell.breaker))
}

/// Why a breaker opened.
fn trip_reason(trip: &v1::BreakerTrip) -> String {
    match trip.reason() {
        v1::TripReason::ConsecutiveFailures => format!("{} failures in a row", trip.failures),
        v1::TripReason::FailureRatio => format!("{} of {} calls failed", trip.failures, trip.calls),
        v1::TripReason::Misconfigured => "misconfigured".to_owned(),
        v1::TripReason::ProbeFailed => "a probe failed".to_owned(),
        v1::TripReason::Unspecified => "for a reason that this build does not know".to_owned(),
    }
}

/// What an operator should know beyond the columns.
fn note(provider: &v1::Provider) -> String {
    let mut notes = Vec::new();
    if let Some(control) = provider.control.as_ref().filter(|control| !control.reason.is_empty()) {
        let end = control.expire_time.as_ref().map(|end| format!(" until {}", time(Some(end))));
        notes.push(format!("{} by {}{}", control.reason, or_dash(&control.actor), end.unwrap_or_default()));
    }
    if let Some(trip) = &provider.trip {
        notes.push(format!("opened: {}", trip_reason(trip)));
    }
    notes.extend(provider.failing_cells.iter().map(cell));
    if let Some(shift) = provider.last_weight_shift.as_ref().filter(|_| provider.live_weight_percent < 100.0)
    {
        notes.push(format!("live weight {:.0} %: {}", provider.live_weight_percent, shift.reason));
    }
    if provider.probe_time.is_some() {
        notes.push(format!("next probe {}", time(provider.probe_time.as_ref())));
    }
    if provider.throttled_until.is_some() {
        notes.push(format!("throttled until {}", time(provider.throttled_until.as_ref())));
    }
    if let Some(rate) = provider.learned_rate_per_second {
        notes.push(format!("found to bear {rate:.1} calls a second"));
    }
    if !provider.last_failure.is_empty() {
        notes.push(format!("last failure: {}", provider.last_failure));
    }
    notes.join("; ")
}

/// A list of changes of control, with who made them.
pub(crate) fn control_changes(changes: &[v1::ProviderControlChange], within: TextWidth) -> String {
    let mut table = Table::new(["when", "provider", "control", "until", "actor", "reason"]);
    for change in changes {
        let control = change.control.clone().unwrap_or_default();
        table.row([
            time(control.update_time.as_ref()),
            change.provider.clone(),
            mode(control.mode),
            time(control.expire_time.as_ref()),
            control.actor,
            control.reason,
        ]);
    }
    table.or("Nobody has changed anything.", within)
}

/// What sandbox providers were given.
pub(crate) fn outbox(entries: &[v1::OutboxEntry], within: TextWidth) -> String {
    let mut table = Table::new(["when", "provider", "channel", "address", "message", "says"]);
    for entry in entries {
        let says = match entry.subject.as_str() {
            "" => entry.text.clone(),
            subject => format!("{subject} | {}", entry.text),
        };
        table.row([
            time(entry.time.as_ref()),
            entry.provider.clone(),
            channel(entry.channel),
            address(entry.address.as_ref()),
            entry.message_id.clone(),
            excerpt(&says, EXCERPT_CHARS),
        ]);
    }
    table.or("Nothing was sent through sandbox providers.", within)
}

/// The sandbox providers whose behavior was set.
pub(crate) fn behavior_answer(answer: &v1::SetBehaviorResponse) -> String {
    format!("In force for {}.\n", list(answer.providers.iter().cloned()))
}
