//! The high-water mark: how many groups were acknowledged.
//!
//! The tree counts its groups itself, in the same batch. The mark is written after a group is durable and before it is
//! acknowledged, so a tree that counts fewer has lost something. It is not synced: killing the process leaves it exact,
//! and after a loss of power it may be older than the tree, which is safe. Two slots are written in turn, so that one is
//! whole whatever happens.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use super::directory::{DataDirectory, io};
use super::disk;
use crate::store::StoreError;

const NAME: &str = "MARK";
const SLOT: usize = 16;

/// The mark of an open store.
pub struct HighWaterMark {
    file: File,
    groups: u64,
}

impl HighWaterMark {
    /// The mark of a new store.
    pub fn create(files: &DataDirectory) -> Result<Self, StoreError> {
        let bytes = [slot(0), slot(0)].concat();
        disk::replace(&files.at(NAME), &bytes).map_err(|error| io("writing MARK", error))?;
        Self::open(files)
    }

    /// The mark of a store.
    pub fn open(files: &DataDirectory) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(files.at(NAME))
            .map_err(|error| files.corrupt(format!("MARK cannot be opened: {error}")))?;
        let groups = (0..2).filter_map(|index| read_slot(&file, index)).max();
        let groups = groups.ok_or_else(|| files.corrupt("MARK is unreadable"))?;
        Ok(Self { file, groups })
    }

    /// How many groups were acknowledged.
    pub fn groups(&self) -> u64 {
        self.groups
    }

    /// Notes that one more group is durable.
    pub fn set(&mut self, groups: u64) -> std::io::Result<()> {
        self.groups = groups;
        self.file.write_all_at(&slot(groups), offset(groups))
    }
}

fn offset(groups: u64) -> u64 {
    (groups % 2) * SLOT as u64
}

fn slot(groups: u64) -> [u8; SLOT] {
    let number = groups.to_be_bytes();
    let digest = Sha256::digest(number);
    let mut bytes = [0; SLOT];
    bytes[..8].copy_from_slice(&number);
    bytes[8..].copy_from_slice(&digest[..8]);
    bytes
}

fn read_slot(file: &File, index: u64) -> Option<u64> {
    let mut bytes = [0; SLOT];
    file.read_exact_at(&mut bytes, index * SLOT as u64).ok()?;
    let (number, _) = bytes.split_first_chunk::<8>()?;
    let groups = u64::from_be_bytes(*number);
    (slot(groups) == bytes).then_some(groups)
}
