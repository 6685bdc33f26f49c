//! A backlog through a provider that does nothing: what the gateway's own work costs.

use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::figures::RATE;
use crate::gateway::GatewayDirectory;
use crate::report::Row;
use crate::sample::{Sample, Workspace};
use crate::workload::MessageGenerator;

use super::{create_contacts, sandbox};

/// The name of the sample that a rival stands beside.
pub const NAME: &str = "no-op provider, a backlog drained";

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (contacts, rounds, seconds) = if workspace.quick { (500, 1, 1.0) } else { (10_000, 3, 3.0) };
    let directory = GatewayDirectory::new(workspace, "gateway", &sandbox()).await?;
    let gateway = directory.start().await?;
    create_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, MessageGenerator::new(contacts, Channel::Sms)).await?;
    let mut whole =
        Sample::new("no-op provider, durable in and recorded out", RATE, "500 bytes of text each.");
    let mut drain = Sample::new(NAME, RATE, "every outcome durable.");
    let mut cpu = Sample::new("a backlog drained: the gateway's processor time", "us/message", "");
    for _ in 0..rounds {
        whole.runs.push(delivery.run(seconds).await?.rate);
        let run = delivery.drain(seconds).await?;
        drain.runs.push(run.rate);
        cpu.runs.push(run.cpu_us);
    }
    gateway.stop().await?;
    Ok(vec![Row::measured(whole), Row::measured(drain), Row::measured(cpu)])
}
