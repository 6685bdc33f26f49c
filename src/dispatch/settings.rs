//! How dispatch works through what is due.

use std::time::Duration;

use serde::Deserialize;

use crate::model::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};

/// The settings of dispatch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchSettings {
    /// How many messages are worked on at once.
    pub concurrency: u32,
    /// How many messages are claimed at once.
    pub batch: u32,
    /// How long a claim lasts, in milliseconds. Longer than any call to a provider, because a claim that ends in mid-call puts
    /// the message in doubt. When absent, as long as that takes, and at least [`MIN_LEASE_MS`](Self::MIN_LEASE_MS).
    pub lease_ms: Option<u64>,
    /// How long calls in flight may go on after a request to stop, in milliseconds.
    pub drain_ms: u64,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self { concurrency: 1_024, batch: 256, lease_ms: None, drain_ms: 20_000 }
    }
}

impl DispatchSettings {
    /// How long a claim lasts at least unless the configuration says otherwise, in milliseconds.
    pub const MIN_LEASE_MS: u64 = 60_000;

    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("concurrency", self.concurrency, 1..=MAX_COUNT);
        errors.within("batch", self.batch, 1..=MAX_COUNT);
        // One that is left out is within its bounds.
        errors.within("lease_ms", self.lease_ms.unwrap_or(1), 1..=DAY_MS);
        errors.within("drain_ms", self.drain_ms, 0..=DAY_MS);
        errors.into_vec()
    }

    /// How long a claim lasts.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms.unwrap_or(Self::MIN_LEASE_MS))
    }
}
