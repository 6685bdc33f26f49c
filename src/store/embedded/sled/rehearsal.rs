//! Opening after a crash: recovery is tried on a copy first, because sled's recovery writes to what it reads.

use std::fs;
use std::io;
use std::path::Path;

use super::directory::{self, DataDirectory};
use super::disk;
use super::tree::Tree;
use crate::store::StoreError;

/// Recovers a copy, reads every page of it, and compares what it holds with the mark.
///
/// Without room for a copy the rehearsal is left out: the opening itself still refuses a tree below the mark.
pub fn run(files: &DataDirectory, acknowledged: u64) -> Result<(), StoreError> {
    let copy = DataDirectory { root: files.at("check") };
    let result = match copy_all(&files.sled(), &copy.sled()) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            tracing::warn!(path = %files.root.display(), "the store is opened without a trial recovery because the disk has no room for a copy");
            Ok(())
        }
        Err(error) => Err(directory::io("copying the store to check it", error)),
        Ok(()) => try_out(&copy, acknowledged),
    };
    remove(&copy.root)?;
    result.map_err(|error| name_original(files, error))
}

fn try_out(copy: &DataDirectory, acknowledged: u64) -> Result<(), StoreError> {
    // The copy is read once from end to end, so a large cache would gain nothing.
    const CACHE_BYTES: u64 = 16 << 20;
    Tree::open(copy, CACHE_BYTES, acknowledged)?.read_all()
}

/// The copy's path would mislead.
fn name_original(files: &DataDirectory, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt { detail, .. } => files.corrupt(detail),
        error => error,
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(root) = to.parent() {
        // What a rehearsal that was cut off left behind.
        match fs::remove_dir_all(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::create_dir_all(to)?;
    for path in disk::files_below(from)? {
        let target = to.join(path.strip_prefix(from).map_err(io::Error::other)?);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&path, &target)?;
    }
    Ok(())
}

fn remove(root: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(root).map_err(|error| directory::io("removing the copy of the store", error))
}
