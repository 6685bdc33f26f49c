//! Doubt: the copies of a message that may have been sent, and how it is found out whether they were.
//!
//! # Why
//!
//! Of a call that got no answer nobody knows whether it had its effect. To guess costs a copy too many or one too few.
//!
//! # How it works
//!
//! Where the provider knows a repeated call by its idempotency key, the call is repeated: the provider carries out one call
//! of each key, so that this is no second copy, and its answer says what became of the first. It has to come while the
//! provider still knows the key. Receipts settle a doubt whenever they come. Only what stays in doubt is left to the class's
//! policy: to try another copy, as long as there are few, or to wait for a receipt and end in doubt.

use std::time::Duration;

use super::step::{ProviderWait, RoutingDecision, RoutingStep, finish, wait};
use super::ways::{WayCandidate, WaySurvey, find_ways};
use super::{DoubtPolicy, RoutingContext};
use crate::model::{Attempt, History, MessageState, Outcome, ProviderName, Reason, Timestamp, Way, later};

/// The end of a key's lifetime in which no call is repeated any more: a call takes time to arrive, and clocks differ.
const REPEAT_MARGIN: Duration = Duration::from_secs(60);

/// The attempt whose idempotency key an attempt by `way` that starts at `now` uses, so that the provider takes both for one:
/// the first of those in doubt whose key the provider still knows. `None` when it repeats none.
///
/// `repeat_window` is the provider's. One of which nobody knows how long it remembers a key is given that of the first in
/// doubt, however old: it may still know it.
pub fn repeated_attempt(
    history: &History,
    way: &Way,
    repeat_window: Option<Duration>,
    now: Timestamp,
) -> Option<u32> {
    if repeat_window.is_none() {
        return history.first_in_doubt(way);
    }
    let copies = unknown_copies(&history.attempts(), |_| repeat_window);
    copies.iter().rfind(|copy| copy.way == way && copy.is_known_at(now)).map(|copy| copy.first)
}

/// What to do about the copies that may have been sent; `None` when there are none, or another one may be tried.
pub(super) fn settle(context: &RoutingContext<'_>, attempts: &[Attempt<'_>]) -> Option<RoutingDecision> {
    let window = |name: &ProviderName| {
        let offer = context.providers.iter().find(|offer| offer.provider.name == *name);
        offer.and_then(|offer| offer.provider.repeat_window)
    };
    let copies = unknown_copies(attempts, window);
    let last = copies.iter().max_by_key(|copy| copy.last_unknown)?;
    let waits = context.policy.doubt(context.message.class) == DoubtPolicy::Wait
        || copies.len() >= context.retry.max_unknown_copies as usize;
    let repeat = find_repeat(context, attempts, &copies, waits);
    let wait_ends = later(last.last_unknown.0, Duration::from_millis(context.retry.doubt_wait_ms));
    match repeat {
        Some(repeat) if repeat.candidate.ready_at <= context.now => Some(repeat.decision()),
        Some(repeat) if waits => {
            let ends = wait_ends.max(repeat.possible_until);
            let until = ends.min(repeat.candidate.ready_at);
            Some(step(wait(until, Reason::InDoubt, last.explanation(copies.len()))))
        }
        Some(repeat) if repeat.is_near(context) => {
            let why = repeat.candidate.blocker.as_ref().map(|blocker| blocker.why.clone())?;
            Some(step(RoutingStep::Wait { until: repeat.candidate.ready_at, why }))
        }
        _ if !waits => None,
        _ if context.now < wait_ends => {
            Some(step(wait(wait_ends, Reason::InDoubt, last.explanation(copies.len()))))
        }
        _ => {
            let why = last.explanation(copies.len());
            Some(step(finish(context.history, MessageState::InDoubt, Reason::InDoubt, why)))
        }
    }
}

fn step(step: RoutingStep) -> RoutingDecision {
    RoutingDecision::without_plan(step)
}

/// A copy that may have been sent: a call in doubt, and the calls that its provider takes for the same one.
#[derive(Debug, Clone)]
struct UnknownCopy<'a> {
    way: &'a Way,
    /// The attempt whose idempotency key all of them have.
    first: u32,
    /// Until when the provider knows the key, if it knows any.
    known_until: Option<Timestamp>,
    /// When the last of them that is in doubt ended, and its number.
    last_unknown: (Timestamp, u32),
    /// How many repeated the first, but for those that this machine could not make.
    repeats: u32,
    /// How many of the repeats left it in doubt again.
    unknown_repeats: u32,
    /// Whether a receipt has told what became of it.
    is_reported: bool,
}

/// The copies that may have been sent and of which no receipt has told, in the order of their first calls. `window` is the time
/// for which a provider knows a key.
fn unknown_copies<'a>(
    attempts: &[Attempt<'a>],
    window: impl Fn(&ProviderName) -> Option<Duration>,
) -> Vec<UnknownCopy<'a>> {
    let mut copies: Vec<UnknownCopy<'a>> = Vec::new();
    for attempt in attempts {
        let same = |copy: &&mut UnknownCopy<'_>| {
            copy.way == attempt.way && copy.is_known_at(attempt.started_at) && !copy.is_reported
        };
        match copies.iter_mut().rfind(same) {
            Some(copy) => copy.add(attempt),
            None => copies.extend(UnknownCopy::begun_by(attempt, window(&attempt.way.provider))),
        }
    }
    copies.retain(|copy| !copy.is_reported);
    copies
}

