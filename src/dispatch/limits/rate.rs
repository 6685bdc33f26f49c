//! The rate limit: calls are spaced evenly.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A call that is made so much too late is not made up for: timers are as coarse, and beyond that two calls would come together.
const MAX_LAG: Duration = Duration::from_millis(2);

/// The first in line waits for an interval of its own, but not longer than this.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(10);

/// Spaces calls evenly: by the setting `rate_per_second`, or by the rate that the provider was found to bear where that is slower.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// By the setting.
    interval: Option<Duration>,
    /// When the last call was made, or should have been.
    last: Mutex<Option<Instant>>,
    /// Held by the first in line.
    head: tokio::sync::Mutex<()>,
    waiting: AtomicU32,
}

/// A place in the line, given up when dropped.
struct RatePlace<'a>(&'a AtomicU32);

impl Drop for RatePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RateLimit {
    /// A limit of so many calls a second; none by itself where that is not set.
    pub fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.map(interval);
        Self {
            interval,
            last: Mutex::default(),
            head: tokio::sync::Mutex::default(),
            waiting: AtomicU32::new(0),
        }
    }

    /// Whether a rate is set.
    pub fn is_set(&self) -> bool {
        self.interval.is_some()
    }

    /// The time between two calls at a provider that was found to bear `learned` calls a second; `None` where nothing limits them.
    pub fn interval(&self, learned: Option<f64>) -> Option<Duration> {
        self.interval.max(learned.map(interval))
    }

    /// Waits until the next call may be made. Who stops waiting takes nobody's place, and `learned`, the rate that the provider
    /// was found to bear, may change meanwhile. Returns whether the call may be made: no one waits who would for more than
    /// `max_wait`, but for the first in line.
    pub async fn wait(&self, learned: impl Fn() -> Option<f64>, max_wait: Duration) -> bool {
        let Some(interval) = self.interval(learned()) else { return true };
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = RatePlace(&self.waiting);
        let to_next = self.next(interval).saturating_duration_since(Instant::now());
        if to_next + interval.saturating_mul(ahead) > max_wait.max(interval.min(MAX_HEAD_WAIT)) {
            return false;
        }
        let _head = self.head.lock().await;
        while let Some(interval) = self.interval(learned()) {
            let (next, now) = (self.next(interval), Instant::now());
            if next <= now {
                *self.last() = Some(next.max(now - MAX_LAG));
                break;
            }
            tokio::time::sleep_until(next).await;
        }
        true
    }

    /// When the next call may be made; now where there was none before.
    fn next(&self, interval: Duration) -> Instant {
        self.last().map_or_else(Instant::now, |last| last + interval)
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn interval(per_second: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_second)
}
