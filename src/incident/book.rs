//! The incidents that go on, and those that just ended.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::avoided_way::AvoidedWay;
use super::observed_health::{ObservedBreaker, ObservedHealth};
use super::open_incident::{IncidentScope, OpenIncident, breaker_update};
use super::pause_statistics::PauseStatistics;
use crate::model::{
    BrandId, BreakerState, CallScope, HealthCell, Incident, IncidentCause, IncidentEnd, IncidentId,
    IncidentImpact, IncidentUpdateDetail, MessageId, Moment, ProviderControlChange, ProviderName, Timestamp,
};

/// Below this part of its weight a provider is in trouble: others get more of its messages than it does itself.
const MIN_WEIGHT: f64 = 0.5;

/// From this part of its weight on a provider is well. Above [`MIN_WEIGHT`], so that one incident does not become many when a
/// weight moves about that.
const WELL_WEIGHT: f64 = 0.9;

/// A provider that was not called for so long within an hour, because it had asked for that, is in trouble. A single throttle,
/// of which the usual wait is seconds, is none.
const MIN_PAUSED: Duration = Duration::from_secs(60);

/// How many incidents may go on at once. One cell of each provider, and a provider itself, has one at most, but a provider may
/// have very many cells; the log tells of the breakers of the others.
const MAX_OPEN: usize = 500;

/// How many messages are known to wait. Those beyond are not counted.
const MAX_WAITING: usize = 100_000;

/// How often an incident that goes on is recorded while it changes, and while nothing does but the time up to which it is
/// known.
const RECORD_EVERY: Duration = Duration::from_secs(10);
const RECORD_UNCHANGED_EVERY: Duration = Duration::from_secs(60);

/// How many incidents that ended are kept until they are recorded.
const MAX_UNRECORDED: usize = 1_000;

/// The incidents that go on, and those that ended and are not yet recorded.
#[derive(Debug)]
pub struct IncidentBook {
    /// For how long all must be well before an incident ends.
    quiet: Duration,
    pauses: BTreeMap<ProviderName, PauseStatistics>,
    open: BTreeMap<IncidentScope, OpenIncident>,
    ended: Vec<Incident>,
    /// How many incidents began.
    number: u64,
    /// The incidents for whose end a message waits.
    waiting: HashMap<MessageId, (BrandId, BTreeSet<IncidentScope>)>,
}

