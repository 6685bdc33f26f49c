//! The calls of the last while, and how many of them failed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::MonotonicTime;

/// How many slices a window has: a call is forgotten at most one slice too late.
const SLICES: u32 = 15;

/// How many calls there were in a window of time, and how many of them failed.
#[derive(Debug)]
pub(super) struct CallWindow {
    length: Duration,
    slices: VecDeque<WindowSlice>,
}

#[derive(Debug)]
struct WindowSlice {
    began: MonotonicTime,
    counts: CallCounts,
}

/// Calls, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All of them.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
}

impl CallCounts {
    /// The share of failed calls, in `0.0..=1.0`; 0 of none.
    pub fn failure_share(self) -> f64 {
        f64::from(self.failures) / f64::from(self.calls.max(1))
    }

    /// These without others that are among them.
    pub(super) fn without(self, others: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(others.calls),
            failures: self.failures.saturating_sub(others.failures),
        }
    }
}

impl CallWindow {
    /// An empty window of this length.
    pub fn new(length: Duration) -> Self {
        Self { length, slices: VecDeque::new() }
    }

    /// Adds a call that ended at `now`.
    pub fn record(&mut self, now: MonotonicTime, ok: bool) {
        while self.slices.front().is_some_and(|slice| now.since(slice.began) >= self.length) {
            self.slices.pop_front();
        }
        let slice_length = self.length / SLICES;
        if self.slices.back().is_none_or(|slice| now.since(slice.began) >= slice_length) {
            self.slices.push_back(WindowSlice { began: now, counts: CallCounts::default() });
        }
        if let Some(WindowSlice { counts, .. }) = self.slices.back_mut() {
            counts.calls = counts.calls.saturating_add(1);
            counts.failures = counts.failures.saturating_add(u32::from(!ok));
        }
    }

    /// The calls of the window before `now`.
    pub fn counts(&self, now: MonotonicTime) -> CallCounts {
        let recent = self.slices.iter().filter(|slice| now.since(slice.began) < self.length);
        recent.fold(CallCounts::default(), |sum, slice| CallCounts {
            calls: sum.calls.saturating_add(slice.counts.calls),
            failures: sum.failures.saturating_add(slice.counts.failures),
        })
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.slices.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicTime {
        MonotonicTime::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_memory_is_bounded() {
        let mut window = CallWindow::new(Duration::from_secs(30));
        for ms in 0..60_000 {
            window.record(at(ms), ms % 4 != 0);
        }
        let counts = window.counts(at(60_000));
        assert!((28_000..=30_000).contains(&counts.calls), "{counts:?}");
        assert!((counts.failure_share() - 0.25).abs() < 0.01, "{counts:?}");
        assert!(window.slices.len() <= SLICES as usize + 1);
        assert_eq!(window.counts(at(120_000)), CallCounts::default());
    }
}
