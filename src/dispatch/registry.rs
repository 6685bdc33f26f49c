//! The providers and their health, shared by all who call, watch or control them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::incident_tracker::{IncidentTracker, log_incidents};
use super::observed_health::observed_health;
use crate::health::{
    BreakerTrip, CallCounts, HealthPermit, HealthSettings, HealthSignal, ProviderFailure, ProviderHealth,
    WeightShift, rebalance,
};
use crate::model::{
    AdmissionRefusal, BrandId, BreakerState, CallScope, Channel, ControlMode, HealthCell, Incident, Moment,
    MonotonicTime, Outcome, Provider, ProviderControl, ProviderControlChange, ProviderName, Timestamp,
};
use crate::routing::ProviderAdmission;

/// Calls are judged to hang only by whoever looked at them this recently.
const MAX_UNWATCHED: Duration = Duration::from_secs(2);

/// Live weights move no more often than this.
const REBALANCE_EVERY: Duration = Duration::from_millis(250);

/// The providers and their health. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct ProviderRegistry {
    inner: Arc<RegistryInner>,
}

struct RegistryInner {
    providers: Vec<Provider>,
    health: Mutex<HealthTable>,
    changes: watch::Sender<u64>,
    incidents: IncidentTracker,
}

/// The health of every provider, in their order.
struct HealthTable {
    providers: Vec<ProviderHealth>,
    rebalanced_at: MonotonicTime,
}

/// A cell of a provider that is not well.
#[derive(Debug, Clone)]
pub struct CellStatus {
    /// The cell.
    pub cell: HealthCell,
    /// The state of its breaker.
    pub breaker: BreakerState,
    /// Why it opened, and when.
    pub trip: Option<BreakerTrip>,
    /// When it lets the next probe through.
    pub probe_at: Option<Timestamp>,
}

/// A provider as it is now.
#[derive(Debug, Clone)]
pub struct ProviderStatus {
    /// The provider.
    pub provider: Provider,
    /// The mode in force.
    pub mode: ControlMode,
    /// What the operator last asked for.
    pub control: Option<ProviderControl>,
    /// The state of its breaker.
    pub breaker: BreakerState,
    /// Why the breaker last opened, and when, until it is closed.
    pub trip: Option<BreakerTrip>,
    /// When an open breaker lets the next probe through.
    pub probe_at: Option<Timestamp>,
    /// Until when the provider asked us to slow down.
    pub throttled_until: Option<Timestamp>,
    /// The rate that the provider bears, in calls a second, as far as its throttles told.
    pub learned_rate_per_second: Option<f64>,
    /// Calls in flight.
    pub in_flight: u32,
    /// Calls in the breaker's window.
    pub recent_calls: u32,
    /// Failed calls in the breaker's window.
    pub recent_failures: u32,
    /// The last failure.
    pub last_failure: Option<ProviderFailure>,
    /// The part of its weight that its health leaves it, in `0.0..=1.0`.
    pub live_weight: f64,
    /// The last change of that part by a tenth or more.
    pub last_shift: Option<WeightShift>,
    /// Calls a second that ended in the last ten seconds.
    pub calls_per_second: f64,
    /// How long half of the calls that went well took, and 99 of 100, of the last few hundred.
    pub durations: Option<(Duration, Duration)>,
    /// The cells that are not well.
    pub cells: Vec<CellStatus>,
}

/// The permit to make one call. Dropping it cancels it.
pub struct CallPermit {
    registry: ProviderRegistry,
    index: usize,
    permit: Option<HealthPermit>,
}

impl ProviderRegistry {
    /// A registry of healthy providers under the controls that operators last set.
    pub fn new(
        providers: Vec<Provider>,
        settings: &HealthSettings,
        controls: Vec<ProviderControlChange>,
    ) -> Self {
        let health = HealthTable {
            providers: providers.iter().map(|_| ProviderHealth::new(settings.clone())).collect(),
            rebalanced_at: MonotonicTime::default(),
        };
        let incidents = IncidentTracker::new(Duration::from_millis(settings.incident_quiet_ms));
        let (health, changes) = (Mutex::new(health), watch::Sender::new(0));
        let inner = RegistryInner { providers, health, changes, incidents };
        let registry = Self { inner: Arc::new(inner) };
        for change in controls {
            registry.set_control(change);
        }
        registry
    }

    /// The providers, in the order of the configuration.
    pub fn providers(&self) -> &[Provider] {
        &self.inner.providers
    }

