//! When a breaker opens and closes.

use std::time::Duration;

use serde::Deserialize;

use crate::model::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};

/// The settings of every breaker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSettings {
    /// How far back calls count towards the failure ratio, in milliseconds.
    pub window_ms: u64,
    /// How many calls the window needs before the ratio counts.
    pub min_calls: u32,
    /// The share of failed calls in the window at which the breaker opens; 1 is all of them.
    pub failure_ratio: f64,
    /// How many failures in a row open the breaker, whatever the ratio.
    pub consecutive_failures: u32,
    /// How long the breaker stays open the first time, in milliseconds; doubled each time a probe fails.
    pub open_ms: u64,
    /// The longest it stays open between probes, in milliseconds. Each probe that fails costs one message a failed call.
    pub max_open_ms: u64,
    /// The longest it stays open between probes when the provider says that our settings are wrong, in milliseconds.
    pub max_misconfigured_ms: u64,
    /// How many probes may be in flight while half open.
    pub probes: u32,
    /// How many probes in a row must succeed for it to close.
    pub successes_to_close: u32,
    /// How long to slow down when a provider throttles without saying how long, in milliseconds.
    pub throttle_ms: u64,
    /// The longest a provider's `retry-after` is believed, in milliseconds.
    pub max_throttle_ms: u64,
    /// The least part of its weight that a provider keeps while it does worse than others.
    pub min_live_weight: f64,
    /// How many times as long as those of the fastest provider of the channel calls may take before they cost weight.
    pub slow_factor: f64,
    /// No call under way is late before it has taken so long, in milliseconds, or four times as long as usual.
    pub min_late_ms: u64,
    /// No call under way hangs before it has taken so long, in milliseconds, or ten times as long as usual.
    pub min_hanging_ms: u64,
    /// How long a provider must be well before an incident of it ends, in milliseconds; what comes back sooner is the same
    /// incident.
    pub incident_quiet_ms: u64,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            window_ms: 30_000,
            min_calls: 20,
            failure_ratio: 0.5,
            consecutive_failures: 5,
            open_ms: 3_000,
            max_open_ms: 5_000,
            max_misconfigured_ms: 60_000,
            probes: 1,
            successes_to_close: 2,
            throttle_ms: 1_000,
            max_throttle_ms: 3_600_000,
            min_live_weight: 0.02,
            slow_factor: 2.0,
            min_late_ms: 500,
            min_hanging_ms: 5_000,
            // As long as a provider's falls are remembered (`live_weight`), and many times as long as a breaker is open.
            incident_quiet_ms: 60_000,
        }
    }
}

impl HealthSettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("window_ms", self.window_ms, 1..=DAY_MS);
        errors.within("min_calls", self.min_calls, 1..=MAX_COUNT);
        errors.within("failure_ratio", self.failure_ratio, 0.001..=1.0);
        errors.within("consecutive_failures", self.consecutive_failures, 1..=MAX_COUNT);
        errors.within("open_ms", self.open_ms, 1..=DAY_MS);
        errors.within("max_open_ms", self.max_open_ms, 1..=DAY_MS);
        errors.require(self.max_open_ms >= self.open_ms, "max_open_ms", "must be at least open_ms");
        errors.within("max_misconfigured_ms", self.max_misconfigured_ms, 1..=DAY_MS);
        let longer = self.max_misconfigured_ms >= self.open_ms;
        errors.require(longer, "max_misconfigured_ms", "must be at least open_ms");
        errors.within("probes", self.probes, 1..=MAX_COUNT);
        errors.within("successes_to_close", self.successes_to_close, 1..=MAX_COUNT);
        errors.within("throttle_ms", self.throttle_ms, 1..=DAY_MS);
        errors.within("max_throttle_ms", self.max_throttle_ms, 1..=DAY_MS);
        let longer = self.max_throttle_ms >= self.throttle_ms;
        errors.require(longer, "max_throttle_ms", "must be at least throttle_ms");
        errors.within("min_live_weight", self.min_live_weight, 0.001..=1.0);
        errors.within("slow_factor", self.slow_factor, 1.0..=1_000.0);
        errors.within("min_late_ms", self.min_late_ms, 1..=DAY_MS);
        errors.within("min_hanging_ms", self.min_hanging_ms, 1..=DAY_MS);
        errors.within("incident_quiet_ms", self.incident_quiet_ms, 1..=DAY_MS);
        errors.into_vec()
    }

    /// How long a breaker stays open after it opened `times` times without closing in between, at most `max_ms`.
    pub(super) fn open_for(&self, times: u32, max_ms: u64) -> Duration {
        let doubled =
            self.open_ms.saturating_mul(1_u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX));
        Duration::from_millis(doubled.min(max_ms))
    }
}
