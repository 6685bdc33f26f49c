//! Invariant 12: what fails for one sender or country alone opens no breaker of the whole provider, while others are well there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use relevo::adapters::Envelope;
use relevo::health::{BreakerTrip, TripReason};
use relevo::model::{Address, BrandId, MonotonicTime, Outcome, ProviderName, Timestamp};

use crate::script;
use crate::state::lock;

/// An answer of a provider, or the lack of one.
#[derive(Debug, Clone)]
struct Answer {
    at: MonotonicTime,
    sender: BrandId,
    country: Option<&'static str>,
    failed: bool,
}

/// What providers answered since the gateway started.
#[derive(Debug, Default)]
pub struct Answers(Mutex<BTreeMap<ProviderName, ProviderAnswers>>);

#[derive(Debug, Default)]
struct ProviderAnswers {
    all: Vec<Answer>,
    last_trip: Option<Timestamp>,
}

/// An answer that is being waited for: none when it is dropped.
pub struct PendingAnswer<'a> {
    answers: &'a Answers,
    provider: &'a ProviderName,
    answer: Answer,
    now: Box<dyn Fn() -> MonotonicTime + Send + Sync + 'a>,
}

impl Answers {
    /// Another gateway knows nothing of them.
    pub fn forget(&self) {
        lock(&self.0).clear();
    }

    /// A call begins whose answer counts when it ends, as a failure if there is none.
    pub fn pending<'a>(
        &'a self,
        provider: &'a ProviderName,
        envelope: &Envelope,
        now: impl Fn() -> MonotonicTime + Send + Sync + 'a,
    ) -> PendingAnswer<'a> {
        let country = match &envelope.address {
            Address::Phone(phone) => {
                script::COUNTRIES.into_iter().find(|code| phone.digits().starts_with(code))
            }
            _ => None,
        };
        let answer = Answer { at: now(), sender: envelope.brand.clone(), country, failed: true };
        PendingAnswer { answers: self, provider, answer, now: Box::new(now) }
    }

    /// Why the breaker of a provider that just opened should not have, if it should not.
    pub fn wrong_trip(&self, provider: &ProviderName, trip: BreakerTrip) -> Option<String> {
        let mut all = lock(&self.0);
        let answers = all.get_mut(provider)?;
        let is_new = answers.last_trip.replace(trip.at) != Some(trip.at);
        let TripReason::ConsecutiveFailures { failures } = trip.reason else { return None };
        if !is_new {
            return None;
        }
        let run = &answers.all[answers.all.len().saturating_sub(failures as usize)..];
        let (first, before) = (run.first()?, &answers.all[..answers.all.len() - run.len()]);
        if !run.iter().all(|answer| answer.failed) {
            return None;
        }
        let is_recent =
            |answer: &&Answer| run.last().is_some_and(|last| last.at.since(answer.at).as_secs() < 500);
        // Of everybody else what came last.
        let is_well = |is_other: &dyn Fn(&Answer) -> bool| {
            let last = before.iter().filter(is_recent).rfind(|answer| is_other(answer));
            last.is_some_and(|answer| !answer.failed)
        };
        if run.iter().all(|answer| answer.sender == first.sender)
            && is_well(&|answer| answer.sender != first.sender)
        {
            return Some(format!("{provider} was given up because of what {} sends: {run:?}", first.sender));
        }
        let country = first.country?;
        (run.iter().all(|answer| answer.country == first.country)
            && is_well(&|answer| answer.country.is_some_and(|other| other != country)))
        .then(|| format!("{provider} was given up because of +{country}: {run:?}"))
    }
}

impl PendingAnswer<'_> {
    /// The answer came.
    pub fn answered(mut self, outcome: &Outcome) {
        self.answer.failed = matches!(
            outcome,
            Outcome::Unavailable { .. } | Outcome::Unknown { .. } | Outcome::Misconfigured { .. }
        );
    }
}

impl Drop for PendingAnswer<'_> {
    fn drop(&mut self) {
        let answer = Answer { at: (self.now)(), ..self.answer.clone() };
        lock(&self.answers.0).entry(self.provider.clone()).or_default().all.push(answer);
    }
}
