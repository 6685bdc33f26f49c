//! One of two SMS providers refuses connections, hangs, or says that it is too fast, in the middle of a backlog: what
//! gets through once its breaker is open, how long that takes, and what messages paid for it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use relevo::wire::v1::{BreakerState, Channel, MessageState, OutcomeKind, WatchProvidersRequest};
use tokio::time::timeout;

use crate::delivery::Delivery;
use crate::fates::{self, Fate};
use crate::figures::RATE;
use crate::gateway::{Gateway, Home};
use crate::mold::{self, Mold};
use crate::process::Process;
use crate::providers::Provider;
use crate::report::Row;
use crate::sample::{Place, Sample};

use super::know_contacts;

/// Answers come within this time or not at all, in milliseconds.
const TIMEOUT_MS: u64 = 2_000;

/// The trouble of the one provider.
#[derive(Clone, Copy)]
enum Trouble {
    Refuses,
    Hangs,
    Throttles,
}

/// How long things go on.
#[derive(Clone, Copy)]
struct Times {
    /// The backlog flows before the trouble begins.
    healthy: Duration,
    /// Goodput is counted after the breaker opened.
    troubled: Duration,
}

pub async fn run(place: &Place) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (trouble, name) in [
        (Trouble::Refuses, "refuses connections"),
        (Trouble::Hangs, "hangs"),
        (Trouble::Throttles, "answers 429"),
    ] {
        rows.extend(measure(trouble, name, place).await?);
    }
    Ok(rows)
}

async fn measure(trouble: Trouble, name: &str, place: &Place) -> anyhow::Result<Vec<Row>> {
    let contacts = if place.quick { 500 } else { 10_000 };
    let seconds = if place.quick { (1, 1) } else { (3, 4) };
    let times = Times { healthy: Duration::from_secs(seconds.0), troubled: Duration::from_secs(seconds.1) };
    let (troubled, troubled_at) = Process::start_helper("stub", &[]).await?;
    let (_healthy, healthy_at) = Process::start_helper("stub", &[]).await?;
    let limits =
        format!("max_concurrency = 256\ntimeout_ms = {TIMEOUT_MS}\nconnect_timeout_ms = {TIMEOUT_MS}");
    let config = Provider::twilio("one", &troubled_at).config(&limits)
        + &Provider::twilio("other", &healthy_at).config(&limits);
    let home = Home::new(place, &name.replace(' ', "-"), &config).await?;
    let gateway = home.start().await?;
    know_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, Mold::new(contacts, Channel::Sms)).await?;
    // The trial that this began with is too short to tell the rate.
    delivery.run(1.0).await?;
    let from = mold::now()?;
    // Enough to last through all of it, whatever the trouble does to the rate.
    let lasts = times.healthy + times.troubled + Duration::from_millis(2 * TIMEOUT_MS);
    let (_, due) = delivery.backlog(lasts.as_secs_f64() * 1.5).await?;
    tokio::time::sleep(times.healthy).await;
    let began = mold::now()?.as_millisecond();
    begin(trouble, troubled, &troubled_at).await?;
    let opened = breaker_opens(&gateway, trouble).await?;
    let client = &mut gateway.messages(1).await?[0];
    fates::all_over(client, from).await?;
    let fates = fates::of_all(client, from).await?;
    let outcomes = fates::outcomes(client, &fates).await?;
    gateway.stop().await?;
    let seen = Seen { due: due.as_millisecond(), began, opened };
    let last = fates.iter().map(|fate| fate.ended_ms).max().unwrap_or(0);
    ensure!(last > seen.until(times), "the backlog ran out before the time was over");
    let mut rows = vec![goodput(name, times, &seen, &fates)];
    rows.extend(costs(&seen, &outcomes).map(Row::seen));
    Ok(rows)
}

/// What the first and the last moments do is not what lasts.
const EDGE_MS: i64 = 500;

/// Times in milliseconds since the Unix epoch.
struct Seen {
    due: i64,
    began: i64,
    /// When the provider was left out: its breaker opened, or it was throttled.
    opened: i64,
}

impl Seen {
    /// When the look at what got through begins, once the provider was left out, and when it ends.
    fn from(&self) -> i64 {
        self.opened + EDGE_MS
    }

    fn until(&self, times: Times) -> i64 {
        self.from() + i64::try_from(times.troubled.as_millis()).unwrap_or(i64::MAX)
    }
}

async fn begin(trouble: Trouble, stub: Process, address: &str) -> anyhow::Result<()> {
    let told = match trouble {
        Trouble::Refuses => return stub.kill().await,
        Trouble::Hangs => "hang",
        Trouble::Throttles => "throttle",
    };
    reqwest::get(format!("http://{address}/behave/{told}")).await?.error_for_status()?;
    // It stays as long as this program does.
    tokio::spawn(async move { stub.ends().await });
    Ok(())
}

/// When the breaker of the provider in trouble opened, or when it was first left out as throttled.
async fn breaker_opens(gateway: &Gateway, trouble: Trouble) -> anyhow::Result<i64> {
    let mut changes =
        gateway.providers().await?.watch_providers(WatchProvidersRequest {}).await?.into_inner();
    let opens = async {
        while let Some(change) = changes.message().await? {
            let provider = change.provider.context("a change is of a provider")?;
            let is_throttled = matches!(trouble, Trouble::Throttles) && provider.throttled_until.is_some();
            if provider.provider == "one" && (provider.breaker() == BreakerState::Open || is_throttled) {
                return Ok(mold::now()?.as_millisecond());
            }
        }
        bail!("the watch of the providers ended")
    };
    timeout(Duration::from_secs(15), opens).await.context("the breaker did not open")?
}

/// What got through once the breaker was open, beside what did before.
fn goodput(name: &str, times: Times, seen: &Seen, fates: &[Fate]) -> Row {
    let rate = |from: i64, until: i64| {
        let sent = |fate: &&Fate| fate.state == MessageState::Sent && (from..until).contains(&fate.ended_ms);
        fates.iter().filter(sent).count() as f64 * 1_000.0 / (until - from) as f64
    };
    let healthy = Sample::once("both healthy", RATE, rate(seen.due + EDGE_MS, seen.began), "");
    let after = Sample::once(
        format!("one of two providers {name}: goodput once its breaker is open"),
        RATE,
        rate(seen.from(), seen.until(times)),
        "a backlog over two SMS providers of one tier, each with slots enough for all of it.",
    );
    Row::ratio(after, healthy, 0.95)
}

/// What the trouble cost.
fn costs(seen: &Seen, outcomes: &[Vec<OutcomeKind>]) -> [Sample; 3] {
    let opens = (seen.opened - seen.began) as f64;
    let with = |kind| outcomes.iter().filter(|outcomes| outcomes.contains(&kind)).count() as f64;
    let again = outcomes.iter().filter(|outcomes| outcomes.len() > 1).count() as f64;
    let unit = "messages";
    [
        Sample::once("time until its breaker opened, or it was left out as throttled", "ms", opens, ""),
        Sample::once("messages that paid a time-out", unit, with(OutcomeKind::Unknown), ""),
        Sample::once("messages that took more than one call", unit, again, ""),
    ]
}
