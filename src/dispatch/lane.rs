//! One provider's adapter and the limits on driving it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::adapters::{Adapter, Envelope, ProviderLimits};
use crate::model::{Class, Outcome, OutcomeEvidence, bounded_provider_id};

/// A message waits here no longer than this for its turn; with a longer wait ahead it goes back to the store, so that
/// one slow provider does not hold the places of messages for the others.
const MAX_PACE: Duration = Duration::from_secs(1);

/// Who finds the queue full comes back no sooner than this.
const MIN_RETURN: Duration = Duration::from_millis(200);

/// And no later than this where the pace is only an estimate, because the provider may have become faster.
const MAX_RETURN: Duration = Duration::from_secs(30);

/// And no later than this where the pace is set. Beyond it the places in the queue no longer differ.
const MAX_PACED_RETURN: Duration = Duration::from_secs(3_600);

/// No more attempts are recorded ahead of their calls than this many times the slots.
const MAX_AHEAD: u32 = 8;

/// One provider's adapter and the limits on driving it.
///
/// An attempt has to be durable before its call begins. A slot that waited for the disk meanwhile would be idle most of the
/// time, so the right to begin an attempt (a turn) is another than the right to make the call (a slot): there are
/// as many more turns than slots as calls end while an attempt is recorded.
pub struct Lane {
    adapter: Arc<dyn Adapter>,
    timeout: Duration,
    turns: Arc<Semaphore>,
    slots: Semaphore,
    max_concurrency: u32,
    transactional: Queue,
    commercial: Queue,
    pace: Option<Mutex<Pace>>,
    times: Mutex<Times>,
}

/// The right to begin one attempt, within the limits.
#[derive(Debug)]
pub struct Turn {
    began: Instant,
    _permit: OwnedSemaphorePermit,
}

/// The right to make one call.
#[derive(Debug)]
pub struct Slot<'a> {
    _permit: SemaphorePermit<'a>,
}

/// How long things take, as moving averages, and what follows from it.
#[derive(Debug)]
struct Times {
    /// From a turn to the attempt's record on disk.
    recording: Duration,
    /// A call that was sent.
    call: Duration,
    /// How many turns there are.
    turns: u32,
}

impl Times {
    /// How many turns there should be with so many slots.
    fn wanted_turns(&self, slots: u32) -> u32 {
        if self.call.is_zero() {
            return slots;
        }
        let ahead = f64::from(slots) * (self.recording.as_secs_f64() / self.call.as_secs_f64());
        // Beyond the range of the type it is at its end, and the maximum is less.
        slots.saturating_add((ahead as u32).min(slots.saturating_mul(MAX_AHEAD)))
    }
}

