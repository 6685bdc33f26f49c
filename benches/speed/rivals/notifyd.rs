//! notifyd: a notification service in Rust on PostgreSQL. Set up and loaded as its own page of benchmarks does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::time;

use super::http::{self, Load};
use super::installed;
use super::postgres::Cluster;
use super::process::{Process, free_port};
use super::smtp::Sink;
use crate::sample::{Sample, Skipped, Workspace};

/// Clients that hand in one notification at a time.
const CONNECTIONS: usize = 32;

/// The most subscribers that its page of benchmarks names in one batch.
const BATCH: usize = 5_000;

/// Later than any measurement, so that its worker leaves what is handed in alone until it is released.
const LATER: &str = "2099-01-01T00:00:00Z";

/// The operator's key.
const KEY: &str = "bench-bench-bench-bench-bench-bench";

const ACCEPT_NOTE: &str = "commits a row per notification before it answers, like Relevo, and an audit row after it; checks \
    consent for known subscribers only, and these are bare addresses";
const DRAIN_NOTE: &str = "claims 500 jobs at a time and records 100 in one statement; its provider only logs, and nothing \
    says that an attempt began";
const SMTP_NOTE: &str = "sends one message after the other, each over a connection of its own, and each waits 40 ms for a \
    delayed acknowledgement because its end is a write of its own (Nagle); checks opt-outs and suppressions";

/// Measures how fast it accepts single notifications, drains its queue without a provider, and delivers by SMTP.
pub async fn measure(workspace: &Workspace) -> Result<Vec<Sample>, Skipped> {
    let folder = workspace.fresh("notifyd")?;
    let cluster = Cluster::start(&folder).await?;
    let notifyd = Notifyd::start(&folder, &cluster, &[("EMAIL_PROVIDER", "log")]).await?;
    let key = create_project(&cluster, notifyd.port).await?;
    let mut samples = accept(workspace, &cluster, notifyd.port, &key).await?;

    let mut drained = Vec::new();
    for jobs in workspace.runs(10_000) {
        drained.push(drain(&cluster, notifyd.port, &key, jobs).await?);
    }
    drop(notifyd);
    samples.push(per_second("drain without a provider, batches of 100", drained, DRAIN_NOTE));

    let mut sink = Sink::start(&folder).await?;
    let port = sink.port.to_string();
    let smtp = [
        ("EMAIL_PROVIDER", "smtp"),
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_PORT", &port),
        ("SMTP_SECURITY", "none"),
    ];
    let notifyd = Notifyd::start(&folder, &cluster, &smtp).await?;
    let mut delivered = Vec::new();
    for jobs in workspace.runs(150) {
        let before = sink.taken.count();
        delivered.push(drain(&cluster, notifyd.port, &key, jobs).await?);
        sink.taken.reach(before + jobs as u64).await?;
    }
    samples.push(per_second("deliver email by SMTP to smtp-sink", delivered, SMTP_NOTE));
    Ok(samples)
}

/// Hands in single notifications and gives how many a second were accepted, and how long the slowest hundredth took.
async fn accept(
    workspace: &Workspace,
    cluster: &Cluster,
    port: u16,
    key: &str,
) -> anyhow::Result<Vec<Sample>> {
    let mut rates = Vec::new();
    let mut slowest = Vec::new();
    for notifications in workspace.runs(5_000) {
        cluster.query(["TRUNCATE jobs CASCADE"])?;
        let key = key.to_owned();
        let send = move |number| {
            let to = format!("person{number}@example.net");
            post("/v1/send", &key, notification(json!({ "to": to })))
        };
        let Load { rate, p99 } = http::load(port, CONNECTIONS, notifications, send).await?;
        rates.push(rate);
        slowest.push(p99.as_secs_f64() * 1_000.0);
    }
    let what = format!("accept one notification, {CONNECTIONS} connections");
    let p99 = Sample {
        name: format!("notifyd, {what}, p99"),
        unit: "ms",
        runs: slowest,
        note: ACCEPT_NOTE.to_owned(),
    };
    Ok(vec![per_second(&what, rates, ACCEPT_NOTE), p99])
}

