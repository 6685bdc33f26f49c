//! One attempt, in stages. Each stage is a function that takes what the stage before it gave, so that none can be left out.
//!
//! ```text
//! planned ─ take a turn ─> turn ─ get a permit ─> permitted ─ record ─> recorded ─ check again ─> ready ─ call ─> answered ─ record
//!               │                      │                        │                        │
//!               │ busy: wait on disk   │ refused                │ changed meanwhile      │ withdrawn
//!               v                      v                        v                        v
//!             stop                decide again             decide again             decide again
//! ```
//!
//! # Why
//!
//! A call must not begin before its attempt is on disk, or a crash would lose it; nor when consent, the breaker or an
//! operator would not let it begin any more. Both the disk and a busy provider take time, in which everything may change.
//!
//! # How it works
//!
//! A *turn* is the right to begin an attempt within the provider's limits; a *permit* is the permission of its breaker; a *slot*
//! is the right to make the call. Whenever a stage had to wait, what was decided is checked again: at once when the health
//! of a provider changed, and in any case when the decision is older than [`MAX_DECISION_AGE`]. An attempt that no longer
//! holds when it is ready is withdrawn: it ends as unavailable, and was never called.
//!
//! # How it recovers
//!
//! Until `record` nothing has happened. After it, the history has an attempt without an end, which counts as unknown: the
//! class of the message decides whether it is tried again.

use std::time::Duration;

use super::Dispatcher;
use super::limits::{AttemptTurn, CallSlot, LineFull};
use super::provider::ProviderClient;
use super::registry::CallPermit;
use super::saving::{RecordDamaged, SaveResult, WorkStatus};
use super::work::MessageWork;
use crate::adapters::Envelope;
use crate::model::{
    ConsentEvidence, MessageEventDetail, Moment, Outcome, OutcomeEvidence, Plan, ProviderName, Reason,
    RenderedContent, Timestamp, WaitReason, Way, later,
};
use crate::routing::{ProviderWait, RoutingStep};
use crate::store::AddressObjection;

/// A decision this old is made again before a provider is called. A healthy disk takes less to record an attempt.
const MAX_DECISION_AGE: Duration = Duration::from_millis(100);

/// What routing decided: to try this way.
pub(super) struct PlannedAttempt {
    pub plan: Option<Plan>,
    pub way: Way,
    pub content: RenderedContent,
    /// What the message waits for if it finds no turn.
    pub wait: ProviderWait,
    pub decided_at: Moment,
}

/// An attempt that has a turn.
struct TurnAttempt<'a> {
    planned: PlannedAttempt,
    provider: &'a ProviderClient,
    turn: AttemptTurn,
}

/// An attempt that the breaker permits.
struct PermittedAttempt<'a> {
    planned: PlannedAttempt,
    provider: &'a ProviderClient,
    turn: AttemptTurn,
    permit: CallPermit,
}

/// An attempt that is on disk.
struct RecordedAttempt<'a> {
    number: u32,
    way: Way,
    content: RenderedContent,
    decided_at: Moment,
    provider: &'a ProviderClient,
    turn: AttemptTurn,
    permit: CallPermit,
}

/// An attempt that has a slot, and was just decided.
struct ReadyAttempt<'a> {
    number: u32,
    way: Way,
    content: RenderedContent,
    provider: &'a ProviderClient,
    turn: AttemptTurn,
    permit: CallPermit,
    slot: CallSlot<'a>,
}

/// An attempt whose call has ended.
struct AnsweredAttempt {
    number: u32,
    way: Way,
    outcome: Outcome,
    ended_at: Timestamp,
}

/// Why an attempt stopped at a stage.
enum Interruption {
    /// The attempt stops here, and the message goes on as this says.
    Flow(WorkStatus),
    /// A record of the message is damaged.
    Damaged,
}

impl From<RecordDamaged> for Interruption {
    fn from(_: RecordDamaged) -> Self {
        Self::Damaged
    }
}

const DECIDE_AGAIN: Interruption = Interruption::Flow(WorkStatus::Again);

