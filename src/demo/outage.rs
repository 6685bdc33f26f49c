//! The outage: every provider of one failure domain hangs while the shop goes on sending.

use std::collections::BTreeMap;

use anyhow::Context;

use super::composer::MessageComposer;
use super::monitor::GatewayMonitor;
use super::output::print_line;
use super::shop::Shop;
use crate::wire::v1;

/// The failure domain that fails.
pub(super) const FAILURE_DOMAIN: &str = "meta";

/// Its provider that is called first.
pub(super) const FIRST_PROVIDER: &str = "whatsapp-main";

/// Its provider that is called when the breaker of the first is open.
const SECOND_PROVIDER: &str = "whatsapp-spare";

/// Sends messages until both breakers are open, and once more after that.
pub(super) async fn run(shop: &mut Shop) -> anyhow::Result<()> {
    begin(shop).await?;
    let mut messages = shop.for_each_contact(MessageComposer::order);
    messages.extend(["ana", "kira"].map(|contact| shop.composer.offer(contact)));
    shop.send_stream(messages).await?;
    let first_opens = |monitor: &GatewayMonitor| monitor.is_open(FIRST_PROVIDER);
    shop.monitor.until("the breaker of the first provider opens", first_opens).await?;
    let orders = shop.for_each_contact(MessageComposer::order);
    shop.send_stream(orders).await?;
    let second_opens = |monitor: &GatewayMonitor| monitor.is_open(SECOND_PROVIDER);
    shop.monitor.until("the breaker of the second provider opens", second_opens).await?;
    print_line("\n   Both breakers are open: from here on nobody waits for a time-out\n")?;
    let orders = shop.for_each_contact(MessageComposer::order);
    let offers = shop.for_each_contact(MessageComposer::offer);
    shop.send_stream([orders, offers].concat()).await?;
    let ended_or_waiting = GatewayMonitor::all_ended_or_waiting;
    shop.monitor.until("every message is at its end or waits on disk", ended_or_waiting).await?;
    print_waiting(shop).await
}

async fn begin(shop: &mut Shop) -> anyhow::Result<()> {
    let hanging = shop.client.set_behavior(FAILURE_DOMAIN, v1::Behavior::Hang).await?;
    print_line(&format!(
        "\n2. {FAILURE_DOMAIN} goes down: {} take calls and never answer.\n   \
         What is in flight waits for its time-out and goes another way. An offer does not, since it may have\n   \
         arrived: nobody wants adverts twice\n",
        hanging.join(" and ")
    ))?;
    Ok(())
}

/// Prints how many messages wait on disk for each contact, as the gateway lists them.
async fn print_waiting(shop: &mut Shop) -> anyhow::Result<()> {
    let states = vec![v1::MessageState::Waiting.into()];
    let request = v1::ListMessagesRequest { states, page_size: 1_000, ..Default::default() };
    let listed = shop.client.messages.list_messages(request).await.context("ListMessages failed")?;
    let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
    for message in listed.into_inner().messages {
        *waiting.entry(message.contact_id).or_default() += 1;
    }
    let waiting: Vec<_> =
        waiting.into_iter().map(|(contact, count)| format!("{count} for {contact}")).collect();
    print_line(&format!(
        "\n   On disk, waiting for a way to open or a night to end: {}",
        waiting.join(", ")
    ))?;
    Ok(())
}
