//! The limit of concurrency: turns to begin an attempt, and slots to make a call.
//!
//! An attempt has to be durable before its call begins. A slot that waited for the disk meanwhile would be idle most of the
//! time, so the right to begin an attempt (a turn) is another than the right to make the call (a slot): there are as many
//! more turns than slots as calls end while an attempt is recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Attempts are recorded ahead of their calls at most this many times the slots.
const MAX_AHEAD: u32 = 8;

/// The right to begin one attempt.
#[derive(Debug)]
pub struct AttemptTurn {
    began: Instant,
    _permit: OwnedSemaphorePermit,
}

impl AttemptTurn {
    /// The same turn, as of now: the time waited with it so far is no part of recording.
    pub(super) fn begun_now(self) -> Self {
        Self { began: Instant::now(), ..self }
    }
}

/// The right to make one call.
#[derive(Debug)]
pub struct CallSlot<'a> {
    _permit: SemaphorePermit<'a>,
}

/// The turns and slots of one provider.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    turns: Arc<Semaphore>,
    slots: Semaphore,
    max: u32,
    durations: Mutex<ConcurrencyEstimate>,
}

/// How long recording an attempt and making a call take, as moving averages, and how many turns follow from it.
#[derive(Debug)]
struct ConcurrencyEstimate {
    /// From a turn to the record of its attempt on disk.
    recording: Duration,
    /// Of a call whose message was sent.
    call: Duration,
    /// How many turns there are.
    turns: u32,
}

impl ConcurrencyLimit {
    /// `max` slots, and as many turns until more is known.
    pub fn new(max: u32) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(max as usize)),
            slots: Semaphore::new(max as usize),
            max,
            durations: Mutex::new(ConcurrencyEstimate {
                recording: Duration::ZERO,
                call: Duration::ZERO,
                turns: max,
            }),
        }
    }

    /// How many slots there are.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// The average duration of a call; zero while none is known.
    pub fn call_duration(&self) -> Duration {
        self.durations().call
    }

    /// Whether a turn is free this instant.
    pub fn is_turn_free(&self) -> bool {
        self.turns.available_permits() > 0
    }

    /// A turn, if one is free this instant.
    pub fn try_turn(&self) -> Option<AttemptTurn> {
        let permit = self.turns.clone().try_acquire_owned().ok()?;
        Some(AttemptTurn { began: Instant::now(), _permit: permit })
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> AttemptTurn {
        match self.turns.clone().acquire_owned().await {
            Ok(permit) => AttemptTurn { began: Instant::now(), _permit: permit },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Notes that the attempt of a turn is recorded, and gives a slot for its call if one is free this instant.
    pub fn recorded(&self, turn: &AttemptTurn) -> Option<CallSlot<'_>> {
        average(&mut self.durations().recording, turn.began.elapsed());
        let permit = self.slots.try_acquire().ok()?;
        Some(CallSlot { _permit: permit })
    }

    /// Waits for a slot.
    pub async fn slot(&self) -> CallSlot<'_> {
        match self.slots.acquire().await {
            Ok(permit) => CallSlot { _permit: permit },
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Notes how long a call took whose message was sent, and makes as many turns as there should be.
    pub fn called(&self, call: Duration) {
        let mut durations = self.durations();
        average(&mut durations.call, call);
        let wanted = durations.wanted_turns(self.max);
        if wanted > durations.turns {
            self.turns.add_permits((wanted - durations.turns) as usize);
            durations.turns = wanted;
        } else {
            // Turns that are taken now are removed another time.
            let removed = self.turns.forget_permits((durations.turns - wanted) as usize);
            durations.turns -= u32::try_from(removed).unwrap_or(0);
        }
    }

    fn durations(&self) -> MutexGuard<'_, ConcurrencyEstimate> {
        self.durations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn free_turns(&self) -> usize {
        self.turns.available_permits()
    }
}

impl ConcurrencyEstimate {
    /// How many turns there should be with so many slots.
    fn wanted_turns(&self, slots: u32) -> u32 {
        if self.call.is_zero() {
            return slots;
        }
        let ahead = f64::from(slots) * (self.recording.as_secs_f64() / self.call.as_secs_f64());
        // Beyond the range of the type the cast gives its end, and the maximum is less.
        slots.saturating_add((ahead as u32).min(slots.saturating_mul(MAX_AHEAD)))
    }
}

/// Moves an average by an eighth of the way to the next value.
fn average(of: &mut Duration, next: Duration) {
    *of = (*of * 7 + next) / 8;
}
