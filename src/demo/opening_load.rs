//! The opening load: a day on which every provider works, and a repetition that sends nothing twice.

use super::composer::MessageComposer;
use super::monitor::GatewayMonitor;
use super::output::print_line;
use super::shop::Shop;
use crate::wire::v1;

/// Sends orders one by one and a campaign over a stream, and then the orders again.
pub(super) async fn run(shop: &mut Shop) -> anyhow::Result<()> {
    print_line("\n1. A normal day: order news, an offer and a newsletter for everybody\n")?;
    let orders = shop.for_each_contact(MessageComposer::order);
    for order in orders.clone() {
        shop.send(order).await?;
    }
    let offers = shop.for_each_contact(MessageComposer::offer);
    let newsletters = shop.for_each_contact(MessageComposer::newsletter);
    shop.send_stream([offers, newsletters].concat()).await?;
    shop.monitor.until("every message of a normal day is at its end", GatewayMonitor::all_ended).await?;
    repeat(shop, orders).await
}

/// Sends messages again under the idempotency keys that they were accepted with.
async fn repeat(shop: &mut Shop, orders: Vec<v1::MessageSpec>) -> anyhow::Result<()> {
    let answers = shop.send_stream(orders).await?;
    let duplicates = answers.iter().filter(|answer| answer.duplicate).count();
    print_line(&format!(
        "\n   The shop did not hear the answers and sends its {} orders again, with the same idempotency keys:\n   \
         {duplicates} are answered with the first message, and nothing is sent twice.",
        answers.len()
    ))?;
    Ok(())
}
