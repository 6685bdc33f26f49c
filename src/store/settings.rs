//! Where the embedded store keeps its data, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::embedded::sled::SledOptions;
use crate::model::{MAX_COUNT, SettingError, SettingErrors};

/// The settings of the store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// The data directory. One gateway at a time has it open.
    pub path: PathBuf,
    /// New messages and other new things are refused while less than this is free on its disk, in bytes.
    pub min_free_bytes: u64,
    /// How long a finished message is kept with its history and idempotency key, in days.
    pub retention_days: u32,
    /// Memory for pages read from disk, in bytes.
    pub cache_bytes: u64,
    /// Operations that may wait for the writer; more wait at their callers.
    pub queue_operations: usize,
    /// Operations that share one flush, at most.
    pub group_operations: usize,
    /// Bytes that share one flush; an operation that goes beyond is the last of its group.
    pub group_bytes: usize,
    /// How long a group is held open while operations keep coming, in microseconds. A store that is not busy never waits.
    pub group_wait_us: u64,
    /// Bytes of new messages that may wait for dispatch in memory; more are read from disk when their turn comes.
    pub handover_bytes: usize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        let options = SledOptions::default();
        Self {
            path: "data".into(),
            min_free_bytes: options.min_free_bytes,
            retention_days: 30,
            cache_bytes: options.cache_bytes,
            queue_operations: options.queue_operations,
            group_operations: options.group_operations,
            group_bytes: options.group_bytes,
            group_wait_us: options.group_wait_us,
            handover_bytes: options.handover_bytes,
        }
    }
}

impl StoreSettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        let counts = 1..=MAX_COUNT as usize;
        errors.within("min_free_bytes", self.min_free_bytes, 0..=MAX_FREE_BYTES);
        errors.within("retention_days", self.retention_days, 1..=MAX_RETENTION_DAYS);
        errors.within("cache_bytes", self.cache_bytes, MIN_CACHE_BYTES..=MAX_MEMORY_BYTES);
        errors.within("queue_operations", self.queue_operations, counts.clone());
        errors.within("group_operations", self.group_operations, counts);
        errors.within("group_bytes", self.group_bytes, 1..=MAX_GROUP_BYTES);
        errors.within("group_wait_us", self.group_wait_us, 0..=MAX_GROUP_WAIT_US);
        errors.within("handover_bytes", self.handover_bytes as u64, 0..=MAX_MEMORY_BYTES);
        errors.into_vec()
    }

    /// How the store uses the machine.
    pub fn options(&self) -> SledOptions {
        SledOptions {
            cache_bytes: self.cache_bytes,
            min_free_bytes: self.min_free_bytes,
            queue_operations: self.queue_operations,
            group_operations: self.group_operations,
            group_bytes: self.group_bytes,
            group_wait_us: self.group_wait_us,
            handover_bytes: self.handover_bytes,
        }
    }

    /// How long a finished message is kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 24 * 3_600)
    }
}

/// Room for more than one page with the largest message.
const MIN_CACHE_BYTES: u64 = 1 << 20;

/// A tebibyte, the most that a machine may be expected to have.
const MAX_MEMORY_BYTES: u64 = 1 << 40;

/// A pebibyte, more than a file system is large.
const MAX_FREE_BYTES: u64 = 1 << 50;

/// A gibibyte: a group is held in memory, and written at once.
const MAX_GROUP_BYTES: usize = 1 << 30;

/// A second, which everybody waits who waits for the disk.
const MAX_GROUP_WAIT_US: u64 = 1_000_000;

/// A hundred years.
const MAX_RETENTION_DAYS: u32 = 36_500;
