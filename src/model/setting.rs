//! What is wrong with a setting.

/// A setting whose value is not valid, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{must}")]
pub struct SettingError {
    /// Its path below its table, for example `backoff_ms`.
    pub key: String,
    /// What would be right.
    pub must: String,
}

impl SettingError {
    /// Says of the setting at `key` what it must be.
    pub fn new(key: impl Into<String>, must: impl Into<String>) -> Self {
        Self { key: key.into(), must: must.into() }
    }
}
