//! `health::ProviderHealth::permit`: the permit for a call, in each state of the provider's breaker.

use std::hint::black_box;
use std::time::Duration;

use gungraun::{library_benchmark, library_benchmark_group};

use relevo::health::{HealthPermit, HealthSettings, ProviderHealth};
use relevo::model::{
    Address, AdmissionRefusal, BreakerState, CallScope, Moment, MonotonicTime, Outcome, OutcomeEvidence,
    Phone, RenderedContent,
};

use crate::harness::{CALLS, repeat};
use crate::recipient::noon;

/// The health of a provider, and the time at which a permit is asked for.
pub struct BreakerCase {
    health: ProviderHealth,
    now: Moment,
}

fn at_noon() -> Moment {
    Moment { calendar: noon(), monotonic: MonotonicTime::default() }
}

/// A call of one sender to one country.
fn scope() -> CallScope {
    let address = Address::Phone(Phone::parse("+34600123456", None).expect("a number"));
    CallScope::new(Some("Acme"), &address, &RenderedContent::Text("Hi".to_owned()))
}

impl BreakerCase {
    /// A provider after ten calls with this outcome.
    fn after(outcome: &Outcome) -> Self {
        let mut health = ProviderHealth::new(HealthSettings::default());
        for _ in 0..10 {
            if let Ok(permit) = health.permit(scope(), false, at_noon()) {
                health.record(permit, outcome, at_noon());
            }
        }
        Self { health, now: at_noon() }
    }

    fn permit(&mut self) -> Result<HealthPermit, AdmissionRefusal> {
        self.health.permit(scope(), false, self.now)
    }

    fn expecting(self, state: BreakerState) -> Self {
        assert_eq!(self.health.breaker(self.now.monotonic), state);
        self
    }
}

/// A provider for each call, as a call changes it. They are never freed, so that only the calls are counted.
fn providers(case: fn() -> BreakerCase) -> &'static mut [BreakerCase] {
    (0..CALLS).map(|_| case()).collect::<Vec<_>>().leak()
}

fn failing() -> BreakerCase {
    BreakerCase::after(&Outcome::Unavailable { evidence: OutcomeEvidence::new(503, "try later") })
}

fn closed() -> BreakerCase {
    BreakerCase::after(&Outcome::sent("SM0123456789")).expecting(BreakerState::Closed)
}

fn open() -> BreakerCase {
    failing().expecting(BreakerState::Open)
}

/// The first permit after the open time of the breaker: a probe.
fn half_open() -> BreakerCase {
    let wait = Duration::from_millis(HealthSettings::default().open_ms);
    BreakerCase { now: at_noon().after(wait), ..failing() }.expecting(BreakerState::HalfOpen)
}

/// The next permit while that probe is in flight.
fn half_open_probing() -> BreakerCase {
    let mut case = half_open();
    let _probe = case.permit().expect("a probe");
    case
}

#[library_benchmark]
#[bench::closed(args = (closed), setup = providers)]
#[bench::open(args = (open), setup = providers)]
#[bench::half_open(args = (half_open), setup = providers)]
#[bench::half_open_probing(args = (half_open_probing), setup = providers)]
fn permit(cases: &'static mut [BreakerCase]) {
    let mut cases = cases.iter_mut();
    repeat(|| cases.next().map(|case| black_box(case).permit()));
}

library_benchmark_group!(name = health_room, benchmarks = [permit]);
