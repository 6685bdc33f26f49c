//! The seal: the checksum of every file of sled's, written after a clean stop and lifted before sled opens them again.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Files, disk};
use crate::store::StoreError;

const NAME: &str = "SEAL";

/// Whether the store was stopped cleanly.
pub fn is_set(files: &Files) -> bool {
    files.at(NAME).exists()
}

/// Seals the files. Nothing may write to them any more.
pub fn set(files: &Files) -> io::Result<()> {
    let text = describe(&files.sled())?;
    disk::replace(&files.at(NAME), text.as_bytes())
}

/// Compares the files with the seal.
pub fn verify(files: &Files) -> Result<(), StoreError> {
    let failed = |error| super::io("checking the seal", error);
    let sealed = fs::read(files.at(NAME)).map_err(failed)?;
    let found = describe(&files.sled()).map_err(failed)?;
    if sealed == found.as_bytes() {
        return Ok(());
    }
    let sealed = String::from_utf8_lossy(&sealed);
    let differs = |line: &&str| !sealed.lines().any(|own| own == *line);
    let changed = found.lines().find(differs).and_then(|line| line.rsplit(' ').next());
    let changed = changed.map_or("a file is missing".to_owned(), |name| format!("{name} has changed"));
    Err(files.corrupt(format!("{changed} since the store was closed")))
}

/// Takes the seal off.
pub fn lift(files: &Files) -> Result<(), StoreError> {
    disk::remove(&files.at(NAME)).map_err(|error| super::io("lifting the seal", error))
}

/// One line for each file: checksum, size and path.
fn describe(root: &Path) -> io::Result<String> {
    let mut text = String::new();
    for path in disk::files_below(root)? {
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        let mut digest = Sha256::new();
        let size = io::copy(&mut File::open(&path)?, &mut digest)?;
        for byte in digest.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = writeln!(text, " {size} {name}");
    }
    Ok(text)
}
