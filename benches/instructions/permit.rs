//! `health::Health::permit`: leave to call a provider, in each state of its breaker.

use std::hint::black_box;
use std::time::Duration;

use gungraun::{library_benchmark, library_benchmark_group};

use relevo::health::{BreakerPermit, BreakerState, HealthSettings, ProviderHealth};
use relevo::model::{AdmissionRefusal, Outcome, OutcomeEvidence, Timestamp, later};

use crate::harness::{CALLS, repeat};
use crate::person::noon;

/// A provider, and when leave to call it is asked for.
pub struct Asked {
    health: ProviderHealth,
    now: Timestamp,
}

impl Asked {
    /// A provider that ten calls went to, and ended so.
    fn after(outcome: &Outcome) -> Self {
        let mut health = ProviderHealth::new(HealthSettings::default());
        for _ in 0..10 {
            if let Ok(permit) = health.permit(false, noon()) {
                health.record(permit, outcome, noon());
            }
        }
        Self { health, now: noon() }
    }

    fn permit(&mut self) -> Result<BreakerPermit, AdmissionRefusal> {
        self.health.permit(false, self.now)
    }

    fn expecting(self, state: BreakerState) -> Self {
        assert_eq!(self.health.breaker(self.now), state);
        self
    }
}

/// A provider for each call, as a call changes it. They are never freed, so that nothing but the calls is counted.
fn providers(asked: fn() -> Asked) -> &'static mut [Asked] {
    (0..CALLS).map(|_| asked()).collect::<Vec<_>>().leak()
}

fn failing() -> Asked {
    Asked::after(&Outcome::Unavailable { evidence: OutcomeEvidence::new(503, "try later") })
}

fn closed() -> Asked {
    Asked::after(&Outcome::Sent { reference: "SM0123456789".to_owned() }).expecting(BreakerState::Closed)
}

fn open() -> Asked {
    failing().expecting(BreakerState::Open)
}

/// The first to ask once the breaker's time has come: a probe.
fn half_open() -> Asked {
    let wait = Duration::from_millis(HealthSettings::default().open_ms);
    Asked { now: later(noon(), wait), ..failing() }.expecting(BreakerState::HalfOpen)
}

/// The next to ask while that probe is in flight.
fn half_open_probing() -> Asked {
    let mut asked = half_open();
    let _probe = asked.permit().expect("a probe");
    asked
}

#[library_benchmark]
#[bench::closed(args = (closed), setup = providers)]
#[bench::open(args = (open), setup = providers)]
#[bench::half_open(args = (half_open), setup = providers)]
#[bench::half_open_probing(args = (half_open_probing), setup = providers)]
fn permit(asked: &'static mut [Asked]) {
    let mut asked = asked.iter_mut();
    repeat(|| asked.next().map(|gate| black_box(gate).permit()));
}

library_benchmark_group!(name = health_room, benchmarks = [permit]);
