//! The rate that a provider bears, learned from its throttles.
//!
//! # Why
//!
//! A provider refuses what comes faster than its limit, which is rarely written down, changes with the contract, and may be shared
//! with others. Calls that only pause after a refusal run into the next one at once, and most of them are refused.
//!
//! # How it works
//!
//! Additive increase, multiplicative decrease, shaped as in TCP's CUBIC (RFC 9438): a refusal lowers the rate; calls that are taken
//! raise it, quickly up to about the rate that was last refused, very slowly around it, and quickly again far beyond it. So most of
//! the time is spent just below the limit, and one refusal buys many calls that are taken.
//!
//! ```text
//!    rate │   refused           refused
//!         │ ╱│            ___---│
//!         │╱ │     __---``      │    __---
//!         │  │ _-``             │_-``
//!         └──────────────────────────────── calls taken
//! ```
//!
//! The rate grows with the calls that are taken at it, and not with time: a rate that nobody uses proves nothing (RFC 7661).
//! Refusals of calls that were under way at a decrease say nothing about the lower rate, and count once with the first.
//!
//! # How it recovers
//!
//! Nothing is known, and nothing limited, before the first throttle. A rate that is far above what is used for
//! [`FORGET_AFTER`] is forgotten. It is in memory: after a restart nothing is known.

use std::time::Duration;

use super::recent_calls::RecentCalls;
use crate::model::MonotonicTime;

/// The lowest rate, in calls a second: enough to see within seconds that a provider takes messages again.
const MIN_RATE: f64 = 0.1;

/// A rate beyond which there is nothing to limit, in calls a second.
const MAX_RATE: f64 = 100_000.0;

/// What a refusal leaves of a rate at which many calls were taken before it.
const DECREASE: f64 = 0.93;

/// What it leaves when it comes so soon after the last one that this was too little.
const FAST_DECREASE: f64 = 0.7;

/// What it leaves at least, and when nothing tells how much is too much.
const MIN_DECREASE: f64 = 0.5;

/// A refusal after less use than this says that the decrease before it was too little.
const SOON: Duration = Duration::from_secs(2);

/// So many calls taken at a rate before one is refused show that the limit is near; after fewer it may be anywhere below, and is
/// looked for faster.
const NEAR_AFTER: f64 = 3.0;

/// The calls before the first throttle tell the limit if there were so many, over [`MIN_SPAN`] at least.
const MIN_MEASURED: u32 = 10;
const MIN_SPAN: Duration = Duration::from_secs(2);

/// A refusal costs its pause; the rate comes back to where it was refused after so many times that.
const PERIOD_IN_PAUSES: f64 = 40.0;

/// A refusal is one of at least so many calls, at the rate that was refused.
const PERIOD_IN_CALLS: f64 = 80.0;

/// The longest times, by pauses and by calls, in which a rate comes back to where it was refused, in seconds.
const MAX_PERIOD_BY_PAUSE: f64 = 600.0;
const MAX_PERIOD_BY_CALLS: f64 = 180.0;

/// Who asks for a longer pause has spent a quota or is down, and does not speak of calls a second.
const MAX_RATE_PAUSE: Duration = Duration::from_secs(60);

/// After such a pause calls begin again at this rate at most, in calls a second: the first is a probe.
const PROBE_RATE: f64 = 1.0;

/// A learned rate is forgotten when for so long less than half of it was used.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// The rate that one provider bears.
#[derive(Debug, Default)]
pub struct AdaptiveRate {
    /// The calls since the last decrease.
    recent: RecentCalls,
    learned: Option<LearnedRate>,
}

#[derive(Debug, Clone, Copy)]
struct LearnedRate {
    /// Calls a second.
    rate: f64,
    growth: RateGrowth,
    /// When it was last lowered.
    lowered_at: MonotonicTime,
    /// How many calls were taken since then.
    taken: u32,
    /// When it was last needed: half of it or more was used, or a call was refused.
    needed_at: MonotonicTime,
    last_taken_at: Option<MonotonicTime>,
}

/// How a rate grows with the calls that are taken at it.
#[derive(Debug, Clone, Copy)]
enum RateGrowth {
    /// Nothing tells where the limit is: doubled in a second of use, or in four calls.
    Search,
    /// From `floor` towards `ceiling`, which was refused and is reached after `period`, and beyond it.
    Approach {
        floor: f64,
        ceiling: f64,
        period: Duration,
        /// How long the rate was used.
        used: Duration,
    },
}

impl AdaptiveRate {
    /// The rate at `now` in calls a second; `None` while nothing limits it.
    pub fn per_second(&self, now: MonotonicTime) -> Option<f64> {
        self.learned(now).map(|learned| learned.rate)
    }

    /// Notes at `now` that the provider took a call that began at `began`.
    pub fn taken(&mut self, began: MonotonicTime, now: MonotonicTime) {
        self.learned = self.learned(now);
        let Some(learned) = &mut self.learned else {
            self.recent.add(now, true);
            return;
        };
        if began < learned.lowered_at {
            return;
        }
        self.recent.add(now, true);
        learned.grow(now);
        if learned.rate > MAX_RATE {
            self.learned = None;
        }
    }

