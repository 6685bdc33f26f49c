//! The cells of one provider: parts of it that may fail while the rest of it works.
//!
//! # Why
//!
//! A sender that is blocked, a template that is paused and a country that cannot be reached are no fault of the provider, and
//! the messages of others must not pay for them.
//!
//! # How it works
//!
//! Every call counts in the provider's breaker and in that of each cell that it lies in. Failures count against the smallest
//! thing that explains them. A run of failures in one cell, while another cell of the same kind is well, is the cell's: its
//! breaker opens, and the provider's stays closed. As soon as a run has failures of two cells of each kind, or no other cell of
//! the kind is well, nothing smaller than the provider explains it. A share of failures is a cell's when the calls outside it go well.
//!
//! # How it recovers
//!
//! A cell's breaker probes and closes like that of a provider. When the provider's opens, what its cells counted is its own, and
//! they begin anew. A cell without calls for a while is forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use super::window::CallCounts;
use super::{Breaker, BreakerPermit, BreakerRefusal, HealthSettings, HealthSignal, TripReason};
use crate::model::{BreakerState, CallScope, CellDimension, CellRefusal, HealthCell, Moment, MonotonicTime};

/// How many cells a provider may have; what lies in others counts for the provider alone.
const MAX_CELLS: usize = 1_000;

/// A cell without calls for so long is forgotten.
const QUIET: Duration = Duration::from_secs(600);

/// So many calls outside a cell tell whether the rest of the provider works.
const MIN_CALLS_OUTSIDE: u32 = 5;

/// The rest of a provider works when less than this share of its calls fails.
const MAX_FAILURES_OUTSIDE: f64 = 0.25;

/// The permit that one cell gives to a call.
#[derive(Debug)]
pub(super) struct CellPermit {
    cell: HealthCell,
    permit: BreakerPermit,
}

/// Whose the failures are.
#[derive(Debug)]
pub(super) enum Culprit {
    /// No cell explains them: the provider's breaker should open, and this is why.
    Provider(TripReason),
    /// They are those of this cell, whose breaker opened.
    Cell(HealthCell),
}

#[derive(Debug)]
struct CellHealth {
    breaker: Breaker,
    last_call: MonotonicTime,
}

/// The cells of one provider.
#[derive(Debug)]
pub(super) struct CellTable {
    settings: HealthSettings,
    cells: BTreeMap<HealthCell, CellHealth>,
    run: FailureRun,
}

/// The failures in a row of a provider: of each dimension the cell in which all of them lie, if they do.
#[derive(Debug, Default)]
struct FailureRun {
    failures: u32,
    common: Vec<HealthCell>,
}

impl FailureRun {
    fn record(&mut self, scope: &CallScope, ok: bool) {
        if ok {
            *self = Self::default();
        } else if self.failures == 0 {
            *self = Self { failures: 1, common: scope.cells().to_vec() };
        } else {
            self.failures = self.failures.saturating_add(1);
            self.common.retain(|cell| scope.cells().contains(cell));
        }
    }
}

impl CellTable {
    pub fn new(settings: HealthSettings) -> Self {
        Self { settings, cells: BTreeMap::new(), run: FailureRun::default() }
    }

    /// The cells that refuse calls now.
    pub fn refusals(&self, now: MonotonicTime) -> Vec<CellRefusal> {
        let refusal = |(cell, health): (&HealthCell, &CellHealth)| {
            let BreakerRefusal { wait } = health.breaker.admits(now).err()?;
            Some(CellRefusal { cell: cell.clone(), wait })
        };
        self.cells.iter().filter(|(_, health)| !health.breaker.is_closed()).filter_map(refusal).collect()
    }

    /// Asks every cell of the scope to make a call.
    ///
    /// # Errors
    /// How long to wait, when one refuses.
    pub fn permit(
        &mut self,
        scope: &CallScope,
        now: MonotonicTime,
    ) -> Result<Vec<CellPermit>, BreakerRefusal> {
        for cell in scope.cells() {
            if let Some(health) = self.cells.get(cell) {
                health.breaker.admits(now)?;
            }
        }
        let mut permits = Vec::with_capacity(scope.cells().len());
        for cell in scope.cells() {
            let Some(health) = self.get_or_insert(cell, now) else { continue };
            health.last_call = now;
            // It was asked a moment ago.
            if let Ok(permit) = health.breaker.permit(now) {
                permits.push(CellPermit { cell: cell.clone(), permit });
            }
        }
        Ok(permits)
    }

