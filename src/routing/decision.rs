//! What to do next with a message.

use std::time::Duration;

use super::choice::choose;
use super::doubt;
use super::step::{ProviderWait, RoutingDecision, RoutingStep, finish, wait};
use super::ways::{WaySurvey, find_ways};
use super::{RetrySettings, RoutingContext};
use crate::model::{Attempt, History, Message, MessageState, Plan, Reason, ReceiptStatus, Timestamp, later};

/// Whether nothing is left to do with a message, whatever the person wants and however the providers are: it has ended, or
/// was sent and has nothing to wait for. Then neither consent nor the providers have to be asked.
pub fn is_settled(message: &Message, history: &History) -> bool {
    let attempts = history.attempts();
    history.has_ended() || arrived(message, &attempts) || sent_for_good(message, &attempts)
}

/// Decides what to do next with a message. Every attempt in its history must have ended.
pub fn decide(context: &RoutingContext<'_>) -> RoutingDecision {
    if is_settled(context.message, context.history) {
        return RoutingDecision::without_plan(RoutingStep::Idle);
    }
    let attempts = context.history.attempts();
    if let Some(step) = sent(context, &attempts).or_else(|| cancelled(context.history)) {
        return RoutingDecision::without_plan(step);
    }
    if let Some(decision) = doubt::settle(context, &attempts) {
        return decision;
    }
    let ended = out_of_time(context.message, context.history, context.now);
    if let Some(step) = ended.or_else(|| out_of_attempts(context, &attempts)) {
        return RoutingDecision::without_plan(step);
    }
    let Some(recipient) = context.recipient else {
        let state = if attempts.is_empty() { MessageState::Suppressed } else { MessageState::Failed };
        let why = "The contact was deleted.".to_owned();
        let step = finish(context.history, state, Reason::ContactDeleted, why);
        return RoutingDecision::without_plan(step);
    };
    choose_way(context, find_ways(context, recipient))
}

/// Decides what to do next with a message whose brand is not in the configuration: nothing may be sent in its name, so the
/// message waits until it expires or the brand is back.
pub fn decide_without_brand(
    message: &Message,
    history: &History,
    retry: &RetrySettings,
    now: Timestamp,
) -> RoutingDecision {
    let explanation = || format!("The brand {} is not in the configuration.", message.brand);
    let step = match is_settled(message, history) {
        true => RoutingStep::Idle,
        false => cancelled(history).or_else(|| out_of_time(message, history, now)).unwrap_or_else(|| {
            wait_for_configuration(message, retry, now, Reason::BrandUnknown, explanation())
        }),
    };
    RoutingDecision::without_plan(step)
}

