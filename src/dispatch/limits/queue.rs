//! The attempts that wait for a provider, and those that were sent away until their turn may have come.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::MessageClass;

/// An attempt that finds the queue full comes back no sooner than this.
const MIN_RETRY_AFTER: Duration = Duration::from_millis(200);

/// Too many attempts wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull {
    /// When to come back.
    pub retry_after: Duration,
}

/// How fast a provider takes attempts, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub struct ServiceRate {
    /// The time between two attempts.
    pub interval: Duration,
    /// The longest time after which an attempt should come back.
    pub max_retry_after: Duration,
}

/// The order in which attempts wait for one provider.
pub trait AttemptQueue: Send + Sync {
    /// A place to wait for an attempt of this class; `None` when `capacity` attempts of the class wait already.
    fn join(&self, class: MessageClass, capacity: u32) -> Option<QueuePlace<'_>>;

    /// When an attempt that found no place should come back.
    fn retry_after(&self, class: MessageClass, rate: ServiceRate, now: Instant) -> QueueFull;
}

/// A place in a queue, given up when dropped.
pub struct QueuePlace<'a>(&'a AtomicU32);

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A queue for each class, so that a message that somebody waits for does not stand behind a campaign.
#[derive(Debug)]
pub struct ClassQueues {
    transactional: ClassQueue,
    commercial: ClassQueue,
}

#[derive(Debug)]
struct ClassQueue {
    waiting: AtomicU32,
    /// When the next attempt that is sent away should come back.
    next_return: Mutex<Instant>,
}

impl ClassQueues {
    /// Empty queues.
    pub fn new() -> Self {
        let queue = || ClassQueue { waiting: AtomicU32::new(0), next_return: Mutex::new(Instant::now()) };
        Self { transactional: queue(), commercial: queue() }
    }

    fn of(&self, class: MessageClass) -> &ClassQueue {
        match class {
            MessageClass::Transactional => &self.transactional,
            MessageClass::Commercial => &self.commercial,
        }
    }
}

impl AttemptQueue for ClassQueues {
    fn join(&self, class: MessageClass, capacity: u32) -> Option<QueuePlace<'_>> {
        let waiting = &self.of(class).waiting;
        let one_more = |waiting| (waiting < capacity).then_some(waiting + 1);
        let joined = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        joined.ok().map(|_| QueuePlace(waiting))
    }

    /// Attempts come back one after the other, at the rate at which the provider takes them.
    fn retry_after(&self, class: MessageClass, rate: ServiceRate, now: Instant) -> QueueFull {
        let mut next = self.of(class).next_return.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now + MIN_RETRY_AFTER).min(now + rate.max_retry_after);
        *next = at + rate.interval;
        QueueFull { retry_after: at - now }
    }
}
