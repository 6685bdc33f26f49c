//! The part of its weight that a provider's health leaves it.
//!
//! # Why
//!
//! A breaker knows works and does not work. A provider that loses every third call, takes ten times as long as another, or takes all
//! and delivers nothing, works; and yet most messages should go elsewhere, and some should not, so that it is noticed when it is well again.
//!
//! # How it works
//!
//! Each provider is held against the best of those that could take its messages: other providers of the channel that may be called.
//! What it does worse than that one takes from its weight; when all are slow, nobody moves. A weight falls at once, and rises in
//! steps that calls which go well have to earn. Whoever falls again and again rises more slowly.
//!
//! # How it recovers
//!
//! The least weight leaves a provider enough messages to prove itself. A provider whose breaker closes begins with a little.

use std::fmt;
use std::time::Duration;

use super::HealthSettings;
use super::call_statistics::CallReport;
use crate::model::{Moment, MonotonicTime, Timestamp};

/// The failure share in excess of the best that leaves a tenth of the weight.
const FAILURES_TO_A_TENTH: f64 = 0.15;

/// The late share in excess of the best that leaves a tenth of the weight.
const LATE_TO_A_TENTH: f64 = 0.4;

/// The share of missing receipts in excess of the best that leaves a tenth of the weight.
const SILENCE_TO_A_TENTH: f64 = 0.3;

/// The share of unusual refusals in excess of the best that leaves a tenth of the weight.
const REFUSALS_TO_A_TENTH: f64 = 0.4;

/// Smaller differences are chance.
const MIN_EXCESS: f64 = 0.05;

/// A difference in speed that nobody notices.
const MIN_SLOWNESS: Duration = Duration::from_millis(100);

/// How far a weight may fall in one step.
const FALL: f64 = 0.25;

/// How far a weight rises in one step: by half of itself, and at least by this.
const MIN_RISE: f64 = 0.03;

/// The least time between two steps up.
const RISE_EVERY: Duration = Duration::from_millis(500);

/// Without any call to learn from, a weight rises after this time.
const QUIET: Duration = Duration::from_secs(5);

/// The weight of a provider whose breaker just closed.
const WEIGHT_AFTER_CLOSING: f64 = 0.1;

/// Falls are counted up to this, and one is forgotten after so much time at full weight.
const MAX_FALLS: u32 = 4;
const FALL_FORGOTTEN: Duration = Duration::from_secs(60);

/// Why a weight is not whole, or rises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WeightReason {
    /// It fails more often than another.
    Failures {
        /// The share of its calls that failed.
        share: f64,
    },
    /// More of its calls are late than of another's.
    Late {
        /// The share of late calls.
        share: f64,
    },
    /// It took messages of which no receipt tells, though it usually gives them.
    Silent {
        /// The share of the usual receipts that did not come in time.
        share: f64,
    },
    /// It refuses messages more often than it used to.
    Refusals {
        /// By how large a share more.
        excess: f64,
    },
    /// It is slower than another.
    Slow {
        /// How long its calls take.
        duration: Duration,
        /// How long those of the other take.
        best: Duration,
    },
    /// Its breaker closed.
    BreakerClosed,
    /// It does as well as the others.
    Recovering,
}

impl fmt::Display for WeightReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { share } => write!(f, "{:.0} % of its calls failed", share * 100.0),
            Self::Late { share } => write!(f, "{:.0} % of its calls are late", share * 100.0),
            Self::Silent { share } => {
                write!(f, "{:.0} % of its messages have no receipt in time", share * 100.0)
            }
            Self::Refusals { excess } => {
                write!(f, "it refuses {:.0} % more of its messages than usual", excess * 100.0)
            }
            Self::Slow { duration, best } => {
                write!(f, "its calls take {} ms, others {} ms", duration.as_millis(), best.as_millis())
            }
            Self::BreakerClosed => f.write_str("its breaker closed"),
            Self::Recovering => f.write_str("its calls go well"),
        }
    }
}

/// A change of a weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightShift {
    /// When.
    pub at: Timestamp,
    /// The part of the weight before, in `0.0..=1.0`.
    pub from: f64,
    /// The part after.
    pub to: f64,
    /// Why.
    pub reason: WeightReason,
}

/// The part of its weight that a provider has now.
#[derive(Debug)]
pub(super) struct LiveWeight {
    part: f64,
    /// The part at the last change that was told.
    told: f64,
    last_shift: Option<WeightShift>,
    last_step: MonotonicTime,
    full_since: MonotonicTime,
    falls: u32,
}

impl LiveWeight {
    /// The whole weight.
    pub fn new() -> Self {
        Self {
            part: 1.0,
            told: 1.0,
            last_shift: None,
            last_step: MonotonicTime::default(),
            full_since: MonotonicTime::default(),
            falls: 0,
        }
    }

