//! One of two SMS providers refuses connections, hangs, or says that it is too fast, in the middle of a backlog: what
//! gets through once its breaker is open, how long that takes, and what messages paid for it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use relevo::wire::v1::{BreakerState, Channel, MessageState, OutcomeKind, WatchProvidersRequest};
use tokio::time::timeout;

use crate::delivery::Delivery;
use crate::figures::RATE;
use crate::gateway::{Gateway, GatewayDirectory};
use crate::process::Process;
use crate::providers::Provider;
use crate::report::Row;
use crate::results::{self, MessageResult};
use crate::sample::{Sample, Workspace};
use crate::workload::{self, MessageGenerator};

use super::create_contacts;

/// Answers come within this time or not at all, in milliseconds.
const TIMEOUT_MS: u64 = 2_000;

/// The fault of the one provider.
#[derive(Clone, Copy)]
enum Fault {
    Refuses,
    Hangs,
    Throttles,
}

/// How long each half of the measurement lasts.
#[derive(Clone, Copy)]
struct Durations {
    /// How long the backlog flows before the fault begins.
    healthy: Duration,
    /// How long goodput is counted after the breaker opened.
    troubled: Duration,
}

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (fault, name) in
        [(Fault::Refuses, "refuses connections"), (Fault::Hangs, "hangs"), (Fault::Throttles, "answers 429")]
    {
        rows.extend(measure(fault, name, workspace).await?);
    }
    Ok(rows)
}

async fn measure(fault: Fault, name: &str, workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let contacts = if workspace.quick { 500 } else { 10_000 };
    let seconds = if workspace.quick { (1, 1) } else { (3, 4) };
    let times =
        Durations { healthy: Duration::from_secs(seconds.0), troubled: Duration::from_secs(seconds.1) };
    let (troubled, troubled_at) = Process::start_helper("stub", &[]).await?;
    let (_healthy, healthy_at) = Process::start_helper("stub", &[]).await?;
    let limits =
        format!("max_concurrency = 256\ntimeout_ms = {TIMEOUT_MS}\nconnect_timeout_ms = {TIMEOUT_MS}");
    let config = Provider::twilio("one", &troubled_at).config(&limits)
        + &Provider::twilio("other", &healthy_at).config(&limits);
    let directory = GatewayDirectory::new(workspace, &name.replace(' ', "-"), &config).await?;
    let gateway = directory.start().await?;
    create_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, MessageGenerator::new(contacts, Channel::Sms)).await?;
    // The trial that this began with is too short to tell the rate.
    delivery.run(1.0).await?;
    let from = workload::now()?;
    // Enough to last through all of it, whatever the fault does to the rate.
    let lasts = times.healthy + times.troubled + Duration::from_millis(2 * TIMEOUT_MS);
    let (_, due) = delivery.backlog(lasts.as_secs_f64() * 1.5).await?;
    tokio::time::sleep(times.healthy).await;
    let began = workload::now()?.as_millisecond();
    begin(fault, troubled, &troubled_at).await?;
    let opened = breaker_opens(&gateway, fault).await?;
    let client = &mut gateway.messages(1).await?[0];
    results::wait_until_all_ended(client, from).await?;
    let results = results::of_all(client, from).await?;
    let outcomes = results::outcomes(client, &results).await?;
    gateway.stop().await?;
    let times_seen = OutageTimes { due: due.as_millisecond(), began, opened };
    let last = results.iter().map(|result| result.ended_ms).max().unwrap_or(0);
    ensure!(last > times_seen.until(times), "the backlog ran out before the time was over");
    let mut rows = vec![goodput(name, times, &times_seen, &results)];
    rows.extend(costs(&times_seen, &outcomes).map(Row::measured));
    Ok(rows)
}

/// What the first and the last moments do is not what lasts.
const EDGE_MS: i64 = 500;

/// Times in milliseconds since the Unix epoch.
struct OutageTimes {
    due: i64,
    began: i64,
    /// When the provider was left out: its breaker opened, or it was throttled.
    opened: i64,
}

impl OutageTimes {
    /// When the look at what got through begins, once the provider was left out, and when it ends.
    fn from(&self) -> i64 {
        self.opened + EDGE_MS
    }

    fn until(&self, times: Durations) -> i64 {
        self.from() + i64::try_from(times.troubled.as_millis()).unwrap_or(i64::MAX)
    }
}

async fn begin(fault: Fault, stub: Process, address: &str) -> anyhow::Result<()> {
    let told = match fault {
        Fault::Refuses => return stub.kill().await,
        Fault::Hangs => "hang",
        Fault::Throttles => "throttle",
    };
    reqwest::get(format!("http://{address}/behave/{told}")).await?.error_for_status()?;
    // It stays as long as this program does.
    tokio::spawn(async move { stub.ends().await });
    Ok(())
}

/// When the breaker of the faulty provider opened, or when it was first left out as throttled.
async fn breaker_opens(gateway: &Gateway, fault: Fault) -> anyhow::Result<i64> {
    let mut changes =
        gateway.providers().await?.watch_providers(WatchProvidersRequest {}).await?.into_inner();
    let opens = async {
        while let Some(change) = changes.message().await? {
            let provider = change.provider.context("a change is of a provider")?;
            let is_throttled = matches!(fault, Fault::Throttles) && provider.throttled_until.is_some();
            if provider.provider == "one" && (provider.breaker() == BreakerState::Open || is_throttled) {
                return Ok(workload::now()?.as_millisecond());
            }
        }
        bail!("the watch of the providers ended")
    };
    timeout(Duration::from_secs(15), opens).await.context("the breaker did not open")?
}

/// What got through once the breaker was open, beside what did before.
fn goodput(name: &str, times: Durations, times_seen: &OutageTimes, results: &[MessageResult]) -> Row {
    let rate = |from: i64, until: i64| {
        let sent = |result: &&MessageResult| {
            result.state == MessageState::Sent && (from..until).contains(&result.ended_ms)
        };
        results.iter().filter(sent).count() as f64 * 1_000.0 / (until - from) as f64
    };
    let healthy = Sample::once("both healthy", RATE, rate(times_seen.due + EDGE_MS, times_seen.began), "");
    let after = Sample::once(
        format!("one of two providers {name}: goodput once its breaker is open"),
        RATE,
        rate(times_seen.from(), times_seen.until(times)),
        "a backlog over two SMS providers of one tier, each with slots enough for all of it.",
    );
    Row::ratio(after, healthy, 0.95)
}

/// What the fault cost.
fn costs(times_seen: &OutageTimes, outcomes: &[Vec<OutcomeKind>]) -> [Sample; 3] {
    let opens = (times_seen.opened - times_seen.began) as f64;
    let with = |kind| outcomes.iter().filter(|outcomes| outcomes.contains(&kind)).count() as f64;
    let again = outcomes.iter().filter(|outcomes| outcomes.len() > 1).count() as f64;
    let unit = "messages";
    [
        Sample::once("time until its breaker opened, or it was left out as throttled", "ms", opens, ""),
        Sample::once("messages that paid a time-out", unit, with(OutcomeKind::Unknown), ""),
        Sample::once("messages that took more than one call", unit, again, ""),
    ]
}
