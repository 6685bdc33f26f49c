//! When something that failed is tried again.

use std::time::Duration;

use serde::Deserialize;

use super::hash::hash_fraction;
use crate::model::{DAY_MS, MessageId, SettingError, SettingErrors};

/// The settings of retries.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetrySettings {
    /// How long to wait before a provider that failed a message is tried again with it, in milliseconds; doubled with
    /// each failure, less up to a half by chance.
    pub backoff_ms: u64,
    /// The longest such wait, in milliseconds.
    pub max_backoff_ms: u64,
    /// How many attempts a message may take in all.
    pub max_attempts: u32,
    /// How many times a call whose outcome is unknown is repeated under the provider's idempotency key before the class's
    /// policy decides. Where that is to wait, a repeat that the provider certainly did not take does not count.
    pub max_repeats: u32,
    /// How many copies of a message may be in doubt at once before it is tried no more, whatever its class. A repeat under the
    /// provider's idempotency key is no copy.
    pub max_unknown_copies: u32,
    /// How long a message in doubt waits for a receipt before it ends in doubt, in milliseconds.
    pub doubt_wait_ms: u64,
    /// How long to wait before looking again at a provider that is out of service without an end, in milliseconds.
    pub recheck_ms: u64,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            backoff_ms: 1_000,
            max_backoff_ms: 300_000,
            max_attempts: 300,
            max_repeats: 3,
            max_unknown_copies: 2,
            doubt_wait_ms: 600_000,
            recheck_ms: 15_000,
        }
    }
}

/// Each attempt is kept in the message's history, which is read whole.
const MAX_ATTEMPTS: u32 = 10_000;

impl RetrySettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        errors.within("backoff_ms", self.backoff_ms, 1..=DAY_MS);
        errors.within("max_backoff_ms", self.max_backoff_ms, 1..=DAY_MS);
        let longer = self.max_backoff_ms >= self.backoff_ms;
        errors.require(longer, "max_backoff_ms", "must be at least backoff_ms");
        errors.within("max_attempts", self.max_attempts, 1..=MAX_ATTEMPTS);
        errors.within("max_repeats", self.max_repeats, 0..=MAX_ATTEMPTS);
        errors.within("max_unknown_copies", self.max_unknown_copies, 1..=MAX_ATTEMPTS);
        errors.within("doubt_wait_ms", self.doubt_wait_ms, 0..=30 * DAY_MS);
        errors.within("recheck_ms", self.recheck_ms, 1..=DAY_MS);
        errors.into_vec()
    }

    /// How long to wait after the failure number `failures` (from 1) of a message at a provider: doubled each time, up
    /// to the cap, less up to a half. The share is drawn from the message's id, so that messages that failed together
    /// do not come back together, and the same history always gives the same answer.
    pub(super) fn backoff(&self, message: MessageId, failures: u32) -> Duration {
        let doubled =
            self.backoff_ms.saturating_mul(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX));
        let full = doubled.min(self.max_backoff_ms);
        let share = 1.0 - 0.5 * hash_fraction(message, &failures.to_be_bytes());
        Duration::from_millis(full).mul_f64(share)
    }
}