    /// The provider of this name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Provider> {
        self.inner.providers.iter().find(|provider| provider.name == *name)
    }

    /// Every provider as it is at `now`.
    pub fn statuses(&self, now: Moment) -> Vec<ProviderStatus> {
        self.rebalance(now);
        let health = self.health();
        self.inner
            .providers
            .iter()
            .zip(health.providers.iter())
            .map(|(provider, health)| status(provider, health, now))
            .collect()
    }

    /// One provider as it is at `now`.
    pub fn status(&self, name: &ProviderName, now: Moment) -> Option<ProviderStatus> {
        let index = self.index(name)?;
        Some(status(&self.inner.providers[index], &self.health().providers[index], now))
    }

    /// The rate that a provider bears, in calls a second; `None` while nothing is known to limit it.
    pub fn learned_rate(&self, name: &ProviderName, now: MonotonicTime) -> Option<f64> {
        self.health().providers[self.index(name)?].learned_rate(now)
    }

    /// The providers that serve `brand`, and whether each may be called at `now` with a message that was already tried
    /// at those for which `tried` says so.
    pub fn admissions(
        &self,
        brand: &BrandId,
        tried: impl Fn(&ProviderName) -> bool,
        now: Moment,
    ) -> Vec<ProviderAdmission<'_>> {
        self.rebalance(now);
        let health = self.health();
        let all = self.inner.providers.iter().zip(health.providers.iter());
        let serving = all.filter(|(provider, _)| provider.serves(brand));
        serving
            .map(|(provider, health)| ProviderAdmission {
                provider,
                admission: health.admits(tried(&provider.name), now),
                refusing_cells: health.cell_refusals(now.monotonic),
                live_weight: health.live_weight(),
                learned_rate: health.learned_rate(now.monotonic),
                expected_wait: Duration::ZERO,
            })
            .collect()
    }

    /// How many messages that wait for a provider may be taken up at `now`, as far as its health goes: a few while probes are
    /// asked for. When it refuses, how long to wait before it is asked again, if that is known.
    pub(super) fn admitted(&self, name: &ProviderName, now: Moment) -> Result<usize, Option<Duration>> {
        let index = self.index(name).ok_or(None)?;
        let table = self.health();
        let health = &table.providers[index];
        match health.admits(false, now) {
            Ok(()) if health.breaker(now.monotonic) == BreakerState::Closed => Ok(usize::MAX),
            Ok(()) => Ok(1),
            Err(refusal) => {
                let until = refusal.until(now.calendar);
                Err(until.map(|until| until.duration_since(now.calendar).try_into().unwrap_or_default()))
            }
        }
    }

    /// Asks for the permit to call a provider with what `scope` says.
    ///
    /// # Errors
    /// Why it may not be called. An unknown provider counts as out of service.
    pub fn permit(
        &self,
        name: &ProviderName,
        scope: CallScope,
        tried: bool,
        now: Moment,
    ) -> Result<CallPermit, AdmissionRefusal> {
        let index = self.index(name).ok_or(AdmissionRefusal::OutOfService { until: None })?;
        let permit = self.change(index, now, |health| health.permit(scope, tried, now))?;
        Ok(CallPermit { registry: self.clone(), index, permit: Some(permit) })
    }

    /// A provider gave a receipt, the first that tells what became of a message that it took at `taken_at`. An unknown provider has
    /// no health.
    pub fn record_receipt(&self, name: &ProviderName, taken_at: Timestamp, now: Moment) {
        let Some(index) = self.index(name) else { return };
        let age = Duration::try_from(now.calendar.duration_since(taken_at)).unwrap_or_default();
        self.health().providers[index].receipt(age, now.monotonic);
    }

    /// Puts an operator's control in force. Returns whether there is such a provider.
    pub fn set_control(&self, change: ProviderControlChange) -> bool {
        let Some(index) = self.index(&change.provider) else { return false };
        self.inner.incidents.note_control(&change);
        self.health().providers[index].set_control(change.control);
        self.notify_changed();
        true
    }

    /// Changes whenever a breaker, the throttle, the control or the live weight of a provider does. Counts of calls change silently.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// The incidents of these providers.
    pub fn incidents(&self) -> &IncidentTracker {
        &self.inner.incidents
    }

    /// Has the incidents learn what time alone brings: that a breaker lets probes through, a weight rises, a throttle ends, and
    /// that all was well for long enough.
    pub fn observe_incidents(&self, now: Moment) {
        self.rebalance(now);
        let health = self.health();
        let all = self.inner.providers.iter().zip(&health.providers);
        let changed: Vec<Incident> =
            all.flat_map(|(provider, health)| self.observe(provider, health, now)).collect();
        drop(health);
        log_incidents(&changed);
    }

    /// Tells the incidents how a provider is. Its health is locked meanwhile, so that they learn of changes in their order.
    fn observe(&self, provider: &Provider, health: &ProviderHealth, now: Moment) -> Vec<Incident> {
        self.inner.incidents.observe(&provider.name, &observed_health(health, now), now)
    }

    fn change<T>(&self, index: usize, now: Moment, change: impl FnOnce(&mut ProviderHealth) -> T) -> T {
        let mut health = self.health();
        let of_provider = &mut health.providers[index];
        let before = WatchedHealth::of(of_provider, now);
        let result = change(of_provider);
        let after = WatchedHealth::of(of_provider, now);
        let trip = of_provider.trip().map(|trip| trip.reason.to_string()).unwrap_or_default();
        let last_failure = of_provider.last_failure().map(ProviderFailure::brief).unwrap_or_default();
        let provider = &self.inner.providers[index];
        let incidents = if before == after { Vec::new() } else { self.observe(provider, of_provider, now) };
        drop(health);
        let name = &provider.name;
        for (cell, state, trip) in after.cells.iter().filter(|cell| !before.cells.contains(cell)) {
            tracing::warn!(
                provider.name = %name, %cell, state = state.as_str(), trip, last_failure,
                "the breaker of a part of a provider changed"
            );
        }
        for (cell, ..) in
            before.cells.iter().filter(|(cell, ..)| !after.cells.iter().any(|(now, ..)| now == cell))
        {
            tracing::warn!(
                provider.name = %name, %cell, state = BreakerState::Closed.as_str(),
                "the breaker of a part of a provider changed"
            );
        }
        if before.breaker != after.breaker {
            tracing::warn!(
                provider.name = %name, state = after.breaker.as_str(), previous_state = before.breaker.as_str(),
                trip, last_failure,
                "the breaker of a provider changed"
            );
        }
        log_incidents(&incidents);
        if before != after {
            self.notify_changed();
        }
        result
    }

    /// Moves the live weights, if it is time.
    fn rebalance(&self, now: Moment) {
        let mut table = self.health();
        if now.monotonic.since(table.rebalanced_at) < REBALANCE_EVERY {
            return;
        }
        // After a pause of this process all calls seem to have taken long.
        let has_watched = now.monotonic.since(table.rebalanced_at) < MAX_UNWATCHED;
        table.rebalanced_at = now.monotonic;
        let note_hanging = |health: &mut ProviderHealth| has_watched && health.note_hanging(now);
        let hanging: Vec<bool> = table.providers.iter_mut().map(note_hanging).collect();
        let mut shifts = Vec::new();
        for channel in Channel::ALL {
            let all = self.inner.providers.iter().zip(&mut table.providers);
            let (of_channel, mut health): (Vec<&Provider>, Vec<&mut ProviderHealth>) =
                all.filter(|(provider, _)| provider.channel == channel).unzip();
            let moved = rebalance(&mut health, now).into_iter();
            shifts.extend(moved.map(|(place, shift)| (of_channel[place], shift)));
        }
        let mut incidents = Vec::new();
        for ((provider, health), hangs) in self.inner.providers.iter().zip(&table.providers).zip(&hanging) {
            if *hangs || shifts.iter().any(|(shifted, _)| shifted.name == provider.name) {
                incidents.extend(self.observe(provider, health, now));
            }
        }
        drop(table);
        for (provider, shift) in &shifts {
            log_shift(&provider.name, shift);
        }
        for (provider, _) in self.inner.providers.iter().zip(&hanging).filter(|(_, hangs)| **hangs) {
            tracing::warn!(
                provider.name = %provider.name, state = BreakerState::Open.as_str(), trip = "calls hang",
                "the breaker of a provider changed"
            );
        }
        log_incidents(&incidents);
        if !shifts.is_empty() || hanging.contains(&true) {
            self.notify_changed();
        }
    }

    fn notify_changed(&self) {
        self.inner.changes.send_modify(|count| *count += 1);
    }

    fn index(&self, name: &ProviderName) -> Option<usize> {
        self.inner.providers.iter().position(|provider| provider.name == *name)
    }

    fn health(&self) -> MutexGuard<'_, HealthTable> {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a provider's health whose changes watchers learn of.