fn average(of: &mut Duration, next: Duration) {
    *of = (*of * 7 + next) / 8;
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
    pub fn new(adapter: Arc<dyn Adapter>, limits: &ProviderLimits) -> Self {
        let pace = limits.rate_per_second.map(|rate| {
            let interval = Duration::from_secs_f64(1.0 / rate);
            Mutex::new(Pace { interval, next: Instant::now() })
        });
        Self {
            adapter,
            timeout: Duration::from_millis(limits.timeout_ms),
            turns: Arc::new(Semaphore::new(limits.max_concurrency as usize)),
            slots: Semaphore::new(limits.max_concurrency as usize),
            max_concurrency: limits.max_concurrency,
            transactional: Queue::new(),
            commercial: Queue::new(),
            pace,
            times: Mutex::new(Times {
                recording: Duration::ZERO,
                call: Duration::ZERO,
                turns: limits.max_concurrency,
            }),
        }
    }

    /// A turn, if one is free this instant.
    pub(super) fn try_enter(&self) -> Option<Turn> {
        if self.pace.is_some() {
            return None;
        }
        let permit = self.turns.clone().try_acquire_owned().ok()?;
        Some(Turn { began: Instant::now(), _permit: permit })
    }

    /// Waits for a turn, no sooner than the rate allows.
    pub(super) async fn enter(&self, class: Class) -> Result<Turn, Busy> {
        let queue = match class {
            Class::Transactional => &self.transactional,
            Class::Commercial => &self.commercial,
        };
        let place = queue.join(self.places()).ok_or_else(|| self.come_back(queue))?;
        // The semaphore is never closed.
        let permit = self.turns.clone().acquire_owned().await.map_err(|_| self.come_back(queue))?;
        if let Some(pace) = &self.pace {
            let turn = lock(pace).turn(Instant::now());
            tokio::time::sleep_until(turn.ok_or_else(|| self.come_back(queue))?).await;
        }
        drop(place);
        Ok(Turn { began: Instant::now(), _permit: permit })
    }

    /// Notes that the attempt of a turn is recorded, and gives a slot for its call if one is free this instant.
    pub(super) fn recorded(&self, turn: &Turn) -> Option<Slot<'_>> {
        average(&mut lock(&self.times).recording, turn.began.elapsed());
        let permit = self.slots.try_acquire().ok()?;
        Some(Slot { _permit: permit })
    }

    /// Waits for a slot.
    pub(super) async fn slot(&self) -> Slot<'_> {
        match self.slots.acquire().await {
            Ok(permit) => Slot { _permit: permit },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many messages of a class may wait here: as many as the lane is likely to take within [`MAX_PACE`], and no fewer
    /// than there are slots. Those that find no place are written back to the store, which costs more than waiting.
    fn places(&self) -> u32 {
        let took = lock(&self.times).call;
        let rounds = match took.is_zero() {
            // Nothing is known yet.
            true => 1,
            false => MAX_PACE.as_micros() / took.as_micros().max(1_000),
        };
        self.max_concurrency.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX).max(1))
    }

    fn come_back(&self, queue: &Queue) -> Busy {
        let estimate = lock(&self.times).call / self.max_concurrency;
        let (interval, longest) = match &self.pace {
            Some(pace) => (lock(pace).interval.max(estimate), MAX_PACED_RETURN),
            None => (estimate, MAX_RETURN),
        };
        queue.come_back(interval, Instant::now(), longest)
    }

    /// Hands the envelope to the provider, within the time it has.
    pub(super) async fn deliver(&self, envelope: &Envelope, _slot: Slot<'_>) -> Outcome {
        let began = Instant::now();
        match tokio::time::timeout(self.timeout, self.adapter.deliver(envelope)).await {
            Ok(Outcome::Sent { reference }) => {
                self.took(began.elapsed());
                Outcome::Sent { reference: bounded_provider_id(reference) }
            }
            Ok(outcome) => outcome,
            Err(_) => {
                let text = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::Unknown { evidence: OutcomeEvidence::new("timeout", &text) }
            }
        }
    }
}

impl Lane {
    /// Notes how long a call took, and makes as many turns as there should be.
    fn took(&self, call: Duration) {
        let mut times = lock(&self.times);
        average(&mut times.call, call);
        let wanted = times.wanted_turns(self.max_concurrency);
        if wanted > times.turns {
            self.turns.add_permits((wanted - times.turns) as usize);
            times.turns = wanted;
        } else {
            // Those that are taken go another time.
            let forgotten = self.turns.forget_permits((times.turns - wanted) as usize);
            times.turns -= u32::try_from(forgotten).unwrap_or(0);
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

    #[derive(Debug)]
    struct Idle;

    #[async_trait]
    impl Adapter for Idle {
        async fn deliver(&self, _: &Envelope) -> Outcome {
            std::future::pending().await
        }
    }

    fn lane(max_concurrency: u32, rate_per_second: Option<f64>) -> Lane {
        Lane::new(
            Arc::new(Idle),
            &ProviderLimits { max_concurrency, rate_per_second, ..ProviderLimits::default() },
        )
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

    /// Sends so many messages through, each of which takes this long to record and this long to call.
    async fn drive(lane: &Lane, messages: usize, recording: Duration, call: Duration) -> Duration {
        let start = Instant::now();
        let one = async || {
            let turn = lane.enter(Class::Commercial).await.unwrap();
            tokio::time::sleep(recording).await;
            let slot = match lane.recorded(&turn) {
                Some(slot) => slot,
                None => lane.slot().await,
            };
            tokio::time::sleep(call).await;
            lane.took(call);
            drop((slot, turn));
        };
        join_all((0..messages).map(|_| one())).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_recorded_ahead_as_long_as_recording_is_what_takes_time() {
        let millis = Duration::from_millis;
        let fast = lane(10, None);
        drive(&fast, 10, millis(9), millis(3)).await;
        // Half a second of calls on ten slots.
        let took = drive(&fast, 10 * 160, millis(9), millis(3)).await;
        assert!(took < millis(520), "the slots were idle for {:?}", took - millis(480));
        let slow = lane(10, None);
        for messages in [10, 30] {
            drive(&slow, messages, millis(9), millis(300)).await;
        }
        assert_eq!(slow.turns.available_permits(), 10, "nothing is gained by recording ahead");
    }
}
