//! The calls of the last seconds, counted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::MonotonicTime;

/// How far back calls are counted.
const WINDOW: Duration = Duration::from_secs(5);

/// Calls that end within this time are counted together.
const SLICE: Duration = Duration::from_millis(100);

/// The calls of the last seconds.
#[derive(Debug, Default)]
pub(super) struct RecentCalls {
    slices: VecDeque<CallSlice>,
}

/// The calls that ended within [`SLICE`] from `start`.
#[derive(Debug)]
struct CallSlice {
    start: MonotonicTime,
    answered: u32,
    taken: u32,
}

impl RecentCalls {
    /// Counts a call that ended at `now`, and whether the provider took it.
    pub fn add(&mut self, now: MonotonicTime, taken: bool) {
        while self.slices.front().is_some_and(|slice| now.since(slice.start) > WINDOW) {
            self.slices.pop_front();
        }
        if self.slices.back().is_none_or(|slice| now.since(slice.start) >= SLICE) {
            self.slices.push_back(CallSlice { start: now, answered: 0, taken: 0 });
        }
        if let Some(slice) = self.slices.back_mut() {
            slice.answered += 1;
            slice.taken += u32::from(taken);
        }
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.slices.clear();
    }

    /// How many were taken.
    pub fn taken(&self) -> u32 {
        self.slices.iter().map(|slice| slice.taken).sum()
    }

    /// How many ended within `time` before `now`.
    pub fn answered_within(&self, now: MonotonicTime, time: Duration) -> u32 {
        let recent = self.slices.iter().filter(|slice| now.since(slice.start) <= time);
        recent.map(|slice| slice.answered).sum()
    }

    /// How many were taken a second; `None` where the first ended less than `span` ago.
    pub fn taken_per_second(&self, now: MonotonicTime, span: Duration) -> Option<f64> {
        Some(f64::from(self.taken()) / self.span(now, span)?.as_secs_f64())
    }

    /// How many ended a second; `None` where the first ended less than `span` ago.
    pub fn answered_per_second(&self, now: MonotonicTime, span: Duration) -> Option<f64> {
        let answered: u32 = self.slices.iter().map(|slice| slice.answered).sum();
        Some(f64::from(answered) / self.span(now, span)?.as_secs_f64())
    }

    fn span(&self, now: MonotonicTime, least: Duration) -> Option<Duration> {
        let first = self.slices.front()?;
        Some(now.since(first.start)).filter(|span| *span >= least)
    }
}
