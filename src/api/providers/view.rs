//! A provider as the API shows it.

use crate::api::caller::Caller;
use crate::dispatch::{CellStatus, ProviderStatus};
use crate::health::{BreakerTrip, ProviderFailure, TripReason, WeightShift};
use crate::model::HealthCell;
use crate::wire::{duration, timestamp, v1};

/// A provider with its health and control, as `caller` may see it: a brand's key is not shown the words of a provider, which
/// may quote what another brand sent, nor the senders and templates of others. `own_sender` is the sender of the caller's brand.
pub fn provider(caller: &Caller, own_sender: Option<&str>, status: ProviderStatus) -> v1::Provider {
    let provider = &status.provider;
    let last_failure = |failure: ProviderFailure| match caller.brand {
        Some(_) => failure.brief(),
        None => failure.to_string(),
    };
    let is_visible = |cell: &HealthCell| match (&caller.brand, cell) {
        (None, _) | (_, HealthCell::Country(_)) => true,
        (Some(_), HealthCell::Sender(sender)) => sender == own_sender.unwrap_or_default(),
        (Some(brand), HealthCell::Template(_)) => provider.is_exclusive_to(brand),
    };
    let mode = v1::ControlMode::from(status.mode).into();
    let control = status.control.as_ref().map(v1::ProviderControl::from).unwrap_or_default();
    v1::Provider {
        provider: provider.name.to_string(),
        channel: v1::Channel::from(provider.channel).into(),
        kind: provider.kind.clone(),
        failure_domain: provider.failure_domain.clone(),
        tier: provider.tier,
        weight: provider.weight,
        // The mode in force, which is not the one asked for once that has expired.
        control: Some(v1::ProviderControl { mode, ..control }),
        breaker: v1::BreakerState::from(status.breaker).into(),
        probe_time: status.probe_at.map(timestamp),
        throttled_until: status.throttled_until.map(timestamp),
        learned_rate_per_second: status.learned_rate_per_second,
        in_flight: status.in_flight,
        recent_calls: status.recent_calls,
        recent_failures: status.recent_failures,
        last_failure: status.last_failure.map(last_failure).unwrap_or_default(),
        trip: status.trip.map(trip),
        live_weight_percent: status.live_weight * 100.0,
        last_weight_shift: status.last_shift.map(weight_shift),
        calls_per_second: status.calls_per_second,
        median_duration: status.durations.map(|(median, _)| duration(median)),
        p99_duration: status.durations.map(|(_, p99)| duration(p99)),
        failing_cells: status.cells.iter().filter(|status| is_visible(&status.cell)).map(cell).collect(),
    }
}

fn weight_shift(shift: WeightShift) -> v1::WeightShift {
    v1::WeightShift {
        time: Some(timestamp(shift.at)),
        from_percent: shift.from * 100.0,
        to_percent: shift.to * 100.0,
        reason: shift.reason.to_string(),
    }
}

fn cell(status: &CellStatus) -> v1::ProviderCell {
    let (dimension, name) = match &status.cell {
        HealthCell::Sender(sender) => (v1::CellDimension::Sender, sender.clone()),
        HealthCell::Template(name) => (v1::CellDimension::Template, name.clone()),
        HealthCell::Country(code) => (v1::CellDimension::Country, code.to_string()),
    };
    v1::ProviderCell {
        dimension: dimension.into(),
        name,
        breaker: v1::BreakerState::from(status.breaker).into(),
        probe_time: status.probe_at.map(timestamp),
        trip: status.trip.map(trip),
    }
}

fn trip(trip: BreakerTrip) -> v1::BreakerTrip {
    let (reason, failures, calls) = match trip.reason {
        TripReason::ConsecutiveFailures { failures } => (v1::TripReason::ConsecutiveFailures, failures, 0),
        TripReason::FailureRatio { failures, calls } => (v1::TripReason::FailureRatio, failures, calls),
        TripReason::Misconfigured => (v1::TripReason::Misconfigured, 0, 0),
        TripReason::ProbeFailed => (v1::TripReason::ProbeFailed, 0, 0),
        TripReason::Hanging { calls } => (v1::TripReason::Hanging, 0, calls),
    };
    v1::BreakerTrip { reason: reason.into(), failures, calls, time: Some(timestamp(trip.at)) }
}
