//! Takes one message as far as it can go now.

use std::time::Duration;

use super::lane::{Busy, Lane, Slot};
use super::work::MessageWork;
use super::{CallPermit, Dispatcher, ProviderRegistry};
use crate::adapters::Envelope;
use crate::model::{
    ConsentEvidence, EventDetail, MessageState, Outcome, OutcomeEvidence, Plan, RenderedContent, Timestamp,
    WaitReason, Way, later,
};
use crate::routing::{RoutingDecision, RoutingStep};
use crate::store::{AddressObjection, AppendResult, StoreError, StoredMessage};

/// How long to wait before the store is asked again after it failed.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// A decision this old is made again before a provider is called. A healthy disk takes less to record an attempt.
const MAX_DECISION_AGE: Duration = Duration::from_millis(100);

/// Whether there is more to do with a message now.
#[derive(Debug, PartialEq, Eq)]
enum Flow {
    Again,
    Stop,
}

/// A record that belongs to the message is damaged; the log says which. Asking again would change nothing.
#[derive(Debug)]
pub(super) struct RecordDamaged;

impl Dispatcher {
    /// Takes one claimed message as far as it can go now.
    ///
    /// # Errors
    /// When a record that belongs to it is damaged.
    pub(super) async fn work(&self, stored: StoredMessage) -> Result<(), RecordDamaged> {
        let mut case = MessageWork::new(stored);
        while self.advance(&mut case).await? == Flow::Again {}
        Ok(())
    }

    async fn advance(&self, case: &mut MessageWork) -> Result<Flow, RecordDamaged> {
        let now = self.clock.now();
        case.settle_interrupted(now);
        let next = self.retry_until_ok(|| self.planner.next(&case.message, &case.history, now)).await?;
        let RoutingDecision { plan, step } = next;
        match step {
            RoutingStep::Try { way, content } => self.attempt(case, plan, way, content, now).await,
            RoutingStep::Wait { until, why } => {
                let until = self.with_jitter(until, case.message.expire_at, now);
                case.record_wait(plan, until, why, now);
                self.save_until(case, Some(until)).await
            }
            RoutingStep::FallBack { attempt, explanation } => {
                case.history.push(now, EventDetail::FellBack { attempt, explanation });
                Ok(Flow::Again)
            }
            RoutingStep::Finish { state, reason, explanation } => {
                case.record_plan(plan, now);
                log_end(case, state, reason);
                case.history
                    .push(now, EventDetail::Finished { state, reason: reason.to_owned(), explanation });
                self.save_until(case, None).await
            }
            RoutingStep::Idle => self.save_until(case, None).await,
        }
    }

    /// Calls a provider: its turn first, then the leave of its breaker, then the record that a call begins, then a slot, then
    /// the call. Whenever anything had to be waited for, everything is decided again.
    async fn attempt(
        &self,
        case: &mut MessageWork,
        plan: Option<Plan>,
        way: Way,
        content: RenderedContent,
        now: Timestamp,
    ) -> Result<Flow, RecordDamaged> {
        let Some(lane) = self.lanes.get(&way.provider) else {
            tracing::error!(provider.name = %way.provider, "planned a provider that has no adapter");
            return Err(RecordDamaged);
        };
        if case.turn.as_ref().is_none_or(|(owner, _)| *owner != way.provider) {
            case.turn = None;
            match lane.try_enter() {
                Some(turn) => case.turn = Some((way.provider.clone(), turn)),
                None => {
                    let flow = self.wait_for_turn(case, &way, lane, now).await?;
                    // What was decided a moment ago still holds, once it is its turn.
                    if case.turn.is_none() || self.clock.now() > later(now, MAX_DECISION_AGE) {
                        return Ok(flow);
                    }
                }
            }
        }
        let tried = case.tried(&way.provider);
        let Ok(call) = self.board().permit(&way.provider, tried, now) else { return Ok(Flow::Again) };
        case.record_plan(plan, now);
        let attempt = u32::try_from(case.history.attempts().len()).unwrap_or(u32::MAX).saturating_add(1);
        case.history.push(now, EventDetail::AttemptStarted { attempt, way: way.clone() });
        if self.save(case, case.next_at).await? != SaveResult::Done {
            return Ok(Flow::Again);
        }
        let Some((call, slot)) = self.wait_for_slot(case, attempt, &way, lane, call, now).await? else {
            case.turn = None;
            let evidence =
                OutcomeEvidence::new("not_called", "what was decided no longer held when its turn came");
            let outcome = Outcome::Unavailable { evidence };
            case.history.push(self.clock.now(), EventDetail::AttemptFinished { attempt, outcome });
            return Ok(Flow::Again);
        };
        let envelope = self.envelope(case, attempt, &way, content, self.clock.now());
        let outcome = lane.deliver(&envelope, slot).await;
        let ended_at = self.clock.now();
        call.finish(&outcome, ended_at);
        case.turn = None;
        log_attempt(case, attempt, &way, &outcome);
        self.record_objection(case, &way, &outcome, ended_at).await;
        case.history.push(ended_at, EventDetail::AttemptFinished { attempt, outcome });
        Ok(Flow::Again)
    }

