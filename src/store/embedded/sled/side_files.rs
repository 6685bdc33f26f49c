//! The files that sled keeps beside its log: snapshots, which only save it reading the log, and settings, which never change.
//!
//! sled reads the last of its snapshots by name and refuses to open when that one is damaged. It takes the draft of a
//! snapshot, `snap.LSN.generating`, for its last one, so a process that was killed while it wrote the first byte of a draft,
//! or that found the disk full, would keep the store closed for ever. What is damaged here is therefore left out, and what
//! can be read without it is judged by the log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory::DataDirectory;
use super::disk;

const DRAFT: &str = "generating";
const SETTINGS: &str = "conf";
const SNAPSHOT: &str = "snap.";

/// Whether this is the draft of a snapshot.
pub fn is_draft(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == DRAFT)
}

/// Removes the drafts of snapshots, which a start that was cut off left behind.
pub fn remove_drafts(files: &DataDirectory) -> io::Result<()> {
    named(files, SNAPSHOT)?.iter().filter(|path| is_draft(path)).try_for_each(|path| disk::remove(path))
}

/// The finished snapshots, the newest first.
pub fn snapshots(files: &DataDirectory) -> io::Result<Vec<PathBuf>> {
    let mut found = named(files, SNAPSHOT)?;
    found.retain(|path| !is_draft(path));
    found.reverse();
    Ok(found)
}

/// The snapshots and settings whose checksum is wrong.
pub fn damaged(files: &DataDirectory) -> io::Result<Vec<PathBuf>> {
    let mut damaged = Vec::new();
    for path in snapshots(files)? {
        if !snapshot_is_whole(&fs::read(&path)?) {
            damaged.push(path);
        }
    }
    for path in named(files, SETTINGS)? {
        if !settings_are_whole(&fs::read(&path)?) {
            damaged.push(path);
        }
    }
    Ok(damaged)
}

/// The bytes of the largest snapshot.
pub fn largest_snapshot_bytes(files: &DataDirectory) -> io::Result<u64> {
    let sizes = snapshots(files)?.into_iter().map(|path| Ok(fs::metadata(path)?.len()));
    Ok(sizes.collect::<io::Result<Vec<_>>>()?.into_iter().max().unwrap_or(0))
}

/// sled's files whose names begin with `prefix`, in the order of their names.
fn named(files: &DataDirectory, prefix: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(files.sled()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let is_named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    };
    let mut found: Vec<PathBuf> = paths?.into_iter().filter(is_named).collect();
    found.sort();
    Ok(found)
}

/// A snapshot ends with its length (8 bytes) and the CRC-32 of all before both.
fn snapshot_is_whole(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<4>()
        .and_then(|(body, sum)| Some((body.split_last_chunk::<8>()?.0, sum)))
        .is_some_and(|(body, sum)| !body.is_empty() && crc32fast::hash(body).to_le_bytes() == *sum)
}

/// The settings end with the CRC-32 of all before it.
fn settings_are_whole(bytes: &[u8]) -> bool {
    bytes.split_last_chunk::<4>().is_some_and(|(body, sum)| crc32fast::hash(body).to_le_bytes() == *sum)
}
