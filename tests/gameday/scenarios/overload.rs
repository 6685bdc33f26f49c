//! More to send than fits.

use relevo::wire::v1::MessageState;

use super::{Played, Scenario, alone, by_sms, is_transactional};
use crate::load::LoadPlan;
use crate::measure::percent;
use crate::record::{MessageRecord, Record};
use crate::servers::Kind;
use crate::servers::trouble::{Effect, Refusal, Trouble};
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "overload",
        trouble: "both providers of tier 1 down, 15/s fit at tier 2; then tier 1 is back, without limits",
        before: "435 transactional expired and 0 commercial; 2,787 waiting drain at 10 to 20/s for minutes",
        wanted: "0 expired that could have gone; drained at the rate there is, within seconds of the first good probe",
        is_short: false,
        play: |pace| Box::pin(overload(pace)),
    },
    Scenario {
        name: "twice",
        trouble: "twice as much as fits",
        before: "86 commercial go while 579 transactional wait; older after newer in half of the pairs",
        wanted: "transactional first but for a floor of 5 %, oldest first (>= 95 of 100 pairs of a brand)",
        is_short: false,
        play: |pace| Box::pin(twice(pace)),
    },
];

/// How long a transactional message is of use in the overload, in seconds.
const TTL: f64 = 25.0;

/// The share of the turns that commercial messages have while transactional ones wait, so that they do not wait for ever, in
/// percent: one in twenty, and what stood in the line when it began.
const FLOOR: f64 = 8.0;

/// How long what waited may take to go after the first good call, in seconds.
const DRAINED: f64 = 10.0;

async fn overload(pace: Pace) -> anyhow::Result<Played> {
    let pace =
        Pace { trouble: 1.5 * pace.trouble, relief: 2.0 * pace.relief, drain: 2.0 * pace.drain, ..pace };
    let providers = [
        ProviderPlan::new("one", Kind::Twilio),
        ProviderPlan::new("other", Kind::Infobip),
        ProviderPlan::new("reserve", Kind::Sinch).with("tier = 2\n[providers.limits]\nrate_per_second = 15"),
    ];
    let mut trial = Trial::start(pace, &providers, true).await?;
    let plan = LoadPlan { transactional_ttl: Some(TTL), ..by_sms(pace) };
    trial.healthy(&plan).await?;
    trial
        .trouble(&["one", "other"], Trouble::of_all(Effect::Refuses(Refusal::Unavailable)), pace.trouble)
        .await;
    let record = trial.finish().await?;
    let (expired, could) = expired(&record);
    let waited = record.waiting_at(record.span.until);
    let (good, drained) = drained(&record);
    let now = format!(
        "{expired} transactional expired, of which {could} could have gone; {waited} waiting, drained {} after the first \
         good call, which came after {:.1} s",
        drained.map_or("never".to_owned(), |at| format!("{:.1} s", at - good)),
        good - record.span.until,
    );
    let is_met = could == 0 && drained.is_some_and(|at| at - good <= DRAINED);
    Ok(alone(record, now, is_met))
}

/// How many transactional messages expired, and how many of those could have gone in place of a commercial one that went
/// during the trouble.
fn expired(record: &Record) -> (usize, usize) {
    let is_expired = |message: &&MessageRecord| message.state == Some(MessageState::Expired);
    let expired =
        record.messages.iter().filter(is_expired).filter(|message| is_transactional(message)).count();
    let (from, until) = record.troubled();
    let went = |message: &&MessageRecord| {
        !is_transactional(message) && message.first_taken().is_some_and(|at| (from..until).contains(&at))
    };
    (expired, expired.min(record.messages.iter().filter(went).count()))
}

/// When tier 1 first took a message after the trouble, and when no more than a second's worth waited.
fn drained(record: &Record) -> (f64, Option<f64>) {
    let until = record.span.until;
    let taken = record.messages.iter().flat_map(|message| &message.taken);
    let good = taken.filter(|(provider, at)| *provider < 2 && *at >= until).map(|taken| taken.1);
    let good = good.fold(f64::INFINITY, f64::min).min(record.span.ended);
    let a_second = record.planned_in((until, until + 1.0)).count();
    let mut times = (0..400).map(|step| good + f64::from(step) * 0.25);
    (good, times.find(|at| record.waiting_at(*at) <= a_second))
}

async fn twice(pace: Pace) -> anyhow::Result<Played> {
    let pace = Pace { relief: 1.0, drain: pace.drain + 2.0 * pace.trouble, ..pace };
    let half = if pace.rate > 30.0 {
        "[providers.limits]\nrate_per_second = 30"
    } else {
        "[providers.limits]\nrate_per_second = 7"
    };
    let mut trial = Trial::start(pace, &[ProviderPlan::new("sms", Kind::Twilio).with(half)], true).await?;
    trial.begin(&by_sms(pace)).await?;
    trial.begin_trouble();
    trial.pass(pace.trouble).await;
    trial.end_trouble();
    let record = trial.finish().await?;
    let (before, all) = commercial_before_transactional(&record);
    let ordered = record.ordered_pairs(is_transactional);
    let share = percent(before, all);
    let now = format!(
        "{before} commercial ({share:.0} %) go while transactional wait; {ordered:.0} of 100 pairs in order"
    );
    Ok(alone(record, now, share <= FLOOR && ordered >= 95.0))
}

/// How many commercial messages were taken while transactional ones had waited for more than a second, and how many of both.
fn commercial_before_transactional(record: &Record) -> (usize, usize) {
    let waits = |at: f64| {
        let waits = |message: &MessageRecord| {
            is_transactional(message) && message.waits_at(at) && at - message.planned.at > 1.0
        };
        record.messages.iter().any(waits)
    };
    let taken = record.messages.iter().filter(|message| message.first_taken().is_some_and(&waits));
    let taken: Vec<&MessageRecord> = taken.collect();
    (taken.iter().filter(|message| !is_transactional(message)).count(), taken.len())
}
