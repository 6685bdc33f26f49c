//! What a sandbox provider can be configured to do.

use std::time::Duration;

use serde::Deserialize;

/// A sandbox provider's own settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// How long taking a message lasts, in milliseconds.
    pub latency_ms: u64,
    /// Report a message as delivered this many milliseconds after taking it; never when absent.
    pub receipt_delay_ms: Option<u64>,
}

impl SandboxSettings {
    pub(super) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    pub(super) fn receipt_delay(&self) -> Option<Duration> {
        self.receipt_delay_ms.map(Duration::from_millis)
    }
}
