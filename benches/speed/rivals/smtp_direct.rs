//! The ceiling of all email: smtp-source straight to smtp-sink over sessions that stay open, with nothing in between.

use super::smtp::{self, Sink};
use crate::sample::{Sample, Skipped, Workspace};
use crate::stopwatch::Stopwatch;

/// The sessions that are tried for the best number of them.
const TRIED: [usize; 6] = [5, 10, 20, 30, 40, 50];

const NOTE: &str =
    "stores nothing and decides nothing: one program writes SMTP, the other reads it and throws it away";

/// Measures how many messages a second smtp-sink takes over 20 sessions, and over the number of sessions that does best.
pub async fn measure(workspace: &Workspace) -> Result<Vec<Sample>, Skipped> {
    let folder = workspace.fresh("straight")?;
    let sink = Sink::start(&folder).await?;
    let mut samples = Vec::new();
    let mut compared = vec![20, best(workspace, sink.port).await?];
    compared.dedup();
    for sessions in compared {
        let mut runs = Vec::new();
        for messages in workspace.runs(40_000) {
            runs.push(rate(sink.port, sessions, messages).await?);
        }
        let name = format!("smtp-source straight to smtp-sink, {sessions} sessions");
        samples.push(Sample { name, unit: "messages/s", runs, note: NOTE.to_owned() });
    }
    Ok(samples)
}

/// The number of sessions, up to 50, that takes most messages a second.
async fn best(workspace: &Workspace, port: u16) -> anyhow::Result<usize> {
    let messages = if workspace.quick { 2_000 } else { 15_000 };
    let mut best = (0.0, 20);
    for sessions in TRIED {
        let rate = rate(port, sessions, messages).await?;
        if rate > best.0 {
            best = (rate, sessions);
        }
    }
    Ok(best.1)
}

/// Messages a second from the first connection until the sink has answered to the last message.
async fn rate(port: u16, sessions: usize, messages: usize) -> anyhow::Result<f64> {
    let begin = Stopwatch::start();
    smtp::send(port, sessions, messages).await?;
    Ok(messages as f64 / begin.seconds())
}
