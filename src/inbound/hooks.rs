//! Takes a provider's call: who may call is checked first, and what is said is durable before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::receipts;
use crate::adapters::hooks::{Call, Heard, Hook, HookError, Notice};
use crate::clock::Clock;
use crate::model::{ProviderName, ReceiptReport};
use crate::store::{StoreError, WorkQueue};

/// What takes the calls of each provider. Cheap to clone.
#[derive(Clone)]
pub struct Hooks {
    hooks: Arc<BTreeMap<ProviderName, Arc<dyn Hook>>>,
    store: Arc<dyn WorkQueue>,
    pub(super) clock: Clock,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Answer {
    /// It was understood, and is kept; with what the provider wants to read.
    Kept(String),
    /// There is no such provider, or it is not known how its calls are signed.
    Unknown,
    /// It changed nothing.
    Refused(HookError),
    /// It could not be kept: the provider should call again.
    NotKept(StoreError),
}

impl Hooks {
    /// Takes the calls of these providers.
    pub fn new(
        hooks: BTreeMap<ProviderName, Arc<dyn Hook>>,
        store: Arc<dyn WorkQueue>,
        clock: Clock,
    ) -> Self {
        Self { hooks: Arc::new(hooks), store, clock }
    }

    /// The providers that may call.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.hooks.keys()
    }

    pub(super) async fn take(&self, provider: &str, call: &Call<'_>) -> Answer {
        let known = provider.parse().ok().and_then(|name: ProviderName| self.hooks.get_key_value(&name));
        let Some((provider, hook)) = known else { return Answer::Unknown };
        let notices = match hook.hear(call) {
            Ok(Heard::Notices(notices)) => notices,
            Ok(Heard::Challenge(answer)) => return Answer::Kept(answer),
            Err(error) => return Answer::Refused(error),
        };
        for notice in notices {
            let report = report(provider, notice);
            match self.store.receive(report.clone(), call.now).await {
                Ok(matched) => receipts::log(&report, matched),
                // What was kept before it is known when all of it comes again.
                Err(error) => return Answer::NotKept(error),
            }
        }
        Answer::Kept(String::new())
    }
}

fn report(provider: &ProviderName, notice: Notice) -> ReceiptReport {
    let Notice { reference, echo, status, reported_at, evidence, suppression } = notice;
    ReceiptReport { provider: provider.clone(), reference, echo, status, reported_at, evidence, suppression }
}
