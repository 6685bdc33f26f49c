//! What has to be true of sled's files before sled may open them, and which of them it is given.
//!
//! # Why
//!
//! sled's recovery writes to what it reads: it cuts off what it finds torn, in place and without a word. And it refuses to
//! open at all for want of a snapshot, which the log could do without.
//!
//! # How it works
//!
//! A sealed store whose files are as they were is opened as it is. Any other is tried out on a copy: recovery has to
//! reach the high-water mark, and every page of what it recovers has to be readable. The first try leaves out what has a
//! wrong checksum beside the log, and each further one leaves out one more snapshot, until the log stands alone. The first
//! selection that proves whole is the one that sled is given. A log that was sealed and has changed is refused.
//!
//! # Where there is no room
//!
//! Room for the copy is measured before anything is copied. Where there is none, the store is opened with the first
//! selection and without a trial; a tree below the mark is refused all the same.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::directory::{self, DataDirectory};
use super::seal::SealState;
use super::tree::Tree;
use super::{disk, log_check, side_files};
use crate::store::StoreError;

/// Room for what sled writes while it opens a log: the end of the last segment (512 KiB) and a new one.
const RECOVERY_BYTES: u64 = 4 << 20;

/// How much log there is to a byte of the room that is wanted for a snapshot. Snapshots of stores of messages were seen to take
/// one for 2,000.
const LOG_BYTES_PER_SNAPSHOT_BYTE: u64 = 256;

/// Refuses to let sled open its files while there is no room for what it writes then, or less than `least_bytes` are free.
///
/// # Errors
/// [`StoreError::Full`], and [`StoreError::Io`] when the disk fails.
pub fn check_room(files: &DataDirectory, least_bytes: u64) -> Result<(), StoreError> {
    let measure = || Ok((disk::free_bytes(&files.root)?, opening_bytes(files)?.max(least_bytes)));
    let (free_bytes, needed_bytes) = measure().map_err(looking_failed)?;
    if free_bytes < needed_bytes { Err(files.full(free_bytes, needed_bytes)) } else { Ok(()) }
}

/// How many bytes sled may write while it opens its files.
fn opening_bytes(files: &DataDirectory) -> io::Result<u64> {
    let log_bytes = match fs::metadata(files.sled_log()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        metadata => metadata?.len(),
    };
    let snapshot_bytes =
        side_files::largest_snapshot_bytes(files)?.max(log_bytes / LOG_BYTES_PER_SNAPSHOT_BYTE);
    Ok(RECOVERY_BYTES + snapshot_bytes)
}

/// Makes sure that sled may open its files, and takes away those of them that keep it from doing so.
///
/// `acknowledged` is the number of groups that the tree must hold at least; `reserve_bytes` is what a copy leaves free for
/// others.
///
/// # Errors
/// [`StoreError::Corrupt`] when no selection of the files proves whole; then nothing was changed. [`StoreError::Io`] when the
/// disk fails.
pub fn prepare(
    files: &DataDirectory,
    seal: SealState,
    acknowledged: u64,
    reserve_bytes: u64,
) -> Result<(), StoreError> {
    let log_is_sealed = match seal {
        SealState::Intact => return Ok(()),
        SealState::Broken { log_changed: true, detail } => return Err(files.corrupt(detail)),
        SealState::Broken { log_changed: false, .. } => true,
        SealState::Absent => false,
    };
    let trial = Trial { files, copy: DataDirectory { root: files.at("check") }, log_is_sealed, acknowledged };
    // What a trial that was cut off left behind would take the room of this one.
    trial.remove_copy()?;
    let selection = match trial.missing_room(reserve_bytes)? {
        None => trial.first_whole()?,
        Some((free_bytes, needed_bytes)) => {
            tracing::warn!(path = %files.root.display(), free_bytes, needed_bytes, "the store is opened without a trial recovery because the disk has no room for a copy");
            trial.first_likely()?
        }
    };
    selection.apply()
}

/// Which of the files beside the log sled is not given.
#[derive(Debug, Clone)]
struct Selection {
    left_out: Vec<PathBuf>,
    /// Whether no snapshot is left, so that the log has to stand alone.
    is_log_alone: bool,
}

impl Selection {
    /// The selections worth a try, from the one with the most files to the log alone.
    fn all(files: &DataDirectory) -> io::Result<Vec<Self>> {
        let mut left_out = side_files::damaged(files)?;
        let mut snapshots = side_files::snapshots(files)?;
        snapshots.retain(|path| !left_out.contains(path));
        let mut all = vec![Self { left_out: left_out.clone(), is_log_alone: snapshots.is_empty() }];
        for (left, snapshot) in (0..snapshots.len()).rev().zip(snapshots) {
            left_out.push(snapshot);
            all.push(Self { left_out: left_out.clone(), is_log_alone: left == 0 });
        }
        Ok(all)
    }

