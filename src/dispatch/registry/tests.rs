//! What moves live weights, and who learns of a permit that is free again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::health::WeightReason;
use crate::model::{Channel, OutcomeEvidence, Rejection};

fn start() -> Moment {
    Moment { calendar: "2026-06-01T12:00:00Z".parse().unwrap(), monotonic: MonotonicTime::default() }
}

fn provider(name: &str) -> Provider {
    Provider {
        name: name.parse().unwrap(),
        channel: Channel::Sms,
        kind: "sandbox".into(),
        failure_domain: name.into(),
        tier: 1,
        weight: 1,
        brands: Vec::new(),
        senders: BTreeMap::new(),
        user_ids_of: None,
        repeat_window: None,
    }
}

/// A registry with one provider, whose breaker has been open for long enough to let a probe through.
fn half_open() -> (ProviderRegistry, ProviderName, Moment) {
    let name: ProviderName = "a".parse().unwrap();
    let registry = ProviderRegistry::new(vec![provider("a")], &HealthSettings::default(), Vec::new());
    let broken = Outcome::Misconfigured { evidence: OutcomeEvidence::default() };
    registry.permit(&name, CallScope::default(), false, start()).unwrap().finish(&broken, start());
    (registry, name, start().after(Duration::from_secs(3_600)))
}

/// Sends ten messages a second by each of two providers, and has those give the receipts of half a second ago that are not
/// silent. Returns the live weights after so many seconds.
fn send(registry: &ProviderRegistry, now: &mut Moment, seconds: u64, silent: &[&str]) -> Vec<f64> {
    let (step, delay) = (Duration::from_millis(100), Duration::from_millis(500));
    let names: Vec<ProviderName> = registry.providers().iter().map(|known| known.name.clone()).collect();
    for _ in 0..seconds * 10 {
        *now = now.after(step);
        for name in &names {
            let mut call = registry.permit(name, CallScope::default(), false, *now).unwrap();
            call.begin(now.monotonic);
            call.finish(&Outcome::sent("1"), *now);
            if !silent.contains(&name.as_str()) {
                registry.record_receipt(name, now.calendar - delay, *now);
            }
        }
        registry.rebalance(*now);
    }
    registry.statuses(*now).iter().map(|status| status.live_weight).collect()
}

#[test]
fn who_suddenly_refuses_is_left_until_it_takes_messages_again_and_when_all_refuse_nobody_moves() {
    let all = ["a", "b", "c"];
    let registry = ProviderRegistry::new(all.map(provider).to_vec(), &HealthSettings::default(), Vec::new());
    let mut now = start().after(Duration::from_secs(60));
    let mut send = |seconds: u64, refusing: &[&str]| {
        for _ in 0..seconds * 10 {
            now = now.after(Duration::from_millis(100));
            for name in all {
                let evidence = OutcomeEvidence::default();
                let outcome = match refusing.contains(&name) {
                    true => Outcome::Rejected { cause: Rejection::Policy, evidence },
                    false => Outcome::sent("1"),
                };
                let name = name.parse().unwrap();
                let mut call = registry.permit(&name, CallScope::default(), false, now).unwrap();
                call.begin(now.monotonic);
                call.finish(&outcome, now);
            }
            registry.rebalance(now);
        }
        registry.statuses(now).iter().map(|status| status.live_weight).collect::<Vec<f64>>()
    };
    assert_eq!(send(60, &[]), [1.0; 3]);
    let weights = send(8, &["a"]);
    assert!(weights[0] < 0.1 && weights[1..] == [1.0; 2], "{weights:?}");
    assert_eq!(send(30, &[]), [1.0; 3], "it takes them again");
    assert_eq!(send(20, &all), [1.0; 3], "the messages are to blame");
}

#[test]
fn who_takes_everything_and_delivers_nothing_is_left_until_receipts_come_and_when_all_are_late_nobody_moves()
{
    let all = ["a", "b", "c"];
    let registry = ProviderRegistry::new(all.map(provider).to_vec(), &HealthSettings::default(), Vec::new());
    let mut now = start().after(Duration::from_secs(60));
    assert_eq!(send(&registry, &mut now, 60, &[]), [1.0; 3]);
    let weights = send(&registry, &mut now, 6, &["a"]);
    assert!(weights[0] < 0.1 && weights[1..] == [1.0; 2], "{weights:?}");
    let shift = registry.status(&"a".parse().unwrap(), now).unwrap().last_shift.unwrap();
    assert!(matches!(shift.reason, WeightReason::Silent { share } if share > 0.2), "{shift:?}");
    assert_eq!(send(&registry, &mut now, 30, &[]), [1.0; 3], "receipts come again");
    assert_eq!(send(&registry, &mut now, 20, &all), [1.0; 3], "all are late");
    let unknown = "gone".parse().unwrap();
    registry.record_receipt(&unknown, now.calendar, now);
}

#[test]
fn a_released_permit_is_announced_only_when_it_is_not_acquired_again() {
    let (registry, name, now) = half_open();
    let call = registry.permit(&name, CallScope::default(), false, now).unwrap();
    assert!(registry.permit(&name, CallScope::default(), false, now).is_err(), "one probe at a time");
    let mut changes = registry.subscribe();
    let released = call.release();
    let call = registry.permit(&name, CallScope::default(), false, now).unwrap();
    released.reacquired();
    assert!(!changes.has_changed().unwrap());
    drop(call.release());
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    drop(registry.permit(&name, CallScope::default(), false, now).unwrap());
    assert!(changes.has_changed().unwrap());
}
