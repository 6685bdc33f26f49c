//! The version of the format, in a text file of its own: it is read before sled touches anything.

use std::fs;
use std::io;

use super::directory::{self, DataDirectory};
use super::disk;
use crate::store::StoreError;

/// The format this build writes, and the newest it reads. It grows only when records or keys change in a way that an
/// older build would misread; new fields of records do not.
pub const CURRENT: u32 = 6;

/// The oldest format this build reads. Format 1 kept a record for each message; format 2, states of every pack; format 3, every
/// consent ledger whole; format 4, addresses in the spelling that was given; format 5, the due order by time.
const OLDEST: u32 = 2;

const NAME: &str = "FORMAT";

/// Whether there is a store.
pub fn exists(files: &DataDirectory) -> bool {
    files.at(NAME).exists()
}

/// Refuses a store that a newer build wrote, or one too old. Returns whether an older build wrote it that this one reads.
pub fn check(files: &DataDirectory) -> Result<bool, StoreError> {
    let text = match fs::read_to_string(files.at(NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(directory::io("reading FORMAT", error)),
    };
    match parse(&text) {
        Some(found) if found > CURRENT => {
            Err(StoreError::Newer { path: files.name(), found, supported: CURRENT })
        }
        Some(found) if found < OLDEST => {
            Err(StoreError::Older { path: files.name(), found, supported: OLDEST })
        }
        Some(found) => Ok(found < CURRENT),
        None => Err(files.corrupt("FORMAT does not tell a version")),
    }
}

/// Writes the current version.
pub fn write(files: &DataDirectory) -> Result<(), StoreError> {
    disk::replace(&files.at(NAME), format!("relevo store {CURRENT}\n").as_bytes())
        .map_err(|error| directory::io("writing FORMAT", error))
}

fn parse(text: &str) -> Option<u32> {
    let version = text.strip_prefix("relevo store ")?.strip_suffix('\n')?;
    version.parse().ok().filter(|version| *version > 0)
}
