//! The way to take of those that are left: the best that takes the message before its patience ends.
//!
//! # Why
//!
//! The preferred provider may be busy, and so may every other. To leave it at once gives up what was preferred for a moment's
//! wait; to stay with it lets messages expire beside a provider that has nothing to do.
//!
//! # How it works
//!
//! Ways come in the order of preference. How long a message would wait for each is known roughly: from who waits before it, and
//! from when a throttle ends. Providers of one tier stand in for each other at once. For a better tier or channel the message waits as
//! long as its patience lasts, which is one for all waits in a row, or a way that others keep busy would be waited for until the
//! end. Then whoever takes it first has it. A breaker that is open, or an operator's control, is not waited for while there is
//! anything else: nobody knows whether it ends in time.

use std::time::Duration;

use super::RoutingContext;
use super::step::{ProviderWait, RoutingStep};
use super::ways::WayCandidate;
use crate::model::{MessageEventDetail, Outcome, ProviderName, Reason, Timestamp, WaitReason, later};

/// Who waits no longer than this does so in memory, and need not look for another provider.
const UNNOTICED_WAIT: Duration = Duration::from_secs(1);

/// What to do next with a message that has `candidates`, those to prefer first, and what it waits for if it cannot go at once.
/// `None` when there are no candidates.
pub(super) fn choose(
    context: &RoutingContext<'_>,
    candidates: &[WayCandidate],
) -> Option<(RoutingStep, ProviderWait)> {
    let by_themselves = candidates.iter().filter(|candidate| !waits_for_provider(candidate));
    let free_at = by_themselves.map(|candidate| candidate.ready_at).min();
    let open: Vec<&WayCandidate> = candidates.iter().filter(|candidate| is_open(candidate)).collect();
    let Some((chosen, providers)) = best_in_time(context, &open).filter(|_| is_any_ready(context, &open))
    else {
        let earliest = candidates.iter().min_by_key(|candidate| candidate.ready_at)?;
        let wait = ProviderWait {
            expected: Duration::ZERO,
            providers: providers_of(candidates.iter()),
            until: free_at,
        };
        return Some((wait_for(context, earliest), wait));
    };
    let patience_ends = Some(patience_ends(context)).filter(|ends| *ends > context.now);
    let until = patience_ends.into_iter().chain(free_at).min();
    let step = match chosen.ready_at <= context.now {
        true => chosen.to_step(),
        false => wait_for(context, chosen),
    };
    Some((step, ProviderWait { expected: chosen.expected_wait, providers, until }))
}

/// The way to wait for or to take, and the providers that may have the message as soon as they take it: those that come before it,
/// and those of its tier. Once the patience is over, all.
fn best_in_time<'a>(
    context: &RoutingContext<'_>,
    open: &[&'a WayCandidate],
) -> Option<(&'a WayCandidate, Vec<ProviderName>)> {
    let expected_at = |way: &WayCandidate| later(way.ready_at.max(context.now), way.expected_wait);
    let unnoticed = later(context.now, UNNOTICED_WAIT);
    let patience_ends = patience_ends(context).max(unnoticed);
    let mut considered = 0;
    for tier in open.chunk_by(|one, other| one.preference() == other.preference()) {
        considered += tier.len();
        let soonest = tier.iter().map(|way| expected_at(way)).min()?.max(unnoticed);
        let best = tier.iter().find(|way| expected_at(way) <= soonest)?;
        if expected_at(best) <= patience_ends && expected_at(best) < context.message.expire_at {
            return Some((best, providers_of(open[..considered].iter().copied())));
        }
    }
    let soonest = open.iter().min_by_key(|way| expected_at(way))?;
    Some((soonest, providers_of(open.iter().copied())))
}

/// Whether nothing but the time of its provider blocks a way.
fn is_open(candidate: &WayCandidate) -> bool {
    candidate.blocker.as_ref().is_none_or(|blocker| blocker.why.reason == Reason::Throttled)
}

fn is_any_ready(context: &RoutingContext<'_>, open: &[&WayCandidate]) -> bool {
    open.iter().any(|way| way.ready_at <= context.now)
}

/// Whether the state of its provider is all that a way waits for, if anything.
fn waits_for_provider(way: &WayCandidate) -> bool {
    way.blocker.as_ref().is_none_or(|blocker| blocker.is_of_provider)
}

/// The providers whose own state is all that ways wait for, each once.
fn providers_of<'a>(ways: impl Iterator<Item = &'a WayCandidate>) -> Vec<ProviderName> {
    let mut providers: Vec<ProviderName> = Vec::new();
    for way in ways.filter(|way| waits_for_provider(way)) {
        if !providers.contains(&way.way.provider) {
            providers.push(way.way.provider.clone());
        }
    }
    providers
}

/// When the patience with ways that are busy ends.
fn patience_ends(context: &RoutingContext<'_>) -> Timestamp {
    let patience = context.policy.patience(context.message.class, &context.message.topic);
    later(busy_since(context).unwrap_or(context.now), patience)
}

/// Since when the message has been waiting for providers that are busy or asked to slow down.
fn busy_since(context: &RoutingContext<'_>) -> Option<Timestamp> {
    let mut since = None;
    for event in context.history.events().iter().rev() {
        match &event.detail {
            MessageEventDetail::Waiting { why, .. } => match why.reason {
                Reason::Throttled | Reason::Busy => since = Some(event.at),
                _ => return since,
            },
            MessageEventDetail::AttemptFinished { outcome: Outcome::Throttled { .. }, .. }
            | MessageEventDetail::AttemptStarted { .. }
            | MessageEventDetail::Planned(_) => {}
            _ => return since,
        }
    }
    since
}

fn wait_for(context: &RoutingContext<'_>, candidate: &WayCandidate) -> RoutingStep {
    let unblocked = || WaitReason { reason: Reason::Backoff, explanation: String::new() };
    let why = candidate.blocker.as_ref().map_or_else(unblocked, |blocker| blocker.why.clone());
    RoutingStep::Wait { until: candidate.ready_at.min(context.message.expire_at), why }
}