    /// Removes what is left out.
    fn apply(&self) -> Result<(), StoreError> {
        for path in &self.left_out {
            tracing::warn!(path = %path.display(), "a damaged file of sled was removed because the log holds all that it held");
            disk::remove(path).map_err(|error| directory::io("removing a damaged file", error))?;
        }
        Ok(())
    }
}

/// Tries out recovery on a copy.
struct Trial<'a> {
    files: &'a DataDirectory,
    copy: DataDirectory,
    /// Whether the log is known to be as it was when the store was closed.
    log_is_sealed: bool,
    acknowledged: u64,
}

impl Trial<'_> {
    /// The first selection that proves whole, or else what is wrong with the first one.
    fn first_whole(&self) -> Result<Selection, StoreError> {
        let mut first_error = None;
        for selection in Selection::all(self.files).map_err(looking_failed)? {
            match self.prove(&selection) {
                Ok(()) => return Ok(selection),
                Err(error @ StoreError::Corrupt { .. }) => first_error = first_error.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        Err(first_error.unwrap_or_else(|| self.files.corrupt("there is nothing to open")))
    }

    /// The first selection, where nothing can be tried.
    fn first_likely(&self) -> Result<Selection, StoreError> {
        let selection = Selection::all(self.files).map_err(looking_failed)?.into_iter().next();
        let selection = selection.ok_or_else(|| self.files.corrupt("there is nothing to open"))?;
        self.check_log(&selection)?;
        Ok(selection)
    }

    fn prove(&self, selection: &Selection) -> Result<(), StoreError> {
        self.check_log(selection)?;
        let copied = self
            .copy_without(&selection.left_out)
            .map_err(|error| directory::io("copying the store to check it", error));
        let proven = copied.and_then(|()| self.recover_copy());
        self.remove_copy()?;
        proven
    }

    /// Refuses to replace a snapshot by a log that is damaged too.
    fn check_log(&self, selection: &Selection) -> Result<(), StoreError> {
        if self.log_is_sealed || !selection.is_log_alone || selection.left_out.is_empty() {
            return Ok(());
        }
        match log_check::is_whole(&self.files.sled_log()).map_err(looking_failed)? {
            true => Ok(()),
            false => Err(self.files.corrupt("neither a snapshot nor the log is whole")),
        }
    }

    /// Recovers the copy, reads every page of it, and compares what it holds with the mark.
    fn recover_copy(&self) -> Result<(), StoreError> {
        // The copy is read once from end to end, so a large cache would gain nothing.
        const CACHE_BYTES: u64 = 16 << 20;
        let read = Tree::open(&self.copy, CACHE_BYTES, self.acknowledged).and_then(|tree| tree.read_all());
        read.map_err(|error| match error {
            // The path of the copy would mislead.
            StoreError::Corrupt { detail, .. } => self.files.corrupt(detail),
            error => error,
        })
    }

    /// How many bytes are free and how many a copy needs, where it needs more.
    fn missing_room(&self, reserve_bytes: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let measure = || {
            let paths = disk::files_below(&self.files.sled())?;
            let sizes = paths.iter().map(|path| Ok(fs::metadata(path)?.len()));
            let copy_bytes: u64 = sizes.sum::<io::Result<u64>>()?;
            let needed_bytes = copy_bytes + 2 * opening_bytes(self.files)? + reserve_bytes;
            let free_bytes = disk::free_bytes(&self.files.root)?;
            Ok((free_bytes < needed_bytes).then_some((free_bytes, needed_bytes)))
        };
        measure().map_err(looking_failed)
    }

    fn copy_without(&self, left_out: &[PathBuf]) -> io::Result<()> {
        let (from, to) = (self.files.sled(), self.copy.sled());
        fs::create_dir_all(&to)?;
        for path in disk::files_below(&from)? {
            if left_out.contains(&path) || side_files::is_draft(&path) {
                continue;
            }
            let target = to.join(path.strip_prefix(&from).map_err(io::Error::other)?);
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::copy(&path, &target)?;
        }
        Ok(())
    }

    fn remove_copy(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(&self.copy.root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(directory::io("removing the copy of the store", error))
            }
            _ => Ok(()),
        }
    }
}

fn looking_failed(error: io::Error) -> StoreError {
    directory::io("looking at the files of the store", error)
}
