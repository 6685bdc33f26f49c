//! All sandbox providers together, for whoever lists their outboxes and steers them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{OutboxEntry, Sandbox, SandboxBehavior, lock};
use crate::model::{BrandId, ProviderName};

/// The sandbox providers of a gateway, by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sandboxes(Arc<BTreeMap<ProviderName, Sandbox>>);

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
        self.0.get(provider)
    }

    /// What `provider`, or all, were given by `brand`, or by all: at most `limit` entries, newest first. `None` when
    /// there is no such provider.
    pub fn outbox(
        &self,
        provider: Option<&ProviderName>,
        brand: Option<&BrandId>,
        limit: usize,
    ) -> Option<Vec<OutboxEntry>> {
        let Some(name) = provider else { return Some(self.merged(brand, limit)) };
        Some(lock(&self.0.get(name)?.0.outbox).newest(brand, limit).collect())
    }

    /// Sets how the target behaves from its next call on. Returns the providers it was set on, by name; none when the
    /// target is unknown.
    pub fn set_behavior(&self, target: &SandboxTarget, behavior: SandboxBehavior) -> Vec<ProviderName> {
        let targets = self.0.values().filter(|sandbox| target.covers(sandbox));
        targets
            .map(|sandbox| {
                *lock(&sandbox.0.behavior) = behavior;
                sandbox.0.name.clone()
            })
            .collect()
    }

    fn merged(&self, brand: Option<&BrandId>, limit: usize) -> Vec<OutboxEntry> {
        let mut entries = Vec::new();
        for sandbox in self.0.values() {
            entries.extend(lock(&sandbox.0.outbox).newest(brand, limit));
        }
        // Stable, so that what one provider was given in the same millisecond keeps its order.
        entries.sort_by_key(|entry| Reverse(entry.time));
        entries.truncate(limit);
        entries
    }
}

impl FromIterator<Sandbox> for Sandboxes {
    fn from_iter<I: IntoIterator<Item = Sandbox>>(sandboxes: I) -> Self {
        Self(Arc::new(sandboxes.into_iter().map(|sandbox| (sandbox.0.name.clone(), sandbox)).collect()))
    }
}

impl SandboxTarget {
    fn covers(&self, sandbox: &Sandbox) -> bool {
        match self {
            Self::Provider(name) => sandbox.0.name == *name,
            Self::FailureDomain(domain) => sandbox.0.failure_domain == *domain,
        }
    }
}
