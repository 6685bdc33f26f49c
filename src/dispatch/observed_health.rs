//! The health of a provider, as incidents see it.

use crate::health::{BreakerTrip, ProviderFailure, ProviderHealth, WeightReason, WeightShift};
use crate::incident::{ObservedBreaker, ObservedHealth, ObservedShift};
use crate::model::{BreakerState, IncidentCause, Moment, RecordedFailure};

/// The health of a provider at `now`, as incidents see it.
pub(super) fn observed_health(health: &ProviderHealth, now: Moment) -> ObservedHealth {
    let at = now.monotonic;
    let failure = health.last_failure();
    ObservedHealth {
        breaker: breaker(health.breaker(at), health.trip(), failure),
        live_weight: health.live_weight(),
        shift: health.last_shift().map(shift),
        throttled_until: health.throttled_until(at),
        cells: health
            .unwell_cells(at)
            .map(|(cell, of_cell)| (cell.clone(), breaker(of_cell.state(at), of_cell.trip(), failure)))
            .collect(),
    }
}

fn breaker(
    state: BreakerState,
    trip: Option<BreakerTrip>,
    failure: Option<&ProviderFailure>,
) -> ObservedBreaker {
    ObservedBreaker {
        state,
        opened_at: trip.map(|trip| trip.at),
        reason: trip.map(|trip| trip.reason.to_string()).unwrap_or_default(),
        failure: failure
            .map(|failure| RecordedFailure { brief: failure.brief(), whole: failure.to_string() }),
    }
}

fn shift(shift: WeightShift) -> ObservedShift {
    let WeightShift { at, from, to, reason } = shift;
    let cause = match reason {
        WeightReason::Failures { .. } => Some(IncidentCause::Failures),
        WeightReason::Late { .. } => Some(IncidentCause::Late),
        WeightReason::Refusals { .. } => Some(IncidentCause::Refusals),
        WeightReason::Silent { .. } => Some(IncidentCause::Silent),
        WeightReason::Slow { .. } => Some(IncidentCause::Slow),
        WeightReason::BreakerClosed | WeightReason::Recovering => None,
    };
    ObservedShift { at, from, to, cause, reason: reason.to_string() }
}
