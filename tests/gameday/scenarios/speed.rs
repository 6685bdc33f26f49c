//! Providers that are slow, hang, or fail a part of the calls.

use std::time::Duration;

use super::{Played, Scenario, after, anybody, beside_a_healthy_one, one_of_two, within};
use crate::servers::CallResult;
use crate::servers::trouble::{Effect, Refusal, Trouble};
use crate::trial::Pace;

pub const ROWS: &[Scenario] = &[
    Scenario {
        name: "slow",
        trouble: "one of two slow (6 s), the other idle",
        before: "50 % within 1 s, at most 65 s; keeps its share",
        wanted: ">= 97 % within 1 s after 5 s; its share <= 5 %",
        is_short: false,
        play: |pace| Box::pin(slow(pace)),
    },
    Scenario {
        name: "slower",
        trouble: "one of two ten times slower (0.8 s)",
        before: "84 % within 1 s; keeps 52 %",
        wanted: ">= 97 % within 1 s; its share follows its speed (<= 20 %)",
        is_short: false,
        play: |pace| Box::pin(slower(pace)),
    },
    Scenario {
        name: "hangs",
        trouble: "one of two hangs",
        before: "88 % within 1 s; left after 10 s, back after 26 s",
        wanted: "left within 2 s, back within 10 s",
        is_short: true,
        play: |pace| Box::pin(hangs(pace)),
    },
    Scenario {
        name: "some-fail",
        trouble: "30 % of the calls of one of two fail",
        before: "never moves; 462 failed calls",
        wanted: "its share <= 10 % within 10 s",
        is_short: false,
        play: |pace| Box::pin(some_fail(pace)),
    },
];

/// How long after a trouble began the traffic is to have moved, in seconds.
const SETTLED: f64 = 5.0;

async fn slow(pace: Pace) -> anyhow::Result<Played> {
    let record = one_of_two(pace, Trouble::of_all(Effect::Slow(Duration::from_secs(6)))).await?;
    let settled = record.troubled_after(SETTLED);
    let (in_time, share) = (record.in_time(settled, anybody), record.share(0, settled));
    let longest = record.longest(record.troubled());
    let now = format!(
        "{in_time:.1} % within 1 s after {SETTLED} s, at most {longest:.1} s; its share {share:.1} %"
    );
    Ok(beside_a_healthy_one(record, now, in_time >= 97.0 && share <= 5.0))
}

async fn slower(pace: Pace) -> anyhow::Result<Played> {
    let record = one_of_two(pace, Trouble::of_all(Effect::Slow(Duration::from_millis(800)))).await?;
    let settled = record.troubled_after(SETTLED);
    let (in_time, share) = (record.in_time(settled, anybody), record.share(0, settled));
    let now = format!("{in_time:.1} % within 1 s after {SETTLED} s; its share {share:.1} %");
    Ok(beside_a_healthy_one(record, now, in_time >= 97.0 && share <= 20.0))
}

async fn hangs(pace: Pace) -> anyhow::Result<Played> {
    let record =
        one_of_two(Pace { relief: 2.5 * pace.relief, ..pace }, Trouble::of_all(Effect::Hangs)).await?;
    let in_time = record.in_time(record.troubled(), anybody);
    let (left, back) = (record.left_after(0), record.back_after(0));
    let now = format!("{in_time:.1} % within 1 s; left {}, back {}", after(left), after(back));
    Ok(beside_a_healthy_one(record, now, within(left, 2.0) && within(back, 10.0)))
}

async fn some_fail(pace: Pace) -> anyhow::Result<Played> {
    let trouble = Trouble::of_share(Effect::Refuses(Refusal::Unavailable), 0.3);
    let record = one_of_two(pace, trouble).await?;
    let share = record.share(0, record.troubled_after(10.0));
    let failed = record.calls(0, CallResult::Refused);
    let now = format!("its share {share:.1} % after 10 s; {failed} failed calls");
    Ok(beside_a_healthy_one(record, now, share <= 10.0))
}
