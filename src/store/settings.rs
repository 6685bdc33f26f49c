//! Where the embedded store keeps its data, and its bounds.

use std::path::PathBuf;

use serde::Deserialize;

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
