//! A scripted provider: at the instant of each call it checks that the call was permitted, and then it does what the script
//! says.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use relevo::adapters::{Adapter, Envelope};
use relevo::model::{
    Address, AttemptRef, BreakerState, Channel, ConsentAction, ConsentDecision, ControlMode, Message,
    MessageClass, MessageId, MonotonicTime, Outcome, OutcomeEvidence, Provider, ProviderName, ReceiptReport,
    ReceiptStatus, Recipient, ReferenceForms, Rejection, ThrottleScope, Timestamp, later,
};
use relevo::store::StoredMessage;

use crate::faults::FaultKind;
use crate::script;
use crate::state::SimulationState;

/// The effect of a call outside of the gateway: a provider accepted a message.
#[derive(Debug, Clone)]
pub struct Effect {
    pub at: Timestamp,
    pub message: MessageId,
    pub attempt: u32,
    pub provider: ProviderName,
    pub address: Address,
    /// Whether the provider said that it did not take it, or took one call for two.
    pub is_lie: bool,
}

/// The idempotency key of a call: the provider, the message, and the attempt that is repeated.
pub type CallKey = (ProviderName, MessageId, u32);

/// How many probes a half-open breaker admits, by default.
const PROBES: u32 = 1;

/// What becomes of a message that a provider accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acceptance {
    /// It says so.
    Answered,
    /// Its answer is lost.
    ReplyLost,
    /// It says that it did not take it.
    Denied,
    /// It says so, and nothing more is heard of it.
    Swallowed,
    /// It says so, and takes it a second time.
    Twice,
}

/// An adapter that behaves as the script says.
pub struct ScriptedProvider {
    pub provider: Provider,
    pub shared: Arc<SimulationState>,
    /// Calls in flight.
    pub calls: AtomicU32,
    /// The calls in flight that began while the breaker was half open.
    pub probes: AtomicU32,
    /// When it took calls while it bore only so many a minute.
    pub taken_at: Mutex<VecDeque<MonotonicTime>>,
}

/// Counts a call until it ends or is cut off.
struct CallGuard<'a>(&'a AtomicU32);

impl<'a> CallGuard<'a> {
    fn new(all: &'a AtomicU32) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScriptedProvider").field(&self.provider.name).finish()
    }
}

#[async_trait]
impl Adapter for ScriptedProvider {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        let _call = CallGuard::new(&self.calls);
        let _probe = self.begin_probe();
        let pending =
            self.shared.answers.pending(&self.provider.name, envelope, || self.shared.clock.monotonic());
        self.check_permitted(envelope).await;
        let latency = Duration::from_millis(self.shared.rng().u64(5..400));
        tokio::time::sleep(latency).await;
        let outcome = self.answer(envelope).await;
        pending.answered(&outcome);
        self.shared.log(format!(
            "{} attempt {} by {}: {}",
            envelope.message_id,
            envelope.attempt,
            self.provider.name,
            outcome.as_str()
        ));
        outcome
    }
}

