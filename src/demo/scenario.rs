//! The scenario: an opening load, an outage, a recovery, and the report on all of it.

use anyhow::bail;

use super::client::DemoClient;
use super::output::print_line;
use super::report::{DeliverySummary, MessageTimeline};
use super::shop::Shop;
use super::{opening_load, outage, recovery};
use crate::model::Timestamp;

/// What came of the scenario.
pub(super) struct ScenarioResult {
    summary: DeliverySummary,
    /// The id of a message that was sent another way after its first provider failed.
    pub fallback_message_id: Option<String>,
}

impl ScenarioResult {
    /// Checks that the gateway lost nothing that it acknowledged.
    ///
    /// # Errors
    /// When it lost a message.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.summary.lost.len() {
            0 => Ok(()),
            lost => bail!("{lost} of {} messages were lost", self.summary.accepted),
        }
    }
}

/// Runs the scenario from the creation of the contacts to the summary. `now` is the time at which it starts.
pub(super) async fn run(client: DemoClient, now: Timestamp) -> anyhow::Result<ScenarioResult> {
    let mut shop = Shop::open(client, now).await?;
    opening_load::run(&mut shop).await?;
    outage::run(&mut shop).await?;
    recovery::run(&mut shop).await?;
    report(&mut shop).await
}

async fn report(shop: &mut Shop) -> anyhow::Result<ScenarioResult> {
    let ids = shop.monitor.accepted().to_vec();
    let mut messages = Vec::with_capacity(ids.len());
    for id in &ids {
        messages.push(shop.client.message(id).await?);
    }
    let outbox = shop.client.outbox().await?;
    let context = shop.monitor.context();
    let known = ids.iter().map(String::as_str).zip(messages.iter().map(Option::as_ref));
    let summary = DeliverySummary::new(known, &outbox, context);
    print_line(&format!("\nSummary, by what the gateway answers for each message\n\n{}", summary.text()))?;
    let accounted = summary.accepted - summary.lost.len();
    print_line(&format!("{accounted} of {} acknowledged messages are accounted for.", summary.accepted))?;
    let mut messages = messages.into_iter().flatten();
    let fallback = messages.find(|message| MessageTimeline::read(message, context).fell_back_after_failure());
    Ok(ScenarioResult { fallback_message_id: fallback.map(|message| message.message_id), summary })
}
