//! The invariants that are checked when a seed is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use relevo::model::{
    Attempt, BrandId, History, MessageClass, MessageEvent, MessageEventDetail, MessageId, MessageState,
    Outcome, ReceiptStatus, Timestamp, Way, later,
};
use relevo::store::StoredMessage;

use crate::provider::Effect;
use crate::script;
use crate::state::SimulationState;

/// Checks every message, then sends every receipt again in another order and checks that nothing moves.
pub async fn all_messages(shared: &Arc<SimulationState>, accepted: &[(BrandId, MessageId)]) {
    let before = load(shared, accepted).await;
    let effects = shared.effects.lock().unwrap().clone();
    let trouble = Trouble {
        crashed: shared.was_counted("crash"),
        calendar_set: shared.was_counted("the calendar was set"),
    };
    for stored in &before {
        let of_message: Vec<&Effect> =
            effects.iter().filter(|effect| effect.message == stored.message.id).collect();
        for problem in problems_of(stored, &of_message, trouble) {
            shared.record_problem(format!("{}: {problem}", stored.message.id));
        }
        tally(shared, stored);
    }
    for effect in &effects {
        if !before.iter().any(|stored| stored.message.id == effect.message) {
            shared.record_problem(format!(
                "{} was sent by {} and never accepted",
                effect.message, effect.provider
            ));
        }
    }
    repeat_receipts(shared).await;
    for (before, after) in before.iter().zip(load(shared, accepted).await) {
        if before.history != after.history || before.next_at != after.next_at {
            shared.record_problem(format!("{}: a receipt that came again changed it", before.message.id));
        }
    }
}

/// Invariant 1: what was acknowledged is there.
async fn load(shared: &SimulationState, accepted: &[(BrandId, MessageId)]) -> Vec<StoredMessage> {
    let mut all = Vec::new();
    for (brand, id) in accepted {
        match shared.stores().messages.message(brand, *id).await.unwrap() {
            Some(stored) => all.push(stored),
            None => shared.record_problem(format!("{id} was acknowledged and is lost")),
        }
    }
    all
}

/// Invariant 6: receipts are idempotent and may arrive in any order.
async fn repeat_receipts(shared: &SimulationState) {
    let mut reports = shared.reports.lock().unwrap().clone();
    shared.rng().shuffle(&mut reports);
    for report in reports {
        shared.stores().inbound.record_receipt(report, shared.now()).await.unwrap();
    }
}

/// What excuses what would otherwise be wrong.
#[derive(Clone, Copy)]
struct Trouble {
    crashed: bool,
    calendar_set: bool,
}

fn problems_of(stored: &StoredMessage, effects: &[&Effect], trouble: Trouble) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, problem: &str| {
        if !holds {
            let state = stored.history.state().as_str();
            problems.push(format!("{problem} ({state}): {:#?}", stored.history.events()));
        }
    };
    let state = stored.history.state();
    check(state.is_final() && stored.next_at.is_none(), "it never ended");
    check(history_explains_state(&stored.history), "its history does not explain its state");
    check(at_most_one_end(&stored.history), "it ended twice");
    check(attempts_are_complete(&stored.history), "its attempts are not all_recorded in full");
    check(each_attempt_ends_once(&stored.history), "the answer to an attempt is all_recorded twice");
    check(trouble.crashed || !was_interrupted(&stored.history), "an attempt was cut off and nothing crashed");
    check(no_attempt_after_sent(stored), "an attempt after sent that no fallback policy asked for");
    check(copies_in_doubt_are_few(stored), "another copy was sent while there were enough in doubt");
    check(
        history_matches_effects(&stored.history, effects, trouble),
        "what reached a provider is not what the history says",
    );
    check(state_is_honest(state, &stored.history, effects), "the state is not honest");
    check(commercial_goes_once(stored, effects), "a commercial message was taken twice");
    problems
}

fn history_explains_state(history: &History) -> bool {
    let mut again = History::default();
    history
        .events()
        .iter()
        .all(|event| again.push(event.at, event.detail.clone()) && again.state() == event.state)
}

fn at_most_one_end(history: &History) -> bool {
    history
        .events()
        .iter()
        .filter(|event| matches!(event.detail, MessageEventDetail::Finished { .. }))
        .count()
        <= 1
}