impl ScriptedProvider {
    fn begin_probe(&self) -> Option<CallGuard<'_>> {
        let status = self.shared.board().status(&self.provider.name, self.shared.clock.moment())?;
        let probing = status.breaker == BreakerState::HalfOpen;
        probing.then(|| CallGuard::new(&self.probes))
    }

    async fn answer(&self, envelope: &Envelope) -> Outcome {
        let evidence = OutcomeEvidence::new("scripted", "as the script says");
        let fault = self.shared.fault(&self.provider.failure_domain, envelope);
        if let Some(fault) = fault {
            self.shared.count(format!("fault {}", fault.name()));
        }
        match fault {
            Some(FaultKind::Refuse) => return Outcome::Unavailable { evidence },
            Some(FaultKind::HalfBroken { percent }) if self.shared.rng().u8(0..100) < percent => {
                return Outcome::Unavailable { evidence };
            }
            Some(FaultKind::Hang) => return std::future::pending().await,
            Some(FaultKind::LoseReply) => {
                self.accept(envelope, Acceptance::ReplyLost);
                return std::future::pending().await;
            }
            Some(FaultKind::TakenAndDenied) => {
                self.accept(envelope, Acceptance::Denied);
                return Outcome::Unavailable { evidence };
            }
            Some(FaultKind::MistakenRefusal) => {
                let causes = [Rejection::Policy, Rejection::Address { certain: false }];
                let cause = causes[self.shared.rng().usize(0..2)];
                return Outcome::Rejected { cause, evidence };
            }
            Some(FaultKind::Slow) => {
                let more = Duration::from_millis(self.shared.rng().u64(2_000..4_500));
                tokio::time::sleep(more).await;
            }
            Some(FaultKind::Limited { per_minute, tells }) if !self.bears(per_minute) => {
                let wait = self.shared.rng().u64(1..30);
                let retry_after = tells.then(|| Duration::from_secs(wait));
                return Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence };
            }
            Some(FaultKind::Throttle) => {
                let retry_after = Some(Duration::from_secs(self.shared.rng().u64(1..90)));
                return Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence };
            }
            Some(FaultKind::Misconfigure) => return Outcome::Misconfigured { evidence },
            _ => {}
        }
        if self.shared.is_bad_address(&envelope.address) {
            return Outcome::Rejected { cause: Rejection::Address { certain: true }, evidence };
        }
        let refusal = self.shared.rng().u8(0..60);
        let cause = match refusal {
            0 => Rejection::Content,
            1 => Rejection::OptedOut { certain: true },
            2 => Rejection::CommercialOptedOut,
            _ => {
                let acceptance = match fault {
                    Some(FaultKind::Silent) => Acceptance::Swallowed,
                    Some(FaultKind::TakenTwice) => Acceptance::Twice,
                    _ => Acceptance::Answered,
                };
                return Outcome::sent(self.accept(envelope, acceptance));
            }
        };
        Outcome::Rejected { cause, evidence }
    }

    /// Whether another call is within so many a minute.
    fn bears(&self, per_minute: usize) -> bool {
        let now = self.shared.clock.monotonic();
        let mut taken = self.taken_at.lock().unwrap();
        while taken.front().is_some_and(|at| now.since(*at) >= Duration::from_secs(60)) {
            taken.pop_front();
        }
        let bears = taken.len() < per_minute;
        if bears {
            taken.push_back(now);
        }
        bears
    }

    /// The reference of the message that a call with this key brought before, as far as the provider knows it yet. A provider
    /// may say only that it has it.
    fn known(&self, key: &CallKey) -> Option<String> {
        let window = self.provider.repeat_window?;
        let (first_at, reference) = self.shared.keys.lock().unwrap().get(key).cloned()?;
        if self.shared.script_now() >= later(first_at, window) {
            return None;
        }
        self.shared.count("a repeat was known");
        Some(if self.shared.rng().bool() { reference } else { String::new() })
    }

    /// Accepts the message, and reports on it within 20 minutes: never, once or several times, in any order. Returns the
    /// reference.
    fn accept(&self, envelope: &Envelope, acceptance: Acceptance) -> String {
        let key = (self.provider.name.clone(), envelope.message_id, envelope.idempotency_attempt);
        if let Some(reference) = self.known(&key) {
            return reference;
        }
        let reference = format!("{}/{}", envelope.message_id, envelope.attempt);
        self.shared.keys.lock().unwrap().insert(key, (self.shared.script_now(), reference.clone()));
        let effect = Effect {
            at: self.shared.now(),
            message: envelope.message_id,
            attempt: envelope.attempt,
            provider: self.provider.name.clone(),
            address: envelope.address.clone(),
            is_lie: acceptance == Acceptance::Denied,
        };
        if acceptance == Acceptance::Twice {
            self.shared.record_effect(Effect { is_lie: true, ..effect.clone() });
        }
        self.shared.record_effect(effect);
        if acceptance == Acceptance::Swallowed {
            return reference;
        }
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
            // A report without the echo can be matched only once the reference is known from the answer.
            let is_unknown = matches!(acceptance, Acceptance::ReplyLost | Acceptance::Denied);
            let echo = is_unknown || self.shared.rng().bool();
            let report = ReceiptReport {
                provider: self.provider.name.clone(),
                reference: reference.clone(),
                forms: ReferenceForms::default(),
                addresses: vec![envelope.address.clone()],
                echo: echo.then(|| AttemptRef {
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
            return self.shared.record_problem(format!("{id} was sent and is not in the store"));
        };
        self.check_recorded(envelope, &stored);
        self.check_consent(envelope, &stored).await;
        self.check_health(envelope, &stored);
    }

    /// Checks that the store has the attempt on record before the call begins.
    fn check_recorded(&self, envelope: &Envelope, stored: &StoredMessage) {
        let recorded = stored.history.attempts().last().is_some_and(|attempt| {
            attempt.number == envelope.attempt
                && attempt.ended.is_none()
                && attempt.way.provider == self.provider.name
                && attempt.way.address == envelope.address
        });
        if !recorded {
            self.shared.record_problem(format!(
                "{}: a call began that the store does not know of",
                envelope.message_id
            ));
        }
        if self.shared.now() >= stored.message.expire_at {
            self.shared.record_problem(format!("{}: called after it expired", envelope.message_id));
        }
    }

    /// Invariant 2: no attempt without an allowing verdict at that instant.
    async fn check_consent(&self, envelope: &Envelope, stored: &StoredMessage) {
        let message = &stored.message;
        let recipient =
            self.shared.stores().consents.recipient(&message.brand, &message.contact).await.unwrap();
        let Some(recipient) = recipient else {
            return self.shared.record_problem(format!("{}: sent to a deleted contact", message.id));
        };
        if recipient.contact.incarnation != message.incarnation {
            let problem = format!("{}: sent to whoever has the contact's id now", message.id);
            return self.shared.record_problem(problem);
        }
        if !recipient.contact.addresses.iter().any(|entry| entry.address == envelope.address) {
            self.shared.record_problem(format!("{}: sent to an address of somebody else", message.id));
        }
        let channel: Channel = self.provider.channel;
        if self.shared.texts.has_opted_out(&message.brand, channel, &envelope.address) {
            self.shared.record_problem(format!("{}: sent although the person wrote STOP", message.id));
        }
        if let Some(reason) = self.shared.standing.against(&message.brand, channel, &envelope.address) {
            let problem =
                format!("{}: sent although the address is suppressed for {}", message.id, reason.as_str());
            self.shared.record_problem(problem);
        }
        if let Some(plain) = obvious_prohibition(message, &recipient, channel, &envelope.address) {
            self.shared.record_problem(format!("{}: sent although {plain}", message.id));
        }
        let last = self.shared.consents.last(&message.brand, &message.contact, channel, &message.topic);
        if message.class == MessageClass::Commercial && last != Some(ConsentAction::Grant) {
            let problem =
                format!("{}: sent although what was recorded last is no grant: {last:?}", message.id);
            self.shared.record_problem(problem);
        }
        let question = relevo::consent::ConsentQuery {
            class: message.class,
            topic: &message.topic,
            channel,
            address: &envelope.address,
        };
        let zone = jiff::tz::TimeZone::UTC;
        let verdict = relevo::consent::decide(&question, &recipient, &zone, self.shared.now());
        if verdict.decision != ConsentDecision::Allow {
            self.shared
                .record_problem(format!("{}: sent against the verdict: {}", message.id, verdict.explanation));
        }
    }

    /// Invariant 5: an open breaker admits nothing, a half-open one admits probes only, an operator's control stands above both.
    fn check_health(&self, envelope: &Envelope, stored: &StoredMessage) {
        let id = envelope.message_id;
        if self.calls.load(Ordering::Relaxed) > script::SLOTS {
            self.shared.record_problem(format!("{id}: {} was called beyond its slots", self.provider.name));
        }
        let Some(status) = self.shared.board().status(&self.provider.name, self.shared.clock.moment()) else {
            return;
        };
        let open = self
            .shared
            .open_until(&self.provider.name)
            .is_some_and(|until| self.shared.clock.monotonic() < until);
        if open || status.breaker == BreakerState::Open {
            self.shared
                .record_problem(format!("{id}: {} was called through an open breaker", self.provider.name));
        }
        if status.breaker == BreakerState::HalfOpen && self.probes.load(Ordering::Relaxed) > PROBES {
            self.shared.record_problem(format!("{id}: {} was called beyond its probes", self.provider.name));
        }
        let tried = stored
            .history
            .attempts()
            .iter()
            .filter(|attempt| attempt.way.provider == self.provider.name)
            .count()
            > 1;
        let barred = match status.mode {
            ControlMode::InService => false,
            ControlMode::Draining => !tried,
            ControlMode::OutOfService => true,
        };
        if barred {
            self.shared.record_problem(format!(
                "{id}: {} was called while {}",
                self.provider.name,
                status.mode.as_str()
            ));
        }
        if !self.provider.serves(&envelope.brand) {
            self.shared
                .record_problem(format!("{id}: {} does not serve {}", self.provider.name, envelope.brand));
        }
    }
}

/// A prohibition that is plain without the consent rules, so that a mistake in those rules is found too.
fn obvious_prohibition(
    message: &Message,
    recipient: &Recipient,
    channel: Channel,
    address: &Address,
) -> Option<&'static str> {
    if recipient.suppressions.iter().any(|entry| entry.channel == channel && entry.address == *address) {
        return Some("the address is suppressed");
    }
    if recipient.preferences.excluded_channels.contains(&channel) {
        return Some("the person excluded the channel");
    }
    if message.class == MessageClass::Transactional {
        return None;
    }
    let entries = recipient
        .ledger
        .entries()
        .iter()
        .filter(|entry| entry.channel == channel && entry.scope.covers(&message.topic));
    match entries.max_by_key(|entry| (entry.time, entry.sequence)).map(|entry| entry.action) {
        Some(ConsentAction::Grant) => None,
        // Only a narrower revocation outweighs a newer grant, and that case is left to the rules.
        Some(ConsentAction::Revoke) => Some("the person's last word on it was no"),
        None => Some("the person never agreed"),
    }
}
