//! The rate limit: calls are spaced evenly.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What is so much too late is not made up for: timers are as coarse, and beyond that two calls would come together.
const MAX_LAG: Duration = Duration::from_millis(2);

/// The first in line waits for an interval of its own, but not longer than this.
const MAX_HEAD_WAIT: Duration = Duration::from_secs(10);

/// The share of the interval by which calls are spaced once more when their attempts are recorded: what a slow record delayed is
/// caught up with little by little.
const CALL_SHARE: f64 = 0.97;

/// Spaces calls evenly: by the setting `rate_per_second`, or by the rate that the provider was found to bear where that is slower.
///
/// Attempts begin evenly, so that no more are recorded than can be called. To record them takes now longer and now less, and so
/// their calls are spaced again: to a provider, two calls that come together are one too many.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// By the setting.
    interval: Option<Duration>,
    attempts: EvenSpacing,
    calls: EvenSpacing,
    /// How many attempts wait to begin.
    waiting: AtomicU32,
}

/// Lets one pass after the other.
#[derive(Debug, Default)]
struct EvenSpacing {
    /// When the last one passed, or should have.
    last: Mutex<Option<Instant>>,
    /// Held by the first in line.
    head: tokio::sync::Mutex<()>,
}

/// A place in the line of attempts, given up when dropped.
struct RatePlace<'a>(&'a AtomicU32);

impl Drop for RatePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl RateLimit {
    /// A limit of so many calls a second; none by itself where that is not set.
    pub fn new(per_second: Option<f64>) -> Self {
        Self {
            interval: per_second.map(interval),
            attempts: EvenSpacing::default(),
            calls: EvenSpacing::default(),
            waiting: AtomicU32::new(0),
        }
    }

    /// The time between two calls at a provider that was found to bear `learned` calls a second; `None` where nothing limits them.
    pub fn interval(&self, learned: Option<f64>) -> Option<Duration> {
        self.interval.max(learned.map(interval))
    }

    /// Waits until the next attempt may begin, at a provider that is found to bear `learned` calls a second, which may change
    /// meanwhile. Returns whether it may: nobody waits who would for more than `max_wait`, but for the first in line.
    pub async fn wait_to_begin(&self, learned: impl Fn() -> Option<f64>, max_wait: Duration) -> bool {
        let Some(interval) = self.interval(learned()) else { return true };
        let ahead = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _place = RatePlace(&self.waiting);
        let to_next = self.attempts.next(interval).saturating_duration_since(Instant::now());
        if to_next + interval.saturating_mul(ahead) > max_wait.max(interval.min(MAX_HEAD_WAIT)) {
            return false;
        }
        self.attempts.pass(|| self.interval(learned())).await;
        true
    }

    /// Waits until the next call may be made, in the same way.
    pub async fn wait_to_call(&self, learned: impl Fn() -> Option<f64>) {
        self.calls.pass(|| Some(self.interval(learned())?.mul_f64(CALL_SHARE))).await;
    }
}

impl EvenSpacing {
    /// Waits until so much has gone by since the last one. Who stops waiting takes nobody's place, and the interval may change
    /// meanwhile.
    async fn pass(&self, interval: impl Fn() -> Option<Duration>) {
        if interval().is_none() {
            return;
        }
        let _head = self.head.lock().await;
        while let Some(interval) = interval() {
            let (next, now) = (self.next(interval), Instant::now());
            if next <= now {
                *self.last() = Some(next.max(now - MAX_LAG));
                return;
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// When the next one may pass; now where there was none before.
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
