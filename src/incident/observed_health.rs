//! The health of a provider, as far as incidents depend on it.

use crate::model::{BreakerState, HealthCell, IncidentCause, MonotonicTime, RecordedFailure, Timestamp};

/// A breaker as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedBreaker {
    /// Its state.
    pub state: BreakerState,
    /// When it last opened, until it is closed.
    pub opened_at: Option<Timestamp>,
    /// Why it last opened, in words.
    pub reason: String,
    /// The last failure of the provider.
    pub failure: Option<RecordedFailure>,
}

/// A change of a live weight.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedShift {
    /// When.
    pub at: Timestamp,
    /// The part of the weight before, in `0.0..=1.0`.
    pub from: f64,
    /// The part after.
    pub to: f64,
    /// What is wrong with the provider; `None` when the weight rises, or the breaker just closed.
    pub cause: Option<IncidentCause>,
    /// Why, in words.
    pub reason: String,
}

/// A provider as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedHealth {
    /// Its breaker.
    pub breaker: ObservedBreaker,
    /// The part of its weight that its health leaves it, in `0.0..=1.0`.
    pub live_weight: f64,
    /// The last change of that part.
    pub shift: Option<ObservedShift>,
    /// Until when it asked not to be called, while that lies ahead.
    pub throttled_until: Option<MonotonicTime>,
    /// The cells whose breakers are not closed.
    pub cells: Vec<(HealthCell, ObservedBreaker)>,
}
