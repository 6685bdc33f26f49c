//! What to do next with a message.

use std::time::Duration;

use super::ways::{WayCandidate, WaySurvey, find_ways};
use super::{DoubtPolicy, RoutingContext};
use crate::model::{
    Attempt, EventDetail, History, Message, MessageState, Plan, ReceiptStatus, RenderedContent, Timestamp,
    WaitReason, Way, later,
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
    /// End it.
    Finish {
        /// The state it ends in.
        state: MessageState,
        /// A stable word for the reason.
        reason: &'static str,
        /// The reason in a sentence.
        explanation: String,
    },
    /// Nothing: it is sent, or has ended.
    Idle,
}

/// What to do next, and the plan behind it where one was needed.
#[derive(Debug, Clone, PartialEq)]
pub struct RoutingDecision {
    /// The plan, unless the message's past alone decided.
    pub plan: Option<Plan>,
    /// The step.
    pub step: RoutingStep,
}

/// Whether a message rests whatever the person wants and however the providers are: it has ended, or was sent and has
/// nothing to wait for. Then nobody has to be asked.
pub fn is_settled(message: &Message, history: &History) -> bool {
    let attempts = history.attempts();
    history.ended() || arrived(message, &attempts) || sent_for_good(message, &attempts)
}

/// Decides what to do next with a message. Every attempt in its history must have ended.
pub fn decide(situation: &RoutingContext<'_>) -> RoutingDecision {
    if is_settled(situation.message, situation.history) {
        return RoutingDecision { plan: None, step: RoutingStep::Idle };
    }
    let attempts = situation.history.attempts();
    let settled = sent(situation, &attempts)
        .or_else(|| cancelled(situation))
        .or_else(|| in_doubt(situation, &attempts))
        .or_else(|| out_of_time(situation))
        .or_else(|| out_of_attempts(situation, &attempts));
    if let Some(step) = settled {
        return RoutingDecision { plan: None, step };
    }
    let Some(person) = situation.recipient else {
        let state = if attempts.is_empty() { MessageState::Suppressed } else { MessageState::Failed };
        let step = finish(situation, state, "contact_deleted", "The contact was deleted.".to_owned());
        return RoutingDecision { plan: None, step };
    };
    let survey = find_ways(situation, person);
    let step = choose_way(situation, &survey);
    RoutingDecision { plan: Some(survey.plan), step }
}

