//! Why a provider cannot be built from its settings.

use crate::model::SettingError;

/// Why a provider cannot be built from its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderBuildError {
    /// A setting's value is wrong.
    #[error("{setting} {must}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What would be right.
        must: &'static str,
    },
    /// A number is out of its bounds.
    #[error(transparent)]
    Bounds(#[from] SettingError),
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot be set up: {0}")]
    HttpClient(String),
    /// A file that a setting names cannot be used.
    #[error("{setting}: {path} cannot be used: {detail}")]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
}
