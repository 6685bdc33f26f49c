//! What the gateway holds of the memory: idle, and accepting and delivering at full rate.

use std::time::Duration;

use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::gateway::GatewayDirectory;
use crate::load::{self, Until};
use crate::report::Row;
use crate::sample::{Sample, Workspace};
use crate::workload::MessageGenerator;

use super::{create_contacts, sandbox};

/// Bytes of the unit in which memory is told.
pub const MB: f64 = 1e6;

pub async fn run(workspace: &Workspace) -> anyhow::Result<Vec<Row>> {
    let (contacts, seconds) = if workspace.quick { (500, 1.0) } else { (10_000, 5.0) };
    let directory = GatewayDirectory::new(workspace, "gateway", &sandbox()).await?;
    let gateway = directory.start().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = gateway.memory()?.resident as f64 / MB;
    create_contacts(&gateway, contacts).await?;
    let generator = MessageGenerator::new(contacts, Channel::Sms);
    let mut delivery = Delivery::new(&gateway, generator.clone()).await?;
    delivery.run(seconds).await?;
    // Everything at once: calls and streams come in while messages go out.
    let clients = gateway.messages(8).await?;
    let until = Until::Elapsed(Duration::from_secs_f64(seconds));
    tokio::try_join!(
        load::send(&clients, 50, &generator, until),
        load::send_stream(&clients[..4], load::WINDOW, &generator, until),
    )?;
    delivery.drain(seconds).await?;
    let peak = gateway.memory()?.peak as f64 / MB;
    gateway.stop().await?;
    let idle = Sample::once("resident memory, idle", "MB", idle, "a second after the start.");
    let peak = Sample::once("resident memory, at most", "MB", peak, "accepting and delivering at full rate.");
    Ok(vec![Row::at_most(idle, 30.0), Row::at_most(peak, 300.0)])
}
