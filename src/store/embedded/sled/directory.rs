//! The data directory: where its files are, and the errors that name it.

use std::path::PathBuf;

use crate::store::StoreError;

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDirectory {
    /// Its path.
    pub root: PathBuf,
}

impl DataDirectory {
    /// The path of a file in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory of sled's own files.
    pub fn sled(&self) -> PathBuf {
        self.at("sled")
    }

    /// Its path, for errors.
    pub fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// The error for a store that is damaged.
    pub fn corrupt(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.name(), detail: detail.into() }
    }
}

/// The error for an operation on the disk that failed.
pub fn io(what: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Io { detail: format!("{what}: {error}") }
}