    /// The part, in `0.0..=1.0`.
    pub fn part(&self) -> f64 {
        self.part
    }

    /// The last change.
    pub fn last_shift(&self) -> Option<WeightShift> {
        self.last_shift
    }

    /// Gives the whole weight back, as an operator may.
    pub fn restore(&mut self) {
        *self = Self { last_shift: self.last_shift, ..Self::new() };
    }

    /// The breaker closed: it begins with a little.
    pub fn breaker_closed(&mut self, now: Moment) -> Option<WeightShift> {
        self.part = WEIGHT_AFTER_CLOSING;
        self.last_step = now.monotonic;
        self.tell(WeightReason::BreakerClosed, now)
    }

    /// Moves a step towards what the calls say. `news` is how many went well since the last step; `best` is the report of the best of
    /// those that could take its messages, `None` when there is none.
    pub fn step(
        &mut self,
        own: &CallReport,
        best: Option<&CallReport>,
        news: u32,
        settings: &HealthSettings,
        now: Moment,
    ) -> Option<WeightShift> {
        let (target, reason) =
            best.map_or((1.0, WeightReason::Recovering), |best| deserved(own, best, settings));
        let target = target.max(settings.min_live_weight);
        if target < self.part {
            let before = self.part;
            self.part = target.max(self.part * FALL);
            if before >= 0.5 && self.part < 0.5 {
                self.falls = (self.falls + 1).min(MAX_FALLS);
            }
            self.last_step = now.monotonic;
            self.full_since = now.monotonic;
            return self.tell(reason, now);
        }
        self.forget_falls(now.monotonic);
        let since = now.monotonic.since(self.last_step);
        let earned = (news > 0 && since >= RISE_EVERY) || since >= QUIET;
        if target <= self.part || !earned {
            return None;
        }
        let share = 0.5 / f64::from(self.falls.max(1));
        self.part = target.min((self.part * (1.0 + share)).max(self.part + MIN_RISE));
        self.last_step = now.monotonic;
        if self.part >= 1.0 {
            self.full_since = now.monotonic;
        }
        self.tell(WeightReason::Recovering, now)
    }

    fn forget_falls(&mut self, now: MonotonicTime) {
        if self.falls > 0 && self.part >= 1.0 && now.since(self.full_since) >= FALL_FORGOTTEN {
            self.falls -= 1;
            self.full_since = now;
        }
    }

    /// A change of at least a tenth of the weight, or to the whole of it, is told.
    fn tell(&mut self, reason: WeightReason, now: Moment) -> Option<WeightShift> {
        let tenths = |part: f64| (part * 10.0).ceil();
        let is_whole = self.part >= 1.0;
        if tenths(self.part) == tenths(self.told) && is_whole == (self.told >= 1.0) {
            return None;
        }
        let shift = WeightShift { at: now.calendar, from: self.told, to: self.part, reason };
        self.told = self.part;
        self.last_shift = Some(shift);
        Some(shift)
    }
}

/// The part of its weight that a provider deserves beside the best one, and what it loses the most for.
fn deserved(own: &CallReport, best: &CallReport, settings: &HealthSettings) -> (f64, WeightReason) {
    let for_excess = |own: f64, best: f64, to_a_tenth: f64| {
        let excess = own - best;
        if excess < MIN_EXCESS { 1.0 } else { 0.1_f64.powf(excess / to_a_tenth) }
    };
    let failures = for_excess(own.failure_share, best.failure_share, FAILURES_TO_A_TENTH);
    let late = for_excess(own.late_share, best.late_share, LATE_TO_A_TENTH);
    let silent = for_excess(own.silence, best.silence, SILENCE_TO_A_TENTH);
    let refusals = for_excess(own.refusals, best.refusals, REFUSALS_TO_A_TENTH);
    let mut lost = vec![
        (refusals, WeightReason::Refusals { excess: own.refusals }),
        (failures, WeightReason::Failures { share: own.failure_share }),
        (late, WeightReason::Late { share: own.late_share }),
        (silent, WeightReason::Silent { share: own.silence }),
    ];
    if let (Some(duration), Some(best)) = (own.duration, best.duration)
        && duration > best.mul_f64(settings.slow_factor)
        && duration - best > MIN_SLOWNESS
    {
        let part = best.as_secs_f64() * settings.slow_factor / duration.as_secs_f64();
        lost.push((part, WeightReason::Slow { duration, best }));
    }
    let least = lost.into_iter().min_by(|(a, _), (b, _)| a.total_cmp(b));
    least.filter(|(part, _)| *part < 1.0).unwrap_or((1.0, WeightReason::Recovering))
}

#[cfg(test)]
mod tests;
