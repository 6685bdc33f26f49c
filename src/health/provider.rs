//! The health of one provider: breaker, throttle and control together.

use std::fmt;
use std::time::Duration;

use super::call_statistics::{CallNumber, CallReport, CallStatistics};
use super::cells::{CellPermit, CellTable, Culprit};
use super::live_weight::{LiveWeight, WeightShift};
use super::receipt_statistics::ReceiptStatistics;
use super::refusal_statistics::RefusalStatistics;
use super::{AdaptiveRate, Breaker, BreakerPermit, BreakerTrip, CallCounts, HealthSettings, HealthSignal};
use crate::model::{
    Admission, AdmissionRefusal, BreakerState, CallScope, CellRefusal, ControlMode, HealthCell, Moment,
    MonotonicTime, Outcome, OutcomeEvidence, ProviderControl, Rejection,
};

/// A call that failed, by a failure of the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderFailure {
    /// A stable word for the kind of outcome.
    kind: &'static str,
    evidence: OutcomeEvidence,
}

impl ProviderFailure {
    /// The kind and the provider's code, for whoever may not learn what other brands sent: a provider's text may quote it.
    pub fn brief(&self) -> String {
        match self.evidence.code.as_str() {
            "" => self.kind.to_owned(),
            code => format!("{}: {code}", self.kind),
        }
    }
}

/// The whole of it.
impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.evidence)
    }
}

/// The permit to make one call. It must come back by [`ProviderHealth::record`] or [`ProviderHealth::cancel`].
#[derive(Debug)]
#[must_use = "a permit that does not come back blocks a probe for ever"]
pub struct HealthPermit {
    scope: CallScope,
    began: MonotonicTime,
    breaker: BreakerPermit,
    cells: Vec<CellPermit>,
    call: Option<CallNumber>,
}

/// The health of one provider.
#[derive(Debug)]
pub struct ProviderHealth {
    settings: HealthSettings,
    breaker: Breaker,
    cells: CellTable,
    calls: CallStatistics,
    receipts: ReceiptStatistics,
    refusals: RefusalStatistics,
    weight: LiveWeight,
    control: Option<ProviderControl>,
    throttled_until: Option<MonotonicTime>,
    rate: AdaptiveRate,
    /// When the breaker last opened because of calls that hang; these are known.
    opened_at: MonotonicTime,
    last_failure: Option<ProviderFailure>,
}

impl ProviderHealth {
    /// A healthy provider in service.
    pub fn new(settings: HealthSettings) -> Self {
        Self {
            breaker: Breaker::new(settings.clone()),
            cells: CellTable::new(settings.clone()),
            calls: CallStatistics::new(Duration::from_millis(settings.min_late_ms)),
            receipts: ReceiptStatistics::new(),
            refusals: RefusalStatistics::default(),
            weight: LiveWeight::new(),
            settings,
            control: None,
            throttled_until: None,
            rate: AdaptiveRate::default(),
            opened_at: MonotonicTime::default(),
            last_failure: None,
        }
    }