    /// Cancels the permits of a call that was not made. Returns whether another probe may be made in its place.
    pub fn cancel(&mut self, permits: Vec<CellPermit>) -> bool {
        let cancel = |CellPermit { cell, permit }: CellPermit| {
            self.cells.get_mut(&cell).is_some_and(|health| health.breaker.cancel(permit))
        };
        permits.into_iter().map(cancel).fold(false, |any, free| any | free)
    }

    /// Records what came of a call in every cell that it lies in. `suspicion` is why the provider's breaker should open, and
    /// `whole` are the provider's recent calls. Says whose the failures are, once there are too many.
    pub fn record(
        &mut self,
        scope: &CallScope,
        permits: Vec<CellPermit>,
        signal: HealthSignal,
        suspicion: Option<TripReason>,
        whole: CallCounts,
        now: Moment,
    ) -> Option<Culprit> {
        self.run.record(scope, signal.is_ok());
        let mut suspects = Vec::new();
        for CellPermit { cell, permit } in permits {
            let Some(health) = self.cells.get_mut(&cell) else { continue };
            if let Some(reason) = health.breaker.record(permit, signal, now) {
                suspects.push((cell, reason));
            }
        }
        if let Some(reason) = suspicion.filter(|reason| !self.is_explained(*reason, whole, now.monotonic)) {
            return Some(Culprit::Provider(reason));
        }
        let (cell, reason) =
            suspects.into_iter().find(|(cell, reason)| self.explains(cell, *reason, whole, now.monotonic))?;
        self.cells.get_mut(&cell)?.breaker.open(reason, now);
        Some(Culprit::Cell(cell))
    }

    /// Forgets what was counted, because it was the provider's.
    pub fn reset(&mut self) {
        self.run = FailureRun::default();
        self.cells.values_mut().for_each(|health| health.breaker.close());
    }

    /// The cells that are not well, and the breaker of each.
    pub fn unwell(&self, now: MonotonicTime) -> impl Iterator<Item = (&HealthCell, &Breaker)> {
        let unwell =
            self.cells.iter().filter(move |(_, health)| health.breaker.state(now) != BreakerState::Closed);
        unwell.map(|(cell, health)| (cell, &health.breaker))
    }

    fn get_or_insert(&mut self, cell: &HealthCell, now: MonotonicTime) -> Option<&mut CellHealth> {
        if !self.cells.contains_key(cell) {
            if self.cells.len() >= MAX_CELLS {
                self.cells
                    .retain(|_, health| !health.breaker.is_closed() || now.since(health.last_call) < QUIET);
            }
            if self.cells.len() >= MAX_CELLS {
                return None;
            }
            let health = CellHealth { breaker: Breaker::new(self.settings.clone()), last_call: now };
            self.cells.insert(cell.clone(), health);
        }
        self.cells.get_mut(cell)
    }

    /// Whether some cell explains why the provider's breaker should open.
    fn is_explained(&self, reason: TripReason, whole: CallCounts, now: MonotonicTime) -> bool {
        match reason {
            TripReason::FailureRatio { .. } => {
                self.cells.values().any(|health| works_without(whole, health.breaker.recent(now)))
            }
            _ => self.run.common.iter().any(|cell| self.may_be_cause(cell, reason, now)),
        }
    }

    /// Whether this cell explains its own failures, rather than something larger.
    fn explains(&self, cell: &HealthCell, reason: TripReason, whole: CallCounts, now: MonotonicTime) -> bool {
        match reason {
            TripReason::FailureRatio { .. } => {
                let inside = self.cells.get(cell).map(|health| health.breaker.recent(now));
                inside.is_some_and(|inside| works_without(whole, inside))
            }
            _ => self.may_be_cause(cell, reason, now),
        }
    }

    /// Whether another cell of its kind is known and does not fail, and the reason can be one of its kind: a number is not
    /// configured.
    fn may_be_cause(&self, cell: &HealthCell, reason: TripReason, now: MonotonicTime) -> bool {
        let dimension = cell.dimension();
        let is_configured = dimension != CellDimension::Country;
        let has_other = self.cells.iter().any(|(other, health)| {
            let is_other = other != cell && other.dimension() == dimension;
            is_other && health.breaker.is_closed() && now.since(health.last_call) < QUIET
        });
        (reason != TripReason::Misconfigured || is_configured) && has_other
    }
}

/// Whether the calls outside those of a cell go well, which they do not when those are all.
fn works_without(whole: CallCounts, inside: CallCounts) -> bool {
    let outside = whole.without(inside);
    outside.calls >= MIN_CALLS_OUTSIDE && outside.failure_share() < MAX_FAILURES_OUTSIDE
}

#[cfg(test)]
mod tests;
