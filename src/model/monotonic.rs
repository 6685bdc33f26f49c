//! The monotonic clock, and the two clocks together.

use std::time::Duration;

use super::{Timestamp, later};

/// A time of the monotonic clock, which nobody sets: what went by since an origin that is the same for the whole process. It
/// measures how long something takes or has to wait; it says nothing about the calendar, and nothing after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MonotonicTime(Duration);

impl MonotonicTime {
    /// The end of time.
    pub const MAX: Self = Self(Duration::MAX);

    /// The time at which so much has gone by since the origin.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// What has gone by since `earlier`; nothing when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// `wait` later, or the end of time.
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// `wait` earlier, or the origin.
    pub fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(wait))
    }
}

/// A moment by both clocks. Whatever people and records speak of is a time of the calendar, which may be set; whatever lasts is
/// measured by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time of the calendar.
    pub calendar: Timestamp,
    /// The time of the monotonic clock.
    pub monotonic: MonotonicTime,
}

impl Moment {
    /// The moment after `wait` in which nobody sets the calendar.
    pub fn after(self, wait: Duration) -> Self {
        Self { calendar: later(self.calendar, wait), monotonic: self.monotonic.after(wait) }
    }

    /// What the calendar will say at `at`, as far as can be known at this moment.
    pub fn calendar_at(self, at: MonotonicTime) -> Timestamp {
        later(self.calendar, at.since(self.monotonic))
    }
}
