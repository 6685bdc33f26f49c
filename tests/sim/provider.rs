//! A scripted provider: checks, at the instant of each call, that the call was permitted; then does what the script says.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use relevo::adapters::{Adapter, Envelope};
use relevo::health::BreakerState;
use relevo::model::{
    Address, Channel, Class, ConsentAction, ControlMode, Decision, Echo, Message, MessageId, Outcome,
    OutcomeEvidence, Provider, ProviderName, ReceiptReport, ReceiptStatus, Recipient, Rejection,
    ThrottleScope, Timestamp,
};
use relevo::store::StoredMessage;

use crate::script::{self, FaultKind};
use crate::world::Shared;

/// A message that really reached a provider.
#[derive(Debug, Clone)]
pub struct Effect {
    pub at: Timestamp,
    pub message: MessageId,
    pub attempt: u32,
    pub provider: ProviderName,
    pub address: Address,
}

/// How many probes a half-open breaker admits, by default.
const PROBES: u32 = 1;

pub struct Scripted {
    pub provider: Provider,
    pub shared: Arc<Shared>,
    /// Calls in flight.
    pub calls: AtomicU32,
    /// Those of them that began while the breaker was half open.
    pub probes: AtomicU32,
}

/// One of those counted, until it ends or is cut off.
struct Counted<'a>(&'a AtomicU32);

impl<'a> Counted<'a> {
    fn among(all: &'a AtomicU32) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scripted").field(&self.provider.name).finish()
    }
}

#[async_trait]
impl Adapter for Scripted {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let _call = Counted::among(&self.calls);
        let _probe = self.begin_probe();
        self.check_permitted(envelope).await;
        let latency = Duration::from_millis(self.shared.rng().u64(5..400));
        tokio::time::sleep(latency).await;
        let outcome = self.answer(envelope).await;
        self.shared.tell(format!(
            "{} attempt {} by {}: {}",
            envelope.message_id,
            envelope.attempt,
            self.provider.name,
            outcome.as_str()
        ));
        outcome
    }
}

