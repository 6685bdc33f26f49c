//! What blocks a way for a while: consent holds it, its provider may not be called, or its provider just failed the message.

use std::time::Duration;

use super::{ProviderAdmission, RoutingContext};
use crate::model::{
    Address, AdmissionRefusal, Attempt, CallScope, Channel, ConsentDecision, Outcome, Provider, Reason,
    RenderedContent, Timestamp, Verdict, WaitReason, later,
};

/// What blocks a way for a while.
#[derive(Debug, Clone)]
pub(super) struct Blocker {
    /// When the way is free.
    pub until: Timestamp,
    /// Why it is not before.
    pub why: WaitReason,
    /// Whether it ends as soon as the provider may be called again, by whatever message.
    pub is_of_provider: bool,
}

/// The blocker of a way that lasts longest: of two that end together the first, because a hold is the reason that a person
/// should read.
pub(super) fn longest_blocker(
    context: &RoutingContext<'_>,
    attempts: &[Attempt<'_>],
    verdict: &Verdict,
    offer: &ProviderAdmission<'_>,
    content: &RenderedContent,
) -> Option<Blocker> {
    let hold = hold_blocker(verdict);
    let admission =
        admission_blocker(context, offer).or_else(|| cell_blocker(context, verdict, offer, content));
    let backoff = backoff_blocker(context, attempts, verdict.channel, &verdict.address, offer.provider);
    let blockers = [hold, admission, backoff].into_iter().flatten();
    blockers.reduce(|longest, next| if next.until > longest.until { next } else { longest })
}

fn hold_blocker(verdict: &Verdict) -> Option<Blocker> {
    match verdict.decision {
        ConsentDecision::Hold { until } => {
            let (reason, explanation) = (verdict.reason.clone(), verdict.explanation.clone());
            Some(Blocker { until, why: WaitReason { reason, explanation }, is_of_provider: false })
        }
        ConsentDecision::Allow | ConsentDecision::Deny => None,
    }
}

fn admission_blocker(context: &RoutingContext<'_>, offer: &ProviderAdmission<'_>) -> Option<Blocker> {
    let refusal = offer.admission.err()?;
    let name = &offer.provider.name;
    let recheck = Duration::from_millis(context.retry.recheck_ms);
    let until = refusal.until(context.now).unwrap_or_else(|| later(context.now, recheck));
    let (reason, explanation) = match refusal {
        AdmissionRefusal::OutOfService { .. } => {
            (Reason::OutOfService, format!("An operator took {name} out of service."))
        }
        AdmissionRefusal::Draining { .. } => {
            (Reason::Draining, format!("{name} is being drained and takes no new message."))
        }
        AdmissionRefusal::BreakerOpen { .. } => {
            (Reason::BreakerOpen, format!("The breaker of {name} is open: it failed too often."))
        }
        AdmissionRefusal::Throttled { .. } => (Reason::Throttled, format!("{name} asked us to slow down.")),
    };
    Some(Blocker { until, why: WaitReason { reason, explanation }, is_of_provider: true })
}

/// The cell of the provider that the way would lie in, and that refuses calls while the rest of the provider takes them.
fn cell_blocker(
    context: &RoutingContext<'_>,
    verdict: &Verdict,
    offer: &ProviderAdmission<'_>,
    content: &RenderedContent,
) -> Option<Blocker> {
    if offer.refusing_cells.is_empty() {
        return None;
    }
    let sender = offer.provider.sender(&context.message.brand, &context.policy.senders);
    let scope = CallScope::new(sender, &verdict.address, content);
    let refusing = offer.refusing_cells.iter().filter(|refusal| scope.cells().contains(&refusal.cell));
    let refusal = refusing.max_by_key(|refusal| refusal.wait)?;
    let name = &offer.provider.name;
    let explanation = format!("The breaker of {name} is open for {}: it failed too often.", refusal.cell);
    let why = WaitReason { reason: Reason::BreakerOpen, explanation };
    Some(Blocker { until: later(context.now, refusal.wait), why, is_of_provider: false })
}

/// How long the failures of this message at this provider block the way.
fn backoff_blocker(
    context: &RoutingContext<'_>,
    attempts: &[Attempt<'_>],
    channel: Channel,
    address: &Address,
    provider: &Provider,
) -> Option<Blocker> {
    let is_here =
        |attempt: &&Attempt<'_>| attempt.way.provider == provider.name && attempt.way.channel == channel;
    let failures = attempts.iter().filter(is_here).count();
    let last = attempts.iter().filter(is_here).rfind(|attempt| attempt.way.address == *address)?;
    let (ended_at, outcome) = last.ended?;
    let (retry, id) = (context.retry, context.message.id);
    let backoff = retry.backoff(id, u32::try_from(failures).unwrap_or(u32::MAX));
    let (reason, wait) = match outcome {
        // A provider that says "now" is not taken at its word, or it would be called over and over.
        Outcome::Throttled { retry_after: Some(wait), .. } => {
            (Reason::Throttled, (*wait).max(retry.backoff(id, 1)))
        }
        Outcome::Throttled { retry_after: None, .. } => (Reason::Throttled, backoff),
        _ => (Reason::Backoff, backoff),
    };
    let explanation = match outcome {
        Outcome::LocalFailure { .. } => {
            format!("This machine could not call {} in attempt {}.", provider.name, last.number)
        }
        _ => format!("{} answered {} in attempt {}.", provider.name, outcome.as_str(), last.number),
    };
    let why = WaitReason { reason, explanation };
    Some(Blocker { until: later(ended_at, wait), why, is_of_provider: false })
}
