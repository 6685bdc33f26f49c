use proptest::prelude::*;

use super::simulation::{Answer, Limit, Simulation, Tally};
use super::*;

fn at(seconds: f64) -> MonotonicTime {
    MonotonicTime::from_origin(Duration::from_secs_f64(seconds))
}

const PAUSE: Duration = Duration::from_secs(1);

/// What was taken of what a provider of this rate could take in `seconds`.
fn share(tally: Tally, rate: f64, seconds: f64) -> f64 {
    tally.taken / (rate * seconds)
}

fn limits() -> impl Strategy<Value = (f64, Limit)> {
    // As many slow providers as fast ones.
    let rate = || (0.0..3.0).prop_map(|exponent| 0.5 * 10_f64.powf(exponent));
    prop_oneof![
        rate().prop_map(|rate| (rate, Limit::Bucket { tokens: 1.0 })),
        (rate(), 0.0..2.0)
            .prop_map(|(rate, burst)| (rate, Limit::Bucket { tokens: 1.0 + burst * rate.max(5.0) })),
        (1..=500_u32).prop_map(|rate| (f64::from(rate), Limit::Window)),
    ]
}

prop_compose! {
    /// A provider, and a sender that can send at three times its rate.
    fn simulations()(
        (rate, limit) in limits(),
        answer in prop_oneof![Just(Answer::Plain), Just(Answer::RetryAfter)],
        latency in 0.01..0.4,
        more in 4..50_usize,
    ) -> Simulation {
        Simulation::new(rate, limit, answer, latency, (3.0 * rate * latency) as usize + more)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the limit, how it is counted and what the provider answers: soon nine tenths of it are used, and for twenty calls
    /// that are taken one at most is refused.
    #[test]
    fn what_a_provider_bears_is_found_and_kept(mut simulation in simulations()) {
        let rate = simulation.rate;
        simulation.run(f64::max(30.0, 40.0 / rate));
        let seconds = f64::max(120.0, 200.0 / rate);
        let tally = simulation.run(seconds);
        prop_assert!(share(tally, rate, seconds) >= 0.9, "{tally:?} of {rate}/s in {seconds} s");
        prop_assert!(tally.refused <= tally.taken / 20.0, "{tally:?} of {rate}/s in {seconds} s");
    }

    /// A limit that is doubled is used within minutes, and one that is halved is kept to within a minute or two, or so many calls
    /// where it is slow.
    #[test]
    fn a_limit_that_changes_is_followed(mut simulation in simulations()) {
        let rate = simulation.rate;
        simulation.run(f64::max(60.0, 100.0 / rate));
        simulation.rate = 2.0 * rate;
        simulation.run(f64::max(150.0, 250.0 / rate));
        let seconds = f64::max(20.0, 20.0 / rate);
        let doubled = simulation.run(seconds);
        prop_assert!(share(doubled, 2.0 * rate, seconds) >= 0.85, "{doubled:?} of {}/s", 2.0 * rate);
        simulation.rate = rate;
        simulation.run(f64::max(90.0, 120.0 / rate));
        let seconds = f64::max(60.0, 100.0 / rate);
        let halved = simulation.run(seconds);
        prop_assert!(share(halved, rate, seconds) >= 0.85, "{halved:?} of {rate}/s");
        prop_assert!(halved.refused <= (halved.taken / 20.0).max(2.0), "{halved:?} of {rate}/s");
    }
}

/// A rate that was refused after calls at ten a second for ten seconds.
fn refused_at_ten_a_second() -> AdaptiveRate {
    let mut rate = AdaptiveRate::default();
    for call in 0..100 {
        let now = at(f64::from(call) / 10.0);
        rate.taken(now, now);
        assert_eq!(rate.per_second(now), None, "nothing limits what was never refused");
    }
    rate.refused(at(10.0), PAUSE, 0, at(10.0));
    rate
}

#[test]
fn the_first_refusal_leaves_a_little_less_than_was_taken() {
    let rate = refused_at_ten_a_second().per_second(at(10.0)).unwrap();
    assert!((9.0..9.7).contains(&rate), "{rate}");
}

#[test]
fn calls_under_way_at_a_decrease_count_once_with_the_first() {
    let mut rate = refused_at_ten_a_second();
    let lowered = rate.per_second(at(10.0));
    for call in 1..50 {
        rate.refused(at(9.99), PAUSE, 50 - call, at(10.0 + f64::from(call) / 100.0));
        rate.taken(at(9.99), at(10.0 + f64::from(call) / 100.0));
    }
    assert_eq!(rate.per_second(at(11.0)), lowered);
}

#[test]
fn a_flood_that_is_refused_leaves_half_of_what_was_tried() {
    let mut rate = AdaptiveRate::default();
    rate.taken(at(0.0), at(0.1));
    rate.refused(at(0.0), PAUSE, 98, at(0.1));
    assert_eq!(rate.per_second(at(0.1)), Some(50.0));
}

#[test]
fn a_rate_that_nobody_needs_is_forgotten() {
    let mut rate = refused_at_ten_a_second();
    assert!(rate.per_second(at(600.0)).is_some());
    assert_eq!(rate.per_second(at(612.0)), None);

    // One call in five seconds is less than half of nine in one.
    for call in 0..130 {
        let now = at(11.0 + 5.0 * f64::from(call));
        rate.taken(now, now);
    }
    assert_eq!(rate.per_second(at(657.0)), None);
}

#[test]
fn a_limit_that_is_gone_limits_nothing_in_the_end() {
    let mut rate = refused_at_ten_a_second();
    let mut now = 11.0;
    while now < 700.0 {
        rate.taken(at(now), at(now));
        // Not before it was above what was refused for a while.
        let Some(per_second) = rate.per_second(at(now)) else { return assert!(now > 60.0, "{now}") };
        now += 1.0 / per_second;
    }
    panic!("nobody refuses any more, and {:?} limits still", rate.per_second(at(now)));
}

/// An hour's pause is no matter of calls a second, and its end none for a burst.
#[test]
fn after_a_long_pause_calls_begin_with_a_probe() {
    let (hour, mut rate) = (Duration::from_secs(3_600), AdaptiveRate::default());
    for call in 0..10 {
        let now = at(3_600.0 * f64::from(call));
        rate.refused(now, hour, 100, now);
        assert_eq!(rate.per_second(now.after(hour)), Some(1.0));
    }
    let now = at(36_000.0);
    for call in 0..200 {
        let per_second = rate.per_second(now).unwrap();
        assert!(call < 100 || per_second > 50.0, "a few seconds later it is fast again: {per_second}");
        rate.taken(now, now);
    }
}
