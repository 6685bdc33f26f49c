//! The health of every provider, shared by all who call, watch or control them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::health::{BreakerPermit, BreakerState, HealthSettings, ProviderHealth};
use crate::model::{
    Admission, AdmissionRefusal, BrandId, Control, ControlChange, ControlMode, Outcome, Provider,
    ProviderName, Timestamp,
};

/// The health of every provider. Cheap to clone; clones share it.
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
    pub control: Option<Control>,
    /// The state of its breaker.
    pub breaker: BreakerState,
    /// When an open breaker lets the next probe through.
    pub probe_at: Option<Timestamp>,
    /// Until when it asked us to slow down.
    pub throttled_until: Option<Timestamp>,
    /// Calls in flight.
    pub in_flight: u32,
    /// Calls in the breaker's window.
    pub recent_calls: u32,
    /// Failed calls in the breaker's window.
    pub recent_failures: u32,
    /// The last failure, in a sentence.
    pub last_failure: Option<String>,
}

/// Leave to make one call. Dropping it gives it back unused.
pub struct CallPermit {
    board: ProviderRegistry,
    index: usize,
    permit: Option<BreakerPermit>,
}

impl ProviderRegistry {
    /// A board of healthy providers under the controls that operators last set.
    pub fn new(providers: Vec<Provider>, settings: &HealthSettings, controls: Vec<ControlChange>) -> Self {
        let health = providers.iter().map(|_| ProviderHealth::new(settings.clone())).collect();
        let inner = RegistryInner { providers, health: Mutex::new(health), changes: watch::Sender::new(0) };
        let board = Self { inner: Arc::new(inner) };
        for change in controls {
            board.set_control(change);
        }
        board
    }

    /// The providers, in the order of the configuration.
    pub fn providers(&self) -> &[Provider] {
        &self.inner.providers
    }

    /// The provider of this name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Provider> {
        self.inner.providers.iter().find(|own| own.name == *name)
    }

    /// Every provider as it is at `now`.
    pub fn statuses(&self, now: Timestamp) -> Vec<ProviderStatus> {
        let health = self.health();
        self.inner.providers.iter().zip(health.iter()).map(|(own, health)| status(own, health, now)).collect()
    }

    /// One provider as it is at `now`.
    pub fn status(&self, name: &ProviderName, now: Timestamp) -> Option<ProviderStatus> {
        let index = self.index(name)?;
        Some(status(&self.inner.providers[index], &self.health()[index], now))
    }

    /// The providers that serve `brand`, and whether each may be called at `now` with a message that was already tried
    /// at those for which `tried` says so.
    pub fn admissions(
        &self,
        brand: &BrandId,
        tried: impl Fn(&ProviderName) -> bool,
        now: Timestamp,
    ) -> Vec<(&Provider, Admission)> {
        let health = self.health();
        let all = self.inner.providers.iter().zip(health.iter());
        let serving = all.filter(|(provider, _)| provider.serves(brand));
        serving.map(|(provider, health)| (provider, health.admits(tried(&provider.name), now))).collect()
    }

    /// Asks to call a provider.
    ///
    /// # Errors
    /// Why it may not be called. An unknown provider counts as out of service.
    pub fn permit(
        &self,
        name: &ProviderName,
        tried: bool,
        now: Timestamp,
    ) -> Result<CallPermit, AdmissionRefusal> {
        let index = self.index(name).ok_or(AdmissionRefusal::OutOfService { until: None })?;
        let permit = self.change(index, now, |health| health.permit(tried, now))?;
        Ok(CallPermit { board: self.clone(), index, permit: Some(permit) })
    }

    /// Puts an operator's wish in force. Returns whether there is such a provider.
    pub fn set_control(&self, change: ControlChange) -> bool {
        let Some(index) = self.index(&change.provider) else { return false };
        self.health()[index].set_control(change.control);
        self.notify_changed();
        true
    }

    /// Changes whenever the breaker, throttle or control of a provider does. Counts of calls change silently.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    fn change<T>(&self, index: usize, now: Timestamp, change: impl FnOnce(&mut ProviderHealth) -> T) -> T {
        let mut health = self.health();
        let own = &mut health[index];
        let before = (own.breaker(now), own.probe_at(), own.throttled_until(now));
        let result = change(own);
        let after = (own.breaker(now), own.probe_at(), own.throttled_until(now));
        let last_failure = own.last_failure().unwrap_or_default().to_owned();
        drop(health);
        if before != after {
            let name = &self.inner.providers[index].name;
            if before.0 != after.0 {
                tracing::warn!(provider.name = %name, breaker = ?after.0, was = ?before.0, last_failure, "breaker changed");
            }
            self.notify_changed();
        }
        result
    }

    fn notify_changed(&self) {
        self.inner.changes.send_modify(|count| *count += 1);
    }

    fn index(&self, name: &ProviderName) -> Option<usize> {
        self.inner.providers.iter().position(|own| own.name == *name)
    }

    fn health(&self) -> MutexGuard<'_, Vec<ProviderHealth>> {
        self.inner.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallPermit {
    /// Reports what came of the call.
    pub fn finish(mut self, outcome: &Outcome, now: Timestamp) {
        if let Some(permit) = self.permit.take() {
            self.board.change(self.index, now, |health| health.record(permit, outcome, now));
        }
    }
}

impl CallPermit {
    /// Gives the leave back, to be asked for again at once. Others learn of it only if it is not given again: they would
    /// ask again themselves, and so on for ever.
    pub(super) fn release(mut self) -> ReleasedPermit {
        let is_free = self.cancel();
        ReleasedPermit { board: self.board.clone(), is_free }
    }

    /// Whether another call may be made in its place.
    fn cancel(&mut self) -> bool {
        self.permit.take().is_some_and(|permit| self.board.health()[self.index].cancel(permit))
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        if self.cancel() {
            self.board.notify_changed();
        }
    }
}

/// Leave that was given back to be asked for again. Dropping it tells the others that they may have it.
pub(super) struct ReleasedPermit {
    board: ProviderRegistry,
    is_free: bool,
}

impl ReleasedPermit {
    /// It was given again.
    pub(super) fn reacquired(mut self) {
        self.is_free = false;
    }
}

impl Drop for ReleasedPermit {
    fn drop(&mut self) {
        if self.is_free {
            self.board.notify_changed();
        }
    }
}

fn status(provider: &Provider, health: &ProviderHealth, now: Timestamp) -> ProviderStatus {
    let (recent_calls, recent_failures) = health.recent(now);
    let control = health.control().cloned();
    ProviderStatus {
        provider: provider.clone(),
        mode: control.as_ref().map_or(ControlMode::InService, |own| own.mode_at(now)),
        control,
        breaker: health.breaker(now),
        probe_at: health.probe_at(),
        throttled_until: health.throttled_until(now),
        in_flight: health.in_flight(),
        recent_calls,
        recent_failures,
        last_failure: health.last_failure().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::model::{Channel, OutcomeEvidence, later};

    fn start() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    /// A registry with one provider, whose breaker has been open for long enough to let a probe through.
    fn half_open() -> (ProviderRegistry, ProviderName, Timestamp) {
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
        };
        let registry = ProviderRegistry::new(vec![provider], &HealthSettings::default(), Vec::new());
        let broken = Outcome::Misconfigured { evidence: OutcomeEvidence::default() };
        registry.permit(&name, false, start()).unwrap().finish(&broken, start());
        (registry, name, later(start(), Duration::from_secs(3_600)))
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
