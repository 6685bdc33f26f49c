//! How cost grows: the same work with more and more contacts and waiting messages in the store. The same directories
//! tell what contacts cost in memory and on disk, and how long a restart on them takes.

use std::time::Duration;

use relevo::model::Timestamp;
use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::direct_store;
use crate::figures::RATE;
use crate::gateway::GatewayDirectory;
use crate::load::{self, Until};
use crate::report::{Row, number};
use crate::sample::{Sample, Workspace};
use crate::workload::{self, MessageGenerator};

use super::memory::MB;
use super::{backlog, sandbox};

/// A size of the store, and how long it may take to get there.
struct Size {
    wanted: u64,
    budget: Duration,
}

/// What was measured at a size.
struct StoreMeasurement {
    /// Contacts, and messages that wait.
    has: u64,
    accepts: f64,
    p99_ms: f64,
    streams: f64,
    delivers: f64,
    /// After the work, and at most since the start after a kill, in MB.
    resident: f64,
    peak: f64,
    disk_bytes: f64,
    /// From the start of the program to the first accepted message, after a clean stop and after a kill, in seconds.
    restart: f64,
    restart_killed: f64,
}

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let size = |wanted, seconds| Size { wanted, budget: Duration::from_secs(seconds) };
    let sizes = match (workspace.quick, workspace.full) {
        (true, _) => vec![size(1_000, 5), size(10_000, 10)],
        (_, false) => vec![size(10_000, 5), size(1_000_000, 60)],
        (_, true) => vec![size(10_000, 5), size(1_000_000, 3_600), size(10_000_000, 3_600)],
    };
    let seconds = if workspace.quick { 0.5 } else { 2.0 };
    let directory = GatewayDirectory::new(workspace, "gateway", &sandbox()).await?;
    let due = workload::time_in(Duration::from_secs(24 * 3_600))?;
    let (mut rows, mut has) = (Vec::new(), 0);
    let mut first = None;
    for size in sizes {
        has = fill(&directory, has, &size, due).await?;
        let measurement = measure(&directory, has, due, seconds).await?;
        rows.extend(measurement.rows(&size, first.as_ref()));
        first.get_or_insert(measurement);
    }
    Ok(rows)
}

async fn fill(directory: &GatewayDirectory, has: u64, size: &Size, due: Timestamp) -> anyhow::Result<u64> {
    let store = direct_store::open(&directory.data())?;
    let has = direct_store::fill(&store.stores, has, size.wanted, due, size.budget).await?;
    store.close().await?;
    Ok(has)
}

async fn measure(
    directory: &GatewayDirectory,
    has: u64,
    due: Timestamp,
    seconds: f64,
) -> anyhow::Result<StoreMeasurement> {
    let disk_bytes = direct_store::size_bytes(&directory.data())? as f64 / has as f64;
    let waiting = MessageGenerator::new(has, Channel::Sms).at(due);
    let (gateway, restart) = backlog::restart(directory, &waiting).await?;
    gateway.kill().await?;
    let (gateway, restart_killed) = backlog::restart(directory, &waiting).await?;
    let until = Until::Elapsed(Duration::from_secs_f64(seconds));
    let clients = gateway.messages(8).await?;
    let unary = load::send(&clients, 50, &waiting, until).await?;
    let streams = load::send_stream(&clients[..4], load::WINDOW, &waiting, until).await?;
    let mut delivery = Delivery::new(&gateway, MessageGenerator::new(has, Channel::Sms)).await?;
    let delivers = delivery.run(seconds).await?.rate;
    let memory = gateway.memory()?;
    let (resident, peak) = (memory.resident as f64 / MB, memory.peak as f64 / MB);
    gateway.stop().await?;
    let (accepts, p99_ms, streams) = (unary.rate(), unary.percentile_ms(0.99), streams.rate());
    Ok(StoreMeasurement {
        has,
        accepts,
        p99_ms,
        streams,
        delivers,
        resident,
        peak,
        disk_bytes,
        restart,
        restart_killed,
    })
}

impl StoreMeasurement {
    /// The rows of this size; throughput is compared with that of the first.
    fn rows(&self, size: &Size, first: Option<&Self>) -> Vec<Row> {
        let with = format!("with {} contacts and as many messages waiting", number(self.has as f64));
        let short = if self.has < size.wanted {
            format!("{} were wanted; filling stopped after {:?}.", number(size.wanted as f64), size.budget)
        } else {
            String::new()
        };
        let sample =
            |what: &str, unit, value| Sample::once(format!("{what}, {with}"), unit, value, short.clone());
        let flat = |what: &str, value: f64, before: Option<f64>| {
            let ours = sample(what, RATE, value);
            match before {
                Some(before) => Row::ratio(ours, Sample::once("with the fewest", RATE, before, ""), 0.8),
                None => Row::measured(ours),
            }
        };
        vec![
            flat("accept, unary, 8 x 50", self.accepts, first.map(|figures| figures.accepts)),
            Row::measured(sample("accept, unary, 8 x 50: p99", "ms", self.p99_ms)),
            flat("accept, 4 streams", self.streams, first.map(|figures| figures.streams)),
            flat(
                "no-op provider, durable in and recorded out",
                self.delivers,
                first.map(|figures| figures.delivers),
            ),
            Row::measured(sample("resident memory after that", "MB", self.resident)),
            Row::measured(sample("resident memory, at most since the start after SIGKILL", "MB", self.peak)),
            Row::measured(sample("disk, a waiting message and its contact", "bytes", self.disk_bytes)),
            Row::measured(sample("restart after a clean stop, to the first accept", "s", self.restart)),
            Row::measured(sample("restart after SIGKILL, to the first accept", "s", self.restart_killed)),
        ]
    }
}
