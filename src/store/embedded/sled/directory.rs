//! The data directory: where its files are, and the errors that name it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::store::StoreError;

/// The name of sled's log.
pub const LOG: &str = "db";

/// Messages and addresses lie there in clear, so nobody but the owner enters.
const DIRECTORY_MODE: u32 = 0o700;

/// Nor reads a file of it, wherever that is copied with its mode.
pub const FILE_MODE: u32 = 0o600;

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDirectory {
    /// Its path.
    pub root: PathBuf,
}

impl DataDirectory {
    /// Makes it, for its owner alone; what leads to it too, where that is missing. One that is there stays as it is.
    pub fn create(&self) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&self.root)
    }

    /// The path of a file in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory of sled's own files.
    pub fn sled(&self) -> PathBuf {
        self.at("sled")
    }

    /// sled's log.
    pub fn sled_log(&self) -> PathBuf {
        self.sled().join(LOG)
    }

    /// Its path, for errors.
    pub fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// The error for a disk that is too full.
    pub fn full(&self, free_bytes: u64, needed_bytes: u64) -> StoreError {
        StoreError::Full { path: self.name(), free_bytes, needed_bytes }
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
