//! A provider that sends nothing, for any channel: it keeps what it was given in a local outbox, and behaves as told at
//! run time. For demonstrations, tests, and rehearsing an outage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::adapters::{Adapter, Envelope};
use crate::model::{
    Channel, Echo, Outcome, OutcomeEvidence, Provider, ProviderName, ReceiptReport, ReceiptStatus, Rejection,
    ThrottleScope, later,
};

mod outbox;
mod receipts;
mod sandboxes;
mod settings;
#[cfg(test)]
mod tests;

use outbox::Outbox;
use receipts::SimulatedReceipts;

pub use outbox::{MAX_ENTRIES, OutboxEntry};
pub use sandboxes::{SandboxTarget, Sandboxes};
pub use settings::SandboxSettings;

/// How a sandbox provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SandboxBehavior {
    /// Takes every message.
    #[default]
    Accept,
    /// Refuses the connection.
    Fail,
    /// Never answers.
    Hang,
    /// Says it is too fast, and to come back after this time.
    Throttle {
        /// How long callers are told to wait.
        retry_after: Duration,
    },
    /// Takes the message and loses the reply.
    LoseReply,
    /// Says the address is bad.
    RejectAddress,
}

/// One sandbox provider. Cheap to clone; clones share the outbox and the behaviour.
#[derive(Clone)]
pub struct Sandbox(Arc<SandboxInner>);

struct SandboxInner {
    name: ProviderName,
    channel: Channel,
    failure_domain: String,
    latency: Duration,
    receipts: Option<SimulatedReceipts>,
    behavior: Mutex<SandboxBehavior>,
    outbox: Mutex<Outbox>,
}

impl Sandbox {
    /// Builds the provider, accepting. Its receipts go into `reports`. Needs a tokio runtime when it reports receipts.
    pub fn new(
        provider: &Provider,
        settings: &SandboxSettings,
        reports: mpsc::Sender<ReceiptReport>,
    ) -> Self {
        Self(Arc::new(SandboxInner {
            name: provider.name.clone(),
            channel: provider.channel,
            failure_domain: provider.failure_domain.clone(),
            latency: settings.latency(),
            receipts: settings.receipt_delay().map(|delay| SimulatedReceipts::start(delay, reports)),
            behavior: Mutex::default(),
            outbox: Mutex::default(),
        }))
    }

    async fn take(&self, envelope: &Envelope) -> String {
        tokio::time::sleep(self.0.latency).await;
        let reference = format!("{}-{}", envelope.message_id, envelope.attempt);
        lock(&self.0.outbox).push(OutboxEntry::new(&self.0.name, self.0.channel, envelope));
        if let Some(receipts) = &self.0.receipts {
            receipts.schedule(ReceiptReport {
                provider: self.0.name.clone(),
                reference: reference.clone(),
                echo: Some(Echo {
                    brand: envelope.brand.clone(),
                    message: envelope.message_id,
                    attempt: envelope.attempt,
                }),
                status: ReceiptStatus::Delivered,
                reported_at: later(envelope.now, self.0.latency + receipts.delay()),
                evidence: OutcomeEvidence::default(),
                objection: None,
            });
        }
        reference
    }
}

#[async_trait]
impl Adapter for Sandbox {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let behavior = *lock(&self.0.behavior);
        let evidence = |text| OutcomeEvidence::new("sandbox", text);
        match behavior {
            SandboxBehavior::Accept => Outcome::Sent { reference: self.take(envelope).await },
            SandboxBehavior::Fail => {
                Outcome::Unavailable { evidence: evidence("told to refuse the connection") }
            }
            SandboxBehavior::Hang => std::future::pending().await,
            SandboxBehavior::Throttle { retry_after } => Outcome::Throttled {
                retry_after: Some(retry_after),
                scope: ThrottleScope::Provider,
                evidence: evidence("told to throttle"),
            },
            SandboxBehavior::LoseReply => {
                self.take(envelope).await;
                Outcome::Unknown { evidence: evidence("told to lose the reply") }
            }
            SandboxBehavior::RejectAddress => Outcome::Rejected {
                cause: Rejection::Address { certain: true },
                evidence: evidence("told to reject the address"),
            },
        }
    }
}

/// Nothing panics while it holds one of these locks, so what a poisoned one guards is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
