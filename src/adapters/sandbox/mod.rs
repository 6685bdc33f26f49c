//! A provider that sends nothing, for any channel: it keeps the messages that it accepts in an outbox in memory, and behaves
//! as it is told at run time. For demonstrations, tests, and rehearsing an outage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::adapter::Adapter;
use super::envelope::Envelope;
use super::events::{DeliveryReport, EventListener, EventSink};
use crate::model::{Outcome, OutcomeEvidence, ReceiptStatus, Rejection, ThrottleScope, later};

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
    /// Takes the message and reports nothing of it.
    Silent,
    /// Says the address is bad.
    RejectAddress,
}

/// One sandbox provider. Cheap to clone; clones share the outbox and the behaviour.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<SandboxInner>);

#[derive(Debug)]
struct SandboxInner {
    latency: Duration,
    receipts: Option<SimulatedReceipts>,
    behavior: Mutex<SandboxBehavior>,
    outbox: Mutex<Outbox>,
}

impl Sandbox {
    /// A provider that accepts, and takes `latency` for it. Each message is reported as delivered `receipt_delay` after it
    /// was accepted, for as long as somebody listens; never when that is absent.
    pub fn new(latency: Duration, receipt_delay: Option<Duration>) -> Self {
        Self(Arc::new(SandboxInner {
            latency,
            receipts: receipt_delay.map(SimulatedReceipts::new),
            behavior: Mutex::default(),
            outbox: Mutex::default(),
        }))
    }

    async fn take(&self, envelope: &Envelope) -> String {
        tokio::time::sleep(self.0.latency).await;
        lock(&self.0.outbox).push(OutboxEntry::new(envelope));
        format!("{}-{}", envelope.message_id, envelope.attempt)
    }

    async fn accept(&self, envelope: &Envelope) -> String {
        let reference = self.take(envelope).await;
        if let Some(receipts) = &self.0.receipts {
            receipts.schedule(DeliveryReport {
                reference: reference.clone(),
                echo: Some(envelope.echo()),
                address: None,
                aliases: Vec::new(),
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
impl EventListener for Sandbox {
    async fn listen(&self, sink: &dyn EventSink) {
        match &self.0.receipts {
            Some(receipts) => receipts.report(sink).await,
            None => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Adapter for Sandbox {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let behavior = *lock(&self.0.behavior);
        let evidence = |text| OutcomeEvidence::new("sandbox", text);
        match behavior {
            SandboxBehavior::Accept => Outcome::sent(self.accept(envelope).await),
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
                self.accept(envelope).await;
                Outcome::unknown(evidence("told to lose the reply"))
            }
            SandboxBehavior::Silent => Outcome::sent(self.take(envelope).await),
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
