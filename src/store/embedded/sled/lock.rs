//! One process at a time. sled locks its own file too, but only after it has touched others.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use super::directory::{DataDirectory, FILE_MODE, io};
use crate::store::StoreError;

/// Locks the directory for as long as the file is held; the system gives it free when the process ends, however it ends.
pub fn acquire(files: &DataDirectory) -> Result<File, StoreError> {
    files.create().map_err(|error| io("making the data directory", error))?;
    let file = OpenOptions::new()
        .mode(FILE_MODE)
        .create(true)
        .truncate(false)
        .write(true)
        .open(files.at("LOCK"))
        .map_err(|error| io("opening LOCK", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: files.name() }),
        Err(TryLockError::Error(error)) => Err(io("locking LOCK", error)),
    }
}
