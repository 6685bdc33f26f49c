//! Postfix: a queue on disk with a file per message, flushed before the sender has its answer. Set up for throughput as
//! its TUNING_README and SMTP connection cache guide recommend.

use std::path::Path;

use anyhow::{Context as _, ensure};

use super::installed;
use super::process::{Process, free_port, is_root};
use super::smtp::{self, Sink};
use crate::sample::{Sample, Skipped, Workspace};
use crate::stopwatch::Stopwatch;

#[path = "../../../tests/peers/postfix.rs"]
mod unpacked;

/// Sessions kept open by smtp-source, and by Postfix to the sink.
const SESSIONS: usize = 20;

const NOTE: &str = "flushes each message to a queue file of its own, like Relevo durable before it answers; no consent \
    check, no choice of provider, no record kept after delivery";

/// Measures smtp-source to Postfix to smtp-sink: the messages a second from the first one sent until the sink has all.
pub async fn measure(workspace: &Workspace) -> Result<Vec<Sample>, Skipped> {
    let folder = workspace.fresh("postfix")?;
    let mut sink = Sink::start(&folder).await?;
    let (_postfix, port) = start(&folder, sink.port).await?;
    // Starts the processes that Postfix starts on demand.
    relay(port, &mut sink, 200).await?;
    let mut runs = Vec::new();
    for messages in workspace.runs(6_000) {
        runs.push(relay(port, &mut sink, messages).await?);
    }
    let name = format!("Postfix, smtp-source to smtp-sink through its queue, {SESSIONS} sessions");
    Ok(vec![Sample { name, unit: "messages/s", runs, note: NOTE.to_owned() }])
}

/// Sends messages through Postfix and gives how many a second arrived.
async fn relay(port: u16, sink: &mut Sink, messages: usize) -> anyhow::Result<f64> {
    let before = sink.taken.count();
    let begin = Stopwatch::start();
    smtp::send(port, SESSIONS, messages).await?;
    sink.taken.reach(before + messages as u64).await?;
    Ok(messages as f64 / begin.seconds())
}

/// Starts a Postfix of its own below `folder` that relays all to the loopback port `sink`; gives its own port too.
async fn start(folder: &Path, sink: u16) -> anyhow::Result<(Process, u16)> {
    ensure!(is_root(), "Postfix starts as root only: run the benchmarks as root to have it in");
    let (port, package) = (free_port()?, installed("postfix", "")?);
    let command = unpacked::command(&package, folder, port, sink, &tuning())
        .context("cannot create the settings and the queue of Postfix")?;
    let mut process = Process::start("postfix", folder, &command)?;
    process.listens(port).await?;
    Ok((process, port))
}

/// What of `main.cf` is for speed.
fn tuning() -> String {
    format!(
        "in_flow_delay = 0
default_process_limit = 200
initial_destination_concurrency = {SESSIONS}
smtp_destination_concurrency_limit = {SESSIONS}
smtp_connection_cache_on_demand = yes
smtp_connection_cache_destinations = 127.0.0.1
smtp_connection_reuse_count_limit = 0
"
    )
}
