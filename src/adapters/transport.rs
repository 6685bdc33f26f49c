//! The connection settings of a provider and the limits on calls to it: concurrency, rate and time-outs.

use serde::Deserialize;

use super::http::HttpTransport;

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
    /// How long the whole call may take, in milliseconds: 10,000 when absent. After it the outcome is unknown.
    pub timeout_ms: u64,
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self { max_concurrency: 50, rate_per_second: None, connect_timeout_ms: 3_000, timeout_ms: 10_000 }
    }
}
