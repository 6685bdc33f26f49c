//! When incidents begin and end, what is kept of them, and what they mean for messages.

mod avoided_ways;

use std::time::Duration;

use super::*;
use crate::model::{
    Address, BrandId, BreakerState, CallScope, Channel, HealthCell, Incident, IncidentCause, IncidentEnd,
    IncidentImpact, IncidentUpdateDetail, MessageId, Moment, MonotonicTime, Phone, ProviderControl,
    ProviderControlChange, ProviderName, RecordedFailure, Timestamp,
};

const QUIET: Duration = Duration::from_secs(60);

/// So many seconds after the start, by both clocks.
fn at(seconds: u64) -> Moment {
    let calendar = Timestamp::from_second(1_800_000_000 + seconds.cast_signed()).unwrap();
    Moment { calendar, monotonic: MonotonicTime::from_origin(Duration::from_secs(10_000 + seconds)) }
}

fn name(text: &str) -> ProviderName {
    text.parse().unwrap()
}

fn brand(text: &str) -> BrandId {
    text.parse().unwrap()
}

fn breaker(state: BreakerState) -> ObservedBreaker {
    ObservedBreaker { state, opened_at: None, reason: String::new(), failure: None }
}

fn opened(reason: &str, seconds: u64) -> ObservedBreaker {
    let failure = RecordedFailure { brief: "unavailable: 503".into(), whole: "unavailable: 503 down".into() };
    ObservedBreaker {
        state: BreakerState::Open,
        opened_at: Some(at(seconds).calendar),
        reason: reason.into(),
        failure: Some(failure),
    }
}

fn well() -> ObservedHealth {
    ObservedHealth {
        breaker: breaker(BreakerState::Closed),
        live_weight: 1.0,
        shift: None,
        throttled_until: None,
        cells: Vec::new(),
    }
}

fn open(seconds: u64) -> ObservedHealth {
    ObservedHealth { breaker: opened("5 failures in a row", seconds), ..well() }
}

fn weight(to: f64, cause: Option<IncidentCause>, seconds: u64) -> ObservedHealth {
    let (at, reason) = (at(seconds).calendar, "12 % of its calls failed".into());
    let shift = ObservedShift { at, from: 1.0, to, cause, reason };
    ObservedHealth { live_weight: to, shift: Some(shift), ..well() }
}

fn country() -> (HealthCell, ObservedBreaker) {
    (HealthCell::Country("+34".parse().unwrap()), opened("5 failures in a row", 0))
}

/// A book, and the one provider that it is told of.
struct Case {
    book: IncidentBook,
    provider: ProviderName,
}

impl Case {
    fn new() -> Self {
        Self { book: IncidentBook::new(QUIET), provider: name("a") }
    }

    fn observe(&mut self, health: &ObservedHealth, seconds: u64) -> Vec<Incident> {
        self.book.observe(&self.provider, health, at(seconds))
    }

    fn only(&self) -> &Incident {
        let mut current = self.book.current();
        let only = current.next().expect("an incident");
        assert!(current.next().is_none());
        only
    }

    /// How many messages were rescued from a cell, or the whole provider.
    fn rescued(&self, cell: Option<&HealthCell>) -> u64 {
        let of = self.book.current().find(|incident| incident.cell.as_ref() == cell).unwrap();
        of.whole_impact().total_rescued()
    }

    /// What was seen and done, each with how often.
    fn updates(&self) -> Vec<String> {
        let text = |detail: &IncidentUpdateDetail| match detail {
            IncidentUpdateDetail::Breaker { state, reason, .. } => format!("{} {reason}", state.as_str()),
            IncidentUpdateDetail::Weight { from, to, .. } => format!("{from} to {to}"),
            IncidentUpdateDetail::Throttled { paused } => format!("paused {} s", paused.as_secs()),
            IncidentUpdateDetail::Control { mode, actor, .. } => format!("{} by {actor}", mode.as_str()),
        };
        let updates = self.only().updates.iter();
        updates.map(|update| format!("{}x {}", update.count, text(&update.detail).trim())).collect()
    }
}