impl Dispatcher {
    /// Takes an attempt through its stages, as far as it comes.
    pub(super) async fn attempt(
        &self,
        work: &mut MessageWork,
        planned: PlannedAttempt,
    ) -> Result<WorkStatus, RecordDamaged> {
        match self.go_through_stages(work, planned).await {
            Ok(()) => Ok(WorkStatus::Again),
            Err(Interruption::Flow(flow)) => Ok(flow),
            Err(Interruption::Damaged) => Err(RecordDamaged),
        }
    }

    async fn go_through_stages(
        &self,
        work: &mut MessageWork,
        planned: PlannedAttempt,
    ) -> Result<(), Interruption> {
        let turn = self.take_turn(work, planned).await?;
        let permitted = self.get_permit(work, turn)?;
        let recorded = self.record_start(work, permitted).await?;
        let ready = self.check_again(work, recorded).await?;
        let answered = self.call(work, ready).await;
        self.record_outcome(work, answered).await;
        Ok(())
    }

    /// Takes a turn of the provider, and waits for it where that is necessary. What was decided a moment ago still holds.
    async fn take_turn<'a>(
        &'a self,
        work: &mut MessageWork,
        planned: PlannedAttempt,
    ) -> Result<TurnAttempt<'a>, Interruption> {
        let name = &planned.way.provider;
        let kept = work.take_turn(name);
        let Some(provider) = self.providers.get(name) else {
            tracing::error!(
                message.id = %work.message.id, provider.name = %name,
                "an attempt was not made because its provider has no adapter; the message is tried again when its claim ends"
            );
            return Err(Interruption::Damaged);
        };
        let free = || {
            if self.is_behind(work, name) { None } else { provider.limiter.try_turn(self.learned_rate(name)) }
        };
        if let Some(turn) = kept.or_else(free) {
            return Ok(TurnAttempt { planned, provider, turn });
        }
        let turn = self.wait_for_turn(work, &planned, provider).await?;
        if self.clock.monotonic().since(planned.decided_at.monotonic) > MAX_DECISION_AGE {
            work.keep_turn(planned.way.provider, turn);
            return Err(DECIDE_AGAIN);
        }
        Ok(TurnAttempt { planned, provider, turn })
    }

    /// Waits for a turn, but no longer than the health of the providers stays as it is.
    async fn wait_for_turn(
        &self,
        work: &mut MessageWork,
        planned: &PlannedAttempt,
        provider: &ProviderClient,
    ) -> Result<AttemptTurn, Interruption> {
        // What happened must not be lost while waiting.
        if !work.unsaved().is_empty() && self.save(work, work.next_at).await? != SaveResult::Saved {
            return Err(DECIDE_AGAIN);
        }
        let mut changes = self.registry.subscribe();
        let order = self.planner.waiting_order(&work.message);
        let name = &planned.way.provider;
        let turn = match self.is_behind(work, name) {
            true => Err(provider.limiter.busy(order.class(), self.learned_rate(name))),
            false => tokio::select! {
                biased;
                _ = changes.changed() => return Err(DECIDE_AGAIN),
                turn = provider.limiter.turn(order.clone(), || self.learned_rate(name)) => turn,
            },
        };
        self.queues.note_room(name, self.learned_rate(name));
        match turn {
            Ok(turn) => Ok(turn),
            Err(LineFull { retry_after }) => {
                let now = planned.decided_at.calendar;
                let until = later(now, retry_after);
                let expected = self.queues.expected_wait(name, &order, self.learned_rate(name)).as_secs();
                let explanation = format!(
                    "{name} is at its limit of concurrency or rate; its turn is expected in about {expected} s."
                );
                let why = WaitReason { reason: Reason::Busy, explanation };
                work.record_wait(None, until, why, now);
                Err(Interruption::Flow(self.file_until(work, until, planned.wait.clone(), now).await?))
            }
        }
    }

    /// Whether others who wait on disk for a provider have their turn before the message. Nobody has who is not taken up: one that is
    /// being drained takes those alone that were tried there before.
    fn is_behind(&self, work: &MessageWork, provider: &ProviderName) -> bool {
        let is_its_turn = work.turn_of.as_ref() == Some(provider);
        let has_turns = || self.registry.admitted(provider, self.clock.moment()).is_ok();
        !is_its_turn
            && has_turns()
            && self.queues.is_behind(provider, &self.planner.waiting_order(&work.message))
    }

    /// The rate that a provider was found to bear, in calls a second.
    fn learned_rate(&self, provider: &ProviderName) -> Option<f64> {
        self.registry.learned_rate(provider, self.clock.monotonic())
    }

    /// Asks the provider's breaker. The turn is kept when it refuses, because the next decision may be for the same provider.
    fn get_permit<'a>(
        &self,
        work: &mut MessageWork,
        attempt: TurnAttempt<'a>,
    ) -> Result<PermittedAttempt<'a>, Interruption> {
        let TurnAttempt { planned, provider, turn } = attempt;
        let name = &planned.way.provider;
        let scope = self.planner.call_scope(&work.message.brand, &planned.way, &planned.content);
        match self.registry.permit(name, scope, work.tried(name), planned.decided_at) {
            Ok(permit) => Ok(PermittedAttempt { planned, provider, turn, permit }),
            Err(_) => {
                work.keep_turn(planned.way.provider, turn);
                Err(DECIDE_AGAIN)
            }
        }
    }

    /// Records that the call begins; durable when this returns.
    async fn record_start<'a>(
        &self,
        work: &mut MessageWork,
        attempt: PermittedAttempt<'a>,
    ) -> Result<RecordedAttempt<'a>, Interruption> {
        let PermittedAttempt { planned, provider, turn, permit } = attempt;
        let PlannedAttempt { plan, way, content, decided_at, .. } = planned;
        work.record_plan(plan, decided_at.calendar);
        let number = u32::try_from(work.history.attempts().len()).unwrap_or(u32::MAX).saturating_add(1);
        let started = MessageEventDetail::AttemptStarted { attempt: number, way: way.clone() };
        work.history.push(decided_at.calendar, started);
        if self.save(work, work.next_at).await? != SaveResult::Saved {
            work.keep_turn(way.provider, turn);
            return Err(DECIDE_AGAIN);
        }
        Ok(RecordedAttempt { number, way, content, decided_at, provider, turn, permit })
    }

    /// Waits for a slot, as long as what was decided still holds: neither a store nor a provider that is slow for a while must
    /// lead to a call that nobody permits any more.
    async fn check_again<'a>(
        &self,
        work: &mut MessageWork,
        attempt: RecordedAttempt<'a>,
    ) -> Result<ReadyAttempt<'a>, Interruption> {
        let RecordedAttempt { number, way, content, mut decided_at, provider, turn, mut permit } = attempt;
        let mut slot = provider.limiter.recorded(&turn, self.learned_rate(&way.provider));
        let mut changes = self.registry.subscribe();
        loop {
            let now = self.clock.moment();
            let age = now.monotonic.since(decided_at.monotonic);
            if changes.has_changed().unwrap_or(false) || age > MAX_DECISION_AGE {
                changes.mark_unchanged();
                let released = permit.release();
                permit = match self.permit_again(work, number, &way, &content, now).await? {
                    Some(permit) => permit,
                    None => {
                        self.withdraw(work, number);
                        return Err(DECIDE_AGAIN);
                    }
                };
                released.reacquired();
                decided_at = now;
            } else if let Some(slot) = slot {
                return Ok(ReadyAttempt { number, way, content, provider, turn, permit, slot });
            } else {
                tokio::select! {
                    biased;
                    _ = changes.changed() => changes.mark_changed(),
                    free = provider.limiter.slot(|| self.learned_rate(&way.provider)) => slot = Some(free),
                }
            }
        }
    }

    /// Decides again on an attempt that was recorded, and asks its provider's breaker again.
    async fn permit_again(
        &self,
        work: &MessageWork,
        number: u32,
        way: &Way,
        content: &RenderedContent,
        now: Moment,
    ) -> Result<Option<CallPermit>, RecordDamaged> {
        let before = work.history_before(number);
        let decide = || self.planner.decide(&work.message, &before, Some(&way.provider), now);
        let decision = self.retry_until_ok(work.message.id, decide).await?;
        match decision.step {
            RoutingStep::Try { way: again, .. } if again == *way => {}
            _ => return Ok(None),
        }
        let scope = self.planner.call_scope(&work.message.brand, way, content);
        let tried = before.attempts().iter().any(|attempt| attempt.way.provider == way.provider);
        Ok(self.registry.permit(&way.provider, scope, tried, now).ok())
    }

    /// Ends an attempt that was recorded and not called.
    fn withdraw(&self, work: &mut MessageWork, number: u32) {
        let evidence =
            OutcomeEvidence::new("not_called", "what was decided no longer held when its turn came");
        let outcome = Outcome::Unavailable { evidence };
        let finished = MessageEventDetail::AttemptFinished { attempt: number, outcome };
        work.history.push(self.clock.now(), finished);
    }

    /// Calls the provider, and tells its breaker what came of the call.
    async fn call(&self, work: &MessageWork, attempt: ReadyAttempt<'_>) -> AnsweredAttempt {
        let ReadyAttempt { number, way, content, provider, turn, mut permit, slot } = attempt;
        let envelope = self.envelope(work, number, &way, content);
        permit.begin(self.clock.moment().monotonic);
        let outcome = provider.deliver(&envelope, slot).await;
        let ended_at = self.clock.moment();
        permit.finish(&outcome, ended_at);
        drop(turn);
        AnsweredAttempt { number, way, outcome, ended_at: ended_at.calendar }
    }

    fn envelope(&self, work: &MessageWork, number: u32, way: &Way, content: RenderedContent) -> Envelope {
        let message = &work.message;
        let from = self.planner.sender(&message.brand, &way.provider);
        Envelope {
            message_id: message.id,
            attempt: number,
            idempotency_attempt: work
                .repeated_attempt(number, self.registry.provider(&way.provider))
                .unwrap_or(number),
            brand: message.brand.clone(),
            class: message.class,
            topic: message.topic.clone(),
            channel: way.channel,
            from: from.map(str::to_owned),
            address: way.address.clone(),
            content,
            now: self.clock.now(),
        }
    }

    /// Records what the provider answered. What a refusal says about the person goes into the records before the outcome
    /// does: a crash in between costs a second look, never a second message to somebody who opted out.
    async fn record_outcome(&self, work: &mut MessageWork, attempt: AnsweredAttempt) {
        let AnsweredAttempt { number, way, outcome, ended_at } = attempt;
        log_attempt(work, number, &way, &outcome);
        self.record_objection(work, &way, &outcome, ended_at).await;
        let is_taken = matches!(outcome, Outcome::Sent { .. });
        work.history.push(ended_at, MessageEventDetail::AttemptFinished { attempt: number, outcome });
        if is_taken {
            self.note_taken(work, number, ended_at);
        }
    }

    async fn record_objection(&self, work: &MessageWork, way: &Way, outcome: &Outcome, now: Timestamp) {
        let Some(objection) = outcome.objection() else { return };
        let wording = outcome.evidence().map(ToString::to_string).unwrap_or_default();
        let evidence = ConsentEvidence::reported(&way.provider, wording, now);
        let (channel, address) = (way.channel, way.address.clone());
        let objection = AddressObjection { channel, address, objection, evidence };
        let brand = &work.message.brand;
        let record = || self.consents.record_objection(brand, objection.clone(), now);
        // A damaged record stays as it is, and was logged; the outcome itself is recorded all the same.
        let _ = self.retry_until_ok(work.message.id, record).await;
    }
}

fn log_attempt(work: &MessageWork, number: u32, way: &Way, outcome: &Outcome) {
    let evidence = outcome.evidence().map(ToString::to_string).unwrap_or_default();
    tracing::debug!(
        message.id = %work.message.id, brand.id = %work.message.brand, attempt = number,
        provider.name = %way.provider, address = way.address.masked(), outcome = outcome.as_str(), evidence,
        "an attempt ended"
    );
}
