//! A backlog through a provider that does nothing: what the gateway's own work costs.

use relevo::wire::v1::Channel;

use crate::delivery::Delivery;
use crate::figures::RATE;
use crate::gateway::Home;
use crate::mold::Mold;
use crate::report::Row;
use crate::sample::{Place, Sample};

use super::{know_contacts, sandbox};

/// The name of the sample that a rival stands beside.
pub const NAME: &str = "no-op provider, a backlog drained";

pub async fn run(place: &Place) -> anyhow::Result<Vec<Row>> {
    let (contacts, rounds, seconds) = if place.quick { (500, 1, 1.0) } else { (10_000, 3, 3.0) };
    let home = Home::new(place, "gateway", &sandbox()).await?;
    let gateway = home.start().await?;
    know_contacts(&gateway, contacts).await?;
    let mut delivery = Delivery::new(&gateway, Mold::new(contacts, Channel::Sms)).await?;
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
    Ok(vec![Row::seen(whole), Row::seen(drain), Row::seen(cpu)])
}