/// A message that a late receipt shows to have arrived after all.
fn arrived(message: &Message, attempts: &[Attempt<'_>]) -> bool {
    let wanted = match message.fallback.unread_after {
        Some(_) => ReceiptStatus::Read,
        None => ReceiptStatus::Delivered,
    };
    attempts.iter().any(|own| own.receipt >= Some(wanted))
}

/// A message that a provider has, and of which no receipt has to come in time.
fn sent_for_good(message: &Message, attempts: &[Attempt<'_>]) -> bool {
    let awaited = message.fallback.undelivered_after.is_some() || message.fallback.unread_after.is_some();
    !awaited && last_sent(attempts).is_some_and(|last| !last.reported_failed())
}

fn last_sent<'a, 'b>(attempts: &'b [Attempt<'a>]) -> Option<&'b Attempt<'a>> {
    attempts.iter().rfind(|own| own.is_sent() && !own.given_up)
}

/// A message that a provider has: rest, or what its own fallback policy asks for.
fn sent(situation: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingStep> {
    let last = last_sent(attempts)?;
    let fallback = &situation.message.fallback;
    if last.reported_failed() {
        return Some(failed_later(situation, last));
    }
    let sent_at = last.ended.map_or(last.started_at, |(at, _)| at);
    let missing = |status: ReceiptStatus, wait: Option<Duration>| {
        wait.filter(|_| last.receipt < Some(status)).map(|wait| (later(sent_at, wait), status))
    };
    let deadlines = [
        missing(ReceiptStatus::Delivered, fallback.undelivered_after),
        missing(ReceiptStatus::Read, fallback.unread_after),
    ];
    let Some((deadline, status)) = deadlines.into_iter().flatten().min() else {
        return Some(RoutingStep::Idle);
    };
    let word = status.as_str();
    if situation.now < deadline {
        let explanation = format!("{} has not yet reported it as {word}.", last.way.provider);
        let why = WaitReason { reason: "awaiting_receipt".to_owned(), explanation };
        return Some(RoutingStep::Wait { until: deadline, why });
    }
    if !another_way(situation) {
        return Some(RoutingStep::Idle);
    }
    let explanation = format!("{} did not report it as {word} in time.", last.way.provider);
    Some(RoutingStep::FallBack { attempt: last.number, explanation })
}

fn failed_later(situation: &RoutingContext<'_>, attempt: &Attempt<'_>) -> RoutingStep {
    let explanation = format!("{} reported that it could not be delivered.", attempt.way.provider);
    if situation.message.fallback.on_failed && another_way(situation) {
        return RoutingStep::FallBack { attempt: attempt.number, explanation };
    }
    finish(situation, MessageState::Failed, "reported_failed", explanation)
}

/// Whether there is any way left, now or later, before the message expires.
fn another_way(situation: &RoutingContext<'_>) -> bool {
    let alive = situation.now < situation.message.expire_at && !situation.history.cancel_requested();
    let survey = situation.recipient.filter(|_| alive).map(|person| find_ways(situation, person));
    survey.is_some_and(|survey| !survey.candidates.is_empty())
}

fn cancelled(situation: &RoutingContext<'_>) -> Option<RoutingStep> {
    let (state, explanation) = situation.history.cancelled();
    let requested = situation.history.cancel_requested();
    requested.then(|| RoutingStep::Finish { state, reason: "cancelled", explanation: explanation.to_owned() })
}

/// An end. Whatever it was to be, a message that some provider took and never reported as failed ends as sent, and one
/// that was delivered as delivered.
fn finish(
    situation: &RoutingContext<'_>,
    state: MessageState,
    reason: &'static str,
    explanation: String,
) -> RoutingStep {
    let state = situation.history.reached().unwrap_or(state);
    RoutingStep::Finish { state, reason, explanation }
}

/// A message that may or may not have been sent, where the class forbids a second copy.
fn in_doubt(situation: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingStep> {
    if situation.policy.doubt(situation.message.class) == DoubtPolicy::Retry {
        return None;
    }
    let doubtful = attempts.iter().rfind(|own| own.is_unknown() && !own.reported_failed())?;
    let (ended_at, _) = doubtful.ended?;
    let until = later(ended_at, Duration::from_millis(situation.retry.doubt_wait_ms));
    let explanation =
        format!("{} may or may not have taken it in attempt {}.", doubtful.way.provider, doubtful.number);
    if situation.now < until {
        return Some(RoutingStep::Wait {
            until,
            why: WaitReason { reason: "in_doubt".to_owned(), explanation },
        });
    }
    Some(finish(situation, MessageState::InDoubt, "in_doubt", explanation))
}

fn out_of_time(situation: &RoutingContext<'_>) -> Option<RoutingStep> {
    let expire_at = situation.message.expire_at;
    let explanation = || format!("It could not be sent before {expire_at}.");
    (situation.now >= expire_at).then(|| finish(situation, MessageState::Expired, "expired", explanation()))
}

fn out_of_attempts(situation: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingStep> {
    let max = situation.retry.max_attempts;
    let explanation = || format!("It has had all of its {max} attempts.");
    (attempts.len() >= max as usize)
        .then(|| finish(situation, MessageState::Failed, "too_many_attempts", explanation()))
}

/// The first way that may be taken now, else the wait for the first that may be taken later, else the end.
fn choose_way(situation: &RoutingContext<'_>, survey: &WaySurvey) -> RoutingStep {
    let ready = survey.candidates.iter().find(|candidate| candidate.ready_at <= situation.now);
    let earliest = survey.candidates.iter().min_by_key(|candidate| candidate.ready_at);
    match (ready, earliest) {
        (Some(ready), _) => match worth_waiting_for(situation, survey, ready) {
            Some(better) => wait_for(situation, better),
            None => RoutingStep::Try { way: ready.way.clone(), content: ready.content.clone() },
        },
        (None, Some(earliest)) => wait_for(situation, earliest),
        (None, None) => give_up(situation, &survey.plan),
    }
}

/// A way of a channel that stands before `ready`'s, and only has to be waited for a little because we are too fast. The
/// patience is one for all waits in a row, or a channel that others keep busy would be waited for until the end.
fn worth_waiting_for<'a>(
    situation: &RoutingContext<'_>,
    survey: &'a WaySurvey,
    ready: &WayCandidate,
) -> Option<&'a WayCandidate> {
    let since = throttled_since(situation).unwrap_or(situation.now);
    let patience = later(since, Duration::from_millis(situation.retry.throttle_patience_ms));
    let better = survey.candidates.iter().filter(|candidate| candidate.rank < ready.rank);
    better
        .filter(|candidate| candidate.blocker.as_ref().is_some_and(|own| own.throttle))
        .filter(|candidate| {
            candidate.ready_at <= patience && candidate.ready_at < situation.message.expire_at
        })
        .min_by_key(|candidate| candidate.ready_at)
}

/// Since when the message has been waiting because we are too fast, if that is what it last waited for.
fn throttled_since(situation: &RoutingContext<'_>) -> Option<Timestamp> {
    let last = situation.history.events().iter().rev().find_map(|event| match &event.detail {
        EventDetail::Waiting { why, .. } => Some((event.at, why)),
        _ => None,
    });
    last.filter(|(_, why)| why.reason == "throttled").map(|(at, _)| at)
}

fn wait_for(situation: &RoutingContext<'_>, candidate: &WayCandidate) -> RoutingStep {
    let unknown = || WaitReason { reason: "backoff".to_owned(), explanation: String::new() };
    let why = candidate.blocker.as_ref().map_or_else(unknown, |own| own.why.clone());
    RoutingStep::Wait { until: candidate.ready_at.min(situation.message.expire_at), why }
}

fn give_up(situation: &RoutingContext<'_>, plan: &Plan) -> RoutingStep {
    // Nothing of ours failed: the person's consent, or the lack of an address, left no way.
    let ours = ["no_provider", "no_content", "content_too_long", "window_closed"];
    let untried = situation.history.attempts().is_empty();
    let unpermitted = untried && plan.left_out.iter().all(|own| !ours.contains(&own.reason.as_str()));
    let reasons: Vec<String> =
        plan.left_out.iter().map(|own| format!("{}: {}", own.channel, own.explanation)).collect();
    let explanation = reasons.join(" ");
    match unpermitted {
        true => finish(situation, MessageState::Suppressed, "no_way_permitted", explanation),
        false => finish(situation, MessageState::Failed, "no_way_left", explanation),
    }
}
