//! The timeline of a message, read from its history.

use super::context::ReportContext;
use crate::wire::v1::{self, event::Detail};

/// What happened to a message so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MessageTimeline {
    /// What was done, in order.
    pub steps: Vec<TimelineStep>,
    /// How it ended; `None` while there is more to come.
    pub end: Option<TimelineEnd>,
}

/// One step of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TimelineStep {
    /// A better provider was passed over, because its breaker was open.
    PassedOver {
        /// The provider.
        provider: String,
    },
    /// A provider was called.
    Attempted {
        /// The number of the attempt.
        attempt: i32,
        /// The provider.
        provider: String,
        /// Its channel.
        channel: i32,
        /// What it answered; absent while it is being called.
        outcome: Option<v1::Outcome>,
    },
    /// The message waited on disk.
    Waited {
        /// The reason, as the API's stable identifier.
        reason: String,
    },
}

/// How a message ended, as far as the scenario waits for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TimelineEnd {
    /// A provider accepted the message, and may have reported more.
    Sent {
        /// The number of the attempt that the provider accepted.
        attempt: i32,
        /// The channel.
        channel: i32,
        /// Sent, delivered or read.
        state: i32,
    },
    /// No way was permitted, for the reasons with which the ways were left out.
    Suppressed(Vec<v1::LeftOut>),
    /// Quiet hours hold the message until this time, which is after the end of the scenario.
    Held(prost_types::Timestamp),
    /// Nobody knows whether the message was sent, and a commercial one is not sent twice.
    InDoubt,
    /// The message ended unsent, in this state.
    Unsent(i32),
}

impl MessageTimeline {
    /// Reads the timeline from the history of a message.
    pub(crate) fn read(message: &v1::Message, context: &ReportContext) -> Self {
        let steps = steps(message, context);
        let end = end(message, &steps);
        Self { steps, end }
    }

    /// Whether another provider was called before and refused, failed, or left its outcome unknown.
    pub(crate) fn fell_back_after_failure(&self) -> bool {
        self.has_other_provider(|step| match step {
            TimelineStep::Attempted { provider, outcome: Some(outcome), .. }
                if outcome.kind() != v1::OutcomeKind::Sent =>
            {
                Some(provider)
            }
            _ => None,
        })
    }

    /// Whether another provider was passed over because its breaker was open.
    pub(super) fn fell_back_past_open_breaker(&self) -> bool {
        self.has_other_provider(|step| match step {
            TimelineStep::PassedOver { provider } => Some(provider),
            _ => None,
        })
    }

    /// Whether the message waited on disk for a way to open.
    pub(super) fn waited(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, TimelineStep::Waited { .. }))
    }

    /// Whether the message was sent, and `select` finds a provider other than the one that accepted it.
    fn has_other_provider<'a>(&'a self, select: impl Fn(&'a TimelineStep) -> Option<&'a String>) -> bool {
        let accepted_by = self.accepted_by();
        accepted_by.is_some()
            && self.steps.iter().filter_map(select).any(|provider| Some(provider) != accepted_by)
    }

    fn accepted_by(&self) -> Option<&String> {
        let Some(TimelineEnd::Sent { attempt: accepted, .. }) = &self.end else { return None };
        self.steps.iter().find_map(|step| match step {
            TimelineStep::Attempted { attempt, provider, .. } if attempt == accepted => Some(provider),
            _ => None,
        })
    }
}

fn steps(message: &v1::Message, context: &ReportContext) -> Vec<TimelineStep> {
    let (mut steps, mut plan) = (Vec::new(), None);
    for detail in message.history.iter().filter_map(|event| event.detail.as_ref()) {
        match detail {
            Detail::Planned(planned) => plan = Some(planned),
            Detail::Waiting(waiting) if is_step(&waiting.reason) => {
                // Every look at a waiting message records a wait; the last one has the current reason.
                steps.pop_if(|last| matches!(last, TimelineStep::Waited { .. }));
                steps.push(TimelineStep::Waited { reason: waiting.reason.clone() });
            }
            Detail::AttemptStarted(v1::AttemptStarted { attempt, way: Some(way) }) => {
                let passed_over = plan.map(|plan| passed_over(plan, way, context)).unwrap_or_default();
                let new: Vec<_> = passed_over.into_iter().filter(|name| !is_named(&steps, name)).collect();
                steps.extend(new.into_iter().map(|provider| TimelineStep::PassedOver { provider }));
                let (provider, channel) = (way.provider.clone(), way.channel);
                steps.push(TimelineStep::Attempted { attempt: *attempt, provider, channel, outcome: None });
            }
            Detail::AttemptFinished(finished) => record_outcome(&mut steps, finished),
            _ => {}
        }
    }
    steps
}