fn attempts_are_complete(history: &History) -> bool {
    let attempts = history.attempts();
    let numbered = attempts.iter().enumerate().all(|(index, attempt)| attempt.number as usize == index + 1);
    numbered && attempts.iter().all(|attempt| attempt.ended.is_some())
}

fn each_attempt_ends_once(history: &History) -> bool {
    let mut ended = BTreeSet::new();
    history.events().iter().all(|event| match &event.detail {
        MessageEventDetail::AttemptFinished { attempt, .. } => ended.insert(*attempt),
        _ => true,
    })
}

/// Whether dispatch found an attempt without an outcome, which a crash had cut off.
fn was_interrupted(history: &History) -> bool {
    let code = |outcome: &Outcome| outcome.evidence().is_some_and(|evidence| evidence.code == "interrupted");
    history.attempts().iter().any(|attempt| attempt.ended.is_some_and(|(_, outcome)| code(outcome)))
}

/// Invariant 3: after an outcome `sent`, no further attempt, unless the message's own fallback policy asks for one, and
/// then the history says why.
fn no_attempt_after_sent(stored: &StoredMessage) -> bool {
    let fallback = &stored.message.fallback;
    let mut sent = BTreeSet::new();
    for event in stored.history.events() {
        match &event.detail {
            MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Sent { .. } } => {
                sent.insert(*attempt);
            }
            MessageEventDetail::FellBack { attempt, explanation } => {
                let allowed = fallback.on_failed
                    || fallback.undelivered_after.is_some()
                    || fallback.unread_after.is_some();
                if !allowed || explanation.is_empty() {
                    return false;
                }
                sent.remove(attempt);
            }
            MessageEventDetail::AttemptStarted { .. } if !sent.is_empty() => return false,
            _ => {}
        }
    }
    true
}

/// A call in doubt, and those that repeated it.
struct DoubtfulCall<'a> {
    attempts: Vec<u32>,
    way: &'a Way,
    begun_at: Timestamp,
}

/// Invariant 4: a call in doubt may be repeated while its provider knows it. Another copy is sent of no commercial message in
/// doubt, and of no transactional one with two copies in doubt, until a provider reports on one.
fn copies_in_doubt_are_few(stored: &StoredMessage) -> bool {
    let most = if stored.message.class == MessageClass::Commercial { 1 } else { 2 };
    let knows = |way: &Way| script::knows_repeats(way.provider.as_str());
    let mut doubtful: Vec<DoubtfulCall<'_>> = Vec::new();
    let mut begun = BTreeMap::new();
    for event in stored.history.events() {
        let copies = doubtful.len();
        match &event.detail {
            MessageEventDetail::AttemptStarted { attempt, way } => {
                begun.insert(*attempt, (way, event.at));
                let repeated = doubtful.iter_mut().rfind(|call| {
                    call.way == way && knows(way) && event.at < later(call.begun_at, script::REPEAT_WINDOW)
                });
                match repeated {
                    Some(call) => call.attempts.push(*attempt),
                    None if copies >= most => return false,
                    None => {}
                }
            }
            // A receipt that came before the call was given up settles the doubt as well.
            MessageEventDetail::AttemptFinished { attempt, outcome: Outcome::Unknown { .. } }
                if !reported(stored.history.events(), *attempt, event)
                    && !doubtful.iter().any(|call| call.attempts.contains(attempt)) =>
            {
                let (way, begun_at) = begun[attempt];
                doubtful.push(DoubtfulCall { attempts: vec![*attempt], way, begun_at });
            }
            MessageEventDetail::Receipt(receipt) => {
                doubtful.retain(|call| !call.attempts.contains(&receipt.attempt));
            }
            _ => {}
        }
    }
    true
}

fn reported(events: &[MessageEvent], attempt: u32, before: &MessageEvent) -> bool {
    let earlier = events.iter().take_while(|event| !std::ptr::eq(*event, before));
    earlier.into_iter().any(
        |event| matches!(&event.detail, MessageEventDetail::Receipt(receipt) if receipt.attempt == attempt),
    )
}

