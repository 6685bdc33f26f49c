//! How the store on disk uses the machine.

use std::time::Duration;

/// How the store uses the machine.
#[derive(Debug, Clone, Copy)]
pub struct SledOptions {
    /// Memory for pages read from disk, in bytes.
    pub cache_bytes: u64,
    /// New messages and other new things are refused while less than this is free on the disk. An eighth of it is kept
    /// even from outcomes and receipts, so that sled never meets a full disk unless others fill it.
    pub min_free_bytes: u64,
    /// Operations that may wait for the writer; more wait at their callers.
    pub queue_operations: usize,
    /// Operations that share one flush, at most.
    pub group_operations: usize,
    /// Bytes that share one flush; an operation that goes beyond is the last of its group.
    pub group_bytes: usize,
    /// How long a group is held open while operations keep coming, in microseconds.
    pub group_wait_us: u64,
    /// Bytes of new messages that may wait for dispatch in memory; more are read from disk when their turn comes.
    pub handover_bytes: usize,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            min_free_bytes: 64 << 20,
            queue_operations: 4_096,
            group_operations: 2_048,
            group_bytes: 4 << 20,
            group_wait_us: 4_000,
            handover_bytes: 16 << 20,
        }
    }
}

impl SledOptions {
    /// The same as a duration.
    pub(super) fn group_wait(&self) -> Duration {
        Duration::from_micros(self.group_wait_us)
    }
}