    /// Whether a message may be sent through the provider at `now`, as far as its cells let it; `tried_before` when this message
    /// was already tried there.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, tried_before: bool, now: Moment) -> Admission {
        if let Some(control) = &self.control {
            match control.mode_at(now.calendar) {
                ControlMode::OutOfService => {
                    return Err(AdmissionRefusal::OutOfService { until: control.expire_at });
                }
                ControlMode::Draining if !tried_before => {
                    return Err(AdmissionRefusal::Draining { until: control.expire_at });
                }
                ControlMode::Draining | ControlMode::InService => {}
            }
        }
        let now = now.monotonic;
        self.breaker.admits(now).map_err(|refused| AdmissionRefusal::BreakerOpen { wait: refused.wait })?;
        match self.throttled_until {
            Some(until) if now < until => Err(AdmissionRefusal::Throttled { wait: until.since(now) }),
            _ => Ok(()),
        }
    }

    /// The cells that refuse calls now.
    pub fn cell_refusals(&self, now: MonotonicTime) -> Vec<CellRefusal> {
        self.cells.refusals(now)
    }

    /// Asks to make a call that concerns `scope`.
    ///
    /// # Errors
    /// Why not.
    pub fn permit(
        &mut self,
        scope: CallScope,
        tried_before: bool,
        now: Moment,
    ) -> Result<HealthPermit, AdmissionRefusal> {
        self.admits(tried_before, now)?;
        let open = |refused: super::BreakerRefusal| AdmissionRefusal::BreakerOpen { wait: refused.wait };
        let cells = self.cells.permit(&scope, now.monotonic).map_err(open)?;
        let breaker = self.breaker.permit(now.monotonic).map_err(open)?;
        Ok(HealthPermit { scope, began: now.monotonic, breaker, cells, call: None })
    }

    /// The call of a permit begins.
    pub fn begin(&mut self, permit: &mut HealthPermit, now: MonotonicTime) {
        permit.began = now;
        permit.call = Some(self.calls.begin(now));
    }

    /// Cancels a permit for a call that was not made. Returns whether another probe may be made in its place.
    pub fn cancel(&mut self, permit: HealthPermit) -> bool {
        if let Some(call) = permit.call {
            self.calls.forget(call);
        }
        let is_cell_free = self.cells.cancel(permit.cells);
        self.breaker.cancel(permit.breaker) || is_cell_free
    }

    /// Records what came of a call. One that the provider did not see counts as not made. Returns the change of the live weight, if
    /// it changed.
    pub fn record(&mut self, permit: HealthPermit, outcome: &Outcome, now: Moment) -> Option<WeightShift> {
        let Some(signal) = HealthSignal::from_outcome(outcome) else {
            self.cancel(permit);
            return None;
        };
        let HealthPermit { scope, began, breaker, cells, call } = permit;
        if let Some(pause) = self.pause(signal, outcome) {
            self.throttled_until = self.throttled_until.max(Some(now.monotonic.after(pause)));
            self.rate.refused(began, pause, self.calls.in_flight(), now.monotonic);
        } else if signal == HealthSignal::Success {
            self.rate.taken(began, now.monotonic);
        }
        if matches!(signal, HealthSignal::Failure | HealthSignal::Broken) {
            let evidence = outcome.evidence().cloned().unwrap_or_default();
            self.last_failure = Some(ProviderFailure { kind: outcome.as_str(), evidence });
        }
        if matches!(outcome, Outcome::Sent { .. }) {
            self.receipts.taken(now.monotonic);
        }
        if signal == HealthSignal::Success {
            self.refusals.answered(is_refusal(outcome), now.monotonic);
        }
        let was_closed = self.breaker.is_closed();
        let suspicion = self.breaker.record(breaker, signal, now);
        let whole = self.breaker.recent(now.monotonic);
        let culprit = self.cells.record(&scope, cells, signal, suspicion, whole, now);
        match (call, signal) {
            (Some(call), HealthSignal::Throttle { .. }) => self.calls.forget(call),
            (Some(call), _) => self.calls.end(call, scope, signal.is_ok(), now.monotonic),
            (None, _) => {}
        }
        match culprit {
            Some(Culprit::Provider(reason)) => {
                self.breaker.open(reason, now);
                self.cells.reset();
            }
            Some(Culprit::Cell(cell)) => self.calls.forgive(&cell),
            None => {}
        }
        let has_closed = !was_closed && self.breaker.is_closed();
        if !has_closed {
            return None;
        }
        self.calls.begin_anew();
        self.weight.breaker_closed(now)
    }

    /// A receipt came for a message that it took `age` ago: the first that tells what became of it.
    pub fn receipt(&mut self, age: Duration, now: MonotonicTime) {
        self.receipts.received(age, now);
    }

    /// How its calls go, and how far it is silent on what it took.
    pub(super) fn report(&self, now: MonotonicTime) -> CallReport {
        let calls = self.calls.report(self.settings.min_calls, now);
        let (silence, refusals) = (self.receipts.silence(now), self.refusals.excess(now));
        CallReport { silence, refusals, ..calls }
    }

    /// Moves its live weight a step, held against the best of the others.
    pub(super) fn step_weight(&mut self, best: Option<&CallReport>, now: Moment) -> Option<WeightShift> {
        let (own, news) = (self.report(now.monotonic), self.calls.take_news());
        self.weight.step(&own, best, news, &self.settings, now)
    }

    /// Opens the breaker when calls hang: whoever waits for a time-out of minutes learns of an outage too late. Returns whether
    /// it opened.
    pub fn note_hanging(&mut self, now: Moment) -> bool {
        let min = Duration::from_millis(self.settings.min_hanging_ms);
        let hanging = self.calls.hanging(min, self.opened_at, now.monotonic);
        let was_open = self.breaker.probe_at().is_some();
        self.breaker.note_hanging(hanging, now);
        let has_opened = !was_open && self.breaker.probe_at().is_some();
        if has_opened {
            self.opened_at = now.monotonic;
            self.cells.reset();
        }
        has_opened
    }

    /// Whether it takes any message now.
    pub(super) fn is_available(&self, now: Moment) -> bool {
        self.breaker.is_closed() && self.admits(false, now).is_ok()
    }

    /// The part of its weight that its health leaves it, in `0.0..=1.0`.
    pub fn live_weight(&self) -> f64 {
        self.weight.part()
    }

    /// The last change of its live weight.
    pub fn last_shift(&self) -> Option<WeightShift> {
        self.weight.last_shift()
    }

    /// How many calls a second ended lately.
    pub fn rate(&self, now: MonotonicTime) -> f64 {
        self.calls.rate(now)
    }

    /// How long half of its calls take, and 99 of 100.
    pub fn percentiles(&self) -> Option<(Duration, Duration)> {
        self.calls.percentiles()
    }

    /// The cells that are not well, and the breaker of each.
    pub fn unwell_cells(&self, now: MonotonicTime) -> impl Iterator<Item = (&HealthCell, &Breaker)> {
        self.cells.unwell(now)
    }

    /// How long the provider is not called after this outcome, if it asked for that: whatever became of the message, the provider
    /// says when to come back (RFC 9110, section 10.2.3).
    fn pause(&self, signal: HealthSignal, outcome: &Outcome) -> Option<Duration> {
        let unless_now = |wait: &Duration| !wait.is_zero();
        let asked = match (signal, outcome) {
            (HealthSignal::Throttle { retry_after }, _) => {
                let wait = retry_after.filter(unless_now);
                wait.unwrap_or(Duration::from_millis(self.settings.throttle_ms))
            }
            (_, Outcome::Unknown { retry_after, .. }) => retry_after.filter(unless_now)?,
            _ => return None,
        };
        Some(asked.min(Duration::from_millis(self.settings.max_throttle_ms)))
    }

    /// Puts an operator's control in force. Taking a provider back into service closes its breaker and ends its limits: the
    /// operator knows better than our last calls.
    pub fn set_control(&mut self, control: ProviderControl) {
        if control.mode == ControlMode::InService {
            self.breaker.close();
            self.cells.reset();
            self.calls.begin_anew();
            self.weight.restore();
            self.receipts = ReceiptStatistics::new();
            self.refusals = RefusalStatistics::default();
            self.throttled_until = None;
            self.rate = AdaptiveRate::default();
        }
        self.control = Some(control);
    }

    /// The operator's control, if there is one.
    pub fn control(&self) -> Option<&ProviderControl> {
        self.control.as_ref()
    }

    /// The breaker's state at `now`.
    pub fn breaker(&self, now: MonotonicTime) -> BreakerState {
        self.breaker.state(now)
    }

    /// When an open breaker lets the next probe through.
    pub fn probe_at(&self) -> Option<MonotonicTime> {
        self.breaker.probe_at()
    }

    /// Why the breaker last opened, and when; `None` once it is closed.
    pub fn trip(&self) -> Option<BreakerTrip> {
        self.breaker.trip()
    }

    /// The calls in the breaker's window.
    pub fn recent(&self, now: MonotonicTime) -> CallCounts {
        self.breaker.recent(now)
    }

    /// Until when the provider asked us to slow down, while that lies ahead.
    pub fn throttled_until(&self, now: MonotonicTime) -> Option<MonotonicTime> {
        self.throttled_until.filter(|until| now < *until)
    }

    /// The rate that the provider bears, in calls a second, as far as its throttles told; `None` while nothing limits it.
    pub fn learned_rate(&self, now: MonotonicTime) -> Option<f64> {
        self.rate.per_second(now)
    }

    /// Calls in flight.
    pub fn in_flight(&self) -> u32 {
        self.calls.in_flight()
    }

    /// The last failure.
    pub fn last_failure(&self) -> Option<&ProviderFailure> {
        self.last_failure.as_ref()
    }
}

