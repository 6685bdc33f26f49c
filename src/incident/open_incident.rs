//! One incident that goes on.

use super::observed_health::ObservedBreaker;
use crate::model::{
    BreakerState, HealthCell, Incident, IncidentCause, IncidentId, IncidentUpdate, IncidentUpdateDetail,
    Moment, MonotonicTime, ProviderName, RecordedFailure, Timestamp,
};

/// How many updates of an incident are kept. The first stays, and of the others the newest: how it began and where it stands.
const MAX_UPDATES: usize = 20;

/// What is not well: a provider, or one cell of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IncidentScope {
    pub provider: ProviderName,
    pub cell: Option<HealthCell>,
}

/// One incident that goes on.
#[derive(Debug)]
pub(super) struct OpenIncident {
    pub incident: Incident,
    /// The breaker as it was last seen.
    pub breaker: ObservedBreaker,
    /// The time of the last change of the weight that is known.
    pub known_shift: Option<Timestamp>,
    /// Since when all is well, by both clocks.
    pub well_since: Option<Moment>,
    /// When it was last recorded, and as what.
    pub recorded: Option<(MonotonicTime, Incident)>,
}

impl OpenIncident {
    /// An incident that begins.
    pub fn new(
        id: IncidentId,
        scope: IncidentScope,
        cause: IncidentCause,
        breaker: ObservedBreaker,
        first: IncidentUpdateDetail,
        now: Timestamp,
    ) -> Self {
        let update = IncidentUpdate { first_at: now, last_at: now, count: 1, detail: first };
        let incident = Incident {
            id,
            provider: scope.provider,
            cell: scope.cell,
            cause,
            began_at: now,
            ended: None,
            updated_at: now,
            updates: vec![update],
            forgotten_updates: 0,
            impacts: Default::default(),
        };
        Self { incident, breaker, known_shift: None, well_since: None, recorded: None }
    }

    /// Adds what the breaker did since it was last seen.
    pub fn note_breaker(&mut self, breaker: &ObservedBreaker, now: Timestamp) {
        let has_opened = breaker.state == BreakerState::Open && breaker.opened_at != self.breaker.opened_at;
        if has_opened || breaker.state != self.breaker.state {
            self.add(breaker_update(breaker), now);
        }
        self.breaker = breaker.clone();
    }

    /// Adds an update, or counts it with one that says the same.
    pub fn add(&mut self, detail: IncidentUpdateDetail, now: Timestamp) {
        self.incident.updated_at = now;
        let updates = &mut self.incident.updates;
        let last = updates.len() - 1;
        let found = updates.iter().enumerate().rposition(|(place, update)| match &update.detail {
            IncidentUpdateDetail::Weight { .. } => place == last && says_same(&update.detail, &detail),
            // It can be told again as often as it likes, and the first says how it began.
            IncidentUpdateDetail::Breaker { .. } => place > 0 && says_same(&update.detail, &detail),
            _ => says_same(&update.detail, &detail),
        });
        match found {
            None => {
                updates.push(IncidentUpdate { first_at: now, last_at: now, count: 1, detail });
                if updates.len() > MAX_UPDATES {
                    updates.remove(1);
                    self.incident.forgotten_updates += 1;
                }
            }
            Some(place) => {
                let update = &mut updates[place];
                (update.count, update.last_at) = (update.count.saturating_add(1), now);
                update.detail = merged(&update.detail, detail);
                if place > 0 {
                    let newest = updates.remove(place);
                    updates.push(newest);
                }
            }
        }
    }
}

/// A change of a breaker.
pub(super) fn breaker_update(breaker: &ObservedBreaker) -> IncidentUpdateDetail {
    let state = breaker.state;
    match state {
        BreakerState::Open => {
            let (reason, failure) = (breaker.reason.clone(), breaker.failure.clone());
            IncidentUpdateDetail::Breaker { state, reason, failure }
        }
        BreakerState::HalfOpen | BreakerState::Closed => {
            IncidentUpdateDetail::Breaker { state, reason: String::new(), failure: None }
        }
    }
}

/// Whether two updates say the same, apart from numbers that move on.
fn says_same(known: &IncidentUpdateDetail, new: &IncidentUpdateDetail) -> bool {
    use IncidentUpdateDetail::{Breaker, Control, Throttled, Weight};
    match (known, new) {
        (
            Breaker { state, reason, failure },
            Breaker { state: new_state, reason: new_reason, failure: new_failure },
        ) => {
            let brief =
                |failure: &Option<RecordedFailure>| failure.as_ref().map(|failure| failure.brief.clone());
            state == new_state && reason == new_reason && brief(failure) == brief(new_failure)
        }
        (Weight { from, to, .. }, Weight { from: new_from, to: new_to, .. }) => {
            (from < to) == (new_from < new_to)
        }
        (Throttled { .. }, Throttled { .. }) => true,
        (Breaker { .. } | Weight { .. } | Throttled { .. } | Control { .. }, _) => false,
    }
}

/// The newer of two updates that say the same; a weight has moved from where it was at first.
fn merged(known: &IncidentUpdateDetail, new: IncidentUpdateDetail) -> IncidentUpdateDetail {
    match (known, new) {
        (IncidentUpdateDetail::Weight { from, .. }, IncidentUpdateDetail::Weight { to, reason, .. }) => {
            IncidentUpdateDetail::Weight { from: *from, to, reason }
        }
        (_, new) => new,
    }
}
