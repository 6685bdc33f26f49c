//! A message's way, read from its history.

use super::Roster;
use crate::wire::v1::{self, event::Detail};

/// The way of a message so far.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::demo) struct Journey {
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// Where it ended; `None` while there is more to come.
    pub end: Option<End>,
}

/// One step of the way.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::demo) enum Step {
    /// A better provider was passed over, because its breaker was open.
    PassedOver {
        /// The provider.
        provider: String,
    },
    /// A provider was called.
    Tried {
        /// The number of the attempt.
        attempt: i32,
        /// The provider.
        provider: String,
        /// Its channel.
        channel: i32,
        /// What it answered; absent while it is being called.
        outcome: Option<v1::Outcome>,
    },
    /// It waited on disk.
    Waited {
        /// A stable word for the reason.
        reason: String,
    },
}

/// Where a message ended, as far as this show waits for it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::demo) enum End {
    /// A provider took it, and may have reported more.
    Sent {
        /// The attempt that did it.
        attempt: i32,
        /// The channel.
        channel: i32,
        /// Sent, delivered or read.
        state: i32,
    },
    /// It was not permitted; the ways left out say why.
    Suppressed(Vec<v1::LeftOut>),
    /// Quiet hours hold it until this time, which is longer than the show.
    Held(prost_types::Timestamp),
    /// Nobody knows whether it was sent, and it must not be sent twice.
    InDoubt,
    /// It ended unsent, in this state.
    Unsent(i32),
}

/// Reads a message's history.
pub(in crate::demo) fn journey(message: &v1::Message, roster: &Roster) -> Journey {
    let steps = steps(message, roster);
    let end = end(message, &steps);
    Journey { steps, end }
}

fn steps(message: &v1::Message, roster: &Roster) -> Vec<Step> {
    let (mut steps, mut plan) = (Vec::new(), None);
    for detail in message.history.iter().filter_map(|event| event.detail.as_ref()) {
        match detail {
            Detail::Planned(planned) => plan = Some(planned),
            Detail::Waiting(waiting) if told(&waiting.reason) => {
                // One wait may be looked at many times; the last look knows best.
                steps.pop_if(|last| matches!(last, Step::Waited { .. }));
                steps.push(Step::Waited { reason: waiting.reason.clone() });
            }
            Detail::AttemptStarted(v1::AttemptStarted { attempt, way: Some(way) }) => {
                let passed = plan.map(|plan| passed_over(plan, way, roster)).unwrap_or_default();
                let new: Vec<_> = passed.into_iter().filter(|name| !seen(&steps, name)).collect();
                steps.extend(new.into_iter().map(|provider| Step::PassedOver { provider }));
                let (provider, channel) = (way.provider.clone(), way.channel);
                steps.push(Step::Tried { attempt: *attempt, provider, channel, outcome: None });
            }
            Detail::AttemptFinished(finished) => answer(&mut steps, finished),
            _ => {}
        }
    }
    steps
}

/// Waits that the end tells by itself, or that are over in a moment, are no steps of their own.
fn told(reason: &str) -> bool {
    !matches!(reason, "quiet_hours" | "in_doubt" | "awaiting_receipt" | "busy")
}

fn answer(steps: &mut [Step], finished: &v1::AttemptFinished) {
    let own = steps.iter_mut().rev().find_map(|step| match step {
        Step::Tried { attempt, outcome, .. } if *attempt == finished.attempt => Some(outcome),
        _ => None,
    });
    if let Some(outcome) = own {
        outcome.clone_from(&finished.outcome);
    }
}

fn seen(steps: &[Step], name: &str) -> bool {
    steps.iter().any(|step| match step {
        Step::PassedOver { provider } | Step::Tried { provider, .. } => provider == name,
        Step::Waited { .. } => false,
    })
}

