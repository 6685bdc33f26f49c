//! When attempts that found no place in the line come back by themselves, if no room is made for them before.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::MessageClass;

/// An attempt that finds the line full comes back no sooner than this.
const MIN_RETRY_AFTER: Duration = Duration::from_millis(200);

/// Too many attempts wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineFull {
    /// When to come back at the latest.
    pub retry_after: Duration,
}

/// How fast a provider takes attempts, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServiceRate {
    /// The time between two attempts.
    pub interval: Duration,
    /// The longest time after which an attempt should come back.
    pub max_retry_after: Duration,
}

/// When the next attempt of each class that finds no place should come back.
#[derive(Debug)]
pub(super) struct ReturnTimes {
    transactional: Mutex<Instant>,
    commercial: Mutex<Instant>,
}

impl ReturnTimes {
    /// Nobody was sent away yet.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { transactional: Mutex::new(now), commercial: Mutex::new(now) }
    }

    /// When an attempt that found no place should come back: one after the other, at the rate at which the provider takes them.
    pub fn next(&self, class: MessageClass, rate: ServiceRate, now: Instant) -> LineFull {
        let next = match class {
            MessageClass::Transactional => &self.transactional,
            MessageClass::Commercial => &self.commercial,
        };
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now + MIN_RETRY_AFTER).min(now + rate.max_retry_after);
        *next = at + rate.interval;
        LineFull { retry_after: at - now }
    }
}
