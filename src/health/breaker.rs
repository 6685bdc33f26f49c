//! A circuit breaker for one provider.

use std::collections::VecDeque;
use std::time::Duration;

use super::HealthSettings;
use crate::model::{Outcome, ThrottleScope, Timestamp, later};

/// What an outcome says about the provider's health, apart from what it says about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthSignal {
    /// It works: it took the message, or refused it with reason.
    Success,
    /// It does not work.
    Failure,
    /// It will not work until somebody acts: open at once.
    Broken,
    /// It works, and asks to be called less.
    Throttle {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
}

impl HealthSignal {
    /// What `outcome` says about the provider's health.
    pub fn from_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Sent { .. } | Outcome::Rejected { .. } => Self::Success,
            Outcome::Throttled { scope: ThrottleScope::Recipient, .. } => Self::Success,
            Outcome::Throttled { retry_after, .. } => Self::Throttle { retry_after: *retry_after },
            Outcome::Unavailable { .. } | Outcome::Unknown { .. } => Self::Failure,
            Outcome::Misconfigured { .. } => Self::Broken,
        }
    }
}

/// The state of a breaker, for people to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Passes everything.
    Closed,
    /// Refuses everything.
    Open,
    /// Passes a few probes.
    HalfOpen,
}

/// Leave to make one call. It must come back by [`Breaker::record`] or [`Breaker::cancel`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit that does not come back blocks a probe for ever"]
pub struct BreakerPermit {
    generation: u64,
    probe: bool,
}

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRefusal {
    /// When to ask again.
    pub until: Timestamp,
}

/// How long to wait for the outcome of somebody else's probe.
const PROBE_RECHECK: Duration = Duration::from_millis(500);

/// A circuit breaker: a failure ratio over a window and a run of failures open it, successful probes close it.
#[derive(Debug)]
pub struct Breaker {
    settings: HealthSettings,
    state: BreakerPhase,
    /// Counts the changes of state, so that the outcome of a call made in an earlier state changes nothing.
    era: u64,
    /// How often it opened since it was last closed.
    opened: u32,
    calls: VecDeque<(Timestamp, bool)>,
    consecutive_failures: u32,
}

#[derive(Debug)]
enum BreakerPhase {
    Closed,
    Open { until: Timestamp },
    HalfOpen { in_flight: u32, successes: u32 },
}

