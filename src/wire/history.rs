//! Histories of messages.

use super::receipt::read_attempt;
use super::{
    FieldPath, Violations, read_outcome, read_plan, read_receipt, read_state, read_time, read_way, timestamp,
    v1,
};
use crate::model::{History, MessageEvent, MessageEventDetail, MessageState, WaitReason};

impl From<&MessageEvent> for v1::Event {
    fn from(event: &MessageEvent) -> Self {
        Self {
            time: Some(timestamp(event.at)),
            state: v1::MessageState::from(event.state).into(),
            detail: Some((&event.detail).into()),
        }
    }
}

impl From<&MessageEventDetail> for v1::event::Detail {
    fn from(detail: &MessageEventDetail) -> Self {
        match detail {
            MessageEventDetail::Accepted => Self::Accepted(v1::Accepted {}),
            MessageEventDetail::Planned(plan) => Self::Planned(plan.into()),
            MessageEventDetail::AttemptStarted { attempt, way } => Self::AttemptStarted(v1::AttemptStarted {
                attempt: super::receipt::attempt(*attempt),
                way: Some(way.into()),
            }),
            MessageEventDetail::AttemptFinished { attempt, outcome } => {
                Self::AttemptFinished(v1::AttemptFinished {
                    attempt: super::receipt::attempt(*attempt),
                    outcome: Some(outcome.into()),
                })
            }
            MessageEventDetail::Receipt(receipt) => Self::Receipt(receipt.into()),
            MessageEventDetail::Waiting { until, why } => Self::Waiting(v1::Waiting {
                until: Some(timestamp(*until)),
                reason: why.reason.to_string(),
                explanation: why.explanation.clone(),
            }),
            MessageEventDetail::FellBack { attempt, explanation } => Self::FellBack(v1::FellBack {
                attempt: super::receipt::attempt(*attempt),
                explanation: explanation.clone(),
            }),
            MessageEventDetail::CancelRequested { actor } => {
                Self::CancelRequested(v1::CancelRequested { actor: actor.clone() })
            }
            // The state it ends in is the state of the event.
            MessageEventDetail::Finished { state: _, reason, explanation } => {
                Self::Finished(v1::Finished { reason: reason.to_string(), explanation: explanation.clone() })
            }
        }
    }
}

/// Reads a whole history.
pub fn read_history(
    events: Vec<v1::Event>,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<History> {
    let read = |(index, event)| read_event(event, &path.index(index), violations);
    let events: Option<Vec<MessageEvent>> = events.into_iter().enumerate().map(read).collect();
    events.map(History::from_events)
}

/// Reads one event.
pub fn read_event(
    event: v1::Event,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<MessageEvent> {
    let at = read_time(event.time, &path.field("time"), violations);
    let state = read_state(event.state, &path.field("state"), violations);
    let detail = violations.required(event.detail, &path.field("detail"));
    let detail = read_detail(detail?, state?, path, violations);
    Some(MessageEvent { at: at?, state: state?, detail: detail? })
}

fn read_detail(
    detail: v1::event::Detail,
    state: MessageState,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<MessageEventDetail> {
    use v1::event::Detail as Proto;
    match detail {
        Proto::Accepted(_) => Some(MessageEventDetail::Accepted),
        Proto::Planned(plan) => {
            read_plan(plan, &path.field("planned"), violations).map(MessageEventDetail::Planned)
        }
        Proto::AttemptStarted(started) => read_started(started, &path.field("attempt_started"), violations),
        Proto::AttemptFinished(ended) => read_ended(ended, &path.field("attempt_finished"), violations),
        Proto::Receipt(receipt) => {
            read_receipt(receipt, &path.field("receipt"), violations).map(MessageEventDetail::Receipt)
        }
        Proto::Waiting(waiting) => read_waiting(waiting, &path.field("waiting"), violations),
        Proto::FellBack(back) => {
            let attempt = read_attempt(back.attempt, &path.field("fell_back"), violations)?;
            Some(MessageEventDetail::FellBack { attempt, explanation: back.explanation })
        }
        Proto::CancelRequested(cancel) => Some(MessageEventDetail::CancelRequested { actor: cancel.actor }),
        Proto::Finished(end) => Some(MessageEventDetail::Finished {
            state,
            reason: end.reason.into(),
            explanation: end.explanation,
        }),
    }
}

fn read_started(
    started: v1::AttemptStarted,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<MessageEventDetail> {
    let attempt = read_attempt(started.attempt, path, violations);
    let way = violations.required(started.way, &path.field("way"))?;
    let way = read_way(way, &path.field("way"), violations);
    Some(MessageEventDetail::AttemptStarted { attempt: attempt?, way: way? })
}

fn read_ended(
    ended: v1::AttemptFinished,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<MessageEventDetail> {
    let attempt = read_attempt(ended.attempt, path, violations);
    let outcome = violations.required(ended.outcome, &path.field("outcome"))?;
    let outcome = read_outcome(outcome, &path.field("outcome"), violations);
    Some(MessageEventDetail::AttemptFinished { attempt: attempt?, outcome: outcome? })
}

fn read_waiting(
    waiting: v1::Waiting,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<MessageEventDetail> {
    let until = read_time(waiting.until, &path.field("until"), violations)?;
    let why = WaitReason { reason: waiting.reason.into(), explanation: waiting.explanation };
    Some(MessageEventDetail::Waiting { until, why })
}
