//! A message while it is worked on: what is stored of it, and what has happened since.

use super::limits::AttemptTurn;
use crate::model::{
    History, LeftOut, Message, MessageEvent, MessageEventDetail, Outcome, OutcomeEvidence, Plan, Provider,
    ProviderName, Timestamp, Verdict, WaitReason,
};
use crate::routing;
use crate::store::StoredMessage;

/// Plans and waits are recorded until a history has this many attempts, or this many events: by then a reader has seen
/// enough, and the history of a message that waits out a long outage stays small.
const RECORDED_ATTEMPTS: usize = 20;
const RECORDED_EVENTS: usize = 100;

/// A message while it is worked on.
pub(super) struct MessageWork {
    pub message: Message,
    pub history: History,
    pub next_at: Option<Timestamp>,
    /// How many events of the history are stored.
    pub saved: usize,
    /// A turn that was taken, and the provider that gave it: kept while the decision is made again.
    turn: Option<(ProviderName, AttemptTurn)>,
    /// The provider by which it was taken up when its turn came: nobody who is filed there is before it.
    pub turn_of: Option<ProviderName>,
    /// The providers that may take it while it waits on disk.
    pub filed_for: Vec<ProviderName>,
}

impl MessageWork {
    pub fn new(stored: StoredMessage) -> Self {
        let StoredMessage { message, history, next_at } = stored;
        let saved = history.version();
        Self { message, history, next_at, saved, turn: None, turn_of: None, filed_for: Vec::new() }
    }

    /// The provider of which a turn is kept.
    pub fn kept_turn(&self) -> Option<&ProviderName> {
        self.turn.as_ref().map(|(provider, _)| provider)
    }

    /// Takes the turn that was kept, if it is one of this provider's; another provider's is given back.
    pub fn take_turn(&mut self, provider: &ProviderName) -> Option<AttemptTurn> {
        let (owner, turn) = self.turn.take()?;
        (owner == *provider).then_some(turn)
    }

    /// Keeps a turn for the next decision, which may be for the same provider.
    pub fn keep_turn(&mut self, provider: ProviderName, turn: AttemptTurn) {
        self.turn = Some((provider, turn));
    }

    /// The events not yet stored.
    pub fn unsaved(&self) -> &[MessageEvent] {
        &self.history.events()[self.saved..]
    }

    /// Whether `stored` has the events not known to be stored: a save seemed to fail, and had succeeded.
    pub fn is_saved_in(&self, stored: &StoredMessage) -> bool {
        let since = stored.history.events().get(self.saved..).unwrap_or_default();
        !self.unsaved().is_empty() && since.starts_with(self.unsaved())
    }

    /// Starts over from what is stored now. Of the events not yet stored, the answers of providers stay, because they
    /// happened; decisions are made again.
    pub fn rebase(&mut self, stored: StoredMessage) {
        let is_saved = self.is_saved_in(&stored);
        let is_fact = |event: &&MessageEvent| {
            !is_saved && matches!(event.detail, MessageEventDetail::AttemptFinished { .. })
        };
        let facts: Vec<MessageEvent> = self.unsaved().iter().filter(is_fact).cloned().collect();
        *self = Self { turn: self.turn.take(), turn_of: self.turn_of.take(), ..Self::new(stored) };
        for fact in facts {
            self.history.push(fact.at, fact.detail);
        }
    }

    /// Whether an attempt has not ended.
    pub fn has_open_attempt(&self) -> bool {
        self.history.attempts().iter().any(|attempt| attempt.ended.is_none())
    }

