//! Providers that refuse: too fast, for an unknown reason, or by way of a carrier.

use relevo::wire::v1::MessageState;

use super::{Played, Scenario, alone, by_sms, one_of_two, with_doubles};
use crate::record::Record;
use crate::servers::trouble::{Effect, Refusal, Trouble};
use crate::servers::{CallResult, Kind};
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "too-fast",
        trouble: "429 beyond 5/s at the only provider",
        before: "7 refusals for each one taken, half of the rate used",
        wanted: ">= 0.9 of the rate, at most one refusal for 20 taken",
        is_short: false,
        play: |pace| Box::pin(too_fast(pace)),
    },
    Scenario {
        name: "unknown-refusal",
        trouble: "one of two refuses all with a code that no table knows",
        before: "169 of 1,800 failed for good beside a healthy provider",
        wanted: "0",
        is_short: false,
        play: |pace| Box::pin(failed_for_good(pace, Effect::Refuses(Refusal::Undocumented))),
    },
    Scenario {
        name: "filtered",
        trouble: "carriers filter all that one of two takes",
        before: "188 of 1,800 failed for good beside a healthy provider",
        wanted: "0",
        is_short: false,
        play: |pace| Box::pin(failed_for_good(pace, Effect::Filters)),
    },
];

/// What the account may send a second, and what it is asked to.
const RATE: f64 = 5.0;
const ASKED: f64 = 10.0;

async fn too_fast(pace: Pace) -> anyhow::Result<Played> {
    let pace = Pace { rate: ASKED, ..pace };
    let mut trial = Trial::start(pace, &[ProviderPlan::new("sms", Kind::Twilio)], true).await?;
    trial.set_trouble(&["sms"], Some(Trouble::of_all(Effect::Limits(RATE))));
    trial.begin(&by_sms(pace)).await?;
    trial.begin_trouble();
    trial.pass(pace.trouble).await;
    trial.end_trouble();
    trial.set_trouble(&["sms"], None);
    let record = trial.finish().await?;
    // What may come at once at the beginning is no rate.
    let used = record.taken_rate(record.troubled_after(2.0)) / RATE;
    let (refused, taken) = counts(&record);
    let each = refused as f64 / taken.max(1) as f64;
    let now = format!("{used:.2} of the rate; {each:.2} refusals for each one taken");
    Ok(alone(record, now, used >= 0.9 && each <= 0.05))
}

/// The calls refused as too fast, and those taken meanwhile.
fn counts(record: &Record) -> (usize, usize) {
    let (from, until) = record.troubled();
    let count = |result: CallResult| {
        let calls = record.providers[0].calls.iter().filter(|call| (from..until).contains(&call.decided));
        calls.filter(|call| call.result == result).count()
    };
    (count(CallResult::TooFast), count(CallResult::Taken))
}

async fn failed_for_good(pace: Pace, effect: Effect) -> anyhow::Result<Played> {
    let record = one_of_two(pace, Trouble::of_all(effect)).await?;
    let failed = record.in_state(MessageState::Failed);
    let now = format!("{failed} of {} failed for good beside a healthy provider", record.messages.len());
    // What a carrier filtered is sent again: that is no second copy.
    Ok(with_doubles(record, now, failed == 0))
}