    /// Waits for a slot after the attempt was recorded, as long as what was decided at `decided_at` still holds: neither a
    /// store nor a provider that is slow for a while must lead to a call that nobody permits any more.
    async fn wait_for_slot<'a>(
        &self,
        case: &MessageWork,
        attempt: u32,
        way: &Way,
        lane: &'a Lane,
        mut call: CallPermit,
        mut decided_at: Timestamp,
    ) -> Result<Option<(CallPermit, Slot<'a>)>, RecordDamaged> {
        let mut slot = case.turn.as_ref().and_then(|(_, turn)| lane.recorded(turn));
        let mut changes = self.board().subscribe();
        loop {
            let now = self.clock.now();
            if changes.has_changed().unwrap_or(false) || now > later(decided_at, MAX_DECISION_AGE) {
                changes.mark_unchanged();
                let laid_down = call.release();
                call = match self.permit_again(case, attempt, way, now).await? {
                    Some(call) => call,
                    None => return Ok(None),
                };
                laid_down.reacquired();
                decided_at = now;
            } else if let Some(slot) = slot {
                return Ok(Some((call, slot)));
            } else {
                tokio::select! {
                    biased;
                    _ = changes.changed() => changes.mark_changed(),
                    free = lane.slot() => slot = Some(free),
                }
            }
        }
    }

    /// Decides again on an attempt that was recorded, and asks its provider's breaker again.
    async fn permit_again(
        &self,
        case: &MessageWork,
        attempt: u32,
        way: &Way,
        now: Timestamp,
    ) -> Result<Option<CallPermit>, RecordDamaged> {
        let before = case.history_before(attempt);
        let next = self.retry_until_ok(|| self.planner.next(&case.message, &before, now)).await?;
        match next.step {
            RoutingStep::Try { way: again, .. } if again == *way => {}
            _ => return Ok(None),
        }
        let tried = before.attempts().iter().any(|own| own.way.provider == way.provider);
        Ok(self.board().permit(&way.provider, tried, now).ok())
    }

    /// Waits for a turn, but no longer than the health of the providers stays as it is.
    async fn wait_for_turn(
        &self,
        case: &mut MessageWork,
        way: &Way,
        lane: &Lane,
        now: Timestamp,
    ) -> Result<Flow, RecordDamaged> {
        // What is known must not be lost while waiting.
        if !case.unsaved().is_empty() && self.save(case, case.next_at).await? != SaveResult::Done {
            return Ok(Flow::Again);
        }
        let mut changes = self.board().subscribe();
        let entered = tokio::select! {
            biased;
            _ = changes.changed() => return Ok(Flow::Again),
            entered = lane.enter(case.message.class) => entered,
        };
        match entered {
            Ok(turn) => {
                case.turn = Some((way.provider.clone(), turn));
                Ok(Flow::Again)
            }
            Err(Busy(wait)) => {
                let until = later(now, wait);
                let explanation = format!("{} is at its limit of concurrency or rate.", way.provider);
                case.record_wait(None, until, WaitReason { reason: "busy".to_owned(), explanation }, now);
                self.save_until(case, Some(until)).await
            }
        }
    }

    fn envelope(
        &self,
        case: &MessageWork,
        attempt: u32,
        way: &Way,
        content: RenderedContent,
        now: Timestamp,
    ) -> Envelope {
        let message = &case.message;
        let policy = self.planner.policy(&message.brand);
        let provider = self.board().provider(&way.provider);
        let from = provider.zip(policy).and_then(|(own, policy)| own.sender(&message.brand, &policy.senders));
        Envelope {
            message_id: message.id,
            attempt,
            repeated_attempt: case.history.first_in_doubt(way).unwrap_or(attempt),
            brand: message.brand.clone(),
            class: message.class,
            topic: message.topic.clone(),
            channel: way.channel,
            from: from.map(str::to_owned),
            address: way.address.clone(),
            content,
            now,
        }
    }

    /// What a refusal says about the person goes into the records before the outcome does: a crash in between costs a
    /// second look, never a second message to somebody who opted out.
    async fn record_objection(&self, case: &MessageWork, way: &Way, outcome: &Outcome, now: Timestamp) {
        let Some(objection) = outcome.objection() else { return };
        let wording = outcome.evidence().map(ToString::to_string).unwrap_or_default();
        let evidence = ConsentEvidence::reported(&way.provider, wording, now);
        let (channel, address) = (way.channel, way.address.clone());
        let objected = AddressObjection { channel, address, objection, evidence };
        // What is damaged stays as it is; the outcome itself is recorded all the same.
        let _ = self
            .retry_until_ok(|| self.consents.record_objection(&case.message.brand, objected.clone(), now))
            .await;
    }

    /// Stores what happened and leaves the message until `next_at`.
    async fn save_until(
        &self,
        case: &mut MessageWork,
        next_at: Option<Timestamp>,
    ) -> Result<Flow, RecordDamaged> {
        Ok(match self.save(case, next_at).await? {
            SaveResult::Done | SaveResult::Gone => Flow::Stop,
            SaveResult::Rebased => Flow::Again,
        })
    }

    /// Stores what happened. When somebody else stored something in between, the case is rebased on that; unless it was
    /// this very save, which the store could not confirm the first time.
    async fn save(
        &self,
        case: &mut MessageWork,
        next_at: Option<Timestamp>,
    ) -> Result<SaveResult, RecordDamaged> {
        let (message, history, known) = (&case.message, &case.history, case.saved);
        let appended = self.retry_until_ok(|| self.store.append(message, history, known, next_at)).await?;
        if appended == AppendResult::Done {
            case.saved = case.history.version();
            case.next_at = next_at;
            return Ok(SaveResult::Done);
        }
        let (brand, id) = (&case.message.brand, case.message.id);
        let Some(stored) = self.retry_until_ok(|| self.store.reload(brand, id)).await? else {
            return Ok(SaveResult::Gone);
        };
        let done = case.is_saved_in(&stored);
        case.rebase(stored);
        Ok(if done { SaveResult::Done } else { SaveResult::Rebased })
    }

    /// Asks the store until it answers: what a provider answered must not be lost because the disk was full for a while.
    /// Only damage does not pass by waiting.
    async fn retry_until_ok<T, F>(&self, ask: impl Fn() -> F) -> Result<T, RecordDamaged>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::error!(%error, "a message cannot be worked on; it is tried again when its claim ends");
                    return Err(RecordDamaged);
                }
                Err(error) => tracing::error!(%error, "the store failed; trying again"),
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }

    /// Up to a tenth later, so that those who wait for the same thing do not all come at once.
    fn with_jitter(&self, until: Timestamp, expire_at: Timestamp, now: Timestamp) -> Timestamp {
        if until >= expire_at {
            return until;
        }
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        let extra = wait.min(Duration::from_secs(10)).mul_f64(self.clock.random() / 10.0);
        later(until, extra).min(expire_at)
    }

    fn board(&self) -> &ProviderRegistry {
        &self.board
    }
}

/// What came of a save.
#[derive(Debug, PartialEq, Eq)]
enum SaveResult {
    Done,
    Rebased,
    Gone,
}

fn log_attempt(case: &MessageWork, attempt: u32, way: &Way, outcome: &Outcome) {
    let evidence = outcome.evidence().map(ToString::to_string).unwrap_or_default();
    tracing::debug!(
        message.id = %case.message.id, brand = %case.message.brand, attempt, provider.name = %way.provider,
        address = way.address.masked(), outcome = outcome.as_str(), evidence, "attempt ended"
    );
}

fn log_end(case: &MessageWork, state: MessageState, reason: &str) {
    tracing::info!(
        message.id = %case.message.id, brand = %case.message.brand, state = state.as_str(), reason, "message ended"
    );
}
