//! Whole deliveries: from the first accept to the last recorded outcome.

use std::time::Duration;

use anyhow::{Context, ensure};
use relevo::model::Timestamp;
use relevo::wire::v1::MessageState;
use relevo::wire::v1::message_service_client::MessageServiceClient;

use crate::client::Client;
use crate::gateway::Gateway;
use crate::load::{self, Until, WINDOW};
use crate::results::{self, MessageResult};
use crate::workload::{self, MessageGenerator};

/// Streams that bring the messages in.
const STREAMS: usize = 2;

/// Messages of the trial that tells how many a run can have.
const TRIAL: u64 = 1_000;

/// Brings messages in and waits for their outcomes.
pub struct Delivery<'a> {
    gateway: &'a Gateway,
    clients: Vec<MessageServiceClient<Client>>,
    generator: MessageGenerator,
    /// Messages a second, as the trial had them: accepted, and accepted and delivered.
    accepts: f64,
    delivers: f64,
}

/// What a run gave.
pub struct Delivered {
    /// Messages a second.
    pub rate: f64,
    /// The gateway's processor time, in microseconds a message.
    pub cpu_us: f64,
}

impl<'a> Delivery<'a> {
    /// Messages from `generator` through this gateway, after a trial run.
    pub async fn new(gateway: &'a Gateway, generator: MessageGenerator) -> anyhow::Result<Self> {
        let clients = gateway.messages(STREAMS).await?;
        let mut delivery = Self { gateway, clients, generator, accepts: 0.0, delivers: 0.0 };
        let from = workload::now()?;
        delivery.accepts = delivery.accept(&delivery.generator, TRIAL).await?;
        results::wait_until_all_ended(&mut delivery.clients[0], from).await?;
        delivery.delivers = rate(&delivery.all_sent(from, TRIAL).await?, from);
        Ok(delivery)
    }

    /// Accepts and delivers about as many messages as take this long.
    pub async fn run(&mut self, seconds: f64) -> anyhow::Result<Delivered> {
        let count = (self.delivers * seconds) as u64;
        let (from, cpu) = (workload::now()?, self.gateway.cpu_seconds()?);
        self.accept(&self.generator, count).await?;
        self.delivered(from, from, count, cpu).await
    }

    /// Accepts a backlog that is due a little later, and delivers it from then on, as many as take about this long.
    pub async fn drain(&mut self, seconds: f64) -> anyhow::Result<Delivered> {
        let from = workload::now()?;
        let (count, due) = self.backlog(seconds).await?;
        let cpu = self.gateway.cpu_seconds()?;
        self.delivered(from, due, count, cpu).await
    }

    /// Accepts as many messages as take about this long to deliver, and returns at the moment when they are due, with
    /// their number and that moment.
    pub async fn backlog(&self, seconds: f64) -> anyhow::Result<(u64, Timestamp)> {
        let count = (self.delivers * seconds) as u64;
        // Twice what accepting took in the trial, and a second.
        let lead = Duration::from_secs_f64(1.0 + 2.0 * count as f64 / self.accepts);
        let due = workload::time_in(lead)?;
        self.accept(&self.generator.clone().at(due), count).await?;
        let rest = Duration::try_from(due.duration_since(workload::now()?));
        let rest = rest.with_context(|| format!("accepting {count} messages took longer than {lead:?}"))?;
        tokio::time::sleep(rest).await;
        Ok((count, due))
    }

    /// Accepts messages, and tells how many that was a second.
    async fn accept(&self, generator: &MessageGenerator, count: u64) -> anyhow::Result<f64> {
        Ok(load::send_stream(&self.clients, WINDOW, generator, Until::Count(count)).await?.rate())
    }

    /// Waits for the messages accepted since `from`, which were due at `due`, when the gateway had used so much time.
    async fn delivered(
        &mut self,
        from: Timestamp,
        due: Timestamp,
        count: u64,
        cpu: f64,
    ) -> anyhow::Result<Delivered> {
        results::wait_until_all_ended(&mut self.clients[0], from).await?;
        // Before they are listed, which is no part of the work.
        let cpu_us = (self.gateway.cpu_seconds()? - cpu) * 1e6 / count as f64;
        self.delivers = rate(&self.all_sent(from, count).await?, due);
        Ok(Delivered { rate: self.delivers, cpu_us })
    }

    /// The results of all messages, every one of which must have been sent.
    async fn all_sent(&mut self, from: Timestamp, count: u64) -> anyhow::Result<Vec<MessageResult>> {
        let results = results::of_all(&mut self.clients[0], from).await?;
        ensure!(
            results.len() as u64 == count,
            "{count} messages were accepted and {} are listed",
            results.len()
        );
        let odd = results.iter().find(|result| result.state != MessageState::Sent);
        ensure!(odd.is_none(), "a message ended as {:?}", odd.map(|result| result.state));
        Ok(results)
    }
}

/// Messages a second from this time until the last of these ended.
fn rate(results: &[MessageResult], from: Timestamp) -> f64 {
    let last = results.iter().map(|result| result.ended_ms).max().unwrap_or(0);
    let took_ms = (last - from.as_millisecond()).max(1);
    results.len() as f64 * 1_000.0 / took_ms as f64
}
