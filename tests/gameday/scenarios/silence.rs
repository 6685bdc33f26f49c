//! A provider that takes all and delivers none.

use super::{Played, Scenario, TWO_FOR_SMS, after, beside_a_healthy_one, by_sms, within};
use crate::load::LoadPlan;
use crate::record::{MessageRecord, Record};
use crate::servers::trouble::{Effect, Trouble};
use crate::trial::{Pace, Trial};

pub const ROWS: &[Scenario] = &[Scenario {
    name: "silent",
    trouble: "one of two takes all and delivers none",
    before: "never noticed; 248 of 1,318 never arrive, and say SENT",
    wanted: "left within two usual times to receipt (1.2 s with the window); what it took is listed, and rescued where the \
             policy asks",
    is_short: false,
    play: |pace| Box::pin(silent(pace)),
}];

/// How long after the trouble began the provider may be used: twice the usual 300 ms to a receipt, and as much for the steps in
/// which the time is found.
const LEFT: f64 = 1.2;

/// After how many seconds without a receipt a message is to go the next way.
const UNDELIVERED_AFTER: i64 = 5;

/// All messages have a policy that asks for a rescue, since without one nothing may be sent twice.
async fn silent(pace: Pace) -> anyhow::Result<Played> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    let plan = LoadPlan { undelivered_after: Some(UNDELIVERED_AFTER), ..by_sms(pace) };
    trial.healthy(&plan).await?;
    trial.trouble(&["one"], Trouble::of_all(Effect::DeliversNothing), pace.trouble).await;
    let record = trial.finish().await?;
    let left = record.left_after(0);
    let never = never_arrived(&record, |_| true);
    let say_sent = never_arrived(&record, MessageRecord::says_sent);
    let all = record.messages.len();
    let now = format!("left {}; {never} of {all} never arrive, {say_sent} of them say SENT", after(left));
    // A rescue is a second copy that was asked for.
    let mut played = beside_a_healthy_one(record, now, within(left, LEFT) && never == 0);
    played.findings.faults.retain(|fault| !fault.ends_with("doubled"));
    Ok(played)
}

fn never_arrived(record: &Record, is_meant: impl Fn(&MessageRecord) -> bool) -> usize {
    let never = |message: &&MessageRecord| message.planned.id.is_some() && message.arrived.is_empty();
    record.messages.iter().filter(never).filter(|message| is_meant(message)).count()
}
