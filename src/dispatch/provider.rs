//! One provider, as dispatch calls it: its adapter, its time-out, and its limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::limits::{CallSlot, ProviderLimiter};
use crate::adapters::{Adapter, Envelope, ProviderLimits, answer_within};
use crate::model::{Outcome, OutcomeEvidence, bounded_provider_id};

/// One provider, as dispatch calls it.
pub struct ProviderClient {
    adapter: Arc<dyn Adapter>,
    timeout: Duration,
    pub(super) limiter: Arc<ProviderLimiter>,
}

impl ProviderClient {
    /// A client of an adapter, within these limits.
    pub fn new(adapter: Arc<dyn Adapter>, limits: &ProviderLimits) -> Self {
        Self { adapter, timeout: limits.timeout(), limiter: Arc::new(ProviderLimiter::new(limits)) }
    }

    /// Hands the envelope to the provider. A call that outlasts the time-out may have had its effect.
    pub(super) async fn deliver(&self, envelope: &Envelope, _slot: CallSlot<'_>) -> Outcome {
        let began = Instant::now();
        match answer_within(self.timeout, self.adapter.deliver(envelope)).await {
            Some(Outcome::Sent { reference, recipient }) => {
                self.limiter.called(began.elapsed());
                Outcome::Sent { reference: bounded_provider_id(reference), recipient }
            }
            Some(outcome) => outcome,
            None => {
                let text = format!("no answer within {} ms", self.timeout.as_millis());
                Outcome::unknown(OutcomeEvidence::new("timeout", &text))
            }
        }
    }
}
