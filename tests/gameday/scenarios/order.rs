//! Brands that share a provider.

use super::{Played, Scenario, alone, by_sms};
use crate::load::LoadPlan;
use crate::record::MessageRecord;
use crate::servers::Kind;
use crate::trial::{Pace, ProviderPlan, Trial};

pub const ROWS: &[Scenario] = &[Scenario {
    name: "brands",
    trouble: "80 of one brand before one of another, at 4/s",
    before: "26 s until the other brand's is taken",
    wanted: "<= 1 s",
    is_short: false,
    play: |pace| Box::pin(brands(pace)),
}];

/// How many messages of the one brand come first.
const BURST: usize = 80;

async fn brands(pace: Pace) -> anyhow::Result<Played> {
    let pace = Pace { relief: 0.0, drain: 60.0, ..pace };
    let limited = ProviderPlan::new("sms", Kind::Twilio).with("[providers.limits]\nrate_per_second = 4");
    let mut trial = Trial::start(pace, &[limited], true).await?;
    let plan = LoadPlan { commercial_tenths: 0, ..by_sms(pace) };
    trial.create_people(&plan.channels).await?;
    trial.begin_trouble();
    for number in 0..BURST {
        trial.send_of(0, &plan, number);
    }
    // Until the first brand's are all accepted.
    trial.pass(1.0).await;
    trial.send_of(1, &plan, 0);
    trial.end_trouble();
    let record = trial.finish().await?;
    let others = record.messages.iter().filter(|message| message.planned.brand == 1);
    let latency = others.map(MessageRecord::latency).fold(0.0, f64::max);
    let now = format!("{latency:.1} s until the other brand's is taken");
    Ok(alone(record, now, latency <= 1.0))
}
