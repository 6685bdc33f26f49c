//! A backlog of messages to a few contacts: what it costs in memory and on disk, and how long a restart on it takes.

use std::time::Duration;

use relevo::wire::v1::Channel;

use crate::direct_store;
use crate::gateway::{Gateway, GatewayDirectory};
use crate::load::{self, Until, WINDOW};
use crate::report::{Row, number};
use crate::sample::{Sample, Workspace};
use crate::stopwatch::Stopwatch;
use crate::workload::{self, MessageGenerator};

use super::memory::MB;
use super::sandbox;

/// Those who all the messages are for.
const CONTACTS: u64 = 1_000;

/// With so many messages waiting, a restart has to be quick.
const RESTARTS_AT: u64 = 1_000_000;

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (restarts_at, wanted, budget) = match (workspace.quick, workspace.full) {
        (true, _) => (5_000, 20_000, Duration::from_secs(5)),
        (_, false) => (RESTARTS_AT, 10_000_000, Duration::from_secs(60)),
        (_, true) => (RESTARTS_AT, 10_000_000, Duration::MAX),
    };
    let directory = GatewayDirectory::new(workspace, "gateway", &sandbox()).await?;
    let due = workload::time_in(Duration::from_secs(24 * 3_600))?;
    let waiting = MessageGenerator::new(CONTACTS, Channel::Sms).at(due);
    let store = direct_store::open(&directory.data())?;
    let has = direct_store::fill(&store.stores, 0, CONTACTS, due, Duration::MAX).await?;
    let has = direct_store::pile_up(&store.stores, has, restarts_at, CONTACTS, due, Duration::MAX).await?;
    store.close().await?;

    let with = |has: u64| format!("with {} messages of 500 bytes waiting", number(has as f64));
    let (gateway, clean) = restart(&directory, &waiting).await?;
    gateway.kill().await?;
    let (gateway, killed) = restart(&directory, &waiting).await?;
    gateway.stop().await?;
    let restarted = |how: &str, seconds| {
        let name = format!("restart after {how}, to the first accept, {}", with(has));
        Row::at_most(Sample::once(name, "s", seconds, ""), 2.0)
    };
    let mut rows = vec![restarted("a clean stop", clean), restarted("SIGKILL", killed)];

    let store = direct_store::open(&directory.data())?;
    let has = direct_store::pile_up(&store.stores, has, wanted, CONTACTS, due, budget).await?;
    store.close().await?;
    let disk = direct_store::size_bytes(&directory.data())? as f64 / has as f64;
    let (gateway, seconds) = restart(&directory, &waiting).await?;
    let until = Until::Elapsed(Duration::from_secs(if workspace.quick { 1 } else { 5 }));
    load::send_stream(&gateway.messages(4).await?, WINDOW, &waiting, until).await?;
    let resident = gateway.memory()?.resident as f64 / MB;
    gateway.stop().await?;
    let short = match has < wanted {
        true => format!("{} were wanted; it stopped after {budget:?}.", number(wanted as f64)),
        false => String::new(),
    };
    let sample =
        |what: &str, unit, value| Sample::once(format!("{what}, {}", with(has)), unit, value, short.clone());
    rows.push(Row::at_most(sample("resident memory while more are accepted", "MB", resident), 300.0));
    rows.push(Row::measured(sample("disk, a waiting message", "bytes", disk)));
    rows.push(Row::measured(sample("restart after a clean stop, to the first accept", "s", seconds)));
    Ok(rows)
}

/// Starts the gateway, and tells how long it took until it had accepted a message, in seconds.
pub async fn restart(
    directory: &GatewayDirectory,
    waiting: &MessageGenerator,
) -> anyhow::Result<(Gateway, f64)> {
    let watch = Stopwatch::start();
    let gateway = directory.start().await?;
    load::send(&gateway.messages(1).await?, 1, waiting, Until::Count(1)).await?;
    Ok((gateway, watch.seconds()))
}