/// Every effect belongs to a recorded attempt and is its only one, and every attempt that was recorded as sent had one,
/// itself or by the call that it repeated.
fn history_matches_effects(history: &History, effects: &[&Effect], trouble: Trouble) -> bool {
    let attempts = history.attempts();
    let all_recorded = effects.iter().all(|effect| {
        attempts.iter().any(|attempt| {
            attempt.number == effect.attempt
                && attempt.way.provider == effect.provider
                && attempt.way.address == effect.address
                && (trouble.calendar_set || attempt.started_at <= effect.at)
        })
    });
    let distinct: BTreeSet<u32> = effects.iter().map(|effect| effect.attempt).collect();
    let once = effects.iter().filter(|effect| !effect.is_lie).count();
    let denied = effects.iter().filter(|effect| effect.is_lie).map(|effect| effect.attempt);
    let only_denied: BTreeSet<u32> = denied
        .filter(|attempt| !effects.iter().any(|effect| !effect.is_lie && effect.attempt == *attempt))
        .collect();
    // Of a call that was repeated, the first that arrived had the effect.
    let had_effect = |sent: &Attempt<'_>| {
        distinct.contains(&sent.number)
            || attempts.iter().filter(|first| first.number < sent.number && first.way == sent.way).any(
                |first| script::knows_repeats(sent.way.provider.as_str()) && distinct.contains(&first.number),
            )
    };
    let sent = attempts.iter().filter(|attempt| matches!(attempt.ended, Some((_, Outcome::Sent { .. }))));
    all_recorded && distinct.len() == once + only_denied.len() && sent.into_iter().all(had_effect)
}

/// Invariant 8: sent means that a provider accepted the message; suppressed, cancelled and failed that none is known to have.
fn state_is_honest(state: MessageState, history: &History, effects: &[&Effect]) -> bool {
    let attempts = history.attempts();
    let explained = |effect: &&Effect| {
        if effect.is_lie {
            return true;
        }
        let attempt = attempts.iter().find(|attempt| attempt.number == effect.attempt);
        attempt.is_some_and(|attempt| {
            attempt.receipt == Some(ReceiptStatus::Failed)
                || matches!(attempt.ended, Some((_, Outcome::Unknown { .. })))
        })
    };
    match state {
        MessageState::Sent | MessageState::Delivered | MessageState::Read => !effects.is_empty(),
        MessageState::Suppressed => effects.is_empty() && attempts.is_empty(),
        MessageState::Failed | MessageState::Expired | MessageState::Cancelled | MessageState::InDoubt => {
            effects.iter().all(explained)
        }
        MessageState::Accepted | MessageState::Waiting | MessageState::Sending => false,
    }
}

/// Of a commercial message no two copies stand, unless a provider said that it did not take what it took, or that it failed.
fn commercial_goes_once(stored: &StoredMessage, effects: &[&Effect]) -> bool {
    let failed = |attempt: u32| {
        stored.history.events().iter().any(|event| match &event.detail {
            MessageEventDetail::Receipt(receipt) => {
                receipt.attempt == attempt && receipt.status == ReceiptStatus::Failed
            }
            MessageEventDetail::FellBack { attempt: given_up, .. } => *given_up == attempt,
            _ => false,
        })
    };
    let standing = effects.iter().filter(|effect| !effect.is_lie && !failed(effect.attempt));
    stored.message.class != MessageClass::Commercial || standing.count() <= 1
}

fn tally(shared: &SimulationState, stored: &StoredMessage) {
    let state = stored.history.state().as_str();
    shared.log(format!("{} ended as {state}", stored.message.id));
    shared.count(format!("state {state}"));
    for event in stored.history.events() {
        match &event.detail {
            MessageEventDetail::AttemptFinished { outcome, .. } => {
                shared.count(format!("outcome {}", outcome.as_str()));
                if outcome.evidence().is_some_and(|evidence| evidence.code == "not_called") {
                    shared.count("recorded ahead and not called");
                }
            }
            MessageEventDetail::FellBack { .. } => shared.count("fell back"),
            MessageEventDetail::Receipt(_) => shared.count("receipt"),
            MessageEventDetail::Waiting { why, .. } => shared.count(format!("waited for {}", why.reason)),
            _ => {}
        }
    }
}
