//! A circuit breaker, for a provider or for one of its cells.
//!
//! # Why
//!
//! A provider that is down costs every message that tries it a failure, or a time-out. After a few of them nothing is
//! learned from another, so calls stop, and the messages go other ways at once.
//!
//! # How it works
//!
//! ```text
//!             failures in a row, failure ratio, misconfigured, calls that hang
//!    closed ──────────────────────────────────────────────────> open <──┐
//!      ^                                                          │      │ a probe failed
//!      │ probes succeeded                                         v      │
//!      └────────────────────────────────────────────────────── half open ┘
//! ```
//!
//! Closed passes every call and remembers the outcomes of a window. Open refuses. Once its time has come, half open passes
//! a few probes. Every change of phase begins a new generation, and the outcome of a call that was permitted in an earlier
//! generation changes nothing: it tells how the provider was then.
//!
//! # How it recovers
//!
//! Each time that a probe fails, the breaker stays open twice as long, up to a maximum that is longer for wrong settings. Probes that succeed in a row close
//! it, and so does an operator who takes the provider back into service. Its state is in memory: after a restart every
//! breaker is closed.

use std::fmt;
use std::time::Duration;

use super::HealthSettings;
use super::window::{CallCounts, CallWindow};
use crate::model::{BreakerState, Moment, MonotonicTime, Outcome, ThrottleScope, Timestamp};

/// What an outcome says about the health of the provider, apart from what it says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthSignal {
    /// The provider works: it accepted the message, or rejected it for a reason of the message's.
    Success,
    /// The provider does not work.
    Failure,
    /// The provider will not work until somebody changes its configuration: open at once.
    Broken,
    /// The provider works, and asks to be called less.
    Throttle {
        /// For how long, if the provider said so.
        retry_after: Option<Duration>,
    },
}

impl HealthSignal {
    /// Whether the provider works.
    pub(super) fn is_ok(self) -> bool {
        matches!(self, Self::Success | Self::Throttle { .. })
    }

    /// What `outcome` says about the health of the provider; `None` when it did not see the call.
    pub fn from_outcome(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Sent { .. } | Outcome::Rejected { .. } => Some(Self::Success),
            Outcome::Throttled { scope: ThrottleScope::Recipient, .. } => Some(Self::Success),
            Outcome::Throttled { retry_after, .. } => Some(Self::Throttle { retry_after: *retry_after }),
            Outcome::Unavailable { .. } | Outcome::Unknown { .. } => Some(Self::Failure),
            Outcome::Misconfigured { .. } => Some(Self::Broken),
            Outcome::LocalFailure { .. } => None,
        }
    }
}

/// The permit to make one call. It must come back by [`Breaker::record`] or [`Breaker::cancel`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that does not come back blocks a probe for ever"]
pub struct BreakerPermit {
    generation: u64,
    probe: bool,
}

/// The refusal of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRefusal {
    /// How long to wait before asking again.
    pub wait: Duration,
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TripReason {
    /// So many calls failed in a row.
    ConsecutiveFailures {
        /// How many.
        failures: u32,
    },
    /// Too large a share of the calls in the window failed.
    FailureRatio {
        /// How many failed.
        failures: u32,
        /// Of how many.
        calls: u32,
    },
    /// The provider said that our credentials, sender or account are wrong.
    Misconfigured,
    /// A probe failed while the breaker was half open.
    ProbeFailed,
    /// So many calls are under way for far longer than usual, and none went well since they began.
    Hanging {
        /// How many.
        calls: u32,
    },
}

impl fmt::Display for TripReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { failures } => write!(f, "{failures} failures in a row"),
            Self::FailureRatio { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::Misconfigured => f.write_str("misconfigured"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::Hanging { calls } => write!(f, "{calls} calls hang"),
        }
    }
}

/// The opening of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerTrip {
    /// Why.
    pub reason: TripReason,
    /// When.
    pub at: Timestamp,
}

/// How long to wait for the outcome of another call's probe.
const PROBE_RECHECK: Duration = Duration::from_millis(500);

/// A circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    settings: HealthSettings,
    phase: BreakerPhase,
    /// Counts the changes of phase.
    generation: u64,
    /// How often the breaker opened since it was last closed.
    opened: u32,
    /// Why it last opened, until it is closed.
    trip: Option<BreakerTrip>,
    calls: CallWindow,
    consecutive_failures: u32,
}