/// Whether a wait is a step of its own: not when the end of the timeline says the same, or when it is over in a moment.
fn is_step(reason: &str) -> bool {
    !matches!(reason, "quiet_hours" | "in_doubt" | "awaiting_receipt" | "busy")
}

fn record_outcome(steps: &mut [TimelineStep], finished: &v1::AttemptFinished) {
    let attempt = steps.iter_mut().rev().find_map(|step| match step {
        TimelineStep::Attempted { attempt, outcome, .. } if *attempt == finished.attempt => Some(outcome),
        _ => None,
    });
    if let Some(outcome) = attempt {
        outcome.clone_from(&finished.outcome);
    }
}

fn is_named(steps: &[TimelineStep], name: &str) -> bool {
    steps.iter().any(|step| match step {
        TimelineStep::PassedOver { provider } | TimelineStep::Attempted { provider, .. } => provider == name,
        TimelineStep::Waited { .. } => false,
    })
}

/// The providers with an open breaker that stood before `way`: of a channel earlier in the order, which is the order of
/// the plan's verdicts, or of an earlier tier of the same channel.
fn passed_over(plan: &v1::Plan, way: &v1::Way, context: &ReportContext) -> Vec<String> {
    let rank = |channel| plan.verdicts.iter().position(|verdict| verdict.channel == channel);
    let tier = |provider: &String| context.tiers.get(provider);
    let open = plan.left_out.iter().filter(|entry| entry.reason == "breaker_open");
    let before = open.filter(|entry| {
        (rank(entry.channel), tier(&entry.provider)) < (rank(way.channel), tier(&way.provider))
    });
    before.map(|entry| entry.provider.clone()).collect()
}

fn end(message: &v1::Message, steps: &[TimelineStep]) -> Option<TimelineEnd> {
    use v1::MessageState as S;
    match message.state() {
        S::Unspecified | S::Accepted | S::Sending => None,
        S::Waiting => held_until(message).map(TimelineEnd::Held),
        S::Sent | S::Delivered | S::Read => sent_end(message, steps),
        S::Suppressed => Some(TimelineEnd::Suppressed(left_out(message))),
        S::InDoubt => Some(TimelineEnd::InDoubt),
        S::Failed | S::Expired | S::Cancelled => Some(TimelineEnd::Unsent(message.state)),
    }
}

fn held_until(message: &v1::Message) -> Option<prost_types::Timestamp> {
    match message.history.last()?.detail.as_ref()? {
        Detail::Waiting(waiting) if waiting.reason == "quiet_hours" => waiting.until,
        _ => None,
    }
}

/// How a message that was sent ends. Telegram's Bot API reports no deliveries, so there `sent` is the last state; on the
/// other channels a receipt follows.
fn sent_end(message: &v1::Message, steps: &[TimelineStep]) -> Option<TimelineEnd> {
    let reported = message.history.iter().rev().find_map(|event| match &event.detail {
        Some(Detail::Receipt(receipt)) => Some(receipt.attempt),
        _ => None,
    });
    let (attempt, channel) = steps.iter().rev().find_map(|step| match step {
        TimelineStep::Attempted { attempt, channel, outcome: Some(outcome), .. }
            if Some(*attempt) == reported || outcome.kind() == v1::OutcomeKind::Sent =>
        {
            Some((*attempt, *channel))
        }
        _ => None,
    })?;
    let more_to_come =
        message.state() == v1::MessageState::Sent && channel != i32::from(v1::Channel::Telegram);
    (!more_to_come).then_some(TimelineEnd::Sent { attempt, channel, state: message.state })
}

fn left_out(message: &v1::Message) -> Vec<v1::LeftOut> {
    let plans = message.history.iter().rev().filter_map(|event| match &event.detail {
        Some(Detail::Planned(plan)) => Some(plan.left_out.clone()),
        _ => None,
    });
    plans.take(1).flatten().collect()
}
