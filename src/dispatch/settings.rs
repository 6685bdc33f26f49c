//! How dispatch works through what is due.

use std::time::Duration;

use serde::Deserialize;

use crate::model::SettingError;

/// The settings of dispatch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchSettings {
    /// How many messages are worked on at once.
    pub concurrency: u32,
    /// How many messages are claimed at once.
    pub batch: u32,
    /// How long a claim lasts, in milliseconds. Longer than any provider's `timeout_ms`, because a claim that ends in
    /// mid-call puts the message in doubt.
    pub lease_ms: u64,
    /// How long calls in flight may go on after a request to stop, in milliseconds.
    pub drain_ms: u64,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self { concurrency: 1_024, batch: 256, lease_ms: 60_000, drain_ms: 20_000 }
    }
}

impl DispatchSettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let counts = [("concurrency", u64::from(self.concurrency)), ("batch", u64::from(self.batch))];
        let all = counts.into_iter().chain([("lease_ms", self.lease_ms)]);
        all.filter(|(_, value)| *value == 0)
            .map(|(key, _)| SettingError::new(key, "must be at least 1"))
            .collect()
    }

    /// How long a claim lasts.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}
