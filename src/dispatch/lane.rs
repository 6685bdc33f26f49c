//! One provider's adapter and the limits on driving it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::adapters::{Adapter, Envelope, Limits};
use crate::model::{Outcome, OutcomeEvidence};

/// A message waits here no longer than this for its turn; with a longer wait ahead it goes back to the store, so that
/// one slow provider does not hold the places of messages for the others.
const MAX_PACE: Duration = Duration::from_secs(1);

/// When to come back to a lane with too many waiting.
const BUSY_RETRY: Duration = Duration::from_millis(500);

/// One provider's adapter and the limits on driving it.
pub struct Lane {
    adapter: Arc<dyn Adapter>,
    timeout: Duration,
    slots: Arc<Semaphore>,
    max_waiting: u32,
    waiting: AtomicU32,
    pace: Option<Mutex<Pace>>,
}

/// The right to make one call, within the limits.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// Too many are waiting; come back after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy(pub Duration);

/// Spaces calls evenly.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// Takes the next turn and tells when it is, unless it lies too far ahead.
    fn turn(&mut self, now: Instant) -> Result<Instant, Busy> {
        let turn = self.next.max(now);
        if turn - now > MAX_PACE {
            return Err(Busy(turn - now));
        }
        self.next = turn + self.interval;
        Ok(turn)
    }
}

impl Lane {
    /// A lane for an adapter.
    pub fn new(adapter: Arc<dyn Adapter>, limits: &Limits) -> Self {
        let pace = limits.rate_per_second.map(|rate| {
            let interval = Duration::from_secs_f64(1.0 / rate);
            Mutex::new(Pace { interval, next: Instant::now() })
        });
        Self {
            adapter,
            timeout: Duration::from_millis(limits.timeout_ms),
            slots: Arc::new(Semaphore::new(limits.max_concurrency as usize)),
            max_waiting: limits.max_concurrency,
            waiting: AtomicU32::new(0),
            pace,
        }
    }

    /// A slot, if one is free this instant.
    pub(super) fn try_enter(&self) -> Option<Slot> {
        if self.pace.is_some() {
            return None;
        }
        let permit = self.slots.clone().try_acquire_owned().ok()?;
        Some(Slot { _permit: permit })
    }

    /// Waits for a slot and, where the rate is limited, for its turn.
    pub(super) async fn enter(&self) -> Result<Slot, Busy> {
        let place = Waiting::join(&self.waiting, self.max_waiting).ok_or(Busy(BUSY_RETRY))?;
        let permit = self.slots.clone().acquire_owned().await.map_err(|_| Busy(BUSY_RETRY))?;
        if let Some(pace) = &self.pace {
            let turn = pace.lock().unwrap_or_else(PoisonError::into_inner).turn(Instant::now())?;
            tokio::time::sleep_until(turn).await;
        }
        drop(place);
        Ok(Slot { _permit: permit })
    }

    /// Hands the envelope to the provider, within the time it has.
    pub(super) async fn deliver(&self, envelope: &Envelope) -> Outcome {
        match tokio::time::timeout(self.timeout, self.adapter.deliver(envelope)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let text = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Unknown { evidence: OutcomeEvidence::new("timeout", &text) }
            }
        }
    }
}

/// A place among those who wait, given up when dropped.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicU32, max: u32) -> Option<Self> {
        let place = |waiting| (waiting < max).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).ok().map(|_| Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;

    struct Idle;

    #[async_trait]
    impl Adapter for Idle {
        async fn deliver(&self, _: &Envelope) -> Outcome {
            std::future::pending().await
        }
    }

    fn lane(max_concurrency: u32, rate_per_second: Option<f64>) -> Lane {
        Lane::new(Arc::new(Idle), &Limits { max_concurrency, rate_per_second, ..Limits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spaced_by_the_rate_and_a_long_queue_is_sent_away() {
        let lane = lane(100, Some(10.0));
        let start = Instant::now();
        for turn in 0..5 {
            drop(lane.enter().await.unwrap());
            assert_eq!(start.elapsed().as_millis().div_ceil(100), turn);
        }
        let entries = futures_util::future::join_all((0..20).map(|_| lane.enter())).await;
        let sent_away = entries.iter().filter(|entry| entry.is_err()).count();
        assert!((8..=10).contains(&sent_away), "{sent_away} of 20 had more than a second to wait");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_than_slots() {
        let lane = lane(1, None);
        let slot = lane.try_enter().unwrap();
        assert!(lane.try_enter().is_none());
        let waiting = lane.enter();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert_eq!(lane.enter().await.unwrap_err(), Busy(BUSY_RETRY), "one may wait, a second may not");
        drop(slot);
        assert!(waiting.await.is_ok());
    }
}