/// Enough calls to know the ratio; more would only cost memory.
const MAX_CALLS: usize = 1_024;

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: HealthSettings) -> Self {
        Self {
            settings,
            state: BreakerPhase::Closed,
            era: 0,
            opened: 0,
            calls: VecDeque::new(),
            consecutive_failures: 0,
        }
    }

    /// The state at `now`: an open breaker whose time has come is half open.
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.state {
            BreakerPhase::Closed => BreakerState::Closed,
            BreakerPhase::Open { until } if now < until => BreakerState::Open,
            BreakerPhase::Open { .. } | BreakerPhase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// When an open breaker lets the next probe through.
    pub fn probe_at(&self) -> Option<Timestamp> {
        match self.state {
            BreakerPhase::Open { until } => Some(until),
            BreakerPhase::Closed | BreakerPhase::HalfOpen { .. } => None,
        }
    }

    /// The calls and the failed calls in the window before `now`.
    pub fn recent(&self, now: Timestamp) -> (u32, u32) {
        let from = self.window_start(now);
        let recent = self.calls.iter().filter(|(at, _)| *at > from);
        recent.fold((0, 0), |(calls, failed), (_, ok)| (calls + 1, failed + u32::from(!ok)))
    }

    /// Whether [`Breaker::permit`] would pass a call now.
    ///
    /// # Errors
    /// When to ask again.
    pub fn admits(&self, now: Timestamp) -> Result<(), BreakerRefusal> {
        match &self.state {
            BreakerPhase::Closed => Ok(()),
            BreakerPhase::Open { until } if now < *until => Err(BreakerRefusal { until: *until }),
            BreakerPhase::Open { .. } => Ok(()),
            BreakerPhase::HalfOpen { in_flight, .. } if *in_flight < self.settings.probes => Ok(()),
            BreakerPhase::HalfOpen { .. } => Err(BreakerRefusal { until: later(now, PROBE_RECHECK) }),
        }
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// When to ask again.
    pub fn permit(&mut self, now: Timestamp) -> Result<BreakerPermit, BreakerRefusal> {
        self.admits(now)?;
        if matches!(self.state, BreakerPhase::Open { .. }) {
            self.transition_to(BreakerPhase::HalfOpen { in_flight: 0, successes: 0 });
        }
        let probe = match &mut self.state {
            BreakerPhase::HalfOpen { in_flight, .. } => {
                *in_flight += 1;
                true
            }
            BreakerPhase::Closed | BreakerPhase::Open { .. } => false,
        };
        Ok(BreakerPermit { generation: self.era, probe })
    }

    /// Gives back a permit for a call that was not made. Returns whether another probe may be made in its place.
    pub fn cancel(&mut self, permit: BreakerPermit) -> bool {
        match &mut self.state {
            BreakerPhase::HalfOpen { in_flight, .. } if permit.probe && permit.generation == self.era => {
                *in_flight -= 1;
                true
            }
            _ => false,
        }
    }

    /// Takes in what came of a call. The outcome of a call made before the last change of state changes nothing.
    pub fn record(&mut self, permit: BreakerPermit, effect: HealthSignal, now: Timestamp) {
        if permit.generation != self.era {
            return;
        }
        let ok = matches!(effect, HealthSignal::Success | HealthSignal::Throttle { .. });
        match &mut self.state {
            BreakerPhase::Closed => {
                self.record_call(now, ok);
                if effect == HealthSignal::Broken || self.too_many_failures(now) {
                    self.open(now);
                }
            }
            BreakerPhase::HalfOpen { in_flight, successes } => {
                *in_flight -= u32::from(permit.probe);
                if !ok {
                    self.open(now);
                    return;
                }
                *successes += 1;
                if *successes >= self.settings.successes_to_close {
                    self.close();
                }
            }
            BreakerPhase::Open { .. } => {}
        }
    }

    /// Closes the breaker, as an operator may who knows that the provider is back.
    pub fn close(&mut self) {
        self.opened = 0;
        self.consecutive_failures = 0;
        self.calls.clear();
        self.transition_to(BreakerPhase::Closed);
    }

    fn open(&mut self, now: Timestamp) {
        self.opened = self.opened.saturating_add(1);
        let until = later(now, self.settings.open_for(self.opened));
        self.transition_to(BreakerPhase::Open { until });
    }

    fn transition_to(&mut self, state: BreakerPhase) {
        self.state = state;
        self.era += 1;
    }

    fn record_call(&mut self, now: Timestamp, ok: bool) {
        self.consecutive_failures = if ok { 0 } else { self.consecutive_failures + 1 };
        let from = self.window_start(now);
        while self.calls.front().is_some_and(|(at, _)| *at <= from) || self.calls.len() >= MAX_CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back((now, ok));
    }

    fn too_many_failures(&self, now: Timestamp) -> bool {
        let (calls, failed) = self.recent(now);
        let ratio = f64::from(failed) / f64::from(calls.max(1));
        self.consecutive_failures >= self.settings.consecutive_failures
            || (calls >= self.settings.min_calls && ratio >= self.settings.failure_ratio)
    }

    fn window_start(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(Duration::from_millis(self.settings.window_ms)).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn fail(breaker: &mut Breaker, ms: i64) {
        let permit = breaker.permit(at(ms)).unwrap();
        breaker.record(permit, HealthSignal::Failure, at(ms));
    }

    fn open_breaker() -> Breaker {
        let mut breaker = Breaker::new(HealthSettings::default());
        (0..5).for_each(|_| fail(&mut breaker, 0));
        breaker
    }

    #[test]
    fn a_run_of_failures_opens_it_and_nothing_passes() {
        let breaker = open_breaker();
        assert_eq!(breaker.state(at(4_999)), BreakerState::Open);
        assert_eq!(breaker.admits(at(4_999)), Err(BreakerRefusal { until: at(5_000) }));
    }

    #[test]
    fn a_ratio_of_failures_opens_it() {
        let mut breaker = Breaker::new(HealthSettings::default());
        for call in 0..20 {
            assert_eq!(breaker.state(at(call)), BreakerState::Closed, "call {call}");
            let permit = breaker.permit(at(call)).unwrap();
            let signal = if call % 2 == 0 { HealthSignal::Success } else { HealthSignal::Failure };
            breaker.record(permit, signal, at(call));
        }
        assert_eq!(breaker.state(at(20)), BreakerState::Open);
    }

    #[test]
    fn failures_outside_the_window_are_forgotten() {
        let settings = HealthSettings { consecutive_failures: 100, ..HealthSettings::default() };
        let mut breaker = Breaker::new(settings);
        (0..19).for_each(|_| fail(&mut breaker, 0));
        fail(&mut breaker, 60_000);
        assert_eq!(breaker.state(at(60_000)), BreakerState::Closed);
        assert_eq!(breaker.recent(at(60_000)), (1, 1));
    }

    #[test]
    fn half_open_passes_only_the_probes_allowed() {
        let mut breaker = open_breaker();
        let probe = breaker.permit(at(5_000)).unwrap();
        assert_eq!(breaker.state(at(5_000)), BreakerState::HalfOpen);
        assert!(breaker.permit(at(5_000)).is_err());
        assert!(breaker.cancel(probe), "another probe may be made");
        assert!(breaker.admits(at(5_000)).is_ok());
    }

    #[test]
    fn enough_good_probes_close_it_and_a_bad_one_opens_it_for_longer() {
        let mut breaker = open_breaker();
        fail(&mut breaker, 5_000);
        assert_eq!(breaker.probe_at(), Some(at(15_000)));
        for ms in [15_000, 15_001] {
            let probe = breaker.permit(at(ms)).unwrap();
            breaker.record(probe, HealthSignal::Success, at(ms));
        }
        assert_eq!(breaker.state(at(15_001)), BreakerState::Closed);
    }

    #[test]
    fn an_answer_from_before_the_opening_changes_nothing() {
        let mut breaker = Breaker::new(HealthSettings::default());
        let late = breaker.permit(at(0)).unwrap();
        (0..5).for_each(|_| fail(&mut breaker, 0));
        breaker.record(late, HealthSignal::Success, at(5_000));
        let probe = breaker.permit(at(5_000)).unwrap();
        assert_eq!(breaker.state(at(5_000)), BreakerState::HalfOpen);
        breaker.cancel(probe);
    }

    #[test]
    fn wrong_credentials_open_it_at_once() {
        let mut breaker = Breaker::new(HealthSettings::default());
        let permit = breaker.permit(at(0)).unwrap();
        breaker.record(permit, HealthSignal::Broken, at(0));
        assert_eq!(breaker.state(at(0)), BreakerState::Open);
    }
}