/// Whether a receipt, however late, shows that the message arrived.
fn arrived(message: &Message, attempts: &[Attempt<'_>]) -> bool {
    let wanted = match message.fallback.unread_after {
        Some(_) => ReceiptStatus::Read,
        None => ReceiptStatus::Delivered,
    };
    attempts.iter().any(|attempt| attempt.receipt >= Some(wanted))
}

/// Whether a provider has the message, and no receipt has to come in time.
fn sent_for_good(message: &Message, attempts: &[Attempt<'_>]) -> bool {
    let awaited = message.fallback.undelivered_after.is_some() || message.fallback.unread_after.is_some();
    !awaited && last_sent(attempts).is_some_and(|last| !last.reported_failed())
}

fn last_sent<'a, 'b>(attempts: &'b [Attempt<'a>]) -> Option<&'b Attempt<'a>> {
    attempts.iter().rfind(|attempt| attempt.is_sent() && !attempt.given_up)
}

/// A message that a provider has: nothing to do, or what its own fallback policy asks for.
fn sent(context: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingStep> {
    let last = last_sent(attempts)?;
    let fallback = &context.message.fallback;
    if last.reported_failed() {
        return Some(reported_failed(context, last));
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
    if context.now < deadline {
        let explanation = format!("{} has not yet reported it as {word}.", last.way.provider);
        return Some(wait(deadline, Reason::AwaitingReceipt, explanation));
    }
    if !has_another_way(context) {
        return Some(RoutingStep::Idle);
    }
    let explanation = format!("{} did not report it as {word} in time.", last.way.provider);
    Some(RoutingStep::FallBack { attempt: last.number, explanation })
}

fn reported_failed(context: &RoutingContext<'_>, attempt: &Attempt<'_>) -> RoutingStep {
    let explanation = format!("{} reported that it could not be delivered.", attempt.way.provider);
    if context.message.fallback.on_failed && has_another_way(context) {
        return RoutingStep::FallBack { attempt: attempt.number, explanation };
    }
    finish(context.history, MessageState::Failed, Reason::ReportedFailed, explanation)
}

/// Whether there is any way left, now or later, before the message expires.
fn has_another_way(context: &RoutingContext<'_>) -> bool {
    let alive = context.now < context.message.expire_at && !context.history.cancel_requested();
    let survey = context.recipient.filter(|_| alive).map(|recipient| find_ways(context, recipient));
    survey.is_some_and(|survey| !survey.candidates.is_empty() || !survey.missing.is_empty())
}

fn cancelled(history: &History) -> Option<RoutingStep> {
    let (state, explanation) = history.cancelled_state();
    let explanation = explanation.to_owned();
    let step = RoutingStep::Finish { state, reason: Reason::Cancelled, explanation };
    history.cancel_requested().then_some(step)
}

fn out_of_time(message: &Message, history: &History, now: Timestamp) -> Option<RoutingStep> {
    let expire_at = message.expire_at;
    let explanation = || format!("It could not be sent before {expire_at}.");
    let expired = || finish(history, MessageState::Expired, Reason::Expired, explanation());
    (now >= expire_at).then(expired)
}

fn out_of_attempts(context: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingStep> {
    let max = context.retry.max_attempts;
    let explanation = || format!("It has had all of its {max} attempts.");
    let failed = || finish(context.history, MessageState::Failed, Reason::TooManyAttempts, explanation());
    (attempts.len() >= max as usize).then(failed)
}

/// The best way in time, else the wait for a provider that is gone from the configuration, else the end.
fn choose_way(context: &RoutingContext<'_>, survey: WaySurvey) -> RoutingDecision {
    let (step, wait) = choose(context, &survey.candidates)
        .unwrap_or_else(|| (without_candidates(context, &survey), ProviderWait::default()));
    RoutingDecision { plan: Some(survey.plan), step, wait }
}

fn without_candidates(context: &RoutingContext<'_>, survey: &WaySurvey) -> RoutingStep {
    if survey.missing.is_empty() {
        return give_up(context, &survey.plan);
    }
    let missing: Vec<&str> = survey.missing.iter().map(|channel| channel.as_str()).collect();
    let explanation = format!(
        "The provider that carried {} when it was accepted is not in the configuration.",
        missing.join(", ")
    );
    let RoutingContext { message, retry, now, .. } = *context;
    wait_for_configuration(message, retry, now, Reason::NoProvider, explanation)
}

/// The wait for a gateway with another configuration.
fn wait_for_configuration(
    message: &Message,
    retry: &RetrySettings,
    now: Timestamp,
    reason: Reason,
    explanation: String,
) -> RoutingStep {
    let until = later(now, Duration::from_millis(retry.recheck_ms));
    wait(until.min(message.expire_at), reason, explanation)
}

/// The end of a message that has no way left: suppressed when only the recipient's side stood in the way, else failed.
fn give_up(context: &RoutingContext<'_>, plan: &Plan) -> RoutingStep {
    let untried = context.history.attempts().is_empty();
    let unpermitted = untried && plan.left_out.iter().all(|way| is_of_recipient(&way.reason));
    let reasons: Vec<String> =
        plan.left_out.iter().map(|way| format!("{}: {}", way.channel, way.explanation)).collect();
    let explanation = reasons.join(" ");
    match unpermitted {
        true => finish(context.history, MessageState::Suppressed, Reason::NoWayPermitted, explanation),
        false => finish(context.history, MessageState::Failed, Reason::NoWayLeft, explanation),
    }
}

/// Whether a way was left out for the recipient's sake, and not because the brand's message or configuration lacks
/// something. What an attempt left behind, or blocks a way for a while, does not end a message that was never tried.
fn is_of_recipient(reason: &Reason) -> bool {
    match reason {
        Reason::NoProvider | Reason::NoContent | Reason::ContentTooLong | Reason::WindowClosed => false,
        Reason::NoAddress
        | Reason::NeedsPhoneNumber
        | Reason::NoOptIn
        | Reason::OptInRevoked
        | Reason::TopicMuted
        | Reason::ChannelExcluded
        | Reason::AddressSuppressed
        | Reason::QuietHours
        | Reason::Transactional
        | Reason::OptInGranted
        | Reason::ContentRejected
        | Reason::PolicyRejected
        | Reason::AddressTried
        | Reason::OutOfService
        | Reason::Draining
        | Reason::BreakerOpen
        | Reason::Throttled
        | Reason::Backoff
        | Reason::Busy
        | Reason::AwaitingReceipt
        | Reason::InDoubt
        | Reason::Cancelled
        | Reason::ContactDeleted
        | Reason::BrandUnknown
        | Reason::ReportedFailed
        | Reason::Expired
        | Reason::TooManyAttempts
        | Reason::NoWayPermitted
        | Reason::NoWayLeft
        | Reason::Other(_) => true,
    }
}
