//! A message while it is worked on: what is stored of it, and what has happened since.

use crate::model::{
    Detail, Event, History, Message, Outcome, OutcomeEvidence, Plan, ProviderName, Timestamp, WaitReason,
};
use crate::store::Stored;

use super::lane::Slot;

/// A plan is recorded with each of the first attempts; after so many a reader has seen enough, and the history of a
/// message that waits out a long outage stays small.
const RECORDED_PLANS: usize = 20;

/// A message while it is worked on.
pub(super) struct Case {
    pub message: Message,
    pub history: History,
    pub next_at: Option<Timestamp>,
    /// How many events of the history are stored.
    pub saved: usize,
    /// A provider's slot, held while its turn is being decided.
    pub slot: Option<(ProviderName, Slot)>,
}

impl Case {
    pub fn new(stored: Stored) -> Self {
        let Stored { message, history, next_at } = stored;
        let saved = history.version();
        Self { message, history, next_at, saved, slot: None }
    }

    /// The events not yet stored.
    pub fn unsaved(&self) -> &[Event] {
        &self.history.events()[self.saved..]
    }

    /// Starts over from what is stored now. Of what was not yet stored, the answers of providers stay: they happened.
    /// Decisions do not: they are made again.
    pub fn rebase(&mut self, stored: Stored) {
        let is_fact = |event: &&Event| matches!(event.detail, Detail::AttemptFinished { .. });
        let facts: Vec<Event> = self.unsaved().iter().filter(is_fact).cloned().collect();
        *self = Self { slot: self.slot.take(), ..Self::new(stored) };
        for fact in facts {
            self.history.push(fact.at, fact.detail);
        }
    }

    /// Ends an attempt that a crash cut off: nobody knows what came of it.
    pub fn settle_interrupted(&mut self, now: Timestamp) {
        let attempts = self.history.attempts();
        let interrupted =
            attempts.iter().find(|attempt| attempt.ended.is_none()).map(|attempt| attempt.number);
        if let Some(attempt) = interrupted {
            let evidence =
                OutcomeEvidence::new("interrupted", "the gateway stopped before the answer was recorded");
            self.history
                .push(now, Detail::AttemptFinished { attempt, outcome: Outcome::Unknown { evidence } });
        }
    }

    /// Whether the message was already tried at `provider`.
    pub fn tried(&self, provider: &ProviderName) -> bool {
        self.history.attempts().iter().any(|attempt| attempt.way.provider == *provider)
    }

    /// Records a plan that differs from the last one recorded.
    pub fn record_plan(&mut self, plan: Option<Plan>, now: Timestamp) {
        let Some(plan) = plan else { return };
        let enough = self.history.attempts().len() >= RECORDED_PLANS;
        let known = self.history.last_plan().is_some_and(|last| same(last, &plan));
        if !enough && !known {
            self.history.push(now, Detail::Planned(plan));
        }
    }

    /// Records a wait, and the plan behind it, unless it waits for the same reason as the last time.
    pub fn record_wait(&mut self, plan: Option<Plan>, until: Timestamp, why: WaitReason, now: Timestamp) {
        let last = self.history.events().iter().rev().find_map(|event| match &event.detail {
            Detail::Waiting { why, .. } => Some(why.reason.as_str()),
            _ => None,
        });
        if last == Some(why.reason.as_str()) || self.history.attempts().len() >= RECORDED_PLANS {
            return;
        }
        self.record_plan(plan, now);
        self.history.push(now, Detail::Waiting { until, why });
    }
}

/// Whether two plans say the same, apart from times in their explanations.
fn same(a: &Plan, b: &Plan) -> bool {
    let left_out = |plan: &Plan| -> Vec<_> {
        let key = |own: &crate::model::LeftOut| {
            (own.channel, own.address.clone(), own.provider.clone(), own.reason.clone())
        };
        plan.left_out.iter().map(key).collect()
    };
    let verdicts = |plan: &Plan| -> Vec<_> {
        plan.verdicts.iter().map(|own| (own.channel, own.address.clone(), own.reason.clone())).collect()
    };
    a.ways == b.ways && left_out(a) == left_out(b) && verdicts(a) == verdicts(b)
}
