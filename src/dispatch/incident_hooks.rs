//! What becomes of messages while an incident goes on.

use std::time::Duration;

use super::Dispatcher;
use super::work::MessageWork;
use crate::incident::{AvoidedWay, blocked_ways, stood_in_for, tried_in_vain};
use crate::model::{CallScope, MessageState, Plan, ProviderName, Timestamp};
use crate::routing::{ProviderAdmission, provider_order};

impl Dispatcher {
    /// A provider took the message in attempt number `attempt`.
    pub(super) fn note_taken(&self, work: &MessageWork, attempt: u32, now: Timestamp) {
        self.registry.incidents().note(|book| {
            let attempts = work.history.attempts();
            let Some(taken) = attempts.iter().find(|known| known.number == attempt) else { return };
            let by = &taken.way.provider;
            let is_repeat = work.repeated_attempt(attempt, self.registry.provider(by)).is_some();
            let comes_first = |one: &ProviderName, other: &ProviderName| self.comes_first(work, one, other);
            let avoided = stood_in_for(&work.history, attempt, is_repeat, comes_first);
            book.note_taken(&work.message.brand, by, &avoided, |way| self.scope_of(work, way), now);
        });
    }

    /// The message waits, and this is the plan behind it.
    pub(super) fn note_waiting(&self, work: &MessageWork, plan: Option<&Plan>, now: Timestamp) {
        let Some(plan) = plan else { return };
        self.registry.incidents().note(|book| {
            let (blocked, message) = (blocked_ways(plan).collect::<Vec<_>>(), &work.message);
            book.note_waiting(message.id, &message.brand, &blocked, |way| self.scope_of(work, way), now);
        });
    }

    /// The message is worked on again.
    pub(super) fn note_resumed(&self, work: &MessageWork) {
        self.registry.incidents().note(|book| book.note_resumed(work.message.id, self.clock.now()));
    }

    /// The message ended.
    pub(super) fn note_end(&self, work: &MessageWork, state: MessageState, now: Timestamp) {
        if state != MessageState::Expired {
            return;
        }
        self.registry.incidents().note(|book| {
            let mut avoided = tried_in_vain(&work.history);
            avoided.extend(work.history.last_plan().into_iter().flat_map(blocked_ways));
            book.note_expired(&work.message.brand, &avoided, |way| self.scope_of(work, way), now);
        });
    }

    /// What a call by a way would concern.
    fn scope_of(&self, work: &MessageWork, way: &AvoidedWay<'_>) -> CallScope {
        let sender = self.planner.sender(&work.message.brand, way.provider);
        let content = &work.message.content;
        // A message has no more than one template. It is sent where no window is open.
        let rendered = content.render(way.channel, false).or_else(|_| content.render(way.channel, true));
        rendered.map(|rendered| CallScope::new(sender, way.address, &rendered)).unwrap_or_default()
    }

    /// Whether the message would be tried at the provider `one` before `other`, if both were well.
    fn comes_first(&self, work: &MessageWork, one: &ProviderName, other: &ProviderName) -> bool {
        let providers = [one, other].map(|name| self.registry.provider(name));
        let [Some(one), Some(other)] = providers else { return false };
        let mut offers = [one, other].map(|provider| ProviderAdmission {
            provider,
            admission: Ok(()),
            refusing_cells: Vec::new(),
            live_weight: 1.0,
            learned_rate: None,
            expected_wait: Duration::ZERO,
        });
        provider_order(work.message.id, &mut offers);
        offers[0].provider.name == one.name
    }
}
