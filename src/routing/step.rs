//! The steps that routing answers with.

use std::time::Duration;

use crate::model::{
    History, MessageState, Plan, ProviderName, Reason, RenderedContent, Timestamp, WaitReason, Way,
};

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutingStep {
    /// Call a provider.
    Try {
        /// The way to take.
        way: Way,
        /// What to send.
        content: RenderedContent,
    },
    /// Look again later.
    Wait {
        /// When.
        until: Timestamp,
        /// Why.
        why: WaitReason,
    },
    /// Give up an attempt that was sent, and ask again.
    FallBack {
        /// The attempt given up.
        attempt: u32,
        /// Why.
        explanation: String,
    },
    /// End the message.
    Finish {
        /// The state it ends in.
        state: MessageState,
        /// Why.
        reason: Reason,
        /// The reason in a sentence.
        explanation: String,
    },
    /// Do nothing: the message is sent, or has ended.
    Idle,
}

/// What to do next, and the plan behind it where one was needed.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutingDecision {
    /// The plan, unless the message's past alone decided.
    pub plan: Option<Plan>,
    /// The step.
    pub step: RoutingStep,
    /// What the message waits for, if it cannot go at once.
    pub wait: ProviderWait,
}

/// What a message waits for that cannot go at once, besides a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProviderWait {
    /// How long it would wait for others at the provider that it is to go by, roughly.
    pub expected: Duration,
    /// The providers that may have it as soon as they take it.
    pub providers: Vec<ProviderName>,
    /// When it is to be looked at again at the latest, whatever these do: its patience ends, or a way is free that waits for none of
    /// them.
    pub until: Option<Timestamp>,
}

impl RoutingDecision {
    /// A step that no plan is behind.
    pub fn without_plan(step: RoutingStep) -> Self {
        Self { plan: None, step, wait: ProviderWait::default() }
    }
}

/// A wait until a moment.
pub(super) fn wait(until: Timestamp, reason: Reason, explanation: String) -> RoutingStep {
    RoutingStep::Wait { until, why: WaitReason { reason, explanation } }
}

/// The end of a message. Whatever it was to be, a message that some provider took and never reported as failed ends as
/// sent, and a message that was delivered as delivered.
pub(super) fn finish(
    history: &History,
    state: MessageState,
    reason: Reason,
    explanation: String,
) -> RoutingStep {
    let state = history.reached_state().unwrap_or(state);
    RoutingStep::Finish { state, reason, explanation }
}
