//! Where the embedded store keeps its data, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::model::SettingError;

/// The settings of the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The data directory. One gateway at a time has it open.
    pub path: PathBuf,
    /// How many bytes must stay free on its disk. With less, messages are refused, so that what was acknowledged can
    /// still be finished.
    pub min_free_bytes: u64,
    /// How long a finished message is kept with its history and idempotency key, in days.
    pub retention_days: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { path: "data".into(), min_free_bytes: 256 << 20, retention_days: 30 }
    }
}

impl Settings {
    /// Every setting that cannot be.
    pub fn errors(&self) -> Vec<SettingError> {
        if self.retention_days > 0 {
            return Vec::new();
        }
        vec![SettingError::new("retention_days", "must be at least 1")]
    }

    /// How long a finished message is kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 24 * 3_600)
    }
}
