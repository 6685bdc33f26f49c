//! The seal: the checksum of every file of sled's, written after a clean stop and lifted before sled opens them again.
//!
//! A store of millions of messages has gigabytes, all of which are read before it is opened, so the pieces of a file are
//! summed by CRC-32 on all processors, and what is kept is the hash of their sums.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;

use sha2::{Digest, Sha256};

use super::directory::{self, DataDirectory, LOG};
use super::{disk, side_files};
use crate::store::StoreError;

const NAME: &str = "SEAL";

/// The first line of a seal. One that begins otherwise proves nothing.
const KIND: &str = "SHA-256 of the CRC-32 of each MiB, bytes, name\n";

const PIECE: usize = 1 << 20;

/// What the seal says of the files.
#[derive(Debug, PartialEq, Eq)]
pub enum SealState {
    /// The store was not stopped cleanly.
    Absent,
    /// Every file is as it was when the store was closed.
    Intact,
    /// Files have changed since.
    Broken {
        /// Whether the log is among them.
        log_changed: bool,
        /// What has changed.
        detail: String,
    },
}

/// Seals the files. Nothing may write to them any more.
pub fn set(files: &DataDirectory) -> io::Result<()> {
    let text = describe(&files.sled())?;
    disk::replace(&files.at(NAME), text.as_bytes())
}

/// Compares the files with the seal. Drafts, which a start leaves behind that was cut off, are not looked at.
pub fn compare(files: &DataDirectory) -> Result<SealState, StoreError> {
    let failed = |error| directory::io("checking the seal", error);
    let sealed = match fs::read(files.at(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SealState::Absent),
        sealed => sealed.map_err(failed)?,
    };
    if !sealed.starts_with(KIND.as_bytes()) || !files.sled().exists() {
        return Ok(SealState::Absent);
    }
    let found = describe(&files.sled()).map_err(failed)?;
    if sealed == found.as_bytes() {
        return Ok(SealState::Intact);
    }
    let sealed = String::from_utf8_lossy(&sealed);
    let is_sealed = |line: &str| sealed.lines().any(|known| known == line);
    let name_of = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
    let changed = found.lines().find(|line| !is_sealed(line)).map(name_of);
    let detail = changed.map_or("a file is missing".to_owned(), |name| format!("{name} has changed"));
    let log_changed = !found.lines().any(|line| name_of(line) == LOG && is_sealed(line));
    Ok(SealState::Broken { log_changed, detail: format!("{detail} since the store was closed") })
}

/// Takes the seal off.
pub fn remove(files: &DataDirectory) -> Result<(), StoreError> {
    disk::remove(&files.at(NAME)).map_err(|error| directory::io("lifting the seal", error))
}

/// A line for the kind of seal, and then one for each file.
fn describe(root: &Path) -> io::Result<String> {
    let mut text = KIND.to_owned();
    let files = disk::files_below(root)?;
    for path in files.into_iter().filter(|path| !side_files::is_draft(path)) {
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        let file = File::open(&path)?;
        let size = file.metadata()?.len();
        for byte in hash(&file, size)? {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = writeln!(text, " {size} {name}");
    }
    Ok(text)
}

/// The hash of the checksums of a file's pieces.
fn hash(file: &File, size: u64) -> io::Result<[u8; 32]> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let sums = thread::scope(|scope| {
        let start = |worker| scope.spawn(move || sum_every(file, size, worker, workers));
        let started: Vec<_> = (0..workers).map(start).collect();
        let failed = |_| Err(io::Error::other("a thread that sums a file failed"));
        started.into_iter().map(|worker| worker.join().unwrap_or_else(failed)).collect::<io::Result<Vec<_>>>()
    })?;
    // In the order of the pieces, whatever the number of processors.
    let rounds = sums.first().map_or(0, Vec::len);
    let mut digest = Sha256::new();
    for sum in (0..rounds).flat_map(|round| sums.iter().filter_map(move |sums| sums.get(round))) {
        digest.update(sum.to_be_bytes());
    }
    Ok(digest.finalize().into())
}

/// The checksums of every `step`th piece, from the one with this number on.
fn sum_every(file: &File, size: u64, first: usize, step: usize) -> io::Result<Vec<u32>> {
    let mut buffer = vec![0; PIECE];
    let mut sums = Vec::new();
    for start in (0..size).step_by(PIECE).skip(first).step_by(step) {
        let length = usize::try_from(size - start).unwrap_or(PIECE).min(PIECE);
        file.read_exact_at(&mut buffer[..length], start)?;
        sums.push(crc32fast::hash(&buffer[..length]));
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_all_bytes_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let bytes: Vec<u8> = (0..PIECE as u32 * 5 / 2).map(|place| (place / 1_000) as u8).collect();
        let hash_of = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            hash(&File::open(&path).unwrap(), bytes.len() as u64).unwrap()
        };
        let sums = bytes.chunks(PIECE).flat_map(|piece| crc32fast::hash(piece).to_be_bytes());
        let whole = hash_of(&bytes);
        assert_eq!(whole, <[u8; 32]>::from(Sha256::digest(sums.collect::<Vec<_>>())));
        for place in [0, PIECE, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_ne!(hash_of(&changed), whole, "byte {place}");
        }
    }
}
