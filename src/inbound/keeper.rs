//! Puts what providers tell where it belongs, durably.

use std::sync::Arc;

use async_trait::async_trait;

use super::receipts;
use crate::adapters::hooks::{Ear, NotKept, Notice, Told};
use crate::clock::Clock;
use crate::model::{ProviderName, ReceiptReport, Timestamp};
use crate::store::{StoreError, WorkQueue};

/// Keeps what providers tell. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    store: Arc<dyn WorkQueue>,
    pub(super) clock: Clock,
}

impl Keeper {
    /// Keeps it in this store.
    pub fn new(store: Arc<dyn WorkQueue>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Where the adapter of `provider` puts what it hears.
    pub fn ear(&self, provider: ProviderName) -> impl Ear + use<> {
        ProviderEar { keeper: self.clone(), provider }
    }

    /// Keeps what `provider` told: durable when this returns. What was kept before an error is known when it is told again.
    pub(super) async fn keep(&self, provider: &ProviderName, told: Vec<Told>) -> Result<(), StoreError> {
        for told in told {
            match told {
                Told::Receipt(notice) => self.receive(report(provider, notice)).await?,
                Told::Text(_) | Told::Address(_) => {}
            }
        }
        Ok(())
    }

    async fn receive(&self, report: ReceiptReport) -> Result<(), StoreError> {
        let matched = self.store.receive(report.clone(), self.clock.now()).await?;
        receipts::log(&report, matched);
        Ok(())
    }
}

struct ProviderEar {
    keeper: Keeper,
    provider: ProviderName,
}

#[async_trait]
impl Ear for ProviderEar {
    async fn keep(&self, told: Vec<Told>) -> Result<(), NotKept> {
        self.keeper.keep(&self.provider, told).await.map_err(|error| {
            tracing::error!(provider.name = %self.provider, %error, "what a provider told could not be kept");
            NotKept
        })
    }

    fn now(&self) -> Timestamp {
        self.keeper.clock.now()
    }
}

fn report(provider: &ProviderName, notice: Notice) -> ReceiptReport {
    let Notice { reference, echo, status, reported_at, evidence, objection, .. } = notice;
    ReceiptReport { provider: provider.clone(), reference, echo, status, reported_at, evidence, objection }
}
