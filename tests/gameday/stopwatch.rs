//! The times of a trial: seconds since it began, by the monotonic clock.

use std::time::Duration;

use tokio::time::Instant;

/// Tells how long ago it was started. Copies tell the same.
#[derive(Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since, in seconds.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// Waits until so many seconds have passed since the start.
    pub async fn until(self, seconds: f64) {
        tokio::time::sleep_until(self.0 + Duration::from_secs_f64(seconds.max(0.0))).await;
    }
}