/// Fills the queue, releases all of it at once, and gives how many jobs a second were done, from the first that was claimed
/// until the last was recorded, by the database's clock.
async fn drain(cluster: &Cluster, port: u16, key: &str, jobs: usize) -> anyhow::Result<f64> {
    cluster.query(["TRUNCATE jobs CASCADE"])?;
    for first in (0..jobs).step_by(BATCH) {
        let subscribers: Vec<String> =
            (0..BATCH.min(jobs - first)).map(|number| number.to_string()).collect();
        let batch = post("/v1/batch", key, notification(json!({ "subscribers": subscribers })));
        http::call(port, &batch).await?;
    }
    ensure!(
        cluster.query(["SELECT count(*) FROM jobs"])? == jobs.to_string(),
        "notifyd did not queue all jobs"
    );
    cluster.query(["UPDATE jobs SET scheduled_at = now()"])?;
    for _ in 0..240 {
        time::sleep(Duration::from_millis(250)).await;
        if cluster.query(["SELECT count(*) FROM jobs WHERE status <> 'sent'"])? == "0" {
            let rate = "SELECT count(*) / extract(epoch FROM max(sent_at) - min(claimed_at)) FROM jobs";
            return cluster.query([rate])?.parse().context("the rate is no number");
        }
    }
    anyhow::bail!("notifyd did not finish its queue within a minute")
}

fn per_second(what: &str, runs: Vec<f64>, note: &str) -> Sample {
    Sample { name: format!("notifyd, {what}"), unit: "messages/s", runs, note: note.to_owned() }
}

/// A running notifyd.
struct Notifyd {
    /// Where its API listens.
    port: u16,
    _process: Process,
}

impl Notifyd {
    /// Starts one with the settings of its page of benchmarks, and what is said here of its email provider.
    async fn start(folder: &Path, cluster: &Cluster, provider: &[(&str, &str)]) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(installed("notifyd", "bin/notifyd")?);
        command.envs([
            ("DATABASE_URL", cluster.url().as_str()),
            ("DATABASE_MAX_CONNECTIONS", "20"),
            ("PORT", &port.to_string()),
            ("JWT_SECRET", KEY),
            ("ADMIN_API_KEY", KEY),
            ("EMAIL_FROM", "bench@example.org"),
            ("EMAIL_RATE_PER_SEC", "0"),
            ("WORKER_BATCH_SIZE", "500"),
            ("WORKER_POLL_INTERVAL_MS", "100"),
            ("RUST_LOG", "notifyd=warn"),
        ]);
        command.envs(provider.iter().copied());
        let mut process = Process::start("notifyd", folder, &command)?;
        process.listens(port).await?;
        Ok(Self { port, _process: process })
    }
}

/// Creates a project without a limit on requests, with as many subscribers as a batch names, and gives its key.
async fn create_project(cluster: &Cluster, port: u16) -> anyhow::Result<String> {
    let project =
        json!({ "id": "bench", "name": "Bench", "channels": ["email"], "rate_limit_per_min": 100_000_000 });
    let created: Value =
        serde_json::from_slice(&http::call(port, &post("/v1/admin/projects", KEY, project)).await?)?;
    cluster.query([&format!(
        "INSERT INTO subscribers (id, project_id, email)
         SELECT number, 'bench', 'person' || number || '@example.net' FROM generate_series(0, {BATCH} - 1) AS number"
    )])?;
    Ok(created["project"]["api_key"].as_str().context("a project has a key")?.to_owned())
}

/// An email with 500 bytes of text to whom `to` says.
fn notification(mut to: Value) -> Value {
    to["channel"] = json!("email");
    to["subject"] = json!("Your table is booked");
    to["body"] = json!("x".repeat(500));
    to["scheduled_at"] = json!(LATER);
    to
}

fn post(path: &str, key: &str, body: Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
