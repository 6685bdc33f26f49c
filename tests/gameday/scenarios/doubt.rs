//! Providers that take a message and say that they did not, or nothing.

use relevo::wire::v1::{Channel, MessageState};

use super::{Played, Scenario, TWO_FOR_SMS, by_sms, is_commercial, with_doubles};
use crate::load::LoadPlan;
use crate::servers::Kind;
use crate::servers::trouble::{Effect, Trouble};
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "errors-after-taken",
        trouble: "500 or 502 after it was taken, at one of two, for 20 % of the calls",
        before: "30 commercial doubled",
        wanted: "0",
        is_short: false,
        play: |pace| Box::pin(errors_after_taken(pace)),
    },
    Scenario {
        name: "resets-after-taken",
        trouble: "connection closed after it was taken for 20 % of the calls, and the provider has idempotency keys",
        before: "69 doubled, 38 parked for 10 minutes",
        wanted: "0 and 0",
        is_short: false,
        play: |pace| Box::pin(resets_after_taken(pace)),
    },
];

/// Twilio says with both that it does not know. No receipt settles it: Twilio never told the message's id.
async fn errors_after_taken(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    trial.healthy(&by_sms(pace)).await?;
    trial.begin_trouble();
    for status in [500, 502] {
        let trouble = Trouble::of_share(Effect::TakesThenFails(status), 0.2);
        trial.set_trouble(&["one"], Some(trouble));
        trial.pass(pace.trouble / 2.0).await;
    }
    trial.set_trouble(&["one"], None);
    trial.end_trouble();
    let record = trial.finish().await?;
    let (commercial, all) = (record.doubled(is_commercial), record.doubled(|_| true));
    let parked = record.unfinished() + record.in_state(MessageState::InDoubt);
    let now = format!("{commercial} commercial doubled ({all} in all); {parked} in doubt");
    Ok(with_doubles(record, now, commercial == 0))
}

/// Without receipts, which would settle the doubt: many accounts have none.
async fn resets_after_taken(pace: Pace) -> anyhow::Result<Played> {
    let providers = [ProviderPlan::new("one", Kind::Resend), ProviderPlan::new("other", Kind::Smtp)];
    let mut trial = Trial::start(pace, &providers, false).await?;
    trial.healthy(&LoadPlan::new(pace.rate, &[Channel::Email])).await?;
    trial.trouble(&["one"], Trouble::of_share(Effect::TakesThenCloses, 0.2), pace.trouble).await;
    let record = trial.finish().await?;
    let doubled = record.doubled(|_| true);
    let parked = record.unfinished() + record.in_state(MessageState::InDoubt);
    let now = format!("{doubled} doubled, {parked} parked");
    Ok(with_doubles(record, now, doubled == 0 && parked == 0))
}
