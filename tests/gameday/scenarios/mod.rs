//! The scenarios: what goes wrong, what is measured, and what is wanted.

mod cells;
mod doubt;
mod loud;
mod order;
mod overload;
mod refusals;
mod silence;
mod speed;

use std::pin::Pin;

use relevo::wire::v1::{Channel, MessageState};

use crate::load::LoadPlan;
use crate::record::{MessageRecord, Record};
use crate::report::Findings;
use crate::servers::Kind;
use crate::servers::trouble::Trouble;
use crate::trial::{Pace, ProviderPlan, Trial};

/// A scenario that runs.
type Playing = Pin<Box<dyn Future<Output = anyhow::Result<Played>>>>;

/// What a scenario left.
pub struct Played {
    /// All that happened.
    pub record: Record,
    /// What that comes to.
    pub findings: Findings,
}

/// A row of the table.
pub struct Scenario {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// What goes wrong.
    pub trouble: &'static str,
    /// What was measured before.
    pub before: &'static str,
    /// What is wanted.
    pub wanted: &'static str,
    /// Whether `cargo test` plays it.
    pub is_short: bool,
    /// Plays it.
    pub play: fn(Pace) -> Playing,
}

/// Every scenario, in the order of the table.
pub fn all() -> Vec<&'static Scenario> {
    [
        cells::ROWS,
        speed::ROWS,
        silence::ROWS,
        doubt::ROWS,
        refusals::ROWS,
        overload::ROWS,
        order::ROWS,
        loud::ROWS,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Two accounts for SMS, of different kinds. The first gets the trouble.
const TWO_FOR_SMS: [ProviderPlan; 2] =
    [ProviderPlan::new("one", Kind::Twilio), ProviderPlan::new("other", Kind::Infobip)];

/// The usual load by SMS.
fn by_sms(pace: Pace) -> LoadPlan {
    LoadPlan::new(pace.rate, &[Channel::Sms])
}

/// Plays a trouble of the provider `one` among two for SMS.
async fn one_of_two(pace: Pace, trouble: Trouble) -> anyhow::Result<Record> {
    let mut trial = Trial::start(pace, &TWO_FOR_SMS, true).await?;
    trial.healthy(&by_sms(pace)).await?;
    trial.trouble(&["one"], trouble, pace.trouble).await;
    trial.finish().await
}

/// What a record comes to where another provider is well all the time, so that no message may fail for good.
fn beside_a_healthy_one(record: Record, now: String, is_met: bool) -> Played {
    let failed = record.in_state(MessageState::Failed);
    let mut played = alone(record, now, is_met);
    if failed > 0 {
        played.findings.faults.push(format!("{failed} failed for good beside a healthy provider"));
    }
    played
}

/// What a record comes to where no other provider was there.
fn alone(record: Record, now: String, is_met: bool) -> Played {
    let doubled = record.doubled(is_commercial);
    let mut played = with_doubles(record, now, is_met);
    if doubled > 0 {
        played.findings.faults.push(format!("{doubled} commercial doubled"));
    }
    played
}

/// What a record comes to where the row itself counts what was doubled and what failed.
fn with_doubles(record: Record, mut now: String, is_met: bool) -> Played {
    if let Some(busy) = record.busy() {
        now = format!("{now} ({busy})");
    }
    let lost = record.lost();
    Played { record, findings: Findings { now, is_met, lost, faults: Vec::new() } }
}

fn is_commercial(message: &MessageRecord) -> bool {
    message.planned.is_commercial
}

fn is_transactional(message: &MessageRecord) -> bool {
    !message.planned.is_commercial
}

fn anybody(_: &MessageRecord) -> bool {
    true
}

/// A time after something, in words.
fn after(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "never".to_owned(), |seconds| format!("after {seconds:.1} s"))
}

/// Whether something happened within so many seconds.
fn within(seconds: Option<f64>, limit: f64) -> bool {
    seconds.is_some_and(|seconds| seconds <= limit)
}
