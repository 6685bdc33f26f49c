//! The live weights of providers that could take one another's messages.

use super::call_statistics::CallReport;
use super::live_weight::WeightShift;
use super::provider::ProviderHealth;
use crate::model::Moment;

/// Moves the live weights of the providers of one channel a step. Returns the changes that people should learn of, each with the
/// place of its provider.
pub fn rebalance(providers: &mut [&mut ProviderHealth], now: Moment) -> Vec<(usize, WeightShift)> {
    let reports: Vec<Option<CallReport>> = providers
        .iter()
        .map(|health| health.is_available(now).then(|| health.report(now.monotonic)))
        .collect();
    let mut shifts = Vec::new();
    for (place, health) in providers.iter_mut().enumerate() {
        let others = reports.iter().enumerate().filter(|(other, _)| *other != place);
        let best = others.filter_map(|(_, report)| *report).reduce(best_of);
        shifts.extend(health.step_weight(best.as_ref(), now).map(|shift| (place, shift)));
    }
    shifts
}

/// The best of two in every respect.
fn best_of(a: CallReport, b: CallReport) -> CallReport {
    CallReport {
        failure_share: a.failure_share.min(b.failure_share),
        late_share: a.late_share.min(b.late_share),
        duration: a.duration.into_iter().chain(b.duration).min(),
        silence: a.silence.min(b.silence),
        refusals: a.refusals.min(b.refusals),
    }
}
