//! The monotonic clock.

use std::time::Duration;

/// A time of the monotonic clock, which nobody sets: what went by since an origin that is the same for the whole process. It
/// measures how long something takes or has to wait; it says nothing about the calendar, and nothing after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicTime(Duration);

impl MonotonicTime {
    /// The time at which so much has gone by since the origin.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// What has gone by since `earlier`; nothing when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
