//! Takes one message as far as it can go now.

use std::time::Duration;

use super::Dispatcher;
use super::attempt::PlannedAttempt;
use super::saving::{RecordDamaged, WorkStatus};
use super::work::MessageWork;
use crate::model::{MessageEventDetail, MessageState, ProviderName, Reason, Timestamp, later};
use crate::routing::{ProviderWait, RoutingDecision, RoutingStep};
use crate::store::StoredMessage;

/// A message that is filed comes back by itself after this long, though no provider took it.
const FILED_RETURN: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// Takes one message as far as it can go now; `turn_of` is the provider by which it was taken up. Returns the providers that may
    /// take it while it waits on disk.
    ///
    /// # Errors
    /// When a record that belongs to it is damaged.
    pub(super) async fn work(
        &self,
        stored: StoredMessage,
        turn_of: Option<ProviderName>,
    ) -> Result<Vec<ProviderName>, RecordDamaged> {
        let mut work = MessageWork::new(stored);
        work.turn_of = turn_of;
        if work.has_open_attempt() {
            // Whoever worked on it may have ended the attempt since it was read. Nobody else works on it now.
            let (brand, id) = (&work.message.brand, work.message.id);
            match self.retry_until_ok(id, || self.store.reload(brand, id)).await? {
                Some(current) if current.next_at.is_some() => work.rebase(current),
                _ => return Ok(Vec::new()),
            }
        }
        self.note_resumed(&work);
        while self.advance(&mut work).await? == WorkStatus::Again {}
        Ok(work.filed_for)
    }

    /// Decides what to do next, and does it.
    async fn advance(&self, work: &mut MessageWork) -> Result<WorkStatus, RecordDamaged> {
        if self.is_held(work) {
            // What happened is kept, whatever the time.
            return match work.unsaved().is_empty() {
                true => Ok(WorkStatus::Stop),
                false => self.save_until(work, work.next_at).await,
            };
        }
        let moment = self.clock.moment();
        let now = moment.calendar;
        work.settle_interrupted(now);
        let decide = || self.planner.decide(&work.message, &work.history, work.kept_turn(), moment);
        let RoutingDecision { plan, step, wait } = self.retry_until_ok(work.message.id, decide).await?;
        match step {
            RoutingStep::Try { way, content } => {
                self.attempt(work, PlannedAttempt { plan, way, content, wait, decided_at: moment }).await
            }
            RoutingStep::Wait { until, why } => {
                let until = self.with_jitter(until, work.message.expire_at, now);
                self.note_waiting(work, plan.as_ref(), now);
                work.record_wait(plan, until, why, now);
                self.file_until(work, until, wait, now).await
            }
            RoutingStep::FallBack { attempt, explanation } => {
                work.history.push(now, MessageEventDetail::FellBack { attempt, explanation });
                Ok(WorkStatus::Again)
            }
            RoutingStep::Finish { state, reason, explanation } => {
                work.record_plan(plan, now);
                log_end(work, state, &reason);
                self.note_end(work, state, now);
                work.history.push(now, MessageEventDetail::Finished { state, reason, explanation });
                self.save_until(work, None).await
            }
            RoutingStep::Idle => self.save_until(work, None).await,
        }
    }

    /// Saves what happened, and leaves the message until a provider that it waits for takes it. It comes back by itself at `until`, or
    /// before; later where it is sure to be remembered until then, because everybody else who waits would, too.
    pub(super) async fn file_until(
        &self,
        work: &mut MessageWork,
        until: Timestamp,
        wait: ProviderWait,
        now: Timestamp,
    ) -> Result<WorkStatus, RecordDamaged> {
        let ProviderWait { providers, until: latest, .. } = wait;
        let is_filed = !providers.is_empty() && self.queues.can_file();
        let until = if is_filed { until.max(later(now, FILED_RETURN)) } else { until };
        let until = until.min(latest.unwrap_or(until)).min(work.message.expire_at);
        let status = self.save_until(work, Some(until)).await?;
        if is_filed && status == WorkStatus::Stop {
            work.filed_for = providers;
        }
        Ok(status)
    }

    /// Whether the clock jumped since the message was claimed.
    fn is_held(&self, work: &MessageWork) -> bool {
        let due_at = work.next_at.unwrap_or(work.message.send_at);
        self.clock_trust.hold().is_some_and(|hold| hold.holds(work.message.accepted_at, due_at))
    }

    /// Up to a tenth later, so that messages that wait for the same thing do not all come at once.
    fn with_jitter(&self, until: Timestamp, expire_at: Timestamp, now: Timestamp) -> Timestamp {
        if until >= expire_at {
            return until;
        }
        let wait = Duration::try_from(until.duration_since(now)).unwrap_or_default();
        let extra = wait.min(Duration::from_secs(10)).mul_f64(self.clock.random() / 10.0);
        later(until, extra).min(expire_at)
    }
}

fn log_end(work: &MessageWork, state: MessageState, reason: &Reason) {
    let (id, brand, state_name) = (work.message.id, &work.message.brand, state.as_str());
    // A campaign to people who never opted in is no news, message by message.
    if state == MessageState::Suppressed {
        tracing::debug!(message.id = %id, brand.id = %brand, state = state_name, %reason, "a message ended");
    } else {
        tracing::info!(message.id = %id, brand.id = %brand, state = state_name, %reason, "a message ended");
    }
}