#[test]
fn an_open_breaker_is_an_incident_until_all_was_well_for_the_quiet_time() {
    let mut case = Case::new();
    assert!(case.observe(&well(), 0).is_empty());
    let began = case.observe(&open(1), 1);
    assert!(began[0].is_open() && began.len() == 1);
    assert_eq!((began[0].cause, began[0].began_at), (IncidentCause::BreakerOpened, at(1).calendar));
    let half_open = ObservedHealth { breaker: breaker(BreakerState::HalfOpen), ..well() };
    assert!(case.observe(&half_open, 6).is_empty(), "the same incident");
    let light = weight(0.1, None, 7);
    assert!(case.observe(&light, 7).is_empty());
    assert!(case.observe(&light, 200).is_empty(), "the weight is not back");
    assert!(case.observe(&well(), 210).is_empty());
    assert!(case.observe(&well(), 269).is_empty());
    let ended = case.observe(&well(), 270);
    assert_eq!(ended[0].ended, Some((at(210).calendar, IncidentEnd::Recovered)));
    assert_eq!(ended[0].id, began[0].id);
    assert_eq!(
        case.updates(),
        ["1x open 5 failures in a row", "1x half open", "1x closed", "1x 1 to 0.1"],
        "what was seen stays"
    );
}

#[test]
fn what_comes_back_within_the_quiet_time_is_the_same_incident_and_later_another() {
    let mut case = Case::new();
    let first = case.observe(&open(0), 0).remove(0);
    case.observe(&well(), 10);
    assert!(case.observe(&open(69), 69).is_empty());
    case.observe(&well(), 70);
    assert!(case.observe(&well(), 129).is_empty(), "the quiet time begins anew");
    assert_eq!(case.observe(&well(), 130).len(), 1);
    let second = case.observe(&open(131), 131).remove(0);
    assert!(second.id > first.id);
}

#[test]
fn a_weight_below_a_half_is_an_incident_with_its_cause() {
    use IncidentCause::{Failures, Late, Silent, Slow};
    for cause in [Failures, Late, Silent, Slow] {
        let mut case = Case::new();
        assert!(case.observe(&weight(0.5, Some(cause), 1), 1).is_empty(), "a half is enough");
        assert_eq!(case.observe(&weight(0.4, Some(cause), 2), 2)[0].cause, cause);
        case.observe(&weight(0.89, None, 3), 3);
        assert!(case.observe(&weight(0.89, None, 3), 300).is_empty());
        case.observe(&weight(0.9, None, 301), 301);
        assert_eq!(case.observe(&weight(0.9, None, 301), 361).len(), 1);
    }
    let recovering = weight(0.1, None, 1);
    assert!(Case::new().observe(&recovering, 1).is_empty(), "nothing is wrong with it any more");
}

#[test]
fn throttles_are_an_incident_once_they_came_to_a_minute_within_an_hour() {
    let mut case = Case::new();
    let throttled = |until| ObservedHealth { throttled_until: Some(at(until).monotonic), ..well() };
    // One second in a minute and a half, for an hour.
    for start in (0..3_600).step_by(90) {
        assert!(case.observe(&throttled(start + 1), start).is_empty());
        assert!(case.observe(&well(), start + 1).is_empty());
    }
    let mut case = Case::new();
    assert!(case.observe(&throttled(50), 0).is_empty());
    assert!(case.observe(&well(), 50).is_empty());
    assert!(case.observe(&throttled(70), 55).is_empty());
    let began = case.observe(&throttled(70), 66);
    assert_eq!(began[0].cause, IncidentCause::Throttled);
    case.observe(&throttled(80), 70);
    assert_eq!(case.updates(), ["2x paused 65 s"]);
    case.observe(&well(), 80);
    assert_eq!(case.observe(&well(), 140).len(), 1);
    assert!(case.observe(&throttled(150), 141).is_empty(), "it counts from the end of the incident on");
    assert!(case.observe(&well(), 150).is_empty());
}

#[test]
fn a_cell_has_an_incident_of_its_own() {
    let mut case = Case::new();
    let cell = ObservedHealth { cells: vec![country()], ..well() };
    let began = case.observe(&cell, 0);
    assert_eq!(began[0].cell, Some(country().0));
    assert!(case.observe(&cell, 1).is_empty(), "one at a time");
    let whole = case.observe(&open(2), 2);
    assert_eq!(whole.iter().map(|incident| incident.cell.clone()).collect::<Vec<_>>(), [None]);
    let ended = case.observe(&open(2), 62);
    assert_eq!(
        ended[0].id, began[0].id,
        "the breaker of the cell is closed, because the trouble is the provider's"
    );
    assert!(case.book.current().any(|incident| incident.id == whole[0].id && incident.is_open()));
}

