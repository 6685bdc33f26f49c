//! The benchmark's only look at a clock.
#![allow(clippy::disallowed_methods, reason = "how long something takes is what is measured here")]

use std::time::{Duration, Instant};

/// Tells how long ago it was started.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// The time since in seconds.
    pub fn seconds(&self) -> f64 {
        self.elapsed().as_secs_f64()
    }

    /// The time since in microseconds, as latencies are kept.
    pub fn micros(&self) -> u32 {
        u32::try_from(self.elapsed().as_micros()).unwrap_or(u32::MAX)
    }
}
