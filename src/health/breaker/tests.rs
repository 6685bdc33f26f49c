use super::*;

fn at(ms: u64) -> MonotonicTime {
    MonotonicTime::from_origin(Duration::from_millis(ms))
}

fn date(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

/// A moment of a calendar that nobody sets.
fn moment(ms: u64) -> Moment {
    Moment { calendar: date(ms.cast_signed()), monotonic: at(ms) }
}

/// Makes a call, and opens the breaker when it says that it should be.
fn call(breaker: &mut Breaker, signal: HealthSignal, now: Moment) {
    let permit = breaker.permit(now.monotonic).unwrap();
    if let Some(reason) = breaker.record(permit, signal, now) {
        breaker.open(reason, now);
    }
}

fn fail(breaker: &mut Breaker, ms: u64) {
    call(breaker, HealthSignal::Failure, moment(ms));
}

/// Opens for five seconds, and then for up to ten.
fn settings() -> HealthSettings {
    HealthSettings { open_ms: 5_000, max_open_ms: 10_000, ..HealthSettings::default() }
}

fn open_breaker() -> Breaker {
    let mut breaker = Breaker::new(settings());
    (0..5).for_each(|_| fail(&mut breaker, 0));
    breaker
}

#[test]
fn a_run_of_failures_opens_it_and_nothing_passes() {
    let breaker = open_breaker();
    assert_eq!(breaker.state(at(4_999)), BreakerState::Open);
    assert_eq!(breaker.admits(at(4_999)), Err(BreakerRefusal { wait: Duration::from_millis(1) }));
    let reason = TripReason::ConsecutiveFailures { failures: 5 };
    assert_eq!(breaker.trip(), Some(BreakerTrip { reason, at: date(0) }));
}

#[test]
fn a_ratio_of_failures_opens_it() {
    let mut breaker = Breaker::new(HealthSettings::default());
    for number in 0..20 {
        assert_eq!(breaker.state(at(number)), BreakerState::Closed, "call {number}");
        let signal = if number % 2 == 0 { HealthSignal::Success } else { HealthSignal::Failure };
        call(&mut breaker, signal, moment(number));
    }
    assert_eq!(breaker.state(at(20)), BreakerState::Open);
    let reason = TripReason::FailureRatio { failures: 10, calls: 20 };
    assert_eq!(breaker.trip(), Some(BreakerTrip { reason, at: date(19) }));
}

#[test]
fn failures_outside_the_window_are_forgotten() {
    let settings = HealthSettings { consecutive_failures: 100, ..HealthSettings::default() };
    let mut breaker = Breaker::new(settings);
    (0..19).for_each(|_| fail(&mut breaker, 0));
    fail(&mut breaker, 60_000);
    assert_eq!(breaker.state(at(60_000)), BreakerState::Closed);
    assert_eq!(breaker.recent(at(60_000)), CallCounts { calls: 1, failures: 1 });
}

/// Envoy's outlier detection once needed more of them each time (envoyproxy/envoy, issue 40697).
#[test]
fn as_many_failures_open_it_however_often_it_opened_before() {
    let mut breaker = Breaker::new(settings());
    let mut ms = 0;
    for round in 0..5 {
        for failures in 1..=5 {
            assert_eq!(breaker.state(at(ms)), BreakerState::Closed, "round {round}, {failures}");
            fail(&mut breaker, ms);
            ms += 1;
        }
        assert_eq!(breaker.state(at(ms)), BreakerState::Open, "round {round}");
        ms += 5_000;
        (0..2).for_each(|_| call(&mut breaker, HealthSignal::Success, moment(ms)));
    }
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
    assert_eq!(breaker.trip(), Some(BreakerTrip { reason: TripReason::ProbeFailed, at: date(5_000) }));
    for ms in [15_000, 15_001] {
        let probe = breaker.permit(at(ms)).unwrap();
        breaker.record(probe, HealthSignal::Success, moment(ms));
    }
    assert_eq!(breaker.state(at(15_001)), BreakerState::Closed);
    assert_eq!(breaker.trip(), None);
}

#[test]
fn an_answer_from_before_the_opening_changes_nothing() {
    let mut breaker = Breaker::new(HealthSettings::default());
    let late = breaker.permit(at(0)).unwrap();
    (0..5).for_each(|_| fail(&mut breaker, 0));
    breaker.record(late, HealthSignal::Success, moment(5_000));
    let probe = breaker.permit(at(5_000)).unwrap();
    assert_eq!(breaker.state(at(5_000)), BreakerState::HalfOpen);
    breaker.cancel(probe);
}

#[test]
fn a_probe_of_an_earlier_half_open_phase_neither_closes_it_nor_frees_a_probe() {
    let settings = HealthSettings { probes: 2, successes_to_close: 1, ..HealthSettings::default() };
    let mut breaker = Breaker::new(settings);
    (0..5).for_each(|_| fail(&mut breaker, 0));
    let (late, dropped) = (breaker.permit(at(5_000)).unwrap(), breaker.permit(at(5_000)));
    breaker.cancel(dropped.unwrap());
    fail(&mut breaker, 5_001);
    let probes = [breaker.permit(at(15_001)).unwrap(), breaker.permit(at(15_001)).unwrap()];
    breaker.record(late, HealthSignal::Success, moment(15_002));
    assert_eq!(breaker.state(at(15_002)), BreakerState::HalfOpen);
    assert!(breaker.permit(at(15_002)).is_err(), "both probes are still in flight");
    probes.into_iter().for_each(|probe| assert!(breaker.cancel(probe)));
}

#[test]
fn wrong_credentials_open_it_at_once() {
    let mut breaker = Breaker::new(HealthSettings::default());
    call(&mut breaker, HealthSignal::Broken, moment(0));
    let reason = TripReason::Misconfigured;
    assert_eq!(breaker.trip(), Some(BreakerTrip { reason, at: date(0) }));
    assert_eq!(breaker.state(at(0)), BreakerState::Open);
}

#[test]
fn a_calendar_that_is_set_moves_no_probe() {
    for set_to in [0, 7_200_000] {
        let noon = Moment { calendar: date(3_600_000), monotonic: at(0) };
        let mut breaker = Breaker::new(settings());
        for _ in 0..5 {
            call(&mut breaker, HealthSignal::Failure, noon);
        }
        assert_eq!(breaker.state(at(4_999)), BreakerState::Open);
        let probe = breaker.permit(at(5_000)).unwrap();
        breaker.record(probe, HealthSignal::Failure, Moment { calendar: date(set_to), monotonic: at(5_000) });
        assert_eq!(breaker.probe_at(), Some(at(15_000)));
        assert_eq!(
            breaker.trip().map(|trip| trip.at),
            Some(date(set_to)),
            "people read what the calendar said"
        );
    }
}