/// Whether a provider refused the message, for whatever it says of it or of its address. An opt-out is the person's word.
fn is_refusal(outcome: &Outcome) -> bool {
    let Outcome::Rejected { cause, .. } = outcome else { return false };
    matches!(cause, Rejection::Policy | Rejection::Content | Rejection::Address { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ThrottleScope, Timestamp};

    fn date(ms: u64) -> Timestamp {
        Timestamp::from_millisecond(ms.cast_signed()).unwrap()
    }

    /// A moment of a calendar that nobody sets.
    fn at(ms: u64) -> Moment {
        Moment { calendar: date(ms), monotonic: MonotonicTime::from_origin(Duration::from_millis(ms)) }
    }

    fn control(mode: ControlMode, expire_at: Option<Timestamp>) -> ProviderControl {
        ProviderControl { mode, reason: "test".into(), actor: "ana".into(), updated_at: date(0), expire_at }
    }

    #[test]
    fn out_of_service_stands_above_a_closed_breaker_until_it_expires() {
        let mut health = ProviderHealth::new(HealthSettings::default());
        health.set_control(control(ControlMode::OutOfService, Some(date(10))));
        assert_eq!(health.admits(true, at(9)), Err(AdmissionRefusal::OutOfService { until: Some(date(10)) }));
        assert_eq!(health.admits(true, at(10)), Ok(()));
    }

    #[test]
    fn draining_takes_only_what_was_tried_before() {
        let mut health = ProviderHealth::new(HealthSettings::default());
        health.set_control(control(ControlMode::Draining, None));
        assert_eq!(health.admits(false, at(0)), Err(AdmissionRefusal::Draining { until: None }));
        assert_eq!(health.admits(true, at(0)), Ok(()));
    }

    fn throttled(seconds: u64) -> ProviderHealth {
        let mut health = ProviderHealth::new(HealthSettings::default());
        let permit = health.permit(CallScope::default(), false, at(0)).unwrap();
        let outcome = Outcome::Throttled {
            retry_after: Some(Duration::from_secs(seconds)),
            scope: ThrottleScope::Provider,
            evidence: OutcomeEvidence::default(),
        };
        health.record(permit, &outcome, at(0));
        health
    }

    #[test]
    fn a_wait_is_kept_whatever_became_of_the_message() {
        let mut health = ProviderHealth::new(HealthSettings::default());
        let permit = health.permit(CallScope::default(), false, at(0)).unwrap();
        let outcome = Outcome::Unknown {
            retry_after: Some(Duration::from_secs(2)),
            evidence: OutcomeEvidence::default(),
        };
        health.record(permit, &outcome, at(0));
        assert_eq!(
            health.recent(at(0).monotonic),
            CallCounts { calls: 1, failures: 1 },
            "it failed all the same"
        );
        let wait = Duration::from_millis(1);
        assert_eq!(health.admits(false, at(1_999)), Err(AdmissionRefusal::Throttled { wait }));
        assert_eq!(health.admits(false, at(2_000)), Ok(()));
    }

    #[test]
    fn a_throttle_teaches_a_rate_until_an_operator_knows_better() {
        let mut health = throttled(2);
        assert!(health.learned_rate(at(2_000).monotonic).is_some());
        health.set_control(control(ControlMode::InService, None));
        assert_eq!(health.learned_rate(at(2_000).monotonic), None);
    }

    #[test]
    fn what_this_machine_could_not_do_says_nothing_about_the_provider() {
        let mut health = ProviderHealth::new(HealthSettings::default());
        let outcome = Outcome::LocalFailure { evidence: OutcomeEvidence::default() };
        for ms in 0..100 {
            let permit = health.permit(CallScope::default(), false, at(ms)).unwrap();
            health.record(permit, &outcome, at(ms));
        }
        assert_eq!(
            (health.breaker(at(100).monotonic), health.recent(at(100).monotonic), health.in_flight()),
            (BreakerState::Closed, CallCounts::default(), 0)
        );
    }

    #[test]
    fn a_throttle_without_a_wait_pauses_it_all_the_same() {
        assert_eq!(
            throttled(0).admits(false, at(0)),
            Err(AdmissionRefusal::Throttled { wait: Duration::from_secs(1) })
        );
    }

    #[test]
    fn a_throttle_pauses_it_and_counts_as_no_failure() {
        let health = throttled(2);
        assert_eq!(
            health.admits(false, at(1_999)),
            Err(AdmissionRefusal::Throttled { wait: Duration::from_millis(1) })
        );
        assert_eq!(health.admits(false, at(2_000)), Ok(()));
        assert_eq!(health.recent(at(1).monotonic), CallCounts { calls: 1, failures: 0 });
    }

    #[test]
    fn a_calendar_that_is_set_moves_no_throttle_and_ends_a_control_when_it_says_so() {
        let health = throttled(2);
        let hour = 3_600_000;
        let set_forward = Moment { calendar: date(hour), ..at(1_999) };
        assert!(health.admits(false, set_forward).is_err());
        let set_back = Moment { calendar: date(0), ..at(2_000) };
        assert_eq!(health.admits(false, set_back), Ok(()));
        let mut health = ProviderHealth::new(HealthSettings::default());
        health.set_control(control(ControlMode::OutOfService, Some(date(hour))));
        assert_eq!(health.admits(false, set_forward), Ok(()));
    }
}