    /// Notes at `now` that the provider refused a call that began at `began` because it gets too many, that `in_flight` more calls
    /// are under way, and that none is begun for `pause`.
    pub fn refused(&mut self, began: MonotonicTime, pause: Duration, in_flight: u32, now: MonotonicTime) {
        self.learned = self.learned(now);
        if self.learned.is_some_and(|learned| began < learned.lowered_at) {
            return;
        }
        self.recent.add(now, false);
        let (rate, growth) = match self.learned {
            _ if pause > MAX_RATE_PAUSE => {
                (self.per_second(now).unwrap_or(PROBE_RATE).min(PROBE_RATE), RateGrowth::Search)
            }
            Some(learned) => learned.lowered(self.recent.answered_per_second(now, MIN_SPAN), pause),
            None => self.first_rate(pause, in_flight, now),
        };
        let needed_at = now.after(pause);
        let rate = rate.max(MIN_RATE);
        self.learned =
            Some(LearnedRate { rate, growth, lowered_at: now, taken: 0, needed_at, last_taken_at: None });
        self.recent.clear();
    }

    /// The rate after the first refusal: a little less than was taken lately where that was measured for long enough, else half of
    /// what was tried.
    fn first_rate(&self, pause: Duration, in_flight: u32, now: MonotonicTime) -> (f64, RateGrowth) {
        let taken = self.recent.taken_per_second(now, MIN_SPAN);
        match taken.filter(|_| self.recent.taken() >= MIN_MEASURED) {
            Some(limit) => approach(limit * DECREASE, limit, self.recent.taken(), pause),
            None => {
                let tried = self.recent.answered_within(now, Duration::from_secs(1)) + in_flight;
                (f64::from(tried) * MIN_DECREASE, RateGrowth::Search)
            }
        }
    }

    fn learned(&self, now: MonotonicTime) -> Option<LearnedRate> {
        self.learned.filter(|learned| now.since(learned.needed_at) < FORGET_AFTER)
    }
}

/// From `floor` back to `ceiling`, so slowly that the next refusal is paid for; less slowly where few calls were `taken` at the
/// rate that was refused, so that little is known.
fn approach(floor: f64, ceiling: f64, taken: u32, pause: Duration) -> (f64, RateGrowth) {
    let by_pause = (pause.as_secs_f64() * PERIOD_IN_PAUSES).min(MAX_PERIOD_BY_PAUSE);
    let by_calls = (PERIOD_IN_CALLS / ceiling.max(MIN_RATE)).min(MAX_PERIOD_BY_CALLS);
    let known = (f64::from(taken) / NEAR_AFTER).min(1.0);
    let period = Duration::from_secs_f64(by_pause.max(by_calls) * known);
    (floor, RateGrowth::Approach { floor, ceiling, period, used: Duration::ZERO })
}

impl LearnedRate {
    /// The rate after a refusal, when `answered` calls a second were answered lately. Of calls that are spaced evenly, the share
    /// that is taken is the share of the rate that the provider bears.
    fn lowered(&self, answered: Option<f64>, pause: Duration) -> (f64, RateGrowth) {
        // Of a rate that was hardly used, what was used has been refused.
        let tried = answered.filter(|answered| *answered < self.rate / 4.0).unwrap_or(self.rate);
        if self.taken == 0 {
            return (tried * MIN_DECREASE, RateGrowth::Search);
        }
        let most = match self.growth {
            RateGrowth::Approach { used, .. } if used < SOON => FAST_DECREASE,
            RateGrowth::Approach { .. } | RateGrowth::Search => DECREASE,
        };
        let share = f64::from(self.taken) / f64::from(self.taken + 1);
        approach(tried * share.min(most), tried, self.taken, pause)
    }

    /// Grows by one call that was taken at `now`.
    fn grow(&mut self, now: MonotonicTime) {
        let interval = Duration::from_secs_f64(1.0 / self.rate);
        self.taken = self.taken.saturating_add(1);
        if self.last_taken_at.is_none_or(|last| now.since(last) < interval * 2) {
            self.needed_at = self.needed_at.max(now);
        }
        self.last_taken_at = Some(now);
        match &mut self.growth {
            RateGrowth::Search => self.rate *= interval.as_secs_f64().min(0.25).exp2(),
            RateGrowth::Approach { floor, ceiling, period, used } => {
                *used += interval;
                let periods = used.as_secs_f64() / period.as_secs_f64();
                self.rate = grown(*floor, *ceiling, periods);
            }
        }
    }
}

/// The rate after so many periods of use: from `floor` along a cubic curve to `ceiling` after one period and a tenth more half a
/// period later, then doubled in each eighth of a period, because the limit is no longer there.
fn grown(floor: f64, ceiling: f64, periods: f64) -> f64 {
    let beyond = ((periods - 1.0) * 2.0).min(1.0);
    match periods {
        ..1.0 => ceiling - (ceiling - floor) * (1.0 - periods).powi(3),
        _ => ceiling * (1.0 + 0.1 * beyond.powi(3)) * (8.0 * (periods - 1.5).max(0.0)).exp2(),
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