    /// Ends an attempt that a crash cut off: its outcome is unknown.
    pub fn settle_interrupted(&mut self, now: Timestamp) {
        let attempts = self.history.attempts();
        let interrupted =
            attempts.iter().find(|attempt| attempt.ended.is_none()).map(|attempt| attempt.number);
        if let Some(attempt) = interrupted {
            let evidence =
                OutcomeEvidence::new("interrupted", "the gateway stopped before the answer was recorded");
            self.history.push(
                now,
                MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::unknown(evidence) },
            );
        }
    }

    /// The history as if attempt number `attempt` had not begun.
    pub fn history_before(&self, attempt: u32) -> History {
        let begins_it = |event: &MessageEvent| match &event.detail {
            MessageEventDetail::AttemptStarted { attempt: number, .. } => *number == attempt,
            _ => false,
        };
        let events = self.history.events().iter().filter(|event| !begins_it(event));
        History::from_events(events.cloned().collect())
    }

    /// Whether the message was already tried at `provider`.
    pub fn tried(&self, provider: &ProviderName) -> bool {
        self.history.attempts().iter().any(|attempt| attempt.way.provider == *provider)
    }

    /// The attempt whose idempotency key attempt `number` at `provider` uses, if it repeats one in doubt.
    pub fn repeated_attempt(&self, number: u32, provider: Option<&Provider>) -> Option<u32> {
        let attempts = self.history.attempts();
        let begun = attempts.iter().find(|attempt| attempt.number == number)?;
        let window = provider.and_then(|provider| provider.repeat_window);
        routing::repeated_attempt(&self.history, begun.way, window, begun.started_at)
    }

    /// Whether the history is too long for more plans and waits.
    fn history_is_long(&self) -> bool {
        self.history.version() >= RECORDED_EVENTS || self.history.attempts().len() >= RECORDED_ATTEMPTS
    }

    /// Records a plan that differs from the last one recorded.
    pub fn record_plan(&mut self, plan: Option<Plan>, now: Timestamp) {
        let Some(plan) = plan else { return };
        let known = self.history.last_plan().is_some_and(|last| same_decision(last, &plan));
        if !self.history_is_long() && !known {
            self.history.push(now, MessageEventDetail::Planned(plan));
        }
    }

    /// Records a wait, and the plan behind it, unless it waits for the same reason as the last time.
    pub fn record_wait(&mut self, plan: Option<Plan>, until: Timestamp, why: WaitReason, now: Timestamp) {
        let last = self.history.events().iter().rev().find_map(|event| match &event.detail {
            MessageEventDetail::Waiting { why, .. } => Some(&why.reason),
            _ => None,
        });
        if last == Some(&why.reason) || self.history_is_long() {
            return;
        }
        self.record_plan(plan, now);
        self.history.push(now, MessageEventDetail::Waiting { until, why });
    }
}

/// Whether two plans say the same, apart from times in their explanations.
fn same_decision(a: &Plan, b: &Plan) -> bool {
    let left_out = |plan: &Plan| -> Vec<_> {
        let key =
            |way: &LeftOut| (way.channel, way.address.clone(), way.provider.clone(), way.reason.clone());
        plan.left_out.iter().map(key).collect()
    };
    let verdicts = |plan: &Plan| -> Vec<_> {
        let key = |verdict: &Verdict| (verdict.channel, verdict.address.clone(), verdict.reason.clone());
        plan.verdicts.iter().map(key).collect()
    };
    a.ways == b.ways && left_out(a) == left_out(b) && verdicts(a) == verdicts(b)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{
        Address, Channel, Content, FallbackPolicy, Labels, MessageClass, MessageId, Reason, Way, later,
    };

    fn start() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    /// A message that was just accepted.
    pub fn stored() -> StoredMessage {
        let message = Message {
            id: MessageId::new(1, &[7; 10]),
            brand: "acme".parse().unwrap(),
            contact: "ana".parse().unwrap(),
            class: MessageClass::Transactional,
            topic: "orders".parse().unwrap(),
            content: Content { text: Some("Hi".into()), ..Content::default() },
            idempotency_key: None,
            accepted_at: start(),
            send_at: start(),
            expire_at: later(start(), Duration::from_secs(366 * 24 * 3_600)),
            channels: Vec::new(),
            fallback: FallbackPolicy::default(),
            labels: Labels::new(),
            unserved: Vec::new(),
            incarnation: crate::model::ContactIncarnation::default(),
        };
        StoredMessage { message, history: History::accepted(start()), next_at: Some(start()) }
    }

    fn attempt_started() -> MessageEventDetail {
        let way = Way {
            channel: Channel::Telegram,
            address: Address::TelegramChat(7),
            provider: "tg".parse().unwrap(),
            failure_domain: "telegram".into(),
        };
        MessageEventDetail::AttemptStarted { attempt: 1, way }
    }

    #[test]
    fn the_history_of_a_message_that_waits_for_days_stays_small() {
        let mut case = MessageWork::new(stored());
        for turn in 0..10_000 {
            let now = later(start(), Duration::from_secs(turn));
            let reason = [Reason::BreakerOpen, Reason::Busy][turn as usize % 2].clone();
            let why = WaitReason { reason, explanation: String::new() };
            case.record_wait(None, later(now, Duration::from_secs(1)), why, now);
        }
        assert!(case.history.version() < 300, "{} events", case.history.version());
    }

    #[test]
    fn an_answer_stored_by_a_save_that_seemed_to_fail_is_not_told_twice() {
        let mut before = stored();
        before.history.push(start(), attempt_started());
        let mut case = MessageWork::new(before);
        case.history
            .push(start(), MessageEventDetail::AttemptFinished { attempt: 1, outcome: Outcome::sent("1") });
        let after = StoredMessage { history: case.history.clone(), ..stored() };
        case.rebase(after.clone());
        assert_eq!((case.history, case.saved), (after.history.clone(), after.history.version()));
    }
}