#[derive(Debug)]
enum BreakerPhase {
    Closed,
    Open { until: MonotonicTime },
    HalfOpen { in_flight: u32, successes: u32 },
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: HealthSettings) -> Self {
        Self {
            calls: CallWindow::new(Duration::from_millis(settings.window_ms)),
            settings,
            phase: BreakerPhase::Closed,
            generation: 0,
            opened: 0,
            trip: None,
            consecutive_failures: 0,
        }
    }

    /// The state at `now`: an open breaker whose time has come is half open.
    pub fn state(&self, now: MonotonicTime) -> BreakerState {
        match self.phase {
            BreakerPhase::Closed => BreakerState::Closed,
            BreakerPhase::Open { until } if now < until => BreakerState::Open,
            BreakerPhase::Open { .. } | BreakerPhase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// When an open breaker lets the next probe through.
    pub fn probe_at(&self) -> Option<MonotonicTime> {
        match self.phase {
            BreakerPhase::Open { until } => Some(until),
            BreakerPhase::Closed | BreakerPhase::HalfOpen { .. } => None,
        }
    }

    /// Why the breaker last opened, and when; `None` once it is closed.
    pub fn trip(&self) -> Option<BreakerTrip> {
        self.trip
    }

    /// The calls in the window before `now`.
    pub fn recent(&self, now: MonotonicTime) -> CallCounts {
        self.calls.counts(now)
    }

    /// Whether it passes everything.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, BreakerPhase::Closed)
    }

    /// Whether [`Breaker::permit`] would pass a call now.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn admits(&self, now: MonotonicTime) -> Result<(), BreakerRefusal> {
        match &self.phase {
            BreakerPhase::Closed => Ok(()),
            BreakerPhase::Open { until } if now < *until => Err(BreakerRefusal { wait: until.since(now) }),
            BreakerPhase::Open { .. } => Ok(()),
            BreakerPhase::HalfOpen { in_flight, .. } if *in_flight < self.settings.probes => Ok(()),
            BreakerPhase::HalfOpen { .. } => Err(BreakerRefusal { wait: PROBE_RECHECK }),
        }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn permit(&mut self, now: MonotonicTime) -> Result<BreakerPermit, BreakerRefusal> {
        self.admits(now)?;
        if matches!(self.phase, BreakerPhase::Open { .. }) {
            self.transition_to(BreakerPhase::HalfOpen { in_flight: 0, successes: 0 });
        }
        let probe = match &mut self.phase {
            BreakerPhase::HalfOpen { in_flight, .. } => {
                *in_flight += 1;
                true
            }
            BreakerPhase::Closed | BreakerPhase::Open { .. } => false,
        };
        Ok(BreakerPermit { generation: self.generation, probe })
    }

    /// Cancels a permit for a call that was not made. Returns whether another probe may be made in its place.
    pub fn cancel(&mut self, permit: BreakerPermit) -> bool {
        match &mut self.phase {
            BreakerPhase::HalfOpen { in_flight, .. }
                if permit.probe && permit.generation == self.generation =>
            {
                *in_flight -= 1;
                true
            }
            _ => false,
        }
    }

    /// Records what came of a call. The outcome of a call that was permitted before the last change of phase changes nothing.
    /// While closed it stays so, and answers why it should be opened, if it should: whoever knows what else could be the cause
    /// calls [`Breaker::open`].
    pub fn record(&mut self, permit: BreakerPermit, signal: HealthSignal, now: Moment) -> Option<TripReason> {
        if permit.generation != self.generation {
            return None;
        }
        let ok = signal.is_ok();
        match &mut self.phase {
            BreakerPhase::Closed => {
                self.record_call(now.monotonic, ok);
                return match signal {
                    HealthSignal::Broken => Some(TripReason::Misconfigured),
                    _ => self.too_many_failures(now.monotonic).filter(|_| !ok),
                };
            }
            BreakerPhase::HalfOpen { in_flight, successes } => {
                *in_flight -= u32::from(permit.probe);
                if !ok {
                    let broken = signal == HealthSignal::Broken;
                    let reason = if broken { TripReason::Misconfigured } else { TripReason::ProbeFailed };
                    self.open(reason, now);
                    return None;
                }
                *successes += 1;
                if *successes >= self.settings.successes_to_close {
                    self.close();
                }
            }
            BreakerPhase::Open { .. } => {}
        }
        None
    }

    /// Takes note of so many calls that hang, though they have not ended: enough of them open it, and one that is a probe.
    pub fn note_hanging(&mut self, calls: u32, now: Moment) {
        let needed = match self.phase {
            BreakerPhase::Closed => self.settings.consecutive_failures,
            BreakerPhase::HalfOpen { in_flight, .. } if in_flight > 0 => 1,
            BreakerPhase::HalfOpen { .. } | BreakerPhase::Open { .. } => return,
        };
        if calls >= needed {
            self.open(TripReason::Hanging { calls }, now);
        }
    }

    /// Closes the breaker, as an operator may who knows that the provider is back.
    pub fn close(&mut self) {
        self.opened = 0;
        self.trip = None;
        self.consecutive_failures = 0;
        self.calls.clear();
        self.transition_to(BreakerPhase::Closed);
    }

    /// Opens it, for longer each time until it is closed.
    pub fn open(&mut self, reason: TripReason, now: Moment) {
        self.trip = Some(BreakerTrip { reason, at: now.calendar });
        self.opened = self.opened.saturating_add(1);
        let max_ms = match reason {
            TripReason::Misconfigured => self.settings.max_misconfigured_ms,
            _ => self.settings.max_open_ms,
        };
        let until = now.monotonic.after(self.settings.open_for(self.opened, max_ms));
        self.transition_to(BreakerPhase::Open { until });
    }

    fn transition_to(&mut self, phase: BreakerPhase) {
        self.phase = phase;
        self.generation += 1;
    }

    fn record_call(&mut self, now: MonotonicTime, ok: bool) {
        self.consecutive_failures = if ok { 0 } else { self.consecutive_failures.saturating_add(1) };
        self.calls.record(now, ok);
    }

    fn too_many_failures(&self, now: MonotonicTime) -> Option<TripReason> {
        if self.consecutive_failures >= self.settings.consecutive_failures {
            return Some(TripReason::ConsecutiveFailures { failures: self.consecutive_failures });
        }
        let recent = self.recent(now);
        let too_many =
            recent.calls >= self.settings.min_calls && recent.failure_share() >= self.settings.failure_ratio;
        let CallCounts { calls, failures } = recent;
        too_many.then_some(TripReason::FailureRatio { failures, calls })
    }
}

#[cfg(test)]
mod tests;