#[derive(PartialEq, Eq)]
struct WatchedHealth {
    breaker: BreakerState,
    probe_at: Option<MonotonicTime>,
    throttled_until: Option<MonotonicTime>,
    cells: Vec<(HealthCell, BreakerState, String)>,
}

impl WatchedHealth {
    fn of(health: &ProviderHealth, now: Moment) -> Self {
        Self {
            breaker: health.breaker(now.monotonic),
            probe_at: health.probe_at(),
            throttled_until: health.throttled_until(now.monotonic),
            cells: health
                .unwell_cells(now.monotonic)
                .map(|(cell, breaker)| {
                    let trip = breaker.trip().map(|trip| trip.reason.to_string()).unwrap_or_default();
                    (cell.clone(), breaker.state(now.monotonic), trip)
                })
                .collect(),
        }
    }
}

impl CallPermit {
    /// The call begins.
    pub fn begin(&mut self, now: MonotonicTime) {
        if let Some(permit) = &mut self.permit {
            self.registry.health().providers[self.index].begin(permit, now);
        }
    }

    /// Reports what came of the call. One that the provider did not see is cancelled.
    pub fn finish(mut self, outcome: &Outcome, now: Moment) {
        if HealthSignal::from_outcome(outcome).is_none() {
            return;
        }
        if let Some(permit) = self.permit.take() {
            let shift = self.registry.change(self.index, now, |health| health.record(permit, outcome, now));
            if let Some(shift) = shift {
                log_shift(&self.registry.inner.providers[self.index].name, &shift);
            }
        }
    }
}