impl Scripted {
    fn begin_probe(&self) -> Option<Counted<'_>> {
        let status = self.shared.board().status(&self.provider.name, self.shared.now())?;
        let probing = status.breaker == BreakerState::HalfOpen;
        probing.then(|| Counted::among(&self.probes))
    }

    async fn answer(&self, envelope: &Envelope) -> Outcome {
        let evidence = OutcomeEvidence::new("scripted", "as the script says");
        match self.shared.fault(&self.provider.failure_domain) {
            Some(FaultKind::Refuse) => Outcome::Unavailable { evidence },
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::LoseReply) => {
                self.take(envelope, true);
                std::future::pending().await
            }
            Some(FaultKind::Throttle) => {
                let retry_after = Some(Duration::from_secs(self.shared.rng().u64(1..90)));
                Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence }
            }
            Some(FaultKind::Misconfigure) => Outcome::Misconfigured { evidence },
            None if self.shared.is_bad(&envelope.address) => {
                Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence }
            }
            None => {
                let refusal = self.shared.rng().u8(0..60);
                let cause = match refusal {
                    0 => Rejection::Content,
                    1 => Rejection::OptedOut { certain: true },
                    2 => Rejection::CommercialOptedOut,
                    _ => return Outcome::Sent { reference: self.take(envelope, false) },
                };
                Outcome::Rejected { cause, evidence }
            }
        }
    }

    /// Really takes the message, and reports on it later: now or then, once or twice, in any order.
    fn take(&self, envelope: &Envelope, reply_lost: bool) -> String {
        let reference = format!("{}/{}", envelope.message_id, envelope.attempt);
        self.shared.effect(Effect {
            at: self.shared.now(),
            message: envelope.message_id,
            attempt: envelope.attempt,
            provider: self.provider.name.clone(),
            address: envelope.address.clone(),
        });
        let mut statuses = match self.shared.rng().u8(0..10) {
            0 | 1 => vec![],
            2 => vec![ReceiptStatus::Sent],
            3 => vec![ReceiptStatus::Failed],
            4 => vec![ReceiptStatus::Sent, ReceiptStatus::Failed],
            5 => vec![ReceiptStatus::Delivered, ReceiptStatus::Failed],
            6 => vec![ReceiptStatus::Read],
            7 => vec![ReceiptStatus::Delivered, ReceiptStatus::Delivered],
            _ => vec![ReceiptStatus::Sent, ReceiptStatus::Delivered, ReceiptStatus::Read],
        };
        self.shared.rng().shuffle(&mut statuses);
        for status in statuses {
            // Without our own id the report can only be matched once the answer is known.
            let echo = reply_lost || self.shared.rng().bool();
            let report = ReceiptReport {
                provider: self.provider.name.clone(),
                reference: reference.clone(),
                echo: echo.then(|| Echo {
                    brand: envelope.brand.clone(),
                    message: envelope.message_id,
                    attempt: envelope.attempt,
                }),
                status,
                reported_at: self.shared.now(),
                evidence: OutcomeEvidence::default(),
                objection: None,
            };
            let delay = self.shared.rng().u64(0..1_200_000);
            let delay = if self.shared.rng().u8(0..4) == 0 { 0 } else { delay };
            self.shared.report_later(report, Duration::from_millis(delay));
        }
        reference
    }

    async fn check_permitted(&self, envelope: &Envelope) {
        let id = envelope.message_id;
        let Some(stored) = self.shared.stores().work.reload(&envelope.brand, id).await.unwrap() else {
            return self.shared.problem(format!("{id} was sent and is not in the store"));
        };
        self.check_recorded(envelope, &stored);
        self.check_consent(envelope, &stored).await;
        self.check_health(envelope, &stored);
    }

    /// Before a call the store knows that it begins.
    fn check_recorded(&self, envelope: &Envelope, stored: &StoredMessage) {
        let recorded = stored.history.attempts().last().is_some_and(|own| {
            own.number == envelope.attempt
                && own.ended.is_none()
                && own.way.provider == self.provider.name
                && own.way.address == envelope.address
        });
        if !recorded {
            self.shared
                .problem(format!("{}: a call began that the store does not know of", envelope.message_id));
        }
        if self.shared.now() >= stored.message.expire_at {
            self.shared.problem(format!("{}: called after it expired", envelope.message_id));
        }
    }

    /// Invariant 2: no attempt without an allowing verdict at that instant.
    async fn check_consent(&self, envelope: &Envelope, stored: &StoredMessage) {
        let message = &stored.message;
        let recipient =
            self.shared.stores().consents.recipient(&message.brand, &message.contact).await.unwrap();
        let Some(recipient) = recipient else {
            return self.shared.problem(format!("{}: sent to a deleted contact", message.id));
        };
        if !recipient.contact.addresses.iter().any(|own| own.address == envelope.address) {
            self.shared.problem(format!("{}: sent to an address of somebody else", message.id));
        }
        let channel: Channel = self.provider.channel;
        if self.shared.texts.have_stopped(&message.brand, channel, &envelope.address) {
            self.shared.problem(format!("{}: sent although the person wrote STOP", message.id));
        }
        if let Some(plain) = plainly_forbidden(message, &recipient, channel, &envelope.address) {
            self.shared.problem(format!("{}: sent although {plain}", message.id));
        }
        let question = relevo::consent::ConsentQuery {
            class: message.class,
            topic: &message.topic,
            channel,
            address: &envelope.address,
        };
        let zone = jiff::tz::TimeZone::UTC;
        let verdict = relevo::consent::decide(&question, &recipient, &zone, self.shared.now());
        if verdict.decision != Decision::Allow {
            self.shared.problem(format!("{}: sent against the verdict: {}", message.id, verdict.explanation));
        }
    }

    /// Invariant 5: an open breaker admits nothing, a half-open one probes only, an operator's word stands above it.
    fn check_health(&self, envelope: &Envelope, stored: &StoredMessage) {
        let id = envelope.message_id;
        if self.calls.load(Ordering::Relaxed) > script::SLOTS {
            self.shared.problem(format!("{id}: {} was called beyond its slots", self.provider.name));
        }
        let Some(status) = self.shared.board().status(&self.provider.name, self.shared.now()) else { return };
        let open = self.shared.open_until(&self.provider.name).is_some_and(|until| self.shared.now() < until);
        if open || status.breaker == BreakerState::Open {
            self.shared.problem(format!("{id}: {} was called through an open breaker", self.provider.name));
        }
        if status.breaker == BreakerState::HalfOpen && self.probes.load(Ordering::Relaxed) > PROBES {
            self.shared.problem(format!("{id}: {} was called beyond its probes", self.provider.name));
        }
        let tried =
            stored.history.attempts().iter().filter(|own| own.way.provider == self.provider.name).count() > 1;
        let barred = match status.mode {
            ControlMode::InService => false,
            ControlMode::Draining => !tried,
            ControlMode::OutOfService => true,
        };
        if barred {
            self.shared.problem(format!(
                "{id}: {} was called while {}",
                self.provider.name,
                status.mode.as_str()
            ));
        }
        if !self.provider.serves(&envelope.brand) {
            self.shared.problem(format!("{id}: {} does not serve {}", self.provider.name, envelope.brand));
        }
    }
}

/// What anybody would see without knowing the rules in full, so that a mistake in the rules shows here too.
fn plainly_forbidden(
    message: &Message,
    recipient: &Recipient,
    channel: Channel,
    address: &Address,
) -> Option<&'static str> {
    if recipient.suppressions.iter().any(|own| own.channel == channel && own.address == *address) {
        return Some("the address is suppressed");
    }
    if recipient.preferences.excluded_channels.contains(&channel) {
        return Some("the person excluded the channel");
    }
    if message.class == Class::Transactional {
        return None;
    }
    let said =
        recipient.ledger.iter().filter(|own| own.channel == channel && own.scope.covers(&message.topic));
    match said.max_by_key(|own| (own.evidence.time, own.sequence)).map(|own| own.action) {
        Some(ConsentAction::Grant) => None,
        // An older word is stronger only when it is narrower, and then it is a revocation.
        Some(ConsentAction::Revoke) => Some("the person's last word on it was no"),
        None => Some("the person never agreed"),
    }
}
