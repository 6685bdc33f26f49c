//! All sandbox providers together, for whoever lists their outboxes and steers them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{OutboxEntry, Sandbox, SandboxBehavior, lock};
use crate::model::{BrandId, Provider, ProviderName};

/// The sandbox providers of a gateway, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sandboxes(Arc<BTreeMap<ProviderName, SandboxProvider>>);

struct SandboxProvider {
    failure_domain: String,
    sandbox: Sandbox,
}

/// Which sandbox providers to tell something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxTarget {
    /// This one.
    Provider(ProviderName),
    /// All that fail together.
    FailureDomain(String),
}

impl Sandboxes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one of this name.
    pub fn get(&self, provider: &ProviderName) -> Option<&Sandbox> {
        self.0.get(provider).map(|provider| &provider.sandbox)
    }

    /// The messages that `provider`, or each of them, accepted of `brand`, or of all brands: at most `limit` entries with
    /// the provider's name, newest first. `None` when there is no such provider.
    pub fn outbox(
        &self,
        provider: Option<&ProviderName>,
        brand: Option<&BrandId>,
        limit: usize,
    ) -> Option<Vec<(ProviderName, OutboxEntry)>> {
        match provider {
            Some(name) => self.get(name).map(|sandbox| newest(name, sandbox, brand, limit)),
            None => Some(self.merged(brand, limit)),
        }
    }

    /// Sets how the target behaves from its next call on. Returns the providers it was set on, by name; none when the
    /// target is unknown.
    pub fn set_behavior(&self, target: &SandboxTarget, behavior: SandboxBehavior) -> Vec<ProviderName> {
        let targets = self.0.iter().filter(|(name, provider)| target.covers(name, provider));
        targets
            .map(|(name, provider)| {
                *lock(&provider.sandbox.0.behavior) = behavior;
                name.clone()
            })
            .collect()
    }

    fn merged(&self, brand: Option<&BrandId>, limit: usize) -> Vec<(ProviderName, OutboxEntry)> {
        let outboxes = self.0.iter().map(|(name, provider)| newest(name, &provider.sandbox, brand, limit));
        let mut entries: Vec<_> = outboxes.flatten().collect();
        // Stable, so that the messages that one provider accepted in the same millisecond keep their order.
        entries.sort_by_key(|(_, entry)| Reverse(entry.time));
        entries.truncate(limit);
        entries
    }
}

fn newest(
    name: &ProviderName,
    sandbox: &Sandbox,
    brand: Option<&BrandId>,
    limit: usize,
) -> Vec<(ProviderName, OutboxEntry)> {
    let outbox = lock(&sandbox.0.outbox);
    outbox.newest(brand, limit).map(|entry| (name.clone(), entry)).collect()
}

impl<'a> FromIterator<(&'a Provider, Sandbox)> for Sandboxes {
    fn from_iter<I: IntoIterator<Item = (&'a Provider, Sandbox)>>(sandboxes: I) -> Self {
        let named = sandboxes.into_iter().map(|(provider, sandbox)| {
            let failure_domain = provider.failure_domain.clone();
            (provider.name.clone(), SandboxProvider { failure_domain, sandbox })
        });
        Self(Arc::new(named.collect()))
    }
}

impl SandboxTarget {
    fn covers(&self, name: &ProviderName, provider: &SandboxProvider) -> bool {
        match self {
            Self::Provider(target) => name == target,
            Self::FailureDomain(domain) => provider.failure_domain == *domain,
        }
    }
}
