//! The providers and their health, shared by all who call, watch or control them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::health::{
    BreakerPermit, BreakerState, BreakerTrip, HealthSettings, HealthSignal, ProviderFailure, ProviderHealth,
};
use crate::model::{
    Admission, AdmissionRefusal, BrandId, ControlMode, Moment, MonotonicTime, Outcome, Provider,
    ProviderControl, ProviderControlChange, ProviderName, Timestamp,
};

/// The providers and their health. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct ProviderRegistry {
    inner: Arc<RegistryInner>,
}

struct RegistryInner {
    providers: Vec<Provider>,
    health: Mutex<Vec<ProviderHealth>>,
    changes: watch::Sender<u64>,
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
    /// Calls in flight.
    pub in_flight: u32,
    /// Calls in the breaker's window.
    pub recent_calls: u32,
    /// Failed calls in the breaker's window.
    pub recent_failures: u32,
    /// The last failure.
    pub last_failure: Option<ProviderFailure>,
}

/// The permit to make one call. Dropping it cancels it.
pub struct CallPermit {
    registry: ProviderRegistry,
    index: usize,
    permit: Option<BreakerPermit>,
}

impl ProviderRegistry {
    /// A registry of healthy providers under the controls that operators last set.
    pub fn new(
        providers: Vec<Provider>,
        settings: &HealthSettings,
        controls: Vec<ProviderControlChange>,
    ) -> Self {
        let health = providers.iter().map(|_| ProviderHealth::new(settings.clone())).collect();
        let inner = RegistryInner { providers, health: Mutex::new(health), changes: watch::Sender::new(0) };
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
        let health = self.health();
        self.inner
            .providers
            .iter()
            .zip(health.iter())
            .map(|(provider, health)| status(provider, health, now))
            .collect()
    }

    /// One provider as it is at `now`.
    pub fn status(&self, name: &ProviderName, now: Moment) -> Option<ProviderStatus> {
        let index = self.index(name)?;
        Some(status(&self.inner.providers[index], &self.health()[index], now))
    }

    /// The providers that serve `brand`, and whether each may be called at `now` with a message that was already tried
    /// at those for which `tried` says so.
    pub fn admissions(
        &self,
        brand: &BrandId,
        tried: impl Fn(&ProviderName) -> bool,
        now: Moment,
    ) -> Vec<(&Provider, Admission)> {
        let health = self.health();
        let all = self.inner.providers.iter().zip(health.iter());
        let serving = all.filter(|(provider, _)| provider.serves(brand));
        serving.map(|(provider, health)| (provider, health.admits(tried(&provider.name), now))).collect()
    }

    /// Asks for the permit to call a provider.
    ///
    /// # Errors
    /// Why it may not be called. An unknown provider counts as out of service.
    pub fn permit(
        &self,
        name: &ProviderName,
        tried: bool,
        now: Moment,
    ) -> Result<CallPermit, AdmissionRefusal> {
        let index = self.index(name).ok_or(AdmissionRefusal::OutOfService { until: None })?;
        let permit = self.change(index, now, |health| health.permit(tried, now))?;
        Ok(CallPermit { registry: self.clone(), index, permit: Some(permit) })
    }

    /// Puts an operator's control in force. Returns whether there is such a provider.
    pub fn set_control(&self, change: ProviderControlChange) -> bool {
        let Some(index) = self.index(&change.provider) else { return false };
        self.health()[index].set_control(change.control);
        self.notify_changed();
        true
    }

    /// Changes whenever the breaker, throttle or control of a provider does. Counts of calls change silently.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn change<T>(&self, index: usize, now: Moment, change: impl FnOnce(&mut ProviderHealth) -> T) -> T {
        let mut health = self.health();
        let of_provider = &mut health[index];
        let before = WatchedHealth::of(of_provider, now);
        let result = change(of_provider);
        let after = WatchedHealth::of(of_provider, now);
        let trip = of_provider.trip().map(|trip| trip.reason.to_string()).unwrap_or_default();
        let last_failure = of_provider.last_failure().map(ProviderFailure::brief).unwrap_or_default();
        drop(health);
        if before.breaker != after.breaker {
            let name = &self.inner.providers[index].name;
            tracing::warn!(
                provider.name = %name, state = after.breaker.as_str(), previous_state = before.breaker.as_str(),
                trip, last_failure,
                "the breaker of a provider changed"
            );
        }
        if before != after {
            self.notify_changed();
        }
        result
    }

    fn notify_changed(&self) {
        self.inner.changes.send_modify(|count| *count += 1);
    }

    fn index(&self, name: &ProviderName) -> Option<usize> {
        self.inner.providers.iter().position(|provider| provider.name == *name)
    }

    fn health(&self) -> MutexGuard<'_, Vec<ProviderHealth>> {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a provider's health whose changes watchers learn of.
#[derive(PartialEq, Eq)]
struct WatchedHealth {
    breaker: BreakerState,
    probe_at: Option<MonotonicTime>,
    throttled_until: Option<MonotonicTime>,
}

impl WatchedHealth {
    fn of(health: &ProviderHealth, now: Moment) -> Self {
        Self {
            breaker: health.breaker(now.monotonic),
            probe_at: health.probe_at(),
            throttled_until: health.throttled_until(now.monotonic),
        }
    }
}

impl CallPermit {
    /// Reports what came of the call. One that the provider did not see is cancelled.
    pub fn finish(mut self, outcome: &Outcome, now: Moment) {
        if HealthSignal::from_outcome(outcome).is_none() {
            return;
        }
        if let Some(permit) = self.permit.take() {
            self.registry.change(self.index, now, |health| health.record(permit, outcome, now));
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
        self.permit.take().is_some_and(|permit| self.registry.health()[self.index].cancel(permit))
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
    let (recent_calls, recent_failures) = health.recent(now.monotonic);
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
        in_flight: health.in_flight(),
        recent_calls,
        recent_failures,
        last_failure: health.last_failure().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::model::{Channel, OutcomeEvidence};

    fn start() -> Moment {
        Moment { calendar: "2026-06-01T12:00:00Z".parse().unwrap(), monotonic: MonotonicTime::default() }
    }

    /// A registry with one provider, whose breaker has been open for long enough to let a probe through.
    fn half_open() -> (ProviderRegistry, ProviderName, Moment) {
        let name: ProviderName = "a".parse().unwrap();
        let provider = Provider {
            name: name.clone(),
            channel: Channel::Sms,
            kind: "sandbox".into(),
            failure_domain: "a".into(),
            tier: 1,
            weight: 1,
            brands: Vec::new(),
            senders: BTreeMap::new(),
            user_ids_of: None,
            repeat_window: None,
        };
        let registry = ProviderRegistry::new(vec![provider], &HealthSettings::default(), Vec::new());
        let broken = Outcome::Misconfigured { evidence: OutcomeEvidence::default() };
        registry.permit(&name, false, start()).unwrap().finish(&broken, start());
        (registry, name, start().after(Duration::from_secs(3_600)))
    }

    #[test]
    fn a_released_permit_is_announced_only_when_it_is_not_acquired_again() {
        let (registry, name, now) = half_open();
        let call = registry.permit(&name, false, now).unwrap();
        assert!(registry.permit(&name, false, now).is_err(), "one probe at a time");
        let mut changes = registry.subscribe();
        let released = call.release();
        let call = registry.permit(&name, false, now).unwrap();
        released.reacquired();
        assert!(!changes.has_changed().unwrap());
        drop(call.release());
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        drop(registry.permit(&name, false, now).unwrap());
        assert!(changes.has_changed().unwrap());
    }
}
