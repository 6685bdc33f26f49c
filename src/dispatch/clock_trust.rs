//! Whether the clock may be believed.
//!
//! # Why
//!
//! A machine whose clock is weeks ahead for a few seconds, as after a start without a battery or a time server, would have
//! the gateway end every message that waits as expired, send what was scheduled for later, and purge the histories of weeks with
//! their idempotency keys. None of that can be undone when the clock is set right.
//!
//! # How it works
//!
//! The store knows a time that was right: the one last recorded, or that of its newest message. A clock that is more
//! than [`MAX_GAP`] past it, and past what went by on the monotonic clock since, is in doubt: either it is wrong, or the gateway
//! stood still for that long. Until it is set right, an operator says that it is right, or [`HOLD`] is over, nothing is purged, and
//! messages of before are held. New messages are sent as always.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::{MonotonicTime, Timestamp, later};
use crate::store::DueHold;

/// A clock that gained more than this while nobody looked is in doubt.
const MAX_GAP: Duration = Duration::from_secs(24 * 3_600);

/// How long a clock stays in doubt that nobody sets right.
const HOLD: Duration = Duration::from_secs(3_600);

/// Whether the clock may be believed. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct ClockTrust {
    clock: Clock,
    state: Arc<Mutex<TrustState>>,
    is_trusted: Arc<watch::Sender<bool>>,
}

impl ClockTrust {
    /// Begins to watch `clock`. `known` is a time that was right before; without one the clock is believed.
    pub fn new(clock: Clock, known: Option<Timestamp>) -> Self {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let state = TrustState { known: known.unwrap_or(now), at: monotonic, doubt: None };
        let trust = Self {
            clock,
            state: Arc::new(Mutex::new(state)),
            is_trusted: Arc::new(watch::Sender::new(true)),
        };
        trust.hold();
        trust
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What is held because the clock is in doubt, if it is.
    pub fn hold(&self) -> Option<DueHold> {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.doubt;
        state.observe(now, monotonic);
        let (doubt, known) = (state.doubt, state.known);
        drop(state);
        if before.is_some() != doubt.is_some() {
            self.is_trusted.send_replace(doubt.is_none());
            match doubt {
                Some(doubt) => tracing::warn!(
                    %now, last_known = %known, held_before = %doubt.hold.due_before,
                    "the clock may be wrong: it is more than a day past what was last known; messages of before are held and nothing \
                     is purged, until it is set right, or for an hour; when it is right, start with --trust-clock"
                ),
                None => tracing::warn!(%now, "the clock is believed again"),
            }
        }
        doubt.map(|doubt| doubt.hold)
    }

    /// Whether the clock is believed, and each change of it.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.is_trusted.subscribe()
    }
}

/// A clock as it was last looked at.
struct TrustState {
    /// The time that was last known to be right.
    known: Timestamp,
    /// When it was that time.
    at: MonotonicTime,
    doubt: Option<Doubt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    began: MonotonicTime,
    hold: DueHold,
}

impl TrustState {
    fn observe(&mut self, now: Timestamp, monotonic: MonotonicTime) {
        let expected = later(self.known, monotonic.since(self.at));
        let is_over = self.doubt.is_some_and(|doubt| monotonic.since(doubt.began) >= HOLD);
        if now <= later(expected, MAX_GAP) || is_over {
            // A clock that is set back may be what is wrong, and set right again.
            let known = if is_over { now } else { now.max(expected) };
            *self = Self { known, at: monotonic, doubt: None };
        } else if self.doubt.is_none() {
            let hold = DueHold { accepted_until: expected, due_before: now };
            self.doubt = Some(Doubt { began: monotonic, hold });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn start() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    fn monotonic(elapsed: Duration) -> MonotonicTime {
        MonotonicTime::from_origin(elapsed)
    }

    /// A state that knows `start()` to be right at the origin.
    fn known() -> TrustState {
        TrustState { known: start(), at: monotonic(Duration::ZERO), doubt: None }
    }

    #[test]
    fn a_clock_that_goes_on_as_time_does_is_believed_for_as_long_as_that_is() {
        let mut state = known();
        state.observe(later(start(), 400 * DAY), monotonic(400 * DAY));
        assert_eq!((state.doubt, state.known), (None, later(start(), 400 * DAY)));
        state.observe(later(start(), 401 * DAY), monotonic(400 * DAY));
        assert_eq!(state.doubt, None, "a day more is not yet too much");
        let known = state.known;
        state.observe(start(), monotonic(400 * DAY));
        assert_eq!((state.doubt, state.known), (None, known), "one set back ends nothing before its time");
        state.observe(later(start(), 401 * DAY), monotonic(400 * DAY));
        assert_eq!(state.doubt, None, "nor when it is set right");
    }

    #[test]
    fn a_clock_more_than_a_day_ahead_holds_what_is_of_before_until_it_is_set_right() {
        let mut state = known();
        let minute = Duration::from_secs(60);
        let ahead = later(start(), 40 * DAY);
        state.observe(ahead, monotonic(minute));
        let hold = state.doubt.unwrap().hold;
        let before = later(start(), minute);
        assert_eq!(hold, DueHold { accepted_until: before, due_before: ahead });
        assert!(hold.holds(start(), later(ahead, minute)), "it was scheduled, and its day has not come");
        assert!(hold.holds(later(before, minute), start()));
        assert!(!hold.holds(ahead, ahead), "what is new is sent");
        state.observe(later(ahead, minute), monotonic(2 * minute));
        assert_eq!(state.doubt.unwrap().hold, hold, "nothing of it moves meanwhile");
        state.observe(later(start(), 3 * minute), monotonic(3 * minute));
        assert_eq!((state.doubt, state.known), (None, later(start(), 3 * minute)));
    }

    #[test]
    fn a_clock_that_nobody_sets_right_is_believed_after_an_hour() {
        let mut state = known();
        let ahead = later(start(), 40 * DAY);
        state.observe(ahead, monotonic(Duration::ZERO));
        let almost = HOLD - Duration::from_millis(1);
        state.observe(later(ahead, almost), monotonic(almost));
        assert!(state.doubt.is_some());
        state.observe(later(ahead, HOLD), monotonic(HOLD));
        assert_eq!((state.doubt, state.known), (None, later(ahead, HOLD)));
    }
}
