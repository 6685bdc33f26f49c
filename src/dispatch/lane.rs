//! One provider's adapter and the limits on driving it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::adapters::{Adapter, Envelope, Limits};
use crate::model::{Class, Outcome, OutcomeEvidence};

/// A message waits here no longer than this for its turn; with a longer wait ahead it goes back to the store, so that
/// one slow provider does not hold the places of messages for the others.
const MAX_PACE: Duration = Duration::from_secs(1);

/// Who finds the queue full comes back no sooner than this.
const MIN_RETURN: Duration = Duration::from_millis(200);

/// And no later than this where the pace is only an estimate, because the provider may have become faster.
const MAX_RETURN: Duration = Duration::from_secs(30);

/// And no later than this where the pace is set. Beyond it the places in the queue no longer differ.
const MAX_PACED_RETURN: Duration = Duration::from_secs(3_600);

/// One provider's adapter and the limits on driving it.
pub struct Lane {
    adapter: Arc<dyn Adapter>,
    timeout: Duration,
    slots: Arc<Semaphore>,
    max_concurrency: u32,
    transactional: Queue,
    commercial: Queue,
    pace: Option<Mutex<Pace>>,
    /// How long a call that was sent takes: a moving average.
    took: Mutex<Duration>,
}

/// The right to make one call, within the limits.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

/// Too many are waiting; come back after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy(pub Duration);

/// Those of one class who wait here, and those who were sent away until their turn may have come. Each class has its
/// own, so that a message somebody is waiting for does not stand behind a campaign.
#[derive(Debug)]
struct Queue {
    waiting: AtomicU32,
    next_return: Mutex<Instant>,
}

/// Spaces calls evenly.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// Takes the next turn and tells when it is, unless it lies too far ahead.
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        let turn = self.next.max(now);
        if turn - now > MAX_PACE {
            return None;
        }
        self.next = turn + self.interval;
        Some(turn)
    }
}

impl Queue {
    fn new() -> Self {
        Self { waiting: AtomicU32::new(0), next_return: Mutex::new(Instant::now()) }
    }

    /// A place to wait, if fewer than `max` wait already.
    fn join(&self, max: u32) -> Option<Waiting<'_>> {
        let place = |waiting| (waiting < max).then_some(waiting + 1);
        let joined = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place);
        joined.ok().map(|_| Waiting(&self.waiting))
    }

    /// When to come back: one after the other, at the pace at which the lane takes messages.
    fn come_back(&self, interval: Duration, now: Instant, longest: Duration) -> Busy {
        let mut next = lock(&self.next_return);
        let turn = (*next).max(now + MIN_RETURN).min(now + longest);
        *next = turn + interval;
        Busy(turn - now)
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
            max_concurrency: limits.max_concurrency,
            transactional: Queue::new(),
            commercial: Queue::new(),
            pace,
            took: Mutex::new(Duration::ZERO),
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
    pub(super) async fn enter(&self, class: Class) -> Result<Slot, Busy> {
        let queue = match class {
            Class::Transactional => &self.transactional,
            Class::Commercial => &self.commercial,
        };
        let place = queue.join(self.places()).ok_or_else(|| self.come_back(queue))?;
        // The semaphore is never closed.
        let permit = self.slots.clone().acquire_owned().await.map_err(|_| self.come_back(queue))?;
        if let Some(pace) = &self.pace {
            let turn = lock(pace).turn(Instant::now());
            tokio::time::sleep_until(turn.ok_or_else(|| self.come_back(queue))?).await;
        }
        drop(place);
        Ok(Slot { _permit: permit })
    }

    /// How many messages of a class may wait here: as many as the lane is likely to take within [`MAX_PACE`], and no fewer
    /// than there are slots. Those that find no place are written back to the store, which costs more than waiting.
    fn places(&self) -> u32 {
        let took = *lock(&self.took);
        let rounds = match took.is_zero() {
            // Nothing is known yet.
            true => 1,
            false => MAX_PACE.as_micros() / took.as_micros().max(1_000),
        };
        self.max_concurrency.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX).max(1))
    }

    fn come_back(&self, queue: &Queue) -> Busy {
        let estimate = *lock(&self.took) / self.max_concurrency;
        let (interval, longest) = match &self.pace {
            Some(pace) => (lock(pace).interval.max(estimate), MAX_PACED_RETURN),
            None => (estimate, MAX_RETURN),
        };
        queue.come_back(interval, Instant::now(), longest)
    }

    /// Hands the envelope to the provider, within the time it has.
    pub(super) async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let began = Instant::now();
        match tokio::time::timeout(self.timeout, self.adapter.deliver(envelope)).await {
            Ok(outcome) => {
                if matches!(outcome, Outcome::Sent { .. }) {
                    let mut took = lock(&self.took);
                    *took = (*took * 7 + began.elapsed()) / 8;
                }
                outcome
            }
            Err(_) => {
                let text = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Unknown { evidence: OutcomeEvidence::new("timeout", &text) }
            }
        }
    }
}

/// A place among those who wait, given up when dropped.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;

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
    async fn calls_are_spaced_by_the_rate() {
        let lane = lane(100, Some(10.0));
        let start = Instant::now();
        for turn in 0..5 {
            drop(lane.enter(Class::Commercial).await.unwrap());
            assert_eq!(start.elapsed().as_millis().div_ceil(100), turn);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_queue_is_told_to_come_back_one_by_one_at_the_rate() {
        let lane = lane(100, Some(10.0));
        let entries = join_all((0..1_000).map(|_| lane.enter(Class::Commercial))).await;
        let mut returns: Vec<Duration> =
            entries.into_iter().filter_map(|entry| Some(entry.err()?.0)).collect();
        returns.sort();
        assert!((980..=990).contains(&returns.len()), "a second's worth waits here: {}", returns.len());
        assert_eq!(returns[1] - returns[0], Duration::from_millis(100));
        assert!(returns[900] >= Duration::from_secs(90), "{:?}", returns[900]);
        assert!(lane.enter(Class::Transactional).await.is_ok(), "a campaign's queue is not in its way");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_calls_than_slots_and_as_many_waiting_of_each_class() {
        let lane = lane(1, None);
        let slot = lane.try_enter().unwrap();
        assert!(lane.try_enter().is_none());
        let waiting = lane.enter(Class::Commercial);
        tokio::pin!(waiting);
        assert!(poll!(waiting.as_mut()).is_pending());
        assert!(lane.enter(Class::Commercial).await.is_err(), "one may wait, a second may not");
        assert!(poll!(std::pin::pin!(lane.enter(Class::Transactional))).is_pending());
        drop(slot);
        assert!(waiting.await.is_ok());
    }
}