#[test]
fn what_repeats_is_counted_and_what_is_kept_is_bounded() {
    let mut case = Case::new();
    case.observe(&open(0), 0);
    for second in 1..=30 {
        case.observe(&ObservedHealth { breaker: breaker(BreakerState::HalfOpen), ..well() }, 2 * second);
        case.observe(&ObservedHealth { breaker: opened("a probe failed", second), ..well() }, 2 * second + 1);
    }
    assert_eq!(case.updates(), ["1x open 5 failures in a row", "30x half open", "30x open a probe failed"]);
    assert_eq!(case.only().updates[2].first_at, at(3).calendar);
    assert_eq!(case.only().updates[2].last_at, at(61).calendar);
    for second in 100..200 {
        let breaker = opened(&format!("{second} of 200 calls failed"), second);
        case.observe(&ObservedHealth { breaker, ..well() }, second);
    }
    let updates = case.updates();
    assert_eq!((updates.len(), case.only().forgotten_updates), (20, 83));
    assert_eq!(updates[0], "1x open 5 failures in a row");
    assert_eq!(updates[1], "1x open 181 of 200 calls failed");
    assert_eq!(updates[19], "1x open 199 of 200 calls failed");
}

#[test]
fn a_weight_that_moves_on_is_one_update_and_a_control_another() {
    let mut case = Case::new();
    case.observe(&weight(0.25, Some(IncidentCause::Slow), 1), 1);
    let further = |from, to, cause, seconds| {
        let health = weight(to, cause, seconds);
        let shift = ObservedShift { from, ..health.shift.clone().unwrap() };
        ObservedHealth { shift: Some(shift), ..health }
    };
    case.observe(&further(0.25, 0.06, Some(IncidentCause::Slow), 2), 2);
    let control = ProviderControl {
        mode: crate::model::ControlMode::Draining,
        reason: "too slow".into(),
        actor: "eva".into(),
        updated_at: at(3).calendar,
        expire_at: None,
    };
    case.book.note_control(&ProviderControlChange { provider: name("b"), control: control.clone() });
    case.book.note_control(&ProviderControlChange { provider: name("a"), control });
    case.observe(&further(0.06, 0.1, None, 4), 4);
    case.observe(&further(0.1, 0.2, None, 5), 5);
    case.observe(&further(0.2, 0.1, Some(IncidentCause::Slow), 6), 6);
    assert_eq!(
        case.updates(),
        ["2x 1 to 0.06", "1x draining by eva", "2x 0.06 to 0.2", "1x 0.2 to 0.1"],
        "one that falls again is another"
    );
}

/// A way by the provider `a` to a number in Spain.
fn way<'a>(
    provider: &'a ProviderName,
    address: &'a Address,
    failed_at: Option<u64>,
    is_in_doubt: bool,
) -> AvoidedWay<'a> {
    let failed = failed_at.map(|seconds| FailedAttempt { at: at(seconds).calendar, is_in_doubt });
    AvoidedWay { provider, channel: Channel::Sms, address, failed }
}

fn spain() -> Address {
    Address::Phone(Phone::from_e164("+34600123456").unwrap())
}

fn scope(way: &AvoidedWay<'_>) -> CallScope {
    CallScope::new(Some("acme"), way.address, &crate::model::RenderedContent::Text("Hi".into()))
}

#[test]
fn messages_count_for_their_brand_by_the_provider_that_took_them() {
    let (a, b, acme, globex) = (name("a"), name("b"), brand("acme"), brand("globex"));
    let mut case = Case::new();
    let now = at(20).calendar;
    case.book.note_taken(&acme, &b, &[way(&a, &spain(), None, false)], scope, now);
    case.observe(&open(10), 10);
    assert!(case.only().impacts.is_empty(), "what was before is none of it");
    case.book.note_taken(&acme, &b, &[way(&a, &spain(), Some(9), false)], scope, now);
    assert!(case.only().impacts.is_empty(), "it failed before the incident began");
    let address = spain();
    case.book.note_taken(
        &acme,
        &b,
        &[way(&a, &address, Some(10), false), way(&a, &address, None, false)],
        scope,
        now,
    );
    case.book.note_taken(&acme, &b, &[way(&a, &address, Some(11), true)], scope, now);
    case.book.note_taken(&acme, &a, &[way(&a, &address, Some(11), true)], scope, now);
    case.book.note_taken(&globex, &name("c"), &[way(&a, &address, None, false)], scope, now);
    case.book.note_taken(&globex, &name("c"), &[way(&b, &address, None, false)], scope, now);
    case.book.note_expired(&globex, &[way(&a, &address, None, false)], scope, now);
    case.book.note_expired(&globex, &[way(&a, &address, Some(9), false)], scope, now);
    let impacts = &case.only().impacts;
    let of_acme = IncidentImpact { rescued: [(b, 2)].into(), doubled: 2, ..Default::default() };
    let of_globex = IncidentImpact { rescued: [(name("c"), 1)].into(), expired: 1, ..Default::default() };
    assert_eq!(*impacts, [(acme, of_acme), (globex, of_globex)].into());
}

