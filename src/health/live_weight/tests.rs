use super::*;

fn at(ms: u64) -> Moment {
    let calendar = Timestamp::from_millisecond(ms.cast_signed()).unwrap();
    Moment { calendar, monotonic: MonotonicTime::from_origin(Duration::from_millis(ms)) }
}

fn report(failure_share: f64, late_share: f64, ms: u64) -> CallReport {
    CallReport {
        failure_share,
        late_share,
        duration: Some(Duration::from_millis(ms)),
        silence: 0.0,
        refusals: 0.0,
    }
}

fn silent(silence: f64) -> CallReport {
    CallReport { silence, ..GOOD }
}

const GOOD: CallReport = CallReport {
    failure_share: 0.0,
    late_share: 0.0,
    duration: Some(Duration::from_millis(80)),
    silence: 0.0,
    refusals: 0.0,
};

/// The part after `seconds` of steps, four a second, with a call that goes well before each.
fn after(weight: &mut LiveWeight, own: CallReport, best: Option<CallReport>, from: u64, seconds: u64) -> f64 {
    let settings = HealthSettings::default();
    for ms in (from..from + seconds * 1_000).step_by(250) {
        weight.step(&own, best.as_ref(), 1, &settings, at(ms));
    }
    weight.part()
}

#[test]
fn a_provider_that_does_worse_than_another_keeps_little() {
    for (own, least, most) in [
        (report(0.3, 0.0, 80), 0.02, 0.02),
        (report(0.0, 0.9, 80), 0.02, 0.02),
        (report(0.0, 0.0, 6_000), 0.02, 0.03),
        (report(0.0, 0.0, 800), 0.19, 0.21),
        (report(0.04, 0.0, 150), 1.0, 1.0),
        (silent(0.9), 0.02, 0.02),
        (silent(0.3), 0.09, 0.11),
        (silent(0.04), 1.0, 1.0),
    ] {
        let part = after(&mut LiveWeight::new(), own, Some(GOOD), 1_000, 2);
        assert!((least..=most).contains(&part), "{own:?} keeps {part}");
    }
}

#[test]
fn when_all_are_slow_or_alone_nobody_moves() {
    let bad = CallReport { silence: 0.9, ..report(0.4, 0.9, 6_000) };
    assert_eq!(after(&mut LiveWeight::new(), bad, Some(bad), 0, 10), 1.0);
    assert_eq!(after(&mut LiveWeight::new(), bad, None, 0, 10), 1.0);
}

#[test]
fn it_rises_in_steps_that_are_earned_and_more_slowly_after_several_falls() {
    let mut weight = LiveWeight::new();
    let bad = report(0.9, 0.0, 80);
    assert_eq!(after(&mut weight, bad, Some(GOOD), 0, 3), 0.02);
    let halfway = after(&mut weight, GOOD, Some(GOOD), 3_000, 3);
    assert!((0.1..0.5).contains(&halfway), "{halfway}");
    let seconds = |weight: &mut LiveWeight, from: u64| {
        (1..100).find(|second| after(weight, GOOD, Some(GOOD), from + second * 1_000, 1) >= 1.0).unwrap()
    };
    let first = seconds(&mut weight, 6_000);
    for fall in 1..4 {
        after(&mut weight, bad, Some(GOOD), fall * 20_000, 3);
        after(&mut weight, GOOD, Some(GOOD), fall * 20_000 + 3_000, 17);
    }
    after(&mut weight, bad, Some(GOOD), 100_000, 3);
    let later = seconds(&mut weight, 103_000);
    assert!(first <= 6 && later > first + 3, "{first} s, then {later} s");
}

#[test]
fn without_calls_it_rises_but_slowly() {
    let (mut weight, settings) = (LiveWeight::new(), HealthSettings::default());
    after(&mut weight, report(0.9, 0.0, 80), Some(GOOD), 0, 3);
    for ms in (3_000..13_000).step_by(250) {
        weight.step(&GOOD, Some(&GOOD), 0, &settings, at(ms));
    }
    assert!((0.04..0.1).contains(&weight.part()), "{}", weight.part());
}

#[test]
fn changes_of_a_tenth_are_told_with_their_reason_and_not_each_step() {
    let (mut weight, settings) = (LiveWeight::new(), HealthSettings::default());
    let bad = report(0.0, 0.0, 800);
    let told: Vec<WeightShift> =
        (0..100).filter_map(|step| weight.step(&bad, Some(&GOOD), 1, &settings, at(step * 250))).collect();
    let slow = WeightReason::Slow { duration: Duration::from_millis(800), best: Duration::from_millis(80) };
    assert!((1..=4).contains(&told.len()), "{told:?}");
    assert!(told.iter().all(|shift| shift.reason == slow), "{told:?}");
    assert_eq!(told[0].reason.to_string(), "its calls take 800 ms, others 80 ms");
    let shift = LiveWeight::new().step(&silent(0.6), Some(&GOOD), 1, &settings, at(0)).unwrap();
    assert_eq!(shift.reason.to_string(), "60 % of its messages have no receipt in time");
    let shift = weight.breaker_closed(at(100_000)).unwrap();
    assert_eq!((shift.reason, shift.to), (WeightReason::BreakerClosed, WEIGHT_AFTER_CLOSING));
}
