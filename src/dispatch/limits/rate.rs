//! The rate limit: calls are spaced evenly.

use std::time::Duration;

use tokio::time::Instant;

/// Spaces calls evenly, by the setting `rate_per_second`.
#[derive(Debug)]
pub(super) struct RateLimit {
    interval: Duration,
    next: Instant,
}

impl RateLimit {
    /// A limit of so many calls a second.
    pub fn new(per_second: f64) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / per_second), next: Instant::now() }
    }

    /// The time between two calls.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Reserves the next call and returns when it may be made; `None` when that is more than `max_wait` ahead.
    pub fn reserve(&mut self, now: Instant, max_wait: Duration) -> Option<Instant> {
        let at = self.next.max(now);
        if at - now > max_wait {
            return None;
        }
        self.next = at + self.interval;
        Some(at)
    }
}