impl<'a> UnknownCopy<'a> {
    /// The copy that begins with an attempt, if that is in doubt.
    fn begun_by(attempt: &Attempt<'a>, window: Option<Duration>) -> Option<Self> {
        let (ended_at, Outcome::Unknown { .. }) = attempt.ended? else { return None };
        Some(Self {
            way: attempt.way,
            first: attempt.number,
            known_until: window.map(|window| later(attempt.started_at, window.saturating_sub(REPEAT_MARGIN))),
            last_unknown: (ended_at, attempt.number),
            repeats: 0,
            unknown_repeats: 0,
            is_reported: attempt.receipt.is_some(),
        })
    }

    /// Adds an attempt that repeated the first.
    fn add(&mut self, attempt: &Attempt<'_>) {
        self.is_reported |= attempt.receipt.is_some();
        match attempt.ended {
            Some((_, Outcome::LocalFailure { .. })) => {}
            Some((ended_at, Outcome::Unknown { .. })) => {
                self.repeats += 1;
                self.unknown_repeats += 1;
                self.last_unknown = (ended_at, attempt.number);
            }
            _ => self.repeats += 1,
        }
    }

    /// Whether its provider knows the key at that moment.
    fn is_known_at(&self, moment: Timestamp) -> bool {
        self.known_until.is_some_and(|until| moment < until)
    }

    fn explanation(&self, copies: usize) -> String {
        let ((_, number), provider) = (self.last_unknown, &self.way.provider);
        match copies {
            1 => format!("{provider} may or may not have taken it in attempt {number}."),
            _ => format!("{copies} copies may have been sent, the last by {provider} in attempt {number}."),
        }
    }
}

/// A call that may be repeated, now or later, and the ways among which its own was found.
struct Repeat {
    survey: WaySurvey,
    candidate: WayCandidate,
    /// Until when it may be.
    possible_until: Timestamp,
}

/// The call in doubt to repeat: of several the one that may be repeated first, and of those the latest.
fn find_repeat(
    context: &RoutingContext<'_>,
    attempts: &[Attempt<'_>],
    copies: &[UnknownCopy<'_>],
    waits: bool,
) -> Option<Repeat> {
    let RoutingContext { message, retry, now, .. } = *context;
    let is_over = now >= message.expire_at || attempts.len() >= retry.max_attempts as usize;
    // Whoever waits has nothing better to do than to ask again a provider that did not answer for itself.
    let repeats = |copy: &UnknownCopy<'_>| if waits { copy.unknown_repeats } else { copy.repeats };
    let may_repeat =
        |copy: &&UnknownCopy<'_>| copy.is_known_at(now) && repeats(copy) < retry.max_repeats && !is_over;
    let open: Vec<&UnknownCopy<'_>> = copies.iter().rev().filter(may_repeat).collect();
    if open.is_empty() {
        return None;
    }
    let mut survey = find_ways(context, context.recipient?);
    let copy_of = |candidate: &WayCandidate| open.iter().position(|copy| *copy.way == candidate.way);
    let found = survey.candidates.iter().enumerate();
    let found = found.filter_map(|(at, candidate)| Some((candidate.ready_at, copy_of(candidate)?, at)));
    let in_time = found.filter(|(ready_at, copy, _)| open[*copy].is_known_at(*ready_at));
    let (_, copy, at) = in_time.min()?;
    let possible_until = open[copy].known_until?.min(message.expire_at);
    let candidate = survey.candidates.remove(at);
    Some(Repeat { survey, candidate, possible_until })
}

impl Repeat {
    /// The decision to repeat the call now. Its plan begins with it.
    fn decision(self) -> RoutingDecision {
        let Self { survey, candidate, .. } = self;
        let mut plan = survey.plan;
        plan.ways.retain(|way| *way != candidate.way);
        plan.ways.insert(0, candidate.way.clone());
        let provider = candidate.way.provider.clone();
        let step = candidate.to_step();
        RoutingDecision {
            plan: Some(plan),
            step,
            wait: ProviderWait { expected: candidate.expected_wait, providers: vec![provider], until: None },
        }
    }

    /// Whether it is worth waiting for where another copy may be tried: the message's own failures there block it, or a
    /// throttle that ends soon.
    fn is_near(&self, context: &RoutingContext<'_>) -> bool {
        let patience = context.policy.patience(context.message.class, &context.message.topic);
        let patience_ends = later(context.now, patience);
        self.candidate.blocker.as_ref().is_some_and(|blocker| match blocker.why.reason {
            Reason::Backoff => true,
            Reason::Throttled => blocker.until <= patience_ends,
            _ => false,
        })
    }
}