#[test]
fn a_message_counts_for_the_cell_that_it_lies_in_as_long_as_that_is_what_refuses() {
    let (a, b, acme, address) = (name("a"), name("b"), brand("acme"), spain());
    let mut case = Case::new();
    let cell = ObservedHealth { cells: vec![country()], ..well() };
    case.observe(&cell, 0);
    let avoided = [way(&a, &address, None, false)];
    case.book.note_taken(&acme, &b, &avoided, scope, at(1).calendar);
    let london = Address::Phone(Phone::from_e164("+447700900123").unwrap());
    case.book.note_taken(&acme, &b, &[way(&a, &london, None, false)], scope, at(1).calendar);
    case.observe(&open(2), 2);
    case.book.note_taken(&acme, &b, &avoided, scope, at(3).calendar);
    case.book.note_taken(&acme, &b, &avoided, scope, at(3).calendar);
    assert_eq!((case.rescued(Some(&country().0)), case.rescued(None)), (1, 2));
    // The provider is in service with little weight, and refuses what goes to the country.
    let cell = ObservedHealth { cells: vec![country()], ..weight(0.1, None, 4) };
    case.observe(&cell, 4);
    case.book.note_taken(&acme, &b, &avoided, scope, at(5).calendar);
    case.book.note_taken(&acme, &b, &[way(&a, &london, Some(5), false)], scope, at(5).calendar);
    assert_eq!((case.rescued(Some(&country().0)), case.rescued(None)), (2, 3));
}

#[test]
fn messages_that_wait_are_counted_until_they_are_worked_on_or_the_incident_ends() {
    let (a, acme, address) = (name("a"), brand("acme"), spain());
    let mut case = Case::new();
    let blocked = [way(&a, &address, None, false)];
    let id = |number| MessageId::new(number, &[0; 10]);
    case.book.note_waiting(id(1), &acme, &blocked, scope, at(0).calendar);
    case.observe(&open(0), 0);
    for number in [2, 3, 4, 2] {
        case.book.note_waiting(id(number), &acme, &blocked, scope, at(1).calendar);
    }
    assert_eq!(case.only().whole_impact().waiting, 3, "each once");
    case.book.note_resumed(id(3), at(2).calendar);
    case.book.note_resumed(id(3), at(2).calendar);
    assert_eq!(case.only().whole_impact().waiting, 2);
    case.observe(&well(), 10);
    assert_eq!(case.observe(&well(), 70)[0].whole_impact().waiting, 0);
    case.observe(&open(71), 71);
    case.book.note_resumed(id(4), at(72).calendar);
    let goes_on = case.book.current().find(|incident| incident.is_open()).unwrap();
    assert!(goes_on.whole_impact().is_empty(), "it waited for the one before");
}

#[test]
fn an_incident_is_recorded_when_it_begins_and_ends_and_seldom_meanwhile() {
    let (a, b, acme, address) = (name("a"), name("b"), brand("acme"), spain());
    let mut case = Case::new();
    let record = |case: &mut Case, seconds| {
        let due = case.book.due_records(at(seconds));
        due.iter().for_each(|incident| case.book.note_recorded(incident.clone(), at(seconds)));
        due.len()
    };
    case.observe(&open(0), 0);
    assert_eq!((record(&mut case, 0), record(&mut case, 1)), (1, 0));
    case.book.note_taken(&acme, &b, &[way(&a, &address, None, false)], scope, at(2).calendar);
    assert_eq!((record(&mut case, 9), record(&mut case, 10)), (0, 1));
    case.observe(&open(0), 30);
    assert_eq!(record(&mut case, 30), 0, "nothing has changed but the time");
    assert_eq!(record(&mut case, 70), 1, "how far it is known");
    case.observe(&well(), 71);
    case.observe(&well(), 131);
    assert_eq!(case.book.due_records(at(131)).len(), 1);
    assert_eq!(case.book.current().count(), 1, "it is known until it is recorded");
    assert_eq!(record(&mut case, 131), 1);
    assert_eq!((record(&mut case, 132), case.book.current().count()), (0, 0));
}