/// The providers with an open breaker that stood before `way`: of a channel earlier in the order, which is the order of
/// the plan's verdicts, or of an earlier tier of the same channel.
fn passed_over(plan: &v1::Plan, way: &v1::Way, roster: &Roster) -> Vec<String> {
    let rank = |channel| plan.verdicts.iter().position(|own| own.channel == channel);
    let tier = |provider: &String| roster.tiers.get(provider);
    let open = plan.left_out.iter().filter(|own| own.reason == "breaker_open");
    let before = open
        .filter(|own| (rank(own.channel), tier(&own.provider)) < (rank(way.channel), tier(&way.provider)));
    before.map(|own| own.provider.clone()).collect()
}

fn end(message: &v1::Message, steps: &[Step]) -> Option<End> {
    use v1::MessageState as S;
    match message.state() {
        S::Unspecified | S::Accepted | S::Sending => None,
        S::Waiting => held(message).map(End::Held),
        S::Sent | S::Delivered | S::Read => sent(message, steps),
        S::Suppressed => Some(End::Suppressed(left_out(message))),
        S::InDoubt => Some(End::InDoubt),
        S::Failed | S::Expired | S::Cancelled => Some(End::Unsent(message.state)),
    }
}

fn held(message: &v1::Message) -> Option<prost_types::Timestamp> {
    match message.history.last()?.detail.as_ref()? {
        Detail::Waiting(waiting) if waiting.reason == "quiet_hours" => waiting.until,
        _ => None,
    }
}

/// Telegram's Bot API reports no deliveries, so there `sent` is the last there is to know; the others will report.
fn sent(message: &v1::Message, steps: &[Step]) -> Option<End> {
    let reported = message.history.iter().rev().find_map(|event| match &event.detail {
        Some(Detail::Receipt(receipt)) => Some(receipt.attempt),
        _ => None,
    });
    let (attempt, channel) = steps.iter().rev().find_map(|step| match step {
        Step::Tried { attempt, channel, outcome: Some(outcome), .. }
            if Some(*attempt) == reported || outcome.kind() == v1::OutcomeKind::Sent =>
        {
            Some((*attempt, *channel))
        }
        _ => None,
    })?;
    let more_to_come =
        message.state() == v1::MessageState::Sent && channel != i32::from(v1::Channel::Telegram);
    (!more_to_come).then_some(End::Sent { attempt, channel, state: message.state })
}

fn left_out(message: &v1::Message) -> Vec<v1::LeftOut> {
    let plans = message.history.iter().rev().filter_map(|event| match &event.detail {
        Some(Detail::Planned(plan)) => Some(plan.left_out.clone()),
        _ => None,
    });
    plans.take(1).flatten().collect()
}

impl Journey {
    /// Whether a provider that was called before did not take it, or nobody knows whether it did.
    pub(in crate::demo) fn failed_first(&self) -> bool {
        self.other_provider(|step| match step {
            Step::Tried { provider, outcome: Some(outcome), .. }
                if outcome.kind() != v1::OutcomeKind::Sent =>
            {
                Some(provider)
            }
            _ => None,
        })
    }

    /// Whether it went straight past an open breaker.
    pub(super) fn passed_first(&self) -> bool {
        self.other_provider(|step| match step {
            Step::PassedOver { provider } => Some(provider),
            _ => None,
        })
    }

    /// Whether it waited on disk for a way to open.
    pub(super) fn waited(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Waited { .. }))
    }

    /// Whether it was sent, and `named` names a provider other than the one that took it.
    fn other_provider<'a>(&'a self, named: impl Fn(&'a Step) -> Option<&'a String>) -> bool {
        let taker = self.taker();
        taker.is_some() && self.steps.iter().filter_map(named).any(|provider| Some(provider) != taker)
    }

    fn taker(&self) -> Option<&String> {
        let Some(End::Sent { attempt: taken, .. }) = &self.end else { return None };
        self.steps.iter().find_map(|step| match step {
            Step::Tried { attempt, provider, .. } if attempt == taken => Some(provider),
            _ => None,
        })
    }
}
