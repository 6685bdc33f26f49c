//! How dispatch works through what is due.

use std::time::Duration;

use serde::Deserialize;

use crate::health::SettingsError;

/// The settings of dispatch and of retries.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How many messages are worked on at once.
    pub concurrency: u32,
    /// How many messages are claimed at once.
    pub batch: u32,
    /// How long a claim lasts, in milliseconds. Longer than any provider's `timeout_ms`, because a claim that ends in
    /// mid-call puts the message in doubt.
    pub lease_ms: u64,
    /// How long to wait before a provider that failed a message is tried again with it, in milliseconds; doubled with
    /// each failure, less up to a half by chance.
    pub backoff_ms: u64,
    /// The longest such wait, in milliseconds.
    pub max_backoff_ms: u64,
    /// How many attempts a message may take in all.
    pub max_attempts: u32,
    /// How long a throttled channel is waited for before the next channel is tried, in milliseconds.
    pub throttle_patience_ms: u64,
    /// How long a message in doubt waits for a receipt before it ends in doubt, in milliseconds.
    pub doubt_wait_ms: u64,
    /// How long to wait before looking again at a provider that is out of service without an end, in milliseconds.
    pub recheck_ms: u64,
    /// How long calls in flight may go on after a request to stop, in milliseconds.
    pub drain_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 512,
            batch: 256,
            lease_ms: 60_000,
            backoff_ms: 1_000,
            max_backoff_ms: 300_000,
            max_attempts: 300,
            throttle_patience_ms: 30_000,
            doubt_wait_ms: 600_000,
            recheck_ms: 15_000,
            drain_ms: 20_000,
        }
    }
}

impl Settings {
    /// Every setting that cannot be.
    pub fn errors(&self) -> Vec<SettingsError> {
        let mut errors = Vec::new();
        let mut check = |ok: bool, key, must| {
            if !ok {
                errors.push(SettingsError { key, must });
            }
        };
        check(self.concurrency > 0, "concurrency", "must be at least 1");
        check(self.batch > 0, "batch", "must be at least 1");
        check(self.lease_ms > 0, "lease_ms", "must be at least 1");
        check(self.backoff_ms > 0, "backoff_ms", "must be at least 1");
        check(self.max_backoff_ms >= self.backoff_ms, "max_backoff_ms", "must be at least backoff_ms");
        check(self.max_attempts > 0, "max_attempts", "must be at least 1");
        check(self.recheck_ms > 0, "recheck_ms", "must be at least 1");
        errors
    }

    /// How long a claim lasts.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }
}
