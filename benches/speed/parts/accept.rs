//! Accepts: a call returns once its message is durable. Beside them the two ceilings in the same minute: gRPC with
//! nothing behind it, and sled with nothing before it. Messages are due in an hour, so nothing but accepting goes on.

use std::time::Duration;

use relevo::wire::v1::Channel;
use relevo::wire::v1::message_service_client::MessageServiceClient;
use tokio::process::Command;

use crate::client::{Client, connect};
use crate::figures::RATE;
use crate::gateway::{Gateway, GatewayDirectory};
use crate::load::{self, Run, Until, WINDOW};
use crate::process::{Process, helper};
use crate::report::{Goal, Row};
use crate::sample::{Sample, Workspace};
use crate::workload::{self, MessageGenerator};

use super::{create_contacts, sandbox};

/// Connections and calls in flight on each: many callers, and those of the published comparison with notifyd.
const MANY: (usize, usize) = (8, 50);
const FEW: (usize, usize) = (32, 1);

/// The name of the sample that a rival stands beside.
pub const FEW_NAME: &str = "accept, unary, 32 connections x 1 in flight";

/// Streams, each on a connection of its own.
const STREAMS: usize = 4;

/// What the runs of one kind gave.
struct Kind {
    rate: Sample,
    p50: Sample,
    p99: Sample,
}

impl Kind {
    fn new(name: &str, note: &str) -> Self {
        Self {
            rate: Sample::new(name, RATE, note),
            p50: Sample::new(format!("{name}: p50"), "ms", ""),
            p99: Sample::new(format!("{name}: p99"), "ms", ""),
        }
    }

    fn add(&mut self, run: &Run) {
        self.rate.runs.push(run.rate());
        self.p50.runs.push(run.percentile_ms(0.50));
        self.p99.runs.push(run.percentile_ms(0.99));
    }
}

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (contacts, rounds, seconds) = if workspace.quick { (500, 1, 0.3) } else { (10_000, 5, 2.0) };
    let directory = GatewayDirectory::new(workspace, "gateway", &sandbox()).await?;
    let gateway = directory.start().await?;
    create_contacts(&gateway, contacts).await?;
    let (_noop, address) = Process::start_helper("noop", &[]).await?;
    let generator =
        MessageGenerator::new(contacts, Channel::Sms).at(workload::time_in(Duration::from_secs(3_600))?);
    let ours = Clients::of_gateway(&gateway).await?;
    let theirs = Clients::of_noop(&address).await?;
    let mut kinds = Kinds::new();
    for round in 0..rounds {
        let until = Until::Elapsed(Duration::from_secs_f64(seconds));
        kinds.noop_many.add(&load::send(&theirs.many, MANY.1, &generator, until).await?);
        kinds.many.add(&load::send(&ours.many, MANY.1, &generator, until).await?);
        kinds.few.add(&load::send(&ours.few, FEW.1, &generator, until).await?);
        kinds.with_keys.add(&load::send(&ours.many, MANY.1, &generator.clone().with_keys(), until).await?);
        kinds.noop_stream.add(&load::send_stream(&theirs.streams, WINDOW, &generator, until).await?);
        kinds.stream.add(&load::send_stream(&ours.streams, WINDOW, &generator, until).await?);
        kinds
            .campaign
            .add(&load::send_stream(&ours.streams, WINDOW, &generator.clone().campaign(), until).await?);
        let folder = workspace.folder.join(format!("sled-{round}"));
        kinds.sled.runs.push(raw_sled(helper("sled")?.arg("--folder").arg(folder), seconds).await?);
    }
    gateway.stop().await?;
    Ok(kinds.rows())
}

struct Clients {
    many: Vec<MessageServiceClient<Client>>,
    few: Vec<MessageServiceClient<Client>>,
    streams: Vec<MessageServiceClient<Client>>,
}

impl Clients {
    async fn of_gateway(gateway: &Gateway) -> anyhow::Result<Self> {
        Ok(Self {
            many: gateway.messages(MANY.0).await?,
            few: gateway.messages(FEW.0).await?,
            streams: gateway.messages(STREAMS).await?,
        })
    }

    async fn of_noop(address: &str) -> anyhow::Result<Self> {
        let clients = async |count| -> anyhow::Result<Vec<_>> {
            Ok(connect(address, "any", count).await?.into_iter().map(MessageServiceClient::new).collect())
        };
        Ok(Self { many: clients(MANY.0).await?, few: Vec::new(), streams: clients(STREAMS).await? })
    }
}

struct Kinds {
    many: Kind,
    few: Kind,
    with_keys: Kind,
    stream: Kind,
    campaign: Kind,
    noop_many: Kind,
    noop_stream: Kind,
    sled: Sample,
}

impl Kinds {
    fn new() -> Self {
        let noop = "decodes the same requests over the same connections, stores nothing.";
        Self {
            many: Kind::new(
                "accept, unary, 8 connections x 50 in flight",
                "500 bytes of text each, durable.",
            ),
            few: Kind::new(FEW_NAME, ""),
            with_keys: Kind::new("accept, unary, 8 x 50, with idempotency keys", "random UUIDs."),
            stream: Kind::new("accept, 4 streams, 1,024 unanswered on each", "durable, answered in order."),
            campaign: Kind::new("accept, 4 streams, the same content for all", "a campaign."),
            noop_many: Kind::new("no-op gRPC, unary", noop),
            noop_stream: Kind::new("no-op gRPC, streams", noop),
            sled: Sample::new(
                "raw sled",
                RATE,
                "the same records, one flush for every 100 messages, no gRPC.",
            ),
        }
    }

    fn rows(self) -> Vec<Row> {
        let Self { many, few, with_keys, stream, campaign, noop_many, noop_stream, sled } = self;
        let without_keys = many.rate.called("without keys");
        let own_contents = stream.rate.called("own contents");
        let again = stream.rate.called(&stream.rate.name);
        vec![
            Row::ratio(many.rate, noop_many.rate, 0.6),
            Row::beside(many.p50, noop_many.p50),
            Row { goal: Goal::AtMost(25.0), ..Row::beside(many.p99, noop_many.p99) },
            Row::measured(few.rate),
            Row::measured(few.p50),
            Row::measured(few.p99),
            Row::beside(with_keys.rate, without_keys),
            Row::measured(with_keys.p99),
            Row::ratio(stream.rate, sled, 0.8),
            Row::beside(again, noop_stream.rate),
            Row::measured(stream.p50),
            Row::measured(stream.p99),
            Row::beside(campaign.rate, own_contents),
        ]
    }
}

async fn raw_sled(command: &mut Command, seconds: f64) -> anyhow::Result<f64> {
    let output = command.args(["--seconds", &seconds.to_string()]).output().await?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
