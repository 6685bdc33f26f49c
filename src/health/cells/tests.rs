use super::*;
use crate::health::{HealthPermit, ProviderHealth};
use crate::model::{Address, Outcome, OutcomeEvidence, Phone, RenderedContent, Timestamp};

fn at(ms: u64) -> Moment {
    let calendar = Timestamp::from_millisecond(ms.cast_signed()).unwrap();
    Moment { calendar, monotonic: MonotonicTime::from_origin(Duration::from_millis(ms)) }
}

/// Whom a call is for: a sender, and the number that it goes to.
fn scope(sender: &str, number: &str) -> CallScope {
    let address = Address::Phone(Phone::parse(number, None).unwrap());
    CallScope::new(Some(sender), &address, &RenderedContent::Text("Hi".to_owned()))
}

const SPAIN: &str = "+34600123456";
const UK: &str = "+447700900123";
const FRANCE: &str = "+33612345678";

fn unavailable() -> Outcome {
    Outcome::Unavailable { evidence: OutcomeEvidence::default() }
}

fn misconfigured() -> Outcome {
    Outcome::Misconfigured { evidence: OutcomeEvidence::default() }
}

/// A provider and its clock, which goes on by 10 ms with each call.
struct Case {
    health: ProviderHealth,
    ms: u64,
}

impl Case {
    fn new() -> Self {
        Self { health: ProviderHealth::new(HealthSettings::default()), ms: 0 }
    }

    fn permit(&mut self, scope: CallScope) -> Option<HealthPermit> {
        self.ms += 10;
        self.health.permit(scope, false, at(self.ms)).ok()
    }

    /// Makes a call if it is permitted, and says whether it was.
    fn call(&mut self, scope: CallScope, outcome: &Outcome) -> bool {
        let Some(permit) = self.permit(scope) else { return false };
        self.health.record(permit, outcome, at(self.ms));
        true
    }

    fn provider(&self) -> BreakerState {
        self.health.breaker(at(self.ms).monotonic)
    }

    fn unwell(&self) -> Vec<String> {
        self.health.unwell_cells(at(self.ms).monotonic).map(|(cell, _)| cell.to_string()).collect()
    }
}

#[test]
fn a_country_that_fails_alone_is_left_alone() {
    let mut case = Case::new();
    let mut refused = 0;
    for turn in 0..200 {
        let number = [SPAIN, UK, FRANCE][turn % 3];
        let outcome = if number == SPAIN { unavailable() } else { Outcome::sent("1") };
        let sender = ["acme", "globex"][turn % 2];
        let called = case.call(scope(sender, number), &outcome);
        assert!(called || number == SPAIN, "turn {turn}: {sender} to {number}");
        refused += usize::from(!called);
    }
    assert_eq!((case.provider(), case.unwell()), (BreakerState::Closed, vec!["country +34".to_owned()]));
    assert!(refused >= 60, "{refused}");
}

#[test]
fn a_sender_that_is_refused_stops_nobody_else() {
    for outcome in [unavailable(), misconfigured()] {
        let mut case = Case::new();
        case.call(scope("globex", UK), &Outcome::sent("1"));
        case.call(scope("acme", SPAIN), &Outcome::sent("1"));
        for turn in 0..40 {
            case.call(scope("acme", [SPAIN, UK][turn % 2]), &outcome);
        }
        assert_eq!((case.provider(), case.unwell()), (BreakerState::Closed, vec!["sender acme".to_owned()]));
        assert!(!case.call(scope("acme", FRANCE), &outcome));
        for turn in 0..40 {
            assert!(case.call(scope("globex", [SPAIN, UK][turn % 2]), &Outcome::sent("1")), "turn {turn}");
        }
    }
}

#[test]
fn what_fails_for_two_senders_and_two_countries_is_the_providers() {
    for outcome in [unavailable(), misconfigured()] {
        let mut case = Case::new();
        for sender in ["acme", "globex", "hooli"] {
            case.call(scope(sender, UK), &Outcome::sent("1"));
            case.call(scope(sender, SPAIN), &Outcome::sent("1"));
        }
        // All failures are acme's until globex fails once, too.
        (0..5).for_each(|_| {
            case.call(scope("acme", SPAIN), &outcome);
        });
        assert_eq!((case.provider(), case.unwell()), (BreakerState::Closed, vec!["sender acme".to_owned()]));
        case.call(scope("globex", UK), &outcome);
        assert_eq!((case.provider(), case.unwell()), (BreakerState::Open, vec![]));
    }
}

#[test]
fn a_provider_of_one_sender_and_one_country_has_nobody_else_to_blame() {
    let mut case = Case::new();
    case.call(scope("acme", SPAIN), &Outcome::sent("1"));
    (0..5).for_each(|_| {
        case.call(scope("acme", SPAIN), &unavailable());
    });
    assert_eq!((case.provider(), case.unwell()), (BreakerState::Open, vec![]));
}

#[test]
fn when_the_last_country_that_was_well_fails_it_is_the_provider() {
    let mut case = Case::new();
    case.call(scope("acme", UK), &Outcome::sent("1"));
    let fail = |case: &mut Case, number| {
        (0..5).for_each(|_| {
            case.call(scope("acme", number), &unavailable());
        });
    };
    fail(&mut case, SPAIN);
    assert_eq!((case.provider(), case.unwell()), (BreakerState::Closed, vec!["country +34".to_owned()]));
    case.call(scope("acme", UK), &Outcome::sent("1"));
    fail(&mut case, UK);
    assert_eq!((case.provider(), case.unwell()), (BreakerState::Open, vec![]));
}

#[test]
fn a_share_of_failures_is_a_countrys_when_the_others_work() {
    let mut case = Case::new();
    for turn in 0..400 {
        let spain = scope("acme", SPAIN);
        let good = if turn % 4 == 0 { Outcome::sent("1") } else { unavailable() };
        case.call(spain, &good);
        case.call(scope("acme", UK), &Outcome::sent("1"));
    }
    assert_eq!((case.provider(), case.unwell()), (BreakerState::Closed, vec!["country +34".to_owned()]));
}

#[test]
fn a_cell_recovers_by_its_own_probes() {
    let mut case = Case::new();
    case.call(scope("globex", UK), &Outcome::sent("1"));
    (0..5).for_each(|_| {
        case.call(scope("acme", UK), &unavailable());
    });
    assert_eq!(case.unwell(), ["sender acme"]);
    case.ms += 5_000;
    let probe = case.permit(scope("acme", UK)).unwrap();
    assert!(case.permit(scope("acme", SPAIN)).is_none(), "one probe at a time");
    assert!(case.health.cancel(probe), "another probe may be made");
    for _ in 0..2 {
        assert!(case.call(scope("acme", UK), &Outcome::sent("1")));
    }
    assert_eq!(case.unwell(), Vec::<String>::new());
}

#[test]
fn cells_are_bounded_and_those_without_calls_make_room() {
    let settings = HealthSettings::default();
    let mut table = CellTable::new(settings);
    let call = |table: &mut CellTable, number: usize, ms: u64| {
        let permits = table.permit(&scope(&format!("s{number}"), UK), at(ms).monotonic).unwrap();
        table.cancel(permits);
    };
    (0..2 * MAX_CELLS).for_each(|number| call(&mut table, number, 0));
    assert_eq!(table.cells.len(), MAX_CELLS);
    call(&mut table, 5 * MAX_CELLS, 600_000);
    assert_eq!(table.cells.len(), 2, "the country, and one sender");
}