impl CallPermit {
    /// Releases the permit, to ask for it again at once. Others learn of that only if it is not given again: they would ask
    /// again themselves, and so on for ever.
    pub(super) fn release(mut self) -> ReleasedPermit {
        let is_free = self.cancel();
        ReleasedPermit { registry: self.registry.clone(), is_free }
    }

    /// Cancels the permit. Returns whether another call may be made in its place.
    fn cancel(&mut self) -> bool {
        self.permit.take().is_some_and(|permit| self.registry.health().providers[self.index].cancel(permit))
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        if self.cancel() {
            self.registry.notify_changed();
        }
    }
}

/// A permit that was released to be asked for again. Dropping it lets the others know that they may have it.
pub(super) struct ReleasedPermit {
    registry: ProviderRegistry,
    is_free: bool,
}

impl ReleasedPermit {
    /// The permit was given again.
    pub(super) fn reacquired(mut self) {
        self.is_free = false;
    }
}

impl Drop for ReleasedPermit {
    fn drop(&mut self) {
        if self.is_free {
            self.registry.notify_changed();
        }
    }
}

fn status(provider: &Provider, health: &ProviderHealth, now: Moment) -> ProviderStatus {
    let CallCounts { calls: recent_calls, failures: recent_failures } = health.recent(now.monotonic);
    let ahead = |at: Option<MonotonicTime>| at.filter(|at| *at > now.monotonic).map(|at| now.calendar_at(at));
    let control = health.control().cloned();
    ProviderStatus {
        provider: provider.clone(),
        mode: control.as_ref().map_or(ControlMode::InService, |control| control.mode_at(now.calendar)),
        control,
        breaker: health.breaker(now.monotonic),
        trip: health.trip(),
        probe_at: ahead(health.probe_at()),
        throttled_until: ahead(health.throttled_until(now.monotonic)),
        learned_rate_per_second: health.learned_rate(now.monotonic),
        in_flight: health.in_flight(),
        recent_calls,
        recent_failures,
        last_failure: health.last_failure().cloned(),
        live_weight: health.live_weight(),
        last_shift: health.last_shift(),
        calls_per_second: health.rate(now.monotonic),
        durations: health.percentiles(),
        cells: health
            .unwell_cells(now.monotonic)
            .map(|(cell, breaker)| CellStatus {
                cell: cell.clone(),
                breaker: breaker.state(now.monotonic),
                trip: breaker.trip(),
                probe_at: ahead(breaker.probe_at()),
            })
            .collect(),
    }
}

fn log_shift(provider: &ProviderName, shift: &WeightShift) {
    tracing::info!(
        provider.name = %provider, percent = shift.to * 100.0, previous_percent = shift.from * 100.0,
        reason = %shift.reason,
        "the live weight of a provider changed"
    );
}

#[cfg(test)]
mod tests;
