//! What the gateway holds of the memory: idle, and accepting and delivering at full rate.

use std::time::Duration;

use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::gateway::Home;
use crate::load::{self, Until};
use crate::mold::Mold;
use crate::report::Row;
use crate::sample::{Place, Sample};

use super::{know_contacts, sandbox};

/// Bytes of the unit in which memory is told.
pub const MB: f64 = 1e6;

pub async fn run(place: &Place) -> anyhow::Result<Vec<Row>> {
    let (contacts, seconds) = if place.quick { (500, 1.0) } else { (10_000, 5.0) };
    let home = Home::new(place, "gateway", &sandbox()).await?;
    let gateway = home.start().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = gateway.memory()?.resident as f64 / MB;
    know_contacts(&gateway, contacts).await?;
    let mold = Mold::new(contacts, Channel::Sms);
    let mut delivery = Delivery::new(&gateway, mold.clone()).await?;
    delivery.run(seconds).await?;
    // Everything at once: calls and streams come in while messages go out.
    let clients = gateway.messages(8).await?;
    let until = Until::Elapsed(Duration::from_secs_f64(seconds));
    tokio::try_join!(
        load::send(&clients, 50, &mold, until),
        load::send_stream(&clients[..4], load::WINDOW, &mold, until),
    )?;
    delivery.drain(seconds).await?;
    let peak = gateway.memory()?.peak as f64 / MB;
    gateway.stop().await?;
    let idle = Sample::once("resident memory, idle", "MB", idle, "a second after the start.");
    let peak = Sample::once("resident memory, at most", "MB", peak, "accepting and delivering at full rate.");
    Ok(vec![Row::at_most(idle, 30.0), Row::at_most(peak, 300.0)])
}