impl IncidentBook {
    /// A book without incidents, which end after all was well for `quiet`.
    pub fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            pauses: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: Vec::new(),
            number: 0,
            waiting: HashMap::new(),
        }
    }

    /// Whether no incident goes on.
    pub fn is_quiet(&self) -> bool {
        self.open.is_empty()
    }

    /// The incidents that go on, and those that ended and are not yet recorded.
    pub fn current(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().map(|open| &open.incident).chain(&self.ended)
    }

    /// A provider is like this at `now`. Returns the incidents that began or ended with it.
    pub fn observe(
        &mut self,
        provider: &ProviderName,
        health: &ObservedHealth,
        now: Moment,
    ) -> Vec<Incident> {
        let pauses = self.pauses.entry(provider.clone()).or_default();
        let has_asked = pauses.observe(health.throttled_until, now.monotonic);
        let paused = pauses.total();
        let mut changes = Vec::new();
        changes.extend(self.observe_whole(provider, health, has_asked, paused, now));
        let known = self.open.keys().filter(|scope| scope.provider == *provider);
        let known: BTreeSet<HealthCell> = known.filter_map(|scope| scope.cell.clone()).collect();
        let cells: BTreeMap<&HealthCell, &ObservedBreaker> =
            health.cells.iter().map(|(cell, breaker)| (cell, breaker)).collect();
        for cell in known.iter().chain(cells.keys().copied().filter(|cell| !known.contains(cell))) {
            let scope = IncidentScope { provider: provider.clone(), cell: Some(cell.clone()) };
            let closed;
            let breaker = match cells.get(cell) {
                Some(breaker) => breaker,
                None => {
                    closed = closed_breaker();
                    &closed
                }
            };
            changes.extend(self.observe_cell(scope, breaker, now));
        }
        changes
    }

    fn observe_whole(
        &mut self,
        provider: &ProviderName,
        health: &ObservedHealth,
        has_asked: bool,
        paused: Duration,
        now: Moment,
    ) -> Option<Incident> {
        let scope = IncidentScope { provider: provider.clone(), cell: None };
        let shift_at = health.shift.as_ref().map(|shift| shift.at);
        let Some(open) = self.open.get_mut(&scope) else {
            let (cause, first) = trouble(health, paused)?;
            let open = self.begin(scope, cause, health.breaker.clone(), first, now)?;
            open.known_shift = shift_at;
            return Some(open.incident.clone());
        };
        open.note_breaker(&health.breaker, now.calendar);
        if let Some(shift) = health.shift.as_ref().filter(|shift| open.known_shift != Some(shift.at)) {
            let (from, to, reason) = (shift.from, shift.to, shift.reason.clone());
            open.add(IncidentUpdateDetail::Weight { from, to, reason }, now.calendar);
            open.known_shift = shift_at;
        }
        if has_asked {
            open.add(IncidentUpdateDetail::Throttled { paused }, now.calendar);
        }
        let is_well = health.breaker.state == BreakerState::Closed
            && health.live_weight >= WELL_WEIGHT
            && health.throttled_until.is_none();
        let ended = self.end_if_quiet(&scope, is_well, now)?;
        self.pauses.entry(scope.provider).or_default().reset();
        Some(ended)
    }

    fn observe_cell(
        &mut self,
        scope: IncidentScope,
        breaker: &ObservedBreaker,
        now: Moment,
    ) -> Option<Incident> {
        let is_well = breaker.state == BreakerState::Closed;
        match self.open.get_mut(&scope) {
            Some(open) => {
                open.note_breaker(breaker, now.calendar);
                self.end_if_quiet(&scope, is_well, now)
            }
            None if is_well => None,
            None => {
                let (cause, first) = (IncidentCause::BreakerOpened, breaker_update(breaker));
                let open = self.begin(scope, cause, breaker.clone(), first, now)?;
                Some(open.incident.clone())
            }
        }
    }

    fn begin(
        &mut self,
        scope: IncidentScope,
        cause: IncidentCause,
        breaker: ObservedBreaker,
        first: IncidentUpdateDetail,
        now: Moment,
    ) -> Option<&mut OpenIncident> {
        if self.open.len() >= MAX_OPEN {
            return None;
        }
        self.number += 1;
        let id = IncidentId::new(now.calendar, self.number);
        let begun = OpenIncident::new(id, scope.clone(), cause, breaker, first, now.calendar);
        Some(self.open.entry(scope).or_insert(begun))
    }

    /// Ends an incident when all was well for the quiet time. It ended when it became so.
    fn end_if_quiet(&mut self, scope: &IncidentScope, is_well: bool, now: Moment) -> Option<Incident> {
        let open = self.open.get_mut(scope)?;
        open.incident.updated_at = now.calendar;
        if !is_well {
            open.well_since = None;
            return None;
        }
        let since = *open.well_since.get_or_insert(now);
        if now.monotonic.since(since.monotonic) < self.quiet {
            return None;
        }
        let mut incident = self.open.remove(scope)?.incident;
        incident.ended = Some((since.calendar, IncidentEnd::Recovered));
        incident.impacts.values_mut().for_each(|impact| impact.waiting = 0);
        self.waiting.retain(|_, (_, scopes)| {
            scopes.remove(scope);
            !scopes.is_empty()
        });
        if self.ended.len() >= MAX_UNRECORDED {
            self.ended.remove(0);
        }
        self.ended.push(incident.clone());
        Some(incident)
    }

    /// An operator changed the control of a provider.
    pub fn note_control(&mut self, change: &ProviderControlChange) {
        let control = &change.control;
        for (_, open) in self.open.iter_mut().filter(|(scope, _)| scope.provider == change.provider) {
            let (reason, actor) = (control.reason.clone(), control.actor.clone());
            open.add(IncidentUpdateDetail::Control { mode: control.mode, reason, actor }, control.updated_at);
        }
    }

    /// A message of `brand` was taken by the provider `by`, in the place of these ways. `scope` tells which cells a call by a
    /// way would concern.
    pub fn note_taken(
        &mut self,
        brand: &BrandId,
        by: &ProviderName,
        avoided: &[AvoidedWay<'_>],
        scope: impl Fn(&AvoidedWay<'_>) -> CallScope,
        now: Timestamp,
    ) {
        let (mut rescued, mut doubled) = (BTreeSet::new(), BTreeSet::new());
        for way in avoided {
            let concerned = self.concerned(way, &scope(way));
            if way.failed.is_some_and(|failed| failed.is_in_doubt) {
                doubled.extend(concerned.iter().cloned());
            }
            if way.provider != by {
                rescued.extend(concerned);
            }
        }
        for scope in rescued {
            self.count(&scope, brand, now, |impact| *impact.rescued.entry(by.clone()).or_default() += 1);
        }
        for scope in doubled {
            self.count(&scope, brand, now, |impact| impact.doubled += 1);
        }
    }

    /// A message of `brand` expired that did not take these ways, or took them in vain.
    pub fn note_expired(
        &mut self,
        brand: &BrandId,
        avoided: &[AvoidedWay<'_>],
        scope: impl Fn(&AvoidedWay<'_>) -> CallScope,
        now: Timestamp,
    ) {
        let concerned: BTreeSet<_> =
            avoided.iter().flat_map(|way| self.concerned(way, &scope(way))).collect();
        for scope in concerned {
            self.count(&scope, brand, now, |impact| impact.expired += 1);
        }
    }

    /// A message of `brand` waits because it cannot take these ways.
    pub fn note_waiting(
        &mut self,
        id: MessageId,
        brand: &BrandId,
        avoided: &[AvoidedWay<'_>],
        scope: impl Fn(&AvoidedWay<'_>) -> CallScope,
        now: Timestamp,
    ) {
        self.note_resumed(id, now);
        let concerned: BTreeSet<_> =
            avoided.iter().flat_map(|way| self.concerned(way, &scope(way))).collect();
        if concerned.is_empty() || self.waiting.len() >= MAX_WAITING {
            return;
        }
        for scope in &concerned {
            self.count(scope, brand, now, |impact| impact.waiting += 1);
        }
        self.waiting.insert(id, (brand.clone(), concerned));
    }

    /// A message is worked on again, or has ended: it does not wait.
    pub fn note_resumed(&mut self, id: MessageId, now: Timestamp) {
        let Some((brand, scopes)) = self.waiting.remove(&id) else { return };
        for scope in scopes {
            self.count(&scope, &brand, now, |impact| impact.waiting = impact.waiting.saturating_sub(1));
        }
    }

    fn count(
        &mut self,
        scope: &IncidentScope,
        brand: &BrandId,
        now: Timestamp,
        change: impl FnOnce(&mut IncidentImpact),
    ) {
        if let Some(open) = self.open.get_mut(scope) {
            change(open.incident.impacts.entry(brand.clone()).or_default());
            open.incident.updated_at = now;
        }
    }

    /// The incidents for whose sake a way was not taken, or that it failed in: those of cells whose breakers are not closed, or
    /// else that of the whole provider. A failure of before an incident is none of it.
    fn concerned(&self, way: &AvoidedWay<'_>, scope: &CallScope) -> Vec<IncidentScope> {
        let of =
            |cell: Option<&HealthCell>| IncidentScope { provider: way.provider.clone(), cell: cell.cloned() };
        let cells: Vec<IncidentScope> = scope.cells().iter().map(|cell| of(Some(cell))).collect();
        let refuses = |scope: &&IncidentScope| {
            self.open.get(*scope).is_some_and(|open| open.breaker.state != BreakerState::Closed)
        };
        let refusing: Vec<IncidentScope> = cells.iter().filter(refuses).cloned().collect();
        let whole = of(None);
        let concerned = match (refusing.is_empty(), self.open.contains_key(&whole)) {
            (false, _) => refusing,
            (true, true) => vec![whole],
            (true, false) => cells,
        };
        let began_before = |scope: &IncidentScope| {
            let began_at = self.open.get(scope).map(|open| open.incident.began_at);
            began_at.is_some_and(|began_at| way.failed.is_none_or(|failed| began_at <= failed.at))
        };
        concerned.into_iter().filter(began_before).collect()
    }

    /// What is to be recorded at `now`: what began or ended, and what has changed since it was last recorded some time ago.
    pub fn due_records(&self, now: Moment) -> Vec<Incident> {
        let is_due = |open: &&OpenIncident| {
            let Some((at, recorded)) = &open.recorded else { return true };
            let since = now.monotonic.since(*at);
            let updated_at = recorded.updated_at;
            let has_changed = || Incident { updated_at, ..open.incident.clone() } != *recorded;
            since >= RECORD_UNCHANGED_EVERY || (since >= RECORD_EVERY && has_changed())
        };
        let open = self.open.values().filter(is_due).map(|open| open.incident.clone());
        self.ended.iter().cloned().chain(open).collect()
    }

    /// An incident was recorded like this at `now`.
    pub fn note_recorded(&mut self, incident: Incident, now: Moment) {
        self.ended.retain(|ended| *ended != incident);
        let mut open = self.open.values_mut();
        if let Some(open) = open.find(|open| open.incident.id == incident.id) {
            open.recorded = Some((now.monotonic, incident));
        }
    }
}

/// What is wrong with a whole provider, and what of it was seen.
fn trouble(health: &ObservedHealth, paused: Duration) -> Option<(IncidentCause, IncidentUpdateDetail)> {
    if health.breaker.state != BreakerState::Closed {
        return Some((IncidentCause::BreakerOpened, breaker_update(&health.breaker)));
    }
    if health.live_weight < MIN_WEIGHT
        && let Some(shift) = &health.shift
        && let Some(cause) = shift.cause
    {
        let (from, to, reason) = (shift.from, shift.to, shift.reason.clone());
        return Some((cause, IncidentUpdateDetail::Weight { from, to, reason }));
    }
    (paused >= MIN_PAUSED).then_some((IncidentCause::Throttled, IncidentUpdateDetail::Throttled { paused }))
}

fn closed_breaker() -> ObservedBreaker {
    ObservedBreaker { state: BreakerState::Closed, opened_at: None, reason: String::new(), failure: None }
}
