//! A provider that takes all and delivers none.

use relevo::wire::v1::Channel;

use super::{
    Played, Scenario, TWO_FOR_SMS, after, beside_a_healthy_one, by_sms, one_of_two, with_doubles, within,
};
use crate::load::LoadPlan;
use crate::record::{MessageRecord, Record};
use crate::servers::Kind;
use crate::servers::trouble::{Effect, Trouble};
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "silent",
        trouble: "one of two takes all and delivers none",
        before: "never noticed; 248 of 1,318 never arrive, and say SENT",
        wanted: "left within two usual times to receipt (1.2 s, with what it takes to see it); what it took is listed",
        is_short: false,
        play: |pace| Box::pin(silent(pace)),
    },
    Scenario {
        name: "silent-rescued",
        trouble: "the same, and messages are to go by email when nothing says delivered within 5 s",
        before: "not measured",
        wanted: "all arrive",
        is_short: false,
        play: |pace| Box::pin(rescued(pace)),
    },
];

/// How long after the trouble began the provider may be used: twice the usual 300 ms to a receipt, and as much for the steps in
/// which the time is found.
const LEFT: f64 = 1.2;

/// After how many seconds without a receipt a message is to go by the next channel.
const UNDELIVERED_AFTER: i64 = 5;

async fn silent(pace: Pace) -> anyhow::Result<Played> {
    let record = one_of_two(pace, Trouble::of_all(Effect::DeliversNothing)).await?;
    let left = record.left_after(0);
    let now = format!("left {}; {}", after(left), never_arrived(&record).1);
    Ok(beside_a_healthy_one(record, now, within(left, LEFT)))
}

/// A message that is rescued has a second copy, which is what its policy asks for.
async fn rescued(pace: Pace) -> anyhow::Result<Played> {
    let mail = ProviderPlan::new("mail", Kind::Smtp);
    let mut trial = Trial::start(pace, &[TWO_FOR_SMS[0], TWO_FOR_SMS[1], mail], true).await?;
    let channels = vec![Channel::Sms, Channel::Email];
    let undelivered_after = Some(UNDELIVERED_AFTER);
    trial.healthy(&LoadPlan { channels, undelivered_after, ..by_sms(pace) }).await?;
    trial.trouble(&["one"], Trouble::of_all(Effect::DeliversNothing), pace.trouble).await;
    let record = trial.finish().await?;
    let (never, now) = never_arrived(&record);
    Ok(with_doubles(record, now, never == 0))
}

/// How many messages never reached anybody, and that in words.
fn never_arrived(record: &Record) -> (usize, String) {
    let never = |message: &&MessageRecord| message.planned.id.is_some() && message.arrived.is_empty();
    let never: Vec<_> = record.messages.iter().filter(never).collect();
    let say_sent = never.iter().filter(|message| message.says_sent()).count();
    let (never, all) = (never.len(), record.messages.len());
    (never, format!("{never} of {all} never arrive, {say_sent} of them say SENT"))
}
