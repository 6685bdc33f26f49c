//! How a provider is reached, and how hard it may be driven.

use serde::Deserialize;

use super::http::HttpTransport;

/// How a provider is reached.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// How hard it may be driven, and how long it may take.
    pub limits: ProviderLimits,
    /// The way to it, if it is reached over HTTP.
    pub http: HttpTransport,
}

/// How hard a provider may be driven, and how long it may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderLimits {
    /// Calls in flight at once.
    pub max_concurrency: u32,
    /// Calls a second; no limit when absent.
    pub rate_per_second: Option<f64>,
    /// How long connecting may take, in milliseconds. A provider that cannot be reached was certainly not called.
    pub connect_timeout_ms: u64,
    /// How long the whole call may take, in milliseconds. After it the outcome is unknown.
    pub timeout_ms: u64,
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self { max_concurrency: 50, rate_per_second: None, connect_timeout_ms: 3_000, timeout_ms: 10_000 }
    }
}
