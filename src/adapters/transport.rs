//! The connection settings of a provider and the limits on calls to it: concurrency, rate and time-outs.

use std::time::Duration;

use serde::Deserialize;

use super::http::HttpTransport;
use crate::model::{MAX_COUNT, SettingError, SettingErrors};

/// The connection settings of a provider and the limits on calls to it: concurrency, rate and time-outs.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// The limits on calls to the provider.
    pub limits: ProviderLimits,
    /// The way to the provider, if it is reached over HTTP.
    pub http: HttpTransport,
}

/// The limits on calls to a provider: concurrency, rate and time-outs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderLimits {
    /// How many calls may be in flight at once: 50 when absent.
    pub max_concurrency: u32,
    /// How many calls may begin a second; no limit when absent.
    pub rate_per_second: Option<f64>,
    /// How long connecting may take, in milliseconds: 3,000 when absent. A provider that cannot be reached was certainly
    /// not called.
    pub connect_timeout_ms: u64,
    /// How long the whole call may take, in milliseconds: what fits the kind of provider when absent. After it the outcome is
    /// unknown.
    pub timeout_ms: Option<u64>,
}

/// How long the whole call may take where nothing else is said, in milliseconds.
pub(super) const DEFAULT_TIMEOUT_MS: u64 = 10_000;

/// An hour: a claim must outlast the call, and what waits for a claim that was lost waits as long.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

impl ProviderLimits {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("max_concurrency", self.max_concurrency, 1..=MAX_COUNT);
        // No limit is within its bounds.
        let rate = self.rate_per_second.unwrap_or(1.0);
        errors.within("rate_per_second", rate, 0.001..=f64::from(MAX_COUNT));
        let timeout_ms = self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
        errors.within("timeout_ms", timeout_ms, 1..=MAX_TIMEOUT_MS);
        errors.within("connect_timeout_ms", self.connect_timeout_ms, 1..=MAX_TIMEOUT_MS);
        let in_time = self.connect_timeout_ms <= timeout_ms;
        errors.require(in_time, "connect_timeout_ms", "must be at most timeout_ms");
        errors.into_vec()
    }

    /// The same limits of calls whose last answer has this much time of its own.
    pub fn with_last_answer(self, more: Duration) -> Self {
        let more = u64::try_from(more.as_millis()).unwrap_or(u64::MAX);
        let timeout_ms = self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS).saturating_add(more);
        Self { timeout_ms: Some(timeout_ms), ..self }
    }

    /// How long the whole call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS))
    }
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self { max_concurrency: 50, rate_per_second: None, connect_timeout_ms: 3_000, timeout_ms: None }
    }
}
